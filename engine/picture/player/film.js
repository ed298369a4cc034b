const frames = data.frames, signs = ["pos", "neg", "off"];
for (const n of page.querySelectorAll(".node, .edge")) n.classList.add("got");
function tone(element, name) { element.classList.remove(...signs); if (name) element.classList.add(name); }
function render(now) {
  const frame = frames[now];
  for (const [key, [text, name]] of Object.entries(frame.words)) {
    const word = cell(key);
    if (word) { if (word.textContent !== text) word.textContent = text; tone(word, name); }
  }
  for (const [key, kinds] of Object.entries(frame.strips)) {
    const cut = key.lastIndexOf("_"), name = "strip_" + key.slice(cut + 1);
    find(key.slice(0, cut)).querySelectorAll("." + name).forEach((strip, i) => strip.setAttribute("class", kinds[i] + " " + name));
  }
  for (const [id, [name, width]] of Object.entries(frame.edges)) {
    const edge = find(id);
    tone(edge, name);
    edge.querySelector("path").style.strokeWidth = width + "px";
  }
}
bar(frames.length - 1, 400, i => `step ${i + 1}/${frames.length} · ${data.root} = ${frames[i].loss}`, render).open(0);

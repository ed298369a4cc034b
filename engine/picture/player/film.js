const frames = data.frames, last = frames.length - 1, NS = "http://www.w3.org/2000/svg";
for (const n of page.querySelectorAll(".node, .edge")) n.classList.add("got");

// The loss by step, with the step that is shown; a press on it goes there.
const curve = page.querySelector(".curve"), W = 300, H = 120, LEFT = 8, TOP = 10;
const heights = frames.map(f => (typeof f.height === "number" ? f.height : null)), known = heights.filter(y => y !== null);
const low = Math.min(0, ...known), high = Math.max(...known, low + 1e-300);
const x = i => LEFT + (last ? i / last : 0.5) * (W - 2 * LEFT), y = v => H - TOP - (v - low) / (high - low) * (H - 2 * TOP);
function mark(name, attributes) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  curve.append(element);
  return element;
}
mark("path", { class: "axis", d: `M${LEFT} ${y(low)}H${W - LEFT}` });
mark("path", { class: "line", d: heights.map((v, i) => (v === null ? "" : `${i && heights[i - 1] !== null ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`)).join("") });
const here = mark("path", { class: "here" }), dot = mark("circle", { r: 4 });

const rule = page.querySelector(".rule"), lines = page.querySelector(".updates");
function render(i) {
  redraw(frames[i]);
  here.setAttribute("d", `M${x(i)} ${TOP}V${H - TOP}`);
  dot.setAttribute("cx", x(i));
  dot.setAttribute("cy", heights[i] === null ? TOP : y(heights[i]));
  rule.textContent = frames[i].rule;
  lines.replaceChildren(...frames[i].lines.map(text => Object.assign(document.createElement("li"), { textContent: text })));
}
const { go, open, pace } = bar(last, 400, i => `step ${i + 1}/${last + 1} · ${data.root} = ${frames[i].loss}`, render);
curve.addEventListener("click", ev => {
  const box = curve.getBoundingClientRect();
  go(Math.round(((ev.clientX - box.left) / box.width * W - LEFT) / (W - 2 * LEFT) * last));
});
const speed = page.querySelector(".speed select");
speed.addEventListener("change", () => pace(400 / Number(speed.value)));
open(0);

const dataText = document.querySelector('script[type="application/json"]').textContent; // where it is long, compressed
const inflated = text => new Blob([Uint8Array.from(atob(text), c => c.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream("deflate"));
const unpacked = text => (text[0] === "{" ? JSON.parse(text) : new Response(inflated(text)).json());
const data = shown ? shown.data : await unpacked(dataText); // `shown`: what a player opens in place of the first
const page = document.getElementById(data.uid), blank = shown ? shown.blank : data.turns && page.cloneNode(true);
const ended = new AbortController(), addEventListener = (name, act) => window.addEventListener(name, act, { signal: ended.signal });
const groups = new Map([...page.querySelectorAll(".graph g[id]")].map(g => [g.id, g])); // in the document or out of it
const owner = key => key.slice(0, key.lastIndexOf("_")), find = id => groups.get(data.uid + "_" + id);
const cell = key => find(owner(key))?.querySelector(`[id=a_${data.uid}_${key}]`);

// Other numbers of the same graph: words by their cells, strips, and arrows with their tone and width.
function redraw(numbers) {
  const tone = (element, name) => { element.classList.remove("pos", "neg", "off"); if (name) element.classList.add(name); };
  for (const [key, [text, name]] of Object.entries(numbers.words)) {
    const word = cell(key);
    if (word) { if (word.textContent !== text) word.textContent = text; tone(word, name); }
  }
  for (const [key, kinds] of Object.entries(numbers.strips)) {
    const name = "strip_" + key.slice(owner(key).length + 1);
    find(owner(key)).querySelectorAll("." + name).forEach((strip, i) => strip.setAttribute("class", kinds[i] + " " + name));
  }
  for (const [id, [name, width]] of Object.entries(numbers.arrows)) {
    const edge = find(id);
    tone(edge, name);
    edge.querySelector("path:not(.hit)").style.strokeWidth = width + "px";
  }
}

// A number in the address, which keeps the step, and what is open, of a page that stands alone.
const address = key => new RegExp(`\\b${key}=(\\d+|end)`).exec(location.hash)?.[1];

// The bar above the graph: buttons, slider, keys, and the step that the address names. `words` says a step, `render` shows it.
function bar(last, pause, words, render) {
  const slider = page.querySelector(".slider input"), count = page.querySelector(".count"), button = page.querySelector("[data-do=play]");
  let now = 0, timer = 0, keeping = 0;
  function keep() {
    clearTimeout(keeping);
    if (window.parent === window) keeping = setTimeout(() => history.replaceState(null, "", `#step=${now}${shown?.view ? `&view=${shown.view}` : ""}`), 200);
  }
  ended.signal.addEventListener("abort", () => clearTimeout(keeping));
  function go(i, kept = true) {
    if (kept) keep();
    now = Math.max(0, Math.min(last, i));
    const text = words(now);
    slider.value = now; slider.setAttribute("aria-valuetext", text); count.textContent = text;
    for (const b of page.querySelectorAll("[data-do]")) b.setAttribute("aria-disabled", String((now === 0 && /first|previous/.test(b.dataset.do)) || (now === last && /next|last/.test(b.dataset.do))));
    render(now);
  }
  function stop() { clearInterval(timer); timer = 0; button.textContent = "Play"; }
  const acts = {
    first: () => go(0), previous: () => go(now - 1), next: () => go(now + 1), last: () => go(last),
    play() {
      if (timer) return stop();
      if (now === last) go(0);
      button.textContent = "Pause";
      timer = setInterval(() => { if (now < last) go(now + 1); else stop(); }, pause);
    },
  };
  function act(name) {
    if (name !== "play") stop();
    acts[name]();
  }
  page.addEventListener("click", ev => {
    const b = ev.target.closest("[data-do]");
    if (b && b.getAttribute("aria-disabled") !== "true") act(b.dataset.do);
  });
  slider.max = last;
  slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
  const keys = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last", " ": "play" };
  addEventListener("keydown", ev => {
    const name = keys[ev.key];
    if (!name || ev.ctrlKey || ev.metaKey || ev.altKey || ev.target.matches("[type=search], select")) return;
    if ((ev.key === " " && ev.target.closest("button")) || (ev.target === slider && ev.key !== " ")) return;
    ev.preventDefault();
    act(name);
  });
  return {
    go(i) { stop(); go(i); },
    pace(ms) { pause = ms; if (timer) { stop(); acts.play(); } },
    open(first, asked = true) {
      const at = () => (address("step") === "end" ? last : Number(address("step") ?? first));
      go(asked ? at() : first, !asked);
      addEventListener("hashchange", () => { stop(); go(at(), false); });
    },
  };
}

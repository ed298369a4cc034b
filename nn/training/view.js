// A training as it runs: its curves, what the network says where, and one neuron; buttons to pause, to go an epoch, and
// to change the learning rate. Python sends numbers; what is drawn of them is made here, in the reader's colours.
const NS = "http://www.w3.org/2000/svg", W = 380, H = 262, LEFT = 46, RIGHT = 10, TOP = 26, BOTTOM = 36;
const COLOURS = ["#a84300", "#0a5ea8", "#2f7d32", "#7a3fa0", "#8a6d00", "#a0325a", "#00738a", "#5c6670", "#4a5d23", "#8c4b2f"];

function filled(element, attributes, inside) {
  for (const [key, x] of Object.entries(attributes)) element.setAttribute(key, x);
  element.append(...inside);
  return element;
}
function made(name, attributes, ...inside) { return filled(document.createElement(name), attributes, inside); }
function drawn(parent, name, attributes, ...inside) {
  const element = filled(document.createElementNS(NS, name), attributes, inside);
  parent.append(element);
  return element;
}
function round(x) { return String(Number(x.toPrecision(3))).replace("-", "\u2212"); }
function ticks(low, high, whole) {
  const rough = (high - low) / 4, ten = 10 ** Math.floor(Math.log10(rough)), step = Math.max(whole ? 1 : 0, [1, 2, 5, 10].find(n => n * ten >= rough) * ten);
  return Array.from({ length: Math.floor(high / step) - Math.ceil(low / step) + 1 }, (_, k) => (Math.ceil(low / step) + k) * step);
}

// Axes: a drawing with a title, and functions from numbers to its pixels.
function axes(title, label, [x0, x1], [y0, y1], names) {
  const svg = drawn(made("div", {}), "svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label });
  const x = u => LEFT + (u - x0) / (x1 - x0) * (W - LEFT - RIGHT), y = v => H - BOTTOM - (v - y0) / (y1 - y0) * (H - TOP - BOTTOM);
  drawn(svg, "text", { x: LEFT, y: 16, class: "title" }, title);
  for (const u of ticks(x0, x1, names.whole)) drawn(svg, "text", { x: x(u), y: H - BOTTOM + 15, class: "tick middle" }, round(u));
  for (const v of ticks(y0, y1)) {
    drawn(svg, "text", { x: LEFT - 6, y: y(v) + 4, class: "tick end" }, round(v));
    if (names.grid) drawn(svg, "path", { d: `M${LEFT} ${y(v)}H${W - RIGHT}`, class: "grid" });
  }
  drawn(svg, "text", { x: (LEFT + W - RIGHT) / 2, y: H - 5, class: "tick middle" }, names.x);
  if (names.y) drawn(svg, "text", { x: -(TOP + H - BOTTOM) / 2, y: 11, transform: "rotate(-90)", class: "tick middle" }, names.y);
  return { svg, x, y };
}

function curves({ epochs, curves, objective }) {
  const names = Object.keys(curves), all = names.flatMap(name => curves[name]).filter(Number.isFinite);
  const { svg, x, y } = axes(`Loss (${objective})`, `Loss by epoch: ${names.map(n => `${n} ${round(curves[n].at(-1) ?? NaN)}`).join(", ")}`,
    [0, Math.max(epochs, 1)], [0, Math.max(...all, 1e-9) * 1.05], { x: "epoch", whole: true, grid: true });
  names.forEach((name, k) => {
    const points = curves[name].map((v, i) => [x(i + 1), y(v)]).filter(([, v]) => Number.isFinite(v));
    if (points.length === 0) return;
    drawn(svg, "path", { d: "M" + points.map(p => p.map(c => c.toFixed(1)).join(" ")).join("L"), class: `curve c${k}` });
    for (const [u, v] of points.length <= 20 ? points : points.slice(-1)) drawn(svg, "circle", { cx: u, cy: v, r: 2.6, class: `dot c${k}` });
    drawn(svg, "text", { x: W - RIGHT, y: TOP + 4 + 15 * k, class: `tick end c${k}` }, name === "loss" ? "training" : "held out");
  });
  return svg;
}

// Where two numbers are as large as one another: lines through the squares of a grid (marching squares).
function level(side, at, x, y) {
  const lines = [];
  for (let i = 0; i + 1 < side; i++) for (let j = 0; j + 1 < side; j++) {
    const corners = [[j, i], [j + 1, i], [j + 1, i + 1], [j, i + 1]], cut = [];
    corners.forEach(([a, b], k) => {
      const [c, d] = corners[(k + 1) % 4], here = at(a, b), there = at(c, d);
      if (here < 0 !== there < 0) { const t = here / (here - there); cut.push([x(a + t * (c - a)), y(b + t * (d - b))]); }
    });
    for (let k = 0; k + 1 < cut.length; k += 2) lines.push(`M${cut[k].map(c => c.toFixed(1))}L${cut[k + 1].map(c => c.toFixed(1))}`);
  }
  return lines.join("");
}

function surface({ surface: { side, xs, ys, classes, shares }, points }) {
  const { svg, x, y } = axes(classes ? "What it says where, and how surely" : "Output by input",
    "The plane of the two inputs, shaded by what the network says", xs, ys, { x: "x[0]", y: "x[1]" });
  const canvas = made("canvas", { width: side, height: side }), paper = canvas.getContext("2d"), image = paper.createImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    const all = shares[i], best = all.indexOf(Math.max(...all)), sure = classes ? (all[best] - 1 / all.length) / (1 - 1 / all.length) : all[0];
    const colour = COLOURS[(classes ? best : 1) % COLOURS.length], at = 4 * ((side - 1 - Math.floor(i / side)) * side + i % side);
    for (let c = 0; c < 3; c++) image.data[at + c] = parseInt(colour.slice(1 + 2 * c, 3 + 2 * c), 16);
    image.data[at + 3] = 255 * 0.7 * sure;
  }
  paper.putImageData(image, 0, 0);
  const half = [(x(xs[1]) - x(xs[0])) / (side - 1) / 2, (y(ys[0]) - y(ys[1])) / (side - 1) / 2]; // a pixel is about its point
  const frame = drawn(svg, "svg", { x: LEFT, y: TOP, width: W - LEFT - RIGHT, height: H - TOP - BOTTOM });
  drawn(frame, "image", { x: -half[0], y: -half[1], width: W - LEFT - RIGHT + 2 * half[0], height: H - TOP - BOTTOM + 2 * half[1], preserveAspectRatio: "none", href: canvas.toDataURL() });
  const u = j => x(xs[0] + (xs[1] - xs[0]) * j / (side - 1)), v = i => y(ys[0] + (ys[1] - ys[0]) * i / (side - 1));
  if (classes) for (let k = 0; k < (classes === 2 ? 1 : classes); k++) {
    const lead = (j, i) => { const all = shares[i * side + j]; return all[k] - Math.max(...all.filter((_, c) => c !== k)); };
    drawn(svg, "path", { d: level(side, lead, u, v), class: "border" });
  }
  for (const [a, b, k] of points) {
    const [cx, cy] = [x(a), y(b)], fill = classes ? COLOURS[k % COLOURS.length] : "#57606b";
    if (k === 1) drawn(svg, "path", { d: `M${cx - 4.5} ${cy + 3.5}h9L${cx} ${cy - 4.5}z`, fill, class: "point" });
    else drawn(svg, "circle", { cx, cy, r: 3.6, fill, class: "point" });
  }
  return svg;
}

export default {
  render({ model, el }) {
    el.classList.add("chainrule-training");
    const status = made("p", { role: "status" }), plots = made("div", { class: "plots" }), neuron = made("figure", {});
    const pause = made("button", { type: "button", class: "wide" }), step = made("button", { type: "button" }, "One epoch");
    const slider = made("input", { type: "range", min: -4, max: 1.5, step: 0.05, "aria-label": "Learning rate, slider" });
    const field = made("input", { type: "number", step: "any", min: 0, name: "rate" });
    const pace = made("select", { "aria-label": "Pace" }, ...[["1", "1×"], ["0.25", "¼×"], ["4", "4×"], ["0", "no waiting"]].map(([value, text]) => made("option", { value }, text)));
    const bar = made("div", { class: "bar", role: "toolbar", "aria-label": "Training" }, pause, step, made("label", {}, "learning rate", field), slider, made("label", {}, "pace", pace));
    el.append(bar, status, plots, neuron);
    for (const e of [slider, field]) e.addEventListener("keydown", ev => ev.stopPropagation()); // a notebook takes some keys

    // Messages of our own: what is saved waits for the answer to what was saved before, and so for the cell that trains.
    function put(name, x) { model.set(name, x); model.send({ [name]: x }); }
    pause.addEventListener("click", () => { put("paused", !model.get("paused")); running(); });
    step.addEventListener("click", () => { model.set("paused", true); put("steps", model.get("steps") + 1); running(); });
    pace.addEventListener("change", () => put("pace", Number(pace.value)));
    slider.addEventListener("input", () => { field.value = Number((10 ** slider.value).toPrecision(2)); put("rate", Number(field.value)); });
    field.addEventListener("input", () => {
      const good = Number(field.value) > 0 && Number.isFinite(Number(field.value));
      field.setAttribute("aria-invalid", String(!good));
      if (good) { slider.value = Math.log10(Number(field.value)); put("rate", Number(field.value)); }
    });

    function running() {
      const on = model.get("running");
      pause.textContent = model.get("paused") ? "Go on" : "Pause";
      for (const e of [pause, step, slider, field, pace]) e.disabled = !on;
      bar.classList.toggle("still", !on);
    }
    function rate() {
      const active = el.getRootNode().activeElement;
      if (active === field || active === slider) return;
      const x = model.get("rate");
      field.value = x > 0 ? Number(x.toPrecision(4)) : "";
      if (x > 0) slider.value = Math.log10(x);
    }
    function show() {
      const frame = model.get("frame");
      status.textContent = frame.status || "no training yet";
      if (model.get("heard") !== model.get("asked")) answer();
      if (!frame.curves) return;
      plots.replaceChildren(curves(frame), ...(frame.surface ? [surface(frame)] : []));
      if (frame.neuron) {
        const [src, alt, caption] = frame.neuron, image = Object.assign(new Image(), { src, alt });
        image.decode().catch(() => null).then(() => neuron.replaceChildren(image, made("figcaption", {}, caption)));
      }
    }
    function answer() { model.send({ heard: model.get("asked") }); } // somebody watches, and can be heard
    const events = { frame: show, running, rate, paused: running, asked: answer };
    for (const [name, act] of Object.entries(events)) model.on(`change:${name}`, act);
    for (const act of [show, running, rate, answer]) act();
    let tries = 20; // the first answers may find the kernel not listening yet beside its cell
    const again = setInterval(() => {
      if (model.get("heard") !== model.get("asked")) answer();
      if (--tries === 0) clearInterval(again);
    }, 250);
    return () => { clearInterval(again); for (const [name, act] of Object.entries(events)) model.off(`change:${name}`, act); };
  },
};

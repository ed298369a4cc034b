// A net that learns: points, the network with what each neuron says where, its output in the large, curves, one neuron's graph.
import live from "../live.js";
import { Model } from "../model.js";
import { Stopped } from "../python.js";

const FIELDS = ["activation", "loss", "optimiser", "penalty", "strength", "batch"];
const FRAME = 40; // milliseconds of training between two looks
const KEEP = 1200; // epochs of the curves that are drawn; of more every second one stays

export default function training(page) {
  const { panel, python } = page, find = selector => panel.querySelector(selector);
  const [go, one, fresh, rate, plane, curve, status, columns, neuron, example, wrong, picture] = [".go", ".one", ".fresh", "#t-rate", ".plane", ".curve", ".status", ".columns", "#t-neuron", "#t-example", ".error", ".picture"].map(find);
  const field = name => find(`#t-${name}`), dark = matchMedia("(prefers-color-scheme:dark)");
  const lines = columns.querySelector("svg"), units = new Map();
  const built = fetch("tabs/training.json").then(answer => answer.json());
  let sets = {}, most = {}, edge = 1, set = "ring", points = [], layers = [4], seed = 0, hover = null, cursor = null;
  let seen = null, losses = [], every = 1, running = false, made = false, drawing = false, again = false, stale = true;

  // What is asked of Python ------------------------------------------------------------------------------------------------
  const learningRate = () => Number((10 ** Number(rate.value)).toPrecision(2));
  const settings = () => ({ points, layers, seed, rate: learningRate(), ...Object.fromEntries(FIELDS.map(name => [name, field(name).value])) });
  function say(error) {
    wrong.textContent = error || "";
    wrong.hidden = !error;
  }
  async function ask(name, given) {
    try {
      const answer = await python.ask(`training.${name}`, given);
      say(answer.error);
      return answer.error ? null : answer;
    } catch (error) {
      running = false;
      if (!(error instanceof Stopped)) say(error.message);
      return null;
    }
  }
  // A new net; or, `kept`, other points and settings for the one there is. The latest wins.
  let asked = 0;
  async function make(kept = false) {
    const mine = ++asked;
    page.changed();
    if (!kept) { made = false; losses = []; every = 1; }
    const answer = await ask(kept && made ? "change" : "make", settings());
    if (!answer || mine !== asked) return;
    made = true;
    find(".count").textContent = `${answer.count} parameters`;
    const was = neuron.value;
    neuron.replaceChildren(...answer.neurons.map(path => new Option(path)));
    neuron.value = answer.neurons.includes(was) ? was : answer.neurons[0];
    take(answer);
    chosen();
  }
  async function train(epochs) {
    const answer = await ask("train", { ms: epochs ? 1e6 : FRAME, most: epochs || 1000 });
    if (answer) take(answer);
    return answer !== null;
  }
  function take(answer) {
    seen = answer;
    for (const row of answer.curve) if (row[0] % every === 0) losses.push(row);
    if (losses.length > KEEP) { every *= 2; losses = losses.filter(([epoch]) => epoch % every === 0); }
    const [epoch, loss, held, right] = answer.curve.at(-1) || losses.at(-1) || [0];
    const number = x => (x === null ? "–" : x.toPrecision(3));
    if (loss === null) { running = false; say("The loss is no number any more: try a smaller learning rate, then New weights."); }
    status.textContent = epoch === 0 ? "Untrained: press Train." : `Epoch ${answer.epoch} · loss ${number(loss)}${held === null ? "" : ` · held out ${number(held)}, ${Math.round(100 * right)} % right`}`;
    paint();
  }
  async function loop() {
    let turn = performance.now();
    while (running && await train()) {
      if (performance.now() - turn > 700) { turn = performance.now(); await look(true); }
      await new Promise(requestAnimationFrame);
    }
    press(false);
    await rest();
  }
  async function rest() {
    const answer = made && await ask("rest", {});
    if (answer) take(answer);
    page.changed();
    look();
  }
  function press(now) {
    running = now;
    go.textContent = now ? "Pause" : "Train";
    one.disabled = now;
  }

  // One neuron on one point ------------------------------------------------------------------------------------------------
  let away = null;
  async function look(moving = false) {
    if (!made) return;
    if (drawing) { again = true; return; }
    drawing = true;
    stale = false;
    const answer = await ask("see", { neuron: neuron.value, example: Number(example.value) || 0, moving });
    drawing = false;
    picture.classList.toggle("old", !answer);
    if (answer?.live) {
      const seen = document.createElement("div"), model = new Model({ edits: {}, ...answer.live }, edits => {
        ask("weigh", edits).then(news => { if (news) { model.take(news.live); take(news.net); } });
      });
      away?.();
      picture.replaceChildren(seen);
      away = live.render({ model, el: seen });
    } else if (answer?.svg) { // an image: nothing in it can run
      away = away?.();
      const image = picture.querySelector("img") || new Image();
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(answer.svg)}`;
      image.alt = answer.alt;
      if (!image.isConnected) picture.replaceChildren(image);
    }
    if (again) { again = false; look(moving && running); }
  }

  // Drawing ------------------------------------------------------------------------------------------------------------------
  // The page's colours as numbers: a probe is given each, and the browser says what it is.
  let colours = null;
  function colour(name) {
    colours ??= new Map();
    if (!colours.has(name)) {
      const probe = document.createElement("span");
      probe.style.color = `var(--${name})`;
      panel.append(probe);
      colours.set(name, getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number));
      probe.remove();
    }
    return colours.get(name);
  }
  const rgb = name => `rgb(${colour(name)})`;
  function field2d(context, hundredths, side, strength, width) {
    const [paper, blue, orange] = ["paper", "positive", "negative"].map(colour), image = new ImageData(side, side);
    hundredths.forEach((h, i) => {
      const share = strength * Math.abs(h) / 100, ink = h > 0 ? blue : orange;
      for (let c = 0; c < 3; c += 1) image.data[4 * i + c] = paper[c] + (ink[c] - paper[c]) * share;
      image.data[4 * i + 3] = 255;
    });
    const small = new OffscreenCanvas(side, side);
    small.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(small, 0, 0, width, width);
  }
  function dots(context, all, width, radius, chosen = -1) {
    all.forEach(([x, y, k, held], i) => {
      context.beginPath();
      context.arc((x / edge + 1) / 2 * width, (1 - y / edge) / 2 * width, i === chosen ? radius + 2 : radius, 0, 7);
      context.fillStyle = held ? rgb("paper") : rgb(k ? "positive" : "negative");
      context.fill();
      context.lineWidth = i === chosen ? 3 : held ? radius / 2.4 : radius / 4;
      context.strokeStyle = i === chosen ? rgb("ink") : held ? rgb(k ? "positive" : "negative") : rgb("paper");
      context.stroke();
    });
  }
  const order = () => [...points.filter(p => !p[3]), ...points.filter(p => p[3])]; // as Python counts them
  function sharp(canvas) { // as many pixels as the screen has
    const ratio = devicePixelRatio || 1, wide = canvas.clientWidth || canvas.width, high = canvas.clientHeight || canvas.height;
    if (canvas.width !== Math.round(wide * ratio)) [canvas.width, canvas.height] = [Math.round(wide * ratio), Math.round(high * ratio)];
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, wide, high);
    return [context, wide, high];
  }
  function paint() {
    if (panel.hidden) return;
    const [context, wide] = sharp(plane), all = order();
    context.fillStyle = rgb("paper");
    context.fillRect(0, 0, wide, wide);
    if (seen) field2d(context, hover === null ? seen.output : seen.hidden[hover] || seen.output, seen.side, 0.62, wide);
    dots(context, all, wide, 4.6, Math.min(Number(example.value) || 0, all.length - 1));
    if (cursor) {
      context.strokeStyle = rgb("ink");
      context.lineWidth = 1.5;
      const x = (cursor[0] / edge + 1) / 2 * wide, y = (1 - cursor[1] / edge) / 2 * wide;
      for (const [dx, dy] of [[9, 0], [0, 9]]) { context.beginPath(); context.moveTo(x - dx, y - dy); context.lineTo(x + dx, y + dy); context.stroke(); }
    }
    curves();
    [...units.values()].forEach((canvas, i) => {
      if (!seen) return;
      const context = canvas.getContext("2d"), hundredths = i < seen.hidden.length ? seen.hidden[i] : seen.output;
      field2d(context, hundredths, seen.side, 0.75, canvas.width);
    });
    wires();
  }
  function curves() {
    const [context, wide, high] = sharp(curve), top = Math.max(1e-9, ...losses.flatMap(([, a, b]) => [a ?? 0, b ?? 0]));
    const first = losses[0]?.[0] ?? 0, last = Math.max(first + 1, losses.at(-1)?.[0] ?? 1);
    context.font = "11px Helvetica, Arial, sans-serif";
    context.fillStyle = context.strokeStyle = rgb("muted");
    context.textAlign = "right";
    if (losses.length) context.fillText(top.toPrecision(2), wide - 6, 14);
    for (const [column, name] of [[2, "positive"], [1, "negative"]]) {
      context.beginPath();
      for (const row of losses) if (row[column] !== null) context.lineTo(4 + (row[0] - first) / (last - first) * (wide - 8), high - 5 - row[column] / top * (high - 24));
      context.strokeStyle = rgb(name);
      context.lineWidth = 2;
      context.stroke();
    }
  }
  // Between two columns a line for each weight: its sign's colour, thicker for more.
  function wires() {
    if (!seen) return;
    const box = columns.getBoundingClientRect(), made = [];
    const at = e => { const r = e.getBoundingClientRect(); return [r.left - box.left + columns.scrollLeft, r.right - box.left + columns.scrollLeft, r.top + r.height / 2 - box.top]; };
    const rows = [...columns.querySelectorAll(".column")].map(c => [...c.querySelectorAll(".input, .unit")].map(at));
    const largest = Math.max(1e-9, ...seen.weights.flat().map(w => Math.max(...w.slice(0, -1).map(x => Math.abs(x ?? 0)))));
    seen.weights.forEach((layer, l) => layer.forEach((weights, j) => weights.slice(0, -1).forEach((w, i) => {
      const from = rows[l]?.[i], to = rows[l + 1]?.[j];
      if (!from || !to) return;
      const middle = (from[1] + to[0]) / 2, path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", `M${from[1]} ${from[2]}C${middle} ${from[2]} ${middle} ${to[2]} ${to[0]} ${to[2]}`);
      path.setAttribute("fill", "none");
      path.setAttribute("stroke", w > 0 ? "var(--positive)" : w < 0 ? "var(--negative)" : "var(--faint)");
      path.setAttribute("stroke-width", 0.6 + 4.4 * Math.sqrt(Math.abs(w ?? 0) / largest));
      path.setAttribute("stroke-opacity", 0.75);
      made.push(path);
    })));
    lines.replaceChildren(...made);
  }

  // The network --------------------------------------------------------------------------------------------------------------
  function button(className, label, act, text) {
    const b = Object.assign(document.createElement("button"), { type: "button", className, textContent: text ?? "" });
    b.setAttribute("aria-label", label);
    b.addEventListener("click", act);
    return b;
  }
  function column(...inside) {
    const c = Object.assign(document.createElement("div"), { className: "column" });
    c.append(...inside);
    columns.append(c);
  }
  function unit(path, k) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 84, height: 84 });
    const b = button("unit", `Neuron ${path}`, () => { neuron.value = path; chosen(); });
    b.title = path;
    b.append(canvas);
    for (const [event, to] of [["pointerenter", k], ["pointerleave", null], ["focus", k], ["blur", null]]) b.addEventListener(event, () => { hover = to; paint(); });
    units.set(path, canvas);
    return b;
  }
  function size(...inside) {
    const p = Object.assign(document.createElement("p"), { className: "size" });
    p.append(...inside);
    return p;
  }
  function network() {
    for (const c of columns.querySelectorAll(".column")) c.remove();
    units.clear();
    column(size("inputs"), ...["x[0]", "x[1]"].map(text => Object.assign(document.createElement("div"), { className: "input", textContent: text })));
    let k = 0;
    layers.forEach((n, l) => {
      const more = button("", `More neurons in layer ${l}`, () => sized(l, 1), "+"), fewer = button("", `Fewer neurons in layer ${l}`, () => sized(l, -1), "−");
      more.disabled = n >= most.neurons;
      fewer.disabled = n <= 1;
      column(size(fewer, more), ...Array.from({ length: n }, (_, i) => unit(`layers.${l}.neurons.${i}`, k++)));
    });
    column(size("output"), unit(`layers.${layers.length}.neurons.0`, null));
    find(".says").textContent = layers.length === 1 ? "1 hidden layer" : `${layers.length} hidden layers`;
    find(".deeper").disabled = layers.length >= most.layers;
    find(".shallower").disabled = layers.length === 0;
    chosen(false);
  }
  function sized(l, by) { layers[l] += by; shaped(`.column:nth-of-type(${l + 2}) .size button:${by > 0 ? "last" : "first"}-child`); }
  function shaped(focus) {
    network();
    if (focus) columns.querySelector(focus)?.focus();
    make();
  }
  find(".deeper").addEventListener("click", () => { layers.push(Math.min(4, layers.at(-1) || 4)); shaped(); });
  find(".shallower").addEventListener("click", () => { layers.pop(); shaped(); });
  function chosen(asks = true) {
    for (const [path, canvas] of units) canvas.parentElement.setAttribute("aria-pressed", String(path === neuron.value));
    paint();
    if (!asks) return;
    page.changed();
    if (!running) look();
  }

  // Points -------------------------------------------------------------------------------------------------------------------
  function pick(name) {
    set = name;
    points = sets[name].map(p => [...p]);
    example.value = 0;
    data();
  }
  function data() {
    for (const b of find(".sets").children) b.setAttribute("aria-pressed", String(b.dataset.set === set));
    example.max = Math.max(0, points.length - 1);
    paint();
    make(true);
  }
  const there = ev => { const box = plane.getBoundingClientRect(); return [2 * (ev.clientX - box.left) / box.width - 1, 1 - 2 * (ev.clientY - box.top) / box.height].map(c => c * edge); };
  function add([x, y]) {
    if (points.length >= most.points) return page.say(`${most.points} points are the most`);
    points.push([Number(x.toFixed(2)), Number(y.toFixed(2)), Number(find("[name=t-class]:checked").value), 0]);
    set = "";
    example.value = order().indexOf(points.at(-1));
    data();
  }
  plane.addEventListener("click", ev => {
    const at = there(ev), all = order(), away = all.map(([x, y]) => Math.hypot(x - at[0], y - at[1])), near = Math.min(...away);
    if (near > 0.04 * edge) return add(at);
    example.value = away.indexOf(near);
    chosen();
  });
  plane.addEventListener("keydown", ev => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[ev.key];
    if (by) cursor = (cursor || [0, 0]).map((c, i) => Math.max(-edge, Math.min(edge, c + 0.05 * edge * by[i])));
    else if (ev.key === "Enter" && cursor) add(cursor);
    else return;
    ev.preventDefault();
    paint();
  });
  plane.addEventListener("focus", () => { if (plane.matches(":focus-visible")) { cursor ??= [0, 0]; paint(); } });
  plane.addEventListener("blur", () => { cursor = null; paint(); });
  find(".undo").addEventListener("click", () => { points.pop(); set = ""; data(); });
  find(".clear").addEventListener("click", () => { points = []; set = ""; data(); });

  // The bar ------------------------------------------------------------------------------------------------------------------
  function rated() { find(".set output").textContent = learningRate(); }
  function penalised() { field("strength").disabled = field("penalty").value === "none"; }
  rate.addEventListener("input", () => { rated(); make(true); });
  for (const name of FIELDS) field(name).addEventListener("change", () => { penalised(); make(name !== "activation"); });
  go.addEventListener("click", () => {
    press(!running);
    if (running) loop();
  });
  one.addEventListener("click", async () => { if (await train(1)) rest(); });
  fresh.addEventListener("click", () => { seed += 1; make(); });
  neuron.addEventListener("change", () => chosen());
  example.addEventListener("change", () => chosen());
  dark.addEventListener("change", () => { colours = null; paint(); });
  new ResizeObserver(() => paint()).observe(columns);

  async function start() {
    if (Object.keys(sets).length) return;
    ({ sets, most, edge } = await built);
    find(".sets").replaceChildren(...Object.keys(sets).map(name => {
      const b = button("", `${name}, ${sets[name].length} points`, () => pick(name)), canvas = Object.assign(document.createElement("canvas"), { width: 128, height: 128 });
      b.dataset.set = name;
      b.title = name;
      b.append(canvas);
      return b;
    }));
    for (const b of find(".sets").children) dots(b.firstChild.getContext("2d"), sets[b.dataset.set], 128, 4.5);
    if (sets[set]) points = sets[set].map(p => [...p]);
    rated();
    penalised();
  }
  // What a link says, as far as it is something; the rest stays as it is.
  function opened(state) {
    for (const name of FIELDS) if ([...field(name).options].some(o => o.value === state[name])) field(name).value = state[name];
    if (Number.isFinite(state.rate) && state.rate > 0) rate.value = Math.log10(state.rate);
    if (Number.isInteger(state.seed) && state.seed >= 0) seed = state.seed;
    if (Array.isArray(state.layers) && state.layers.length <= most.layers && state.layers.every(n => Number.isInteger(n) && n >= 1 && n <= most.neurons)) layers = [...state.layers];
    const point = p => Array.isArray(p) && p.length === 4 && p.every(Number.isFinite) && Math.abs(p[0]) <= edge && Math.abs(p[1]) <= edge;
    if (sets[state.data]) [set, points] = [state.data, sets[state.data].map(p => [...p])];
    else if (Array.isArray(state.data) && state.data.length <= most.points && state.data.every(point)) [set, points] = ["", state.data.map(([x, y, k, held]) => [x, y, k ? 1 : 0, held ? 1 : 0])];
    if (Number.isInteger(state.example)) example.value = state.example;
    rated();
    penalised();
  }
  let linked = null;
  return {
    state: () => ({ data: set || points, layers, seed, rate: learningRate(), neuron: neuron.value, example: Number(example.value), ...Object.fromEntries(FIELDS.map(name => [name, field(name).value])) }),
    open(state) { linked = state; made = false; },
    async shown() {
      await start();
      if (linked) {
        opened(linked);
        if (typeof linked.neuron === "string") neuron.replaceChildren(new Option(linked.neuron)); // until Python names them
        linked = null;
      }
      colours = null;
      if (!made) { network(); data(); } else { paint(); if (stale) look(); }
    },
    restarted() { press(false); made = false; if (!panel.hidden) make(); },
  };
}

const say = page.querySelector(".say"), ledger = page.querySelector(".ledger"), steps = data.steps, last = steps.length - 1;
const nodes = data.nodes, edges = data.edges, byId = new Map(nodes.map(n => [n.id, n]));
const forward = steps.filter(s => s.phase === "forward").length, backward = last - forward;
const LINES = 200; // of the ledger, at most
let now = 0, pointed = null, held = null;

for (const n of nodes) { n.ins = []; n.outs = []; n.forth = -1; n.back = Infinity; n.element = find(n.id); }
steps.forEach((s, i) => { if (s.node) byId.get(s.node)[s.phase === "forward" ? "forth" : "back"] = i; });
for (const e of edges) { e.from = byId.get(e.src); e.to = byId.get(e.dst); e.from.outs.push(e); e.to.ins.push(e); e.element = find(e.id); }

// Boxes and arrows can be focused; where there are many, one of them is the Tab stop, and the arrow keys go on from it.
const many = nodes.length > 40, ring = nodes.flatMap(n => [n, ...n.ins]), items = new Map(ring.map(item => [item.element, item]));
function stop(item) {
  if (!many) return;
  held?.element.setAttribute("tabindex", "-1");
  held = item;
  item.element.setAttribute("tabindex", "0");
}
stage.appear = element => { if (items.has(element)) dress(items.get(element)); };

function start() {
  return `<h2>Start</h2><p>${data.start}</p><p class="note">${forward} step${forward === 1 ? "" : "s"} forward compute the values, then ${backward} step${backward === 1 ? "" : "s"} backward gather the gradients. Press → or Play; point at a box or an arrow for its formula.</p>`;
}

const current = () => byId.get(steps[now].node);
const notes = []; // of a box that has buttons: its id, which note of its panel they are in place of, and what they do
function panel(item) {
  if (!item.panels) return item.panel;
  const html = item.back <= now ? item.panels.backward : item.panels.forward;
  return notes.filter(([id]) => id === item.id).reduce((text, [, kind, hint]) => text.replace(new RegExp(`(<p class="note ${kind}">).*?</p>`), `$1${hint}</p>`), html);
}
function show(html) { say.innerHTML = html; for (const eq of say.querySelectorAll(".eq")) breakable(eq); }

// A formula in pieces, so that it breaks before = and + where it is wider than the panel, and before · where a term is.
function breakable(eq) {
  const whole = eq.firstElementChild;
  let term = null, piece = null;
  for (const part of [...whole.children]) {
    const sign = part.localName === "mo" && piece ? part.textContent : "";
    if (!term || sign === "=" || sign === "+") { term = document.createElement("span"); eq.append(term); piece = null; }
    if (!piece || sign === "·") { piece = whole.cloneNode(); term.append(piece); }
    if (sign) part.setAttribute("form", "infix"); // or there would be no space around it
    piece.append(part);
  }
  whole.remove();
}

function render() {
  const phase = steps[now].phase, here = current();
  say.classList.toggle("back", phase === "backward");
  for (const item of ring) if (stage.sees(item.element)) dress(item);
  if (page.classList.contains("side")) list(phase);
  point(null);
  follow(here || nodes[0], phase);
}

function list(phase) {
  const from = Math.max(phase === "backward" ? forward + 1 : 1, now - LINES + 1);
  ledger.replaceChildren(...steps.slice(from, now + 1).map((s, i) => line(s, from + i)));
  ledger.scrollTop = ledger.scrollHeight;
}

// What an item looks like at this step; of a large graph that is only asked of what is in view.
function dress(item) {
  if (item.state === undefined) furnish(item);
  const phase = steps[now].phase, here = current(), list = item.element.classList;
  if (item.panels) {
    const known = item.forth <= now, got = item.back <= now, state = `${known} ${got} ${item === here}`;
    if (state === item.state) return;
    item.state = state;
    list.toggle("pend", !known); list.toggle("got", got); list.toggle("now", item === here);
    const [d, g] = item.cells;
    if (d) d.textContent = known ? item.data_text : "–";
    if (g) g.textContent = got ? item.grad_text : "–";
    item.element.setAttribute("aria-label", `${item.label}${item.expr ? " = " + item.expr : ""}, ${item.kind}, data ${known ? item.data_text : "not known yet"}, grad ${got ? item.grad_text : "not known yet"}`);
  } else {
    const forth = phase === "forward" && item.to === here, back = phase === "backward" && item.from === here;
    const pend = item.to.forth > now, got = item.from.back <= now, state = `${forth} ${back} ${pend} ${got}`;
    if (state === item.state) return;
    item.state = state;
    list.toggle("pend", pend); list.toggle("got", got);
    list.toggle("forth", forth); list.toggle("flow", back && item.contribution !== null); list.toggle("now", forth || back);
  }
}

function furnish(item) {
  item.state = "";
  item.element.setAttribute("role", "button");
  if (!item.element.hasAttribute("tabindex")) item.element.setAttribute("tabindex", item.panels && !many ? "0" : "-1");
  if (item.panels) { item.cells = ["d", "g"].map(key => cell(`${item.id}_${key}`)); return; }
  const path = item.element.querySelector("path"), hit = path.cloneNode();
  hit.setAttribute("class", "hit"); hit.removeAttribute("style");
  path.before(hit);
  item.element.setAttribute("aria-label", item.line);
}

function line(step, i) {
  if (!step.line) {
    step.line = document.createElement("li");
    step.line.innerHTML = byId.get(step.node).lines[step.phase];
    step.line.addEventListener("click", () => go(i));
  }
  step.line.classList.toggle("now", i === now);
  return step.line;
}

// The box of the step, the arrows that its equation adds up, and the boxes at their other ends.
function follow(n, phase) {
  const used = phase === "forward" ? n.ins : phase === "backward" ? n.outs : [];
  stop(n);
  stage.reveal(n.element, used.flatMap(e => [(phase === "forward" ? e.from : e.to).element, e.element]));
}

// The panel is as high as most of its texts need, so that the stage keeps its height from step to step.
function steady() {
  const length = s => byId.get(s.node).panels[s.phase].length, longest = steps.slice(1).sort((a, b) => length(b) - length(a)).slice(0, 8);
  say.style.minHeight = "";
  let most = 0;
  for (const html of [start(), ...longest.map(s => byId.get(s.node).panels[s.phase])]) { show(html); most = Math.max(most, say.offsetHeight); }
  say.style.minHeight = `${Math.min(most, innerHeight * 0.3)}px`;
  point(null);
}

// What the reader points at is said in place of the step.
function point(item) {
  pointed?.element.classList.remove("point");
  pointed = item;
  item?.element.classList.add("point");
  const here = current();
  show(item || here ? panel(item || here) : start());
}

// A live view around the page keeps the step, and gives the page the height it wants.
function tell() { if (window.parent !== window) window.parent.postMessage({ player: data.uid, step: now, height: page.getBoundingClientRect().height }, "*"); }
addEventListener("resize", () => { steady(); tell(); });

function words(i) { return i === 0 ? `start · 0/${last}` : i <= forward ? `forward ${i}/${forward}` : `backward ${i - forward}/${backward}`; }
const { go, open } = bar(last, 1100, words, i => { now = i; render(); tell(); });

function visit(item) {
  if (item.panels) go(now > forward || item.forth < 0 ? (item.back <= last ? item.back : now) : item.forth);
  else go(now > forward && item.from.back <= last ? item.from.back : item.to.forth);
}

const under = ev => items.get(ev.target.closest?.(".node, .edge")) || null;
let place = "";
stage.graph.addEventListener("pointermove", ev => {
  const moved = place !== (place = `${ev.clientX} ${ev.clientY}`); // else the drawing has moved below it
  if (moved && !ev.buttons && ev.pointerType !== "touch" && under(ev) !== pointed) point(under(ev));
});
stage.graph.addEventListener("pointerleave", () => { if (pointed) point(null); });
stage.graph.addEventListener("click", ev => { if (under(ev)) visit(under(ev)); });
stage.graph.addEventListener("focusin", ev => { if (under(ev) && ev.target.matches(":focus-visible")) show(panel(under(ev))); });
stage.graph.addEventListener("focusout", () => point(null));
stage.graph.addEventListener("keydown", ev => {
  const item = under(ev), by = { ArrowDown: 1, ArrowUp: ring.length - 1 }[ev.key];
  if (!item || (ev.key !== "Enter" && !by)) return;
  ev.preventDefault();
  if (!by) return visit(item);
  const next = ring[(ring.indexOf(item) + by) % ring.length];
  stop(next);
  stage.reveal(next.element, []);
  next.element.focus({ preventScroll: true });
});

// Search: names that are the word, then those that begin with it, then those that hold it.
const sought = page.querySelector("[type=search]"), found = page.querySelector(".found");
let word = "", hits = [], hit = -1;
sought.addEventListener("input", () => { found.textContent = ""; });
sought.addEventListener("keydown", ev => {
  if (ev.key !== "Enter") return;
  const asked = sought.value.trim().toLowerCase();
  if (!asked) return;
  if (asked !== word) {
    const places = n => [n.label, n.full].map(name => name.toLowerCase()).map(name => (name === asked ? 0 : name.startsWith(asked) ? 1 : name.includes(asked) ? 2 : 3));
    const rank = n => Math.min(...places(n));
    [word, hit, hits] = [asked, -1, nodes.filter(n => rank(n) < 3).sort((a, b) => rank(a) - rank(b))];
  }
  found.textContent = hits.length ? `${(hit = (hit + 1) % hits.length) + 1} of ${hits.length}` : "no such name";
  if (!hits.length) return;
  visit(hits[hit]);
  follow(hits[hit], "");
  point(hits[hit]);
});
steady();
open(shown ? shown.step : data.first, !shown);

// A live view around the page sends other numbers of the same graph.
addEventListener("message", ev => {
  if (ev.source !== window.parent || !ev.data) return;
  if (ev.data.room) { stage.take(ev.data.room); tell(); }
  if (!ev.data.fresh) return;
  const { nodes: newer, edges: others, numbers } = ev.data.fresh;
  newer.forEach((n, i) => Object.assign(nodes[i], n));
  others.forEach((e, i) => { Object.assign(edges[i], e); edges[i].element.setAttribute("aria-label", e.line); });
  for (const item of ring) item.state = "";
  for (const s of steps) if (s.line) s.line.innerHTML = byId.get(s.node).lines[s.phase];
  redraw(numbers);
  render();
});

const say = page.querySelector(".say"), ledger = page.querySelector(".ledger"), steps = data.steps, last = steps.length - 1;
const nodes = data.nodes, edges = data.edges, byId = new Map(nodes.map(n => [n.id, n]));
const forward = steps.filter(s => s.phase === "forward").length, backward = last - forward;
let now = 0;

for (const n of nodes) { n.ins = []; n.outs = []; n.forth = -1; n.back = Infinity; n.element = find(n.id); }
steps.forEach((s, i) => { if (s.node) byId.get(s.node)[s.phase === "forward" ? "forth" : "back"] = i; });
for (const e of edges) { e.from = byId.get(e.src); e.to = byId.get(e.dst); e.from.outs.push(e); e.to.ins.push(e); e.element = find(e.id); }

steps.forEach((s, i) => {
  if (!s.node) return;
  const line = document.createElement("li"), n = byId.get(s.node);
  line.innerHTML = n.lines[s.phase];
  line.hidden = true;
  line.addEventListener("click", () => go(i));
  ledger.append(line);
  s.line = line;
});

function start() {
  return `<h2>Start</h2><p>${data.start}</p><p class="note">${forward} step${forward === 1 ? "" : "s"} forward compute the values, then ${backward} step${backward === 1 ? "" : "s"} backward gather the gradients. Press → or Play; point at a box or an arrow for its formula.</p>`;
}

function panel(n) { return n.back <= now ? n.panels.backward : n.panels.forward; }

function show(html) { say.innerHTML = html; }

function render() {
  const step = steps[now], current = step.node ? byId.get(step.node) : null;
  page.classList.toggle("back", step.phase === "backward");
  for (const n of nodes) {
    const known = n.forth <= now, got = n.back <= now, list = n.element.classList;
    list.toggle("pend", !known); list.toggle("got", got); list.toggle("now", n === current);
    const d = cell(n.id + "_d"), g = cell(n.id + "_g");
    if (d) d.textContent = known ? n.data_text : "–";
    if (g) g.textContent = got ? n.grad_text : "–";
    n.element.setAttribute("aria-label", `${n.label}${n.expr ? " = " + n.expr : ""}, ${n.kind}, data ${known ? n.data_text : "not known yet"}, grad ${got ? n.grad_text : "not known yet"}`);
  }
  for (const e of edges) {
    const list = e.element.classList, forth = step.phase === "forward" && e.to === current, flow = step.phase === "backward" && e.from === current;
    list.toggle("pend", e.to.forth > now); list.toggle("got", e.from.back <= now);
    list.toggle("forth", forth); list.toggle("flow", flow && e.contribution !== null); list.toggle("now", forth || flow);
  }
  show(!current ? start() : step.phase === "forward" ? current.panels.forward : current.panels.backward);
  steps.forEach((s, i) => { if (s.line) { s.line.hidden = i > now || (step.phase === "backward" && s.phase === "forward"); s.line.classList.toggle("now", i === now); } });
  if (step.line) { const box = ledger.getBoundingClientRect(), line = step.line.getBoundingClientRect(); if (line.bottom > box.bottom || line.top < box.top) ledger.scrollTop += line.bottom - box.bottom + 8; }
}

// A live view around the page keeps the step, and gives the page the height it wants.
function tell() { if (window.parent !== window) window.parent.postMessage({ player: data.uid, step: now, height: page.getBoundingClientRect().height }, "*"); }
addEventListener("resize", tell);

function words(i) { return i === 0 ? `start · 0/${last}` : i <= forward ? `forward ${i}/${forward}` : `backward ${i - forward}/${backward}`; }
const { go, open } = bar(last, 1100, words, i => { now = i; render(); tell(); });

// Boxes can be focused; where there are many, one Tab stop and the arrow keys up and down.
const many = nodes.length > 40, ring = [];
function reach(item, html, visit) {
  const el = item.element;
  ring.push(el);
  el.setAttribute("role", "button");
  el.setAttribute("tabindex", nodes.includes(item) && (!many || ring.length === 1) ? "0" : "-1");
  el.addEventListener("mouseenter", () => { el.classList.add("point"); show(html()); });
  el.addEventListener("mouseleave", () => { el.classList.remove("point"); render(); });
  el.addEventListener("focus", () => { if (el.matches(":focus-visible")) show(html()); });
  el.addEventListener("blur", render);
  el.addEventListener("click", visit);
  el.addEventListener("keydown", ev => {
    if (ev.key === "Enter") { ev.preventDefault(); visit(); }
    if (ev.key === "ArrowDown" || ev.key === "ArrowUp") {
      ev.preventDefault();
      const next = ring[(ring.indexOf(el) + (ev.key === "ArrowDown" ? 1 : ring.length - 1)) % ring.length];
      if (many) { el.setAttribute("tabindex", "-1"); next.setAttribute("tabindex", "0"); }
      next.focus();
    }
  });
}
for (const n of nodes) {
  reach(n, () => panel(n), () => go(now > forward || n.forth < 0 ? (n.back <= last ? n.back : now) : n.forth));
  for (const e of n.ins) {
    const path = e.element.querySelector("path"), hit = path.cloneNode();
    hit.setAttribute("class", "hit"); hit.removeAttribute("style");
    path.parentNode.insertBefore(hit, path);
    e.element.setAttribute("aria-label", e.line);
    reach(e, () => e.panel, () => go(now > forward && e.from.back <= last ? e.from.back : e.to.forth));
  }
}
open(data.first);

// A live view around the page sends other numbers of the same graph.
addEventListener("message", ev => {
  if (ev.source !== window.parent || !ev.data) return;
  if (ev.data.room) { // the graph takes what the bar and the legend leave of it
    page.classList.add("fit");
    const rest = page.querySelector(".bar").offsetHeight + page.querySelector(".legend").offsetHeight + 12;
    page.style.setProperty("--room", Math.max(ev.data.room - rest, 240) + "px");
    tell();
  }
  if (!ev.data.fresh) return;
  const { nodes: newer, edges: others, numbers } = ev.data.fresh;
  newer.forEach((n, i) => Object.assign(nodes[i], n));
  others.forEach((e, i) => { Object.assign(edges[i], e); edges[i].element.setAttribute("aria-label", e.line); });
  for (const s of steps) if (s.line) s.line.innerHTML = byId.get(s.node).lines[s.phase];
  redraw(numbers);
  render();
});

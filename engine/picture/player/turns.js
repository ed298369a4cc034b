// A button at each Module that can be opened or closed: the page carries what is drawn then, and starts again with that, or
// asks the live view around it.
const SIGNS = { open: [0, "M-4 0H4M0-4V4"], close: [0, "M-4 0H4"], one: [26, "M-2.5-2L.5-4V4.5"], before: [26, "M2-4L-2 0L2 4"], after: [52, "M-2-4L2 0L-2 4"] };
for (const turn of data.turns || []) {
  const [element, kind, name] = turn, [along, sign] = SIGNS[kind], frame = element.startsWith("g_"), rect = find(element).querySelector("rect"), n = key => Number(rect.getAttribute(key));
  const button = document.createElementNS("http://www.w3.org/2000/svg", "g");
  button.innerHTML = `<title></title><circle class="room" r="12"/><circle r="8"/><path d="${sign}"/>`;
  button.firstChild.textContent = name;
  const x = n("x") + (frame ? Math.min(n("width"), n("width") / 2 + 60) + along : n("width") - along); // of a wide frame what is in view
  for (const [key, text] of Object.entries({ class: "turn", role: "button", tabindex: "0", "aria-label": name, "data-turn": `${element} ${kind}`, transform: `translate(${x} ${n("y")})` })) button.setAttribute(key, text);
  button.addEventListener("click", () => take(turn));
  button.addEventListener("keydown", ev => {
    if (ev.key !== "Enter" && ev.key !== " ") return;
    ev.preventDefault();
    ev.stopPropagation();
    take(turn);
  });
  stage.graph.querySelector("svg").append(button);
  if (kind === "open") notes.push([element, "opens", "The + at its corner opens it."]);
  if (kind === "one") notes.push([element, "one", "The 1 there opens one of its calls."]);
}
point(null);
const focus = shown ? shown.focus : data.focus;
if (focus) [...page.querySelectorAll(".turn")].find(b => b.dataset.turn === focus)?.focus({ preventScroll: true });

function take([element, kind, , view]) {
  if (view < 0) return window.parent.postMessage({ player: data.uid, step: now, turn: [element, kind] }, "*");
  // The same box, else the Module's: a group is called by the place of its last node, as that node is.
  const { phase, node } = steps[now];
  swap(view, other => {
    const [back, way] = other.turns.find(t => t[3] === (shown ? shown.view : 0)) || [];
    const again = other.turns.some(t => t[0] === back && t[1] === kind); // on to the next, and the next
    const at = id => other.steps.findIndex(s => s.phase === phase && s.node?.slice(1) === id?.slice(1));
    return { step: [node, element, back].map(at).find(i => i >= 0) || 0, focus: back && `${back} ${again ? kind : way}` };
  });
}

async function swap(view, at) {
  if (ended.signal.aborted) return;
  go(now); // and no longer play
  ended.abort();
  const { sheet, ...other } = view ? await unpacked(JSON.parse(document.getElementById(data.uid + "_views").textContent)[view - 1]) : { data: await unpacked(dataText) };
  const next = blank.cloneNode(true), drawing = next.querySelector(".sheet > svg");
  if (sheet) {
    next.classList.toggle("side", sheet.side);
    next.style.setProperty("--w", `${sheet.width}px`); next.style.setProperty("--tick", sheet.tick);
    for (const [key, text] of [["width", sheet.width], ["height", sheet.height], ["viewBox", `0 0 ${sheet.width} ${sheet.height}`]]) drawing.setAttribute(key, text);
    drawing.innerHTML = sheet.svg;
  }
  page.replaceWith(next);
  run({ ...other, blank, view, ...at(other.data) });
}

// What the address says is open.
function asked() {
  const view = Number(address("view") || 0), step = address("step");
  if (view === (shown?.view || 0) || view > JSON.parse(document.getElementById(data.uid + "_views").textContent).length) return;
  swap(view, other => ({ step: step === "end" ? other.steps.length - 1 : Number(step || 0) }));
}
addEventListener("hashchange", asked);
if (!shown) asked();

// The stage: a frame with the drawing in it at a scale. Wheel, pinch, drag, keys, buttons and the map move the drawing;
// `reveal` brings boxes into view. Of a large drawing only what is in view is laid out, and from far away its outline.
const stage = (() => {
  const graph = page.querySelector(".graph"), sheet = graph.firstElementChild, drawing = sheet.firstElementChild;
  const map = page.querySelector(".map"), panel = page.querySelector(".panel"), size = drawing.viewBox.baseVal, framed = window.parent !== window;
  const calm = matchMedia("(prefers-reduced-motion:reduce)");
  const MARGIN = 8, MANY = 400, FAR = 0.4, MOST = 4;
  const things = [...drawing.querySelectorAll(".cluster, .edge, .node")].map(element => ({ element, seen: true, ...extent(element) }));
  const at = new Map(things.map(t => [t.element, t])), many = things.length > MANY, behind = things.at(-1).element.nextSibling;
  // Numbers of its own for where it is: to ask the browser would make it lay out between two changes.
  let scale = 1, wide = 0, high = 0, left = 0, top = 0, chosen = false, taken = 0, aim = null, frame = 0, shown = null, appear = () => {};

  if (many) for (const t of things) hide(t);
  page.classList.add("ready");

  // What is out of view is out of the document: a browser's every frame costs by all that is in it, hidden or not.
  function hide(t) { t.seen = false; t.element.remove(); }
  function bring(wanted) {
    let next = behind;
    for (let i = things.length - 1; i >= 0; i--) {
      const t = things[i], seen = wanted(t);
      if (t.seen && !seen) hide(t);
      else if (seen && !t.seen) { t.seen = true; appear(t.element); drawing.insertBefore(t.element, next); }
      if (seen) next = t.element;
    }
  }

  function extent(element) {
    const box = element.querySelector("rect"), n = name => Number(box.getAttribute(name));
    if (!element.classList.contains("edge")) return { x0: n("x"), y0: n("y"), x1: n("x") + n("width"), y1: n("y") + n("height") };
    const points = element.querySelector("path").getAttribute("d").match(/-?[\d.]+/g).map(Number);
    const ends = [...points.slice(0, 2), ...points.slice(-2)];
    for (const t of element.querySelectorAll("text")) {
      const x = Number(t.getAttribute("x")), y = Number(t.getAttribute("y"));
      points.push(x, y - 12, x + 6.5 * t.textContent.length, y + 4);
    }
    let [x0, y0] = points, x1 = x0, y1 = y0;
    for (let i = 0; i < points.length; i += 2) {
      x0 = Math.min(x0, points[i]); x1 = Math.max(x1, points[i]); y0 = Math.min(y0, points[i + 1]); y1 = Math.max(y1, points[i + 1]);
    }
    return { x0, y0, x1, y1, ends };
  }

  // Scale -------------------------------------------------------------------------------------------------------------
  const clamp = (x, least, most) => Math.max(least, Math.min(most, x));
  const whole = () => Math.min(1, wide / size.width, high / size.height);
  const indent = () => Math.max(0, (wide - size.width * scale) / 2);

  function set(to, x = wide / 2, y = high / 2) { // what is at this place of the stage stays there
    const px = (left + x - indent()) / scale, py = (top + y) / scale;
    scale = to;
    sheet.style.width = `${size.width * scale}px`; sheet.style.height = `${size.height * scale}px`;
    drawing.style.transform = `scale(${scale})`;
    drawing.style.setProperty("--hair", `${1 / scale}px`); // vector-effect knows nothing of this transform
    move(px * scale + indent() - x, py * scale - y);
  }
  function zoom(by, x, y) { chosen = true; set(clamp(scale * by, Math.min(whole(), FAR), MOST), x, y); }
  function fit() { chosen = true; set(whole()); }
  function fresh() { // the window, or what stands beside the stage, has another size: it takes what is left
    const below = panel && !taken && getComputedStyle(panel).order !== "1" ? panel.offsetHeight : 0;
    const room = (taken || innerHeight) - page.offsetHeight + graph.parentElement.parentElement.offsetHeight - below;
    wide = graph.clientWidth;
    const first = clamp(Math.min(wide / size.width, room / size.height), taken ? 0.6 : 0.8, 1);
    high = clamp(room, Math.min(size.height * first, taken || 200), size.height * first);
    graph.style.height = `${high}px`;
    set(chosen ? scale : first);
    if (shown) reveal(...shown, false);
  }
  function take(room) { taken = room; page.classList.add("taken"); fresh(); }

  // Place -------------------------------------------------------------------------------------------------------------
  function to(x, y) {
    left = clamp(x, 0, Math.max(0, size.width * scale - wide));
    top = clamp(y, 0, Math.max(0, size.height * scale - high));
    looked();
    graph.scrollTo(left, top);
  }
  function move(x, y) { cancelAnimationFrame(frame); aim = null; to(x, y); }
  function glide(x, y) {
    const [x0, y0] = [left, top], start = performance.now();
    if (calm.matches || Math.hypot(x - x0, y - y0) > 2 * Math.hypot(wide, high)) return move(x, y);
    cancelAnimationFrame(frame);
    aim = [x, y];
    frame = requestAnimationFrame(function go(now) {
      const t = clamp((now - start) / 250, 0, 1), eased = t * (2 - t);
      to(x0 + (x - x0) * eased, y0 + (y - y0) * eased);
      if (t < 1) frame = requestAnimationFrame(go); else aim = null;
    });
  }

  // Bring a box into view, and of the others, nearest first, those for which there is room beside it.
  function reveal(element, others, smooth = true) {
    shown = [element, others];
    const main = at.get(element), away = t => Math.hypot(t.x0 + t.x1 - main.x0 - main.x1, t.y0 + t.y1 - main.y0 - main.y1);
    const room = [wide - 2 * MARGIN, high - 2 * MARGIN], fits = a => (a.x1 - a.x0) * scale <= room[0] && (a.y1 - a.y0) * scale <= room[1];
    if (!fits(main)) set(Math.min(room[0] / (main.x1 - main.x0), room[1] / (main.y1 - main.y0)));
    let area = main;
    for (const t of others.map(e => at.get(e)).sort((a, b) => away(a) - away(b))) {
      const both = { x0: Math.min(area.x0, t.x0), y0: Math.min(area.y0, t.y0), x1: Math.max(area.x1, t.x1), y1: Math.max(area.y1, t.y1) };
      if (fits(both)) area = both;
    }
    const [x0, y0] = aim || [left, top];
    const x = place(x0, area.x0 * scale + indent(), area.x1 * scale + indent(), wide, size.width * scale);
    const y = place(y0, area.y0 * scale, area.y1 * scale, high, size.height * scale);
    if (x === x0 && y === y0) looked(); else if (smooth) glide(x, y); else move(x, y);
    corner([area], x, y);
    here();
  }
  function place(now, from, to, room, all) { // as it is if that shows it, else with it in the middle
    if (from >= now + MARGIN && to <= now + room - MARGIN) return now;
    return clamp((from + to - room) / 2, 0, Math.max(0, all - room));
  }

  // The map -----------------------------------------------------------------------------------------------------------
  const shrink = Math.min(150 / size.width, 110 / size.height);
  const width = Math.max(24, size.width * shrink), height = Math.max(24, size.height * shrink);
  const px = many ? size.width / width : 0.1, py = many ? size.height / height : 0.1; // of the map: boxes that are the same there are drawn once
  const outline = (t, x = 0.1, y = 0.1) => `M${Math.floor(t.x0 / x) * x} ${Math.floor(t.y0 / y) * y}H${Math.ceil(t.x1 / x) * x}V${Math.ceil(t.y1 / y) * y}H${Math.floor(t.x0 / x) * x}z`;
  const boxes = things.filter(t => t.element.classList.contains("node"));
  map.style.width = `${width}px`; map.style.height = `${height}px`;
  map.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  map.querySelector("path").setAttribute("d", [...new Set(boxes.map(t => outline(t, px, py)))].join(""));
  if (many) {
    const lines = things.filter(t => t.ends).map(t => `M${t.ends[0]} ${t.ends[1]}L${t.ends[2]} ${t.ends[3]}`).join("");
    drawing.insertAdjacentHTML("afterbegin", `<g class="outline"><path d="${lines}"/><path class="box" d="${boxes.map(t => outline(t)).join("")}"/></g>`);
  }
  function mark(rect, x0, y0, x1, y1) {
    const [w, h] = [Math.max(x1 - x0, 5 * size.width / width), Math.max(y1 - y0, 5 * size.height / height)];
    for (const [name, value] of [["x", (x0 + x1 - w) / 2], ["y", (y0 + y1 - h) / 2], ["width", w], ["height", h]]) rect.setAttribute(name, value);
  }
  function corner(areas, left, top) { // one where it hides nothing of the areas
    const free = [[1, 1], [0, 1], [1, 0], [0, 0]].find(([right, bottom]) => {
      const x = left - indent() + (right ? wide - width - 2 * MARGIN : 0), y = top + (bottom ? high - height - 2 * MARGIN : 0);
      return areas.every(a => a.x0 * scale > x + width + 2 * MARGIN || a.x1 * scale < x || a.y0 * scale > y + height + 2 * MARGIN || a.y1 * scale < y);
    });
    map.style.visibility = free ? "" : "hidden";
    if (free) Object.assign(map.style, { [free[0] ? "right" : "left"]: "8px", [free[0] ? "left" : "right"]: "auto", [free[1] ? "bottom" : "top"]: "8px", [free[1] ? "top" : "bottom"]: "auto" });
  }
  function here() {
    mark(map.querySelector(".here"), at.get(shown[0]).x0, at.get(shown[0]).y0, at.get(shown[0]).x1, at.get(shown[0]).y1);
  }

  // What is in view ---------------------------------------------------------------------------------------------------
  function looked() {
    const x0 = (left - indent()) / scale, x1 = x0 + wide / scale, y0 = top / scale, y1 = y0 + high / scale;
    const over = size.width * scale > wide + 1 || size.height * scale > high + 1;
    page.classList.toggle("over", over);
    if (over && !shown) corner(boxes, left, top); // a film, where no box is the one to see
    if (over) mark(map.querySelector(".seen"), Math.max(x0, 0), Math.max(y0, 0), Math.min(x1, size.width), Math.min(y1, size.height));
    if (!many) return;
    const far = scale < FAR, pad = 100 / scale;
    page.classList.toggle("far", far);
    bring(t => (!far && t.x1 > x0 - pad && t.x0 < x1 + pad && t.y1 > y0 - pad && t.y0 < y1 + pad) || t.element === shown?.[0]);
  }

  // Hands -------------------------------------------------------------------------------------------------------------
  // Alone in its window the page pans by the wheel. In a notebook the wheel scrolls the notebook: sideways, or with Ctrl, it is ours.
  graph.addEventListener("wheel", ev => {
    const unit = ev.deltaMode ? 16 : 1, box = graph.getBoundingClientRect();
    const [dx, dy] = ev.shiftKey && !ev.deltaX ? [ev.deltaY * unit, 0] : [ev.deltaX * unit, ev.deltaY * unit];
    if (ev.ctrlKey || ev.metaKey) {
      ev.preventDefault();
      zoom(Math.exp(-clamp(dy, -50, 50) / 150), ev.clientX - box.left, ev.clientY - box.top);
    } else if (!framed || Math.abs(dx) > Math.abs(dy)) {
      const [x, y] = [left, top];
      move(left + dx, top + (framed ? 0 : dy));
      if (left !== x || top !== y) ev.preventDefault();
    }
  }, { passive: false });

  const hands = new Map();
  let dragged = false;
  graph.addEventListener("pointerdown", ev => {
    if (ev.button) return;
    if (hands.size === 0) dragged = false;
    hands.set(ev.pointerId, [ev.clientX, ev.clientY]);
  });
  addEventListener("pointermove", ev => {
    const was = hands.get(ev.pointerId);
    if (!was || (!dragged && hands.size === 1 && Math.hypot(ev.clientX - was[0], ev.clientY - was[1]) < 4)) return;
    if (!dragged) { dragged = true; graph.setPointerCapture(ev.pointerId); page.classList.add("held"); }
    const before = [...hands.values()], box = graph.getBoundingClientRect();
    hands.set(ev.pointerId, [ev.clientX, ev.clientY]);
    const after = [...hands.values()], middle = (points, i) => points.reduce((sum, p) => sum + p[i], 0) / points.length;
    const spread = points => Math.hypot(points[0][0] - points[1][0], points[0][1] - points[1][1]) || 1;
    move(left + middle(before, 0) - middle(after, 0), top + middle(before, 1) - middle(after, 1));
    if (hands.size === 2) zoom(spread(after) / spread(before), middle(after, 0) - box.left, middle(after, 1) - box.top);
  });
  for (const name of ["pointerup", "pointercancel"]) addEventListener(name, ev => {
    hands.delete(ev.pointerId);
    if (hands.size === 0) page.classList.remove("held");
  });
  graph.addEventListener("click", ev => { if (dragged) { dragged = false; ev.stopPropagation(); } }, true); // a drag is no click
  graph.addEventListener("scroll", () => { // by the browser: a word found in the page, a box that got the focus
    if (Math.abs(graph.scrollLeft - left) > 1 || Math.abs(graph.scrollTop - top) > 1) move(graph.scrollLeft, graph.scrollTop);
  });

  function jump(ev) {
    if (!ev.buttons) return;
    const box = map.getBoundingClientRect();
    ev.preventDefault();
    move((ev.clientX - box.left) / box.width * size.width * scale - wide / 2, (ev.clientY - box.top) / box.height * size.height * scale - high / 2);
  }
  map.addEventListener("pointerdown", ev => { map.setPointerCapture(ev.pointerId); jump(ev); });
  map.addEventListener("pointermove", jump);

  const acts = { in: () => zoom(1.25), out: () => zoom(0.8), fit };
  page.addEventListener("click", ev => { const b = ev.target.closest("[data-zoom]"); if (b) acts[b.dataset.zoom](); });
  const keys = { "+": acts.in, "=": acts.in, "-": acts.out, 0: fit };
  addEventListener("keydown", ev => {
    if (ev.ctrlKey || ev.metaKey || ev.altKey || ev.target.matches("[type=search]")) return;
    const pan = ev.target === graph ? { ArrowUp: -60, ArrowDown: 60 }[ev.key] : 0;
    if (pan) move(left, top + pan); else if (keys[ev.key]) keys[ev.key](); else return;
    ev.preventDefault();
  });
  addEventListener("beforeprint", () => bring(() => true));
  addEventListener("afterprint", looked);
  fresh();
  const sizes = new ResizeObserver(fresh);
  for (const e of [page, panel]) if (e) sizes.observe(e);
  ended.signal.addEventListener("abort", () => sizes.disconnect());
  addEventListener("resize", fresh);
  return {
    graph, reveal, take, // the height of a page that is as high as it likes, its panel not counted
    sees: element => at.get(element).seen,
    // What is told of an element that comes into view: until then nothing need be done about it.
    set appear(tell) { appear = tell; },
  };
})();

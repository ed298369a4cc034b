// The widget's part of a live view: a slider and a field for each leaf, and the player's page in a frame of its own.
// A number goes to Python, which sends the numbers of the whole graph; the page shows them at the step where it stands.
// One edit is on its way at a time; what is changed meanwhile is sent, as one, when the page shows the answer. A Module that
// is opened or closed on the page goes to Python too, and another page comes.
export default {
  render({ model, el }) {
    el.classList.add("chainrule-live");
    const made = (name, attributes, ...inside) => {
      const element = document.createElement(name);
      for (const [key, x] of Object.entries(attributes)) element.setAttribute(key, x);
      element.append(...inside);
      return element;
    };
    const form = made("form", { "aria-label": "Leaves" }), note = made("p", { role: "alert" }), stage = made("div", { class: "stage" });
    const reset = made("button", { type: "button" }, "Reset");
    el.append(form, note, stage);
    form.addEventListener("submit", ev => ev.preventDefault());
    const leaves = new Map();
    let shown = null, coming = null, html = null, step = model.get("step"), wanted = {}, turn = null, ticket = 0;

    function send() {
      if (ticket || (Object.keys(wanted).length === 0 && !turn)) return;
      ticket = Math.random();
      model.set("edits", { ticket, numbers: wanted, step, ...(turn && { turn }) });
      model.save_changes();
      [wanted, turn] = [{}, null];
    }
    function answered() {
      if (model.get("answered") === ticket) requestAnimationFrame(() => { ticket = 0; send(); });
    }
    function edit(name, x) { wanted[name] = x; send(); }

    // A slider reaches to both sides of 0, twice as far as the number, to a round end.
    function reach(x) {
      const twice = 2 * Math.abs(x) || 1, ten = 10 ** Math.floor(Math.log10(twice));
      return [1, 2, 5, 10].map(n => Number((n * ten).toPrecision(1))).find(end => end >= twice) || twice;
    }
    function leaf(name) {
      const slider = made("input", { type: "range", "aria-label": `${name}, slider` }), field = made("input", { type: "number", step: "any", name });
      const row = made("div", { class: "leaf" }, made("label", {}, made("span", {}, name), field), slider);
      const there = { row, slider, field, end: 0 };
      slider.addEventListener("input", () => {
        field.value = String(Number(Number(slider.value).toPrecision(12)));
        field.setAttribute("aria-invalid", "false");
        edit(name, Number(field.value));
      });
      field.addEventListener("input", () => {
        const good = field.value.trim() !== "" && Number.isFinite(Number(field.value));
        field.setAttribute("aria-invalid", String(!good));
        if (!good) return;
        place(there, Number(field.value));
        edit(name, Number(field.value));
      });
      field.addEventListener("keydown", ev => {
        if (ev.key !== "ArrowUp" && ev.key !== "ArrowDown") return;
        ev.preventDefault(); // in steps of the slider, where the browser's are of 1
        const by = there.end / 100 * (ev.key === "ArrowUp" ? 1 : -1) * (ev.shiftKey ? 10 : 1);
        field.value = String(Number((Number(field.value) + by).toPrecision(12)));
        field.dispatchEvent(new Event("input"));
      });
      row.addEventListener("keydown", ev => ev.stopPropagation()); // a notebook takes some keys for itself
      form.append(row);
      leaves.set(name, there);
      return there;
    }
    function place(there, x) {
      if (!Number.isFinite(x)) return;
      if (!there.end || Math.abs(x) > there.end) {
        there.end = reach(x);
        Object.assign(there.slider, { min: -there.end, max: there.end, step: there.end / 100 });
      }
      there.slider.value = x;
    }
    function fields() {
      const active = el.getRootNode().activeElement, names = model.get("fields").map(([name]) => name);
      for (const [name, { row }] of leaves) if (!names.includes(name)) { row.remove(); leaves.delete(name); } // it is in a box now
      for (const [name, number] of model.get("fields")) {
        const there = leaves.get(name) || leaf(name);
        if (there.row.contains(active)) continue; // being edited
        there.field.value = number;
        there.field.setAttribute("aria-invalid", "false");
        place(there, number === "" ? NaN : Number(number));
      }
      form.append(reset);
      form.hidden = leaves.size === 0;
    }
    reset.addEventListener("click", () => {
      for (const [name, , first] of model.get("fields")) if (first !== "") wanted[name] = Number(first);
      send();
    });

    // The whole graph is to be seen: the page is told what room the window leaves, and says what height it takes.
    function tell(frame, message) { frame.contentWindow.postMessage(message, "*"); }
    function room() {
      let height = window.innerHeight;
      for (let e = el.parentElement; e; e = e.parentElement) {
        if (/auto|scroll/.test(getComputedStyle(e).overflowY) && e.clientHeight > 200) height = Math.min(height, e.clientHeight);
      }
      if (shown) tell(shown, { room: height - form.offsetHeight - 40 });
    }
    function page() {
      const frame = made("iframe", { sandbox: "allow-scripts", title: "Step player" });
      const text = frame.srcdoc = model.get("page");
      if (coming) coming.remove();
      coming = frame;
      frame.addEventListener("load", () => {
        if (frame !== coming) return;
        if (shown && shown === el.getRootNode().activeElement) frame.focus(); // it had the keyboard
        if (shown) shown.remove();
        [shown, coming, html] = [frame, null, text];
        room();
        fresh();
        frame.classList.add("shown");
      });
      stage.append(frame);
    }
    function fresh() { if (shown && html === model.get("page")) tell(shown, { fresh: model.get("fresh") }); }
    function heard(ev) {
      const frame = [coming, shown].find(f => f && ev.source === f.contentWindow);
      if (!frame || !ev.data || ev.data.player === undefined) return;
      step = ev.data.step;
      if (ev.data.turn) { turn = ev.data.turn; return send(); }
      if (ev.data.height > 0) stage.style.height = `${Math.ceil(ev.data.height)}px`; // 0 in a tab that is hidden
    }
    function say() { note.textContent = model.get("message"); note.hidden = !note.textContent; }

    window.addEventListener("message", heard);
    window.addEventListener("resize", room);
    const events = { fields, page, fresh, message: say, answered };
    for (const [name, act] of Object.entries(events)) model.on(`change:${name}`, act);
    fields();
    page();
    say();
    return () => {
      window.removeEventListener("message", heard);
      window.removeEventListener("resize", room);
      for (const [name, act] of Object.entries(events)) model.off(`change:${name}`, act);
    };
  },
};

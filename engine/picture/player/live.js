// The widget's part of a live view: fields for the leaves, and the player's page in a frame of its own. A number that is
// typed goes to Python, which sends a new page; it takes the place of the old one once it is loaded, at the same step.
export default {
  render({ model, el }) {
    el.classList.add("chainrule-live");
    const form = document.createElement("form"), note = document.createElement("p"), stage = document.createElement("div");
    form.setAttribute("aria-label", "Leaves");
    note.setAttribute("role", "alert");
    stage.className = "stage";
    el.append(form, note, stage);
    form.addEventListener("submit", ev => ev.preventDefault());
    let shown = null, coming = null, step = model.get("step"), timer = 0;

    function send() {
      const edits = {};
      for (const input of form.querySelectorAll("input")) {
        const good = input.value.trim() !== "" && Number.isFinite(Number(input.value));
        input.setAttribute("aria-invalid", String(!good));
        if (good && Number(input.value) !== Number(input.dataset.sent)) edits[input.name] = Number(input.value);
      }
      if (Object.keys(edits).length === 0) return;
      model.set("step", step);
      model.set("edits", edits);
      model.save_changes();
    }

    function fields() {
      const there = new Map([...form.querySelectorAll("input")].map(input => [input.name, input]));
      for (const [name, number] of model.get("fields")) {
        let input = there.get(name);
        if (!input) {
          const label = document.createElement("label"), text = document.createElement("span");
          text.textContent = name;
          input = document.createElement("input");
          Object.assign(input, { type: "number", step: "any", name, value: number });
          input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(send, 120); });
          input.addEventListener("keydown", ev => {
            ev.stopPropagation(); // a notebook takes some keys for itself
            if (ev.key !== "ArrowUp" && ev.key !== "ArrowDown") return;
            ev.preventDefault(); // in steps that fit the number, where the browser's are of 1
            const by = 10 ** Math.floor(Math.log10(Math.max(Math.abs(Number(input.value)), 1)) - 1);
            input.value = String(Number((Number(input.value) + (ev.key === "ArrowUp" ? by : -by)).toPrecision(12)));
            input.dispatchEvent(new Event("input"));
          });
          label.append(text, input);
          form.append(label);
        }
        input.dataset.sent = number;
        if (document.activeElement !== input && el.getRootNode().activeElement !== input) input.value = number;
      }
      form.hidden = form.children.length === 0;
    }

    function page() {
      const frame = document.createElement("iframe");
      frame.setAttribute("sandbox", "allow-scripts");
      frame.title = "Step player";
      frame.srcdoc = model.get("page");
      if (coming) coming.remove();
      coming = frame;
      frame.addEventListener("load", () => {
        if (frame !== coming) return;
        if (shown) shown.remove();
        [shown, coming] = [frame, null];
        frame.classList.add("shown");
      });
      stage.append(frame);
    }

    function heard(ev) {
      if (!shown || ev.source !== shown.contentWindow || !ev.data || ev.data.player === undefined) return;
      step = ev.data.step;
      stage.style.height = `${Math.ceil(ev.data.height)}px`;
    }

    function say() { note.textContent = model.get("message"); note.hidden = !note.textContent; }
    window.addEventListener("message", heard);
    model.on("change:fields", fields);
    model.on("change:page", page);
    model.on("change:message", say);
    fields();
    page();
    say();
    return () => { window.removeEventListener("message", heard); clearTimeout(timer); };
  },
};

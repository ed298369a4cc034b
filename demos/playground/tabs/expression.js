// An expression: the program, what it prints, and its picture, which the live view of notebooks moves (live.js).
import live from "../live.js";
import { editor } from "../editor.js";
import { Model } from "../model.js";
import { Stopped } from "../python.js";

const CHECKS = /\b(?:engine\.checks|hypothesis|flint)\b/; // what a program imports that Python comes without

export default function expression(page) {
  const { panel, python } = page, find = selector => panel.querySelector(selector);
  const { code, number } = editor(panel);
  const [example, run, stop, wrong, came, note, view] = ["#example", ".run", ".stop", ".error", ".came", ".note", ".live"].map(find);
  const printed = find(".printed"), text = printed.querySelector("pre");
  let model = null, away = null, step = null, running = false, examples = [];
  let drawn = null; // the program whose picture is seen
  let linked = null; // what came in a link, for the first run of its program
  const built = fetch("tabs/expression.json").then(answer => answer.json());

  // The editor ----------------------------------------------------------------------------------------------------------
  function write(program) { code.value = program; number(); }
  code.addEventListener("input", () => { number(); example.value = ""; page.changed(); });
  code.addEventListener("keydown", ev => {
    if (ev.key === "Enter" && (ev.ctrlKey || ev.metaKey)) { ev.preventDefault(); go(); }
  });

  // The picture ---------------------------------------------------------------------------------------------------------
  function draw(told) {
    away?.();
    view.replaceChildren();
    [model, away, step] = [null, null, null];
    if (!told) return;
    step = told.step;
    model = new Model({ edits: {}, ...told }, edits => {
      const mine = model;
      page.changed();
      python.ask("expression.edit", edits).then(news => { mine.take(news); if (mine === model && news.note !== undefined) tell(news.note); }, error => { if (!(error instanceof Stopped)) fail({ text: error.message }); });
    });
    away = live.render({ model, el: view });
  }
  window.addEventListener("message", ({ data }) => {
    if (!model || data?.player !== "g" || data.step === step) return;
    step = data.step;
    page.changed();
  });
  // The numbers that are not those of the program.
  function edited() {
    const fields = model ? model.get("fields") : [];
    return Object.fromEntries(fields.filter(([, now, first]) => now !== first && now !== "").map(([name, now]) => [name, Number(now)]));
  }

  const opened = () => model?.get("opened") ?? linked?.opened ?? [];

  // Running -------------------------------------------------------------------------------------------------------------
  function fail(error) {
    const kind = document.createElement("b");
    kind.textContent = [error.line ? `Line ${error.line}` : "", error.kind].filter(Boolean).join(", ");
    wrong.replaceChildren(kind, kind.textContent && error.text ? ": " : "", error.text);
    wrong.hidden = false;
    number(error.line);
    if (!model) return;
    view.classList.add("old");
    tell("The picture is of the program before.");
  }
  function tell(words) {
    note.textContent = words;
    note.hidden = !words;
  }
  function busy(now) {
    running = now;
    run.disabled = now;
    stop.disabled = !now;
  }
  async function go() {
    if (running) return;
    const program = code.value, { values, at, opened } = linked?.code === program ? linked : { values: {}, at: null, opened: [] };
    linked = null;
    busy(true);
    came.hidden = wrong.hidden = true;
    number();
    text.textContent = "";
    printed.hidden = true;
    try {
      if (CHECKS.test(program)) await python.add("checks");
      const answer = await python.ask("expression.run", { code: program, values, step: at, opened }, ({ printed: more }) => {
        text.append(more);
        printed.hidden = false;
      });
      if (answer.error) return fail(answer.error);
      show(program, answer);
    } catch (error) {
      fail({ text: error instanceof Stopped && error.message === "stopped" ? "Stopped. Python starts anew; edit the program meanwhile." : error.message });
    } finally {
      busy(false);
      page.changed();
    }
  }
  function show(program, answer) {
    drawn = program;
    view.classList.remove("old");
    tell(answer.note);
    draw(answer.live);
  }
  run.addEventListener("click", () => go());
  stop.addEventListener("click", () => python.stop());
  example.addEventListener("change", () => {
    write(examples[Number(example.value)].code);
    if (running) python.stop();
    go();
  });

  return {
    seen: new Promise(resolve => view.addEventListener("load", resolve, { capture: true, once: true })),
    state: () => ({ code: code.value, values: edited(), step, opened: opened() }),
    open({ code: program, values, step: at, opened: before }) {
      write(String(program ?? ""));
      linked = { code: code.value, values: values && typeof values === "object" ? values : {}, at: Number.isInteger(at) ? at : null, opened: Array.isArray(before) ? before.slice(0, 100) : [] };
      came.hidden = false;
      wrong.hidden = printed.hidden = true;
      view.classList.remove("old");
      tell("Its picture comes when it is run.");
      example.value = "";
      drawn = null;
      draw(null);
    },
    async shown() {
      if (examples.length) return;
      const { examples: all, first } = await built;
      examples = all;
      example.replaceChildren(new Option("Your own", ""), ...all.map(({ name }, i) => new Option(name, i)));
      example.value = linked ? "" : "0";
      if (linked) return;
      write(all[0].code);
      show(all[0].code, first); // drawn when the page was built; Python takes it over when it is there
      if (!python.busy) this.restarted();
    },
    // A graph that is seen can be edited again: its program is run anew.
    restarted() {
      const again = drawn;
      if (again === null || running) return;
      drawn = null; // should it be what ended Python, it is not run a third time
      python.ask("expression.run", { code: again, values: edited(), step, opened: opened() }).then(() => { drawn ??= again; }, () => {});
    },
  };
}

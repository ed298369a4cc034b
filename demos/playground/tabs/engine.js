// Your own engine: a class is written or pasted, checked from the smallest graphs up, and what is wrong with it is drawn.
import { editor } from "../editor.js";
import { Stopped } from "../python.js";

export default function engine(page) {
  const { panel, python } = page, find = selector => panel.querySelector(selector);
  const { code, number } = editor(panel);
  const [example, check, stop, came, said, notes, figure, drawn, printed] = ["#engine-example", ".check", ".stop", ".came", ".said", ".notes", "figure", ".drawn", ".printed"].map(find);
  const text = printed.querySelector("pre");
  const built = fetch("tabs/engine.json").then(answer => answer.json());
  let running = false, engines = [], linked = false;

  function write(program) { code.value = program; number(); }
  function say(words, kind = "") {
    said.textContent = words;
    said.className = `said ${kind}`;
  }
  function clear() {
    say("");
    notes.replaceChildren();
    figure.hidden = printed.hidden = true;
    text.textContent = "";
    number();
  }
  function show({ ok, says, line, svg, notes: more }) {
    say(says, ok ? "right" : "wrong");
    number(line);
    if (line && !ok) code.scrollTop = Math.max(0, (line - 4) * code.scrollHeight / code.value.split("\n").length);
    notes.replaceChildren(...more.map(note => Object.assign(document.createElement("li"), { textContent: note })));
    figure.hidden = !svg;
    if (svg) drawn.replaceChildren(Object.assign(document.createElement("img"), { alt: says, src: `data:image/svg+xml,${encodeURIComponent(svg)}` }));
  }
  async function go() {
    if (running) return;
    [running, check.disabled, stop.disabled, came.hidden] = [true, true, false, true];
    clear();
    say("Fetching what proves gradients (8 MB, once)…");
    try {
      await python.add("checks", share => say(`Fetching what proves gradients (8 MB, once)… ${Math.round(100 * share)} %`));
      say("Checking…");
      show(await python.ask("engine.check", { code: code.value }, ({ checked, printed: more }) => {
        if (checked) say(`Checking… ${checked} graphs are right.`);
        if (more) { text.append(more); printed.hidden = false; }
      }));
    } catch (error) {
      say(error instanceof Stopped && error.message === "stopped" ? "Stopped. Python starts anew; edit the engine meanwhile." : error.message, "wrong");
    } finally {
      [running, check.disabled, stop.disabled] = [false, false, true];
      page.changed();
    }
  }
  code.addEventListener("input", () => { number(); example.value = ""; page.changed(); });
  code.addEventListener("keydown", ev => {
    if (ev.key === "Enter" && (ev.ctrlKey || ev.metaKey)) { ev.preventDefault(); go(); }
  });
  check.addEventListener("click", go);
  stop.addEventListener("click", () => python.stop());
  example.addEventListener("change", () => {
    if (example.value === "") return;
    write(engines[Number(example.value)].code);
    clear();
    page.changed();
  });

  return {
    state: () => ({ code: code.value }),
    open({ code: program }) {
      write(String(program ?? ""));
      clear();
      [linked, came.hidden, example.value] = [true, false, ""];
    },
    async shown() {
      if (engines.length) return;
      ({ engines } = await built);
      example.replaceChildren(new Option("Your own", ""), ...engines.map(({ name }, i) => new Option(name, i)));
      example.value = linked ? "" : "0";
      if (!linked) write(engines[0].code);
    },
  };
}

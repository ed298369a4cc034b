// A drill: the picture of a small graph, with a field over each number that is asked for, checked as they are filled in.
import { Stopped } from "../python.js";

const KEPT = "chainrule drill"; // in the page's own storage: score, streak and the best streak

export default function drill(page) {
  const { panel, python } = page, find = selector => panel.querySelector(selector);
  const [level, seed, next, asks, said, sheet, shows] = ["#drill-level", "#drill-seed", ".next", ".asks", ".said", ".sheet", ".shows"].map(find);
  const built = fetch("tabs/drill.json").then(answer => answer.json());
  let asked = { level: 1, seed: 0 }, there = null, inputs = [], missed = new Set(), asking = 0, levels = 0;

  // Score -----------------------------------------------------------------------------------------------------------------
  const tally = { score: 0, streak: 0, best: 0 };
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT)) ?? {};
    for (const name of Object.keys(tally)) if (Number.isSafeInteger(kept[name]) && kept[name] >= 0) tally[name] = kept[name];
  } catch { /* none is kept */ }
  function count() {
    tally.best = Math.max(tally.best, tally.streak);
    for (const [name, n] of Object.entries(tally)) find(`.${name}`).textContent = n;
    try { localStorage.setItem(KEPT, JSON.stringify(tally)); } catch { /* a browser that keeps nothing */ }
  }

  // The picture -----------------------------------------------------------------------------------------------------------
  function say(text, kind = "") {
    said.textContent = text;
    said.className = `said ${kind}`;
  }
  function draw(problem) {
    there = problem;
    [asked, missed] = [{ level: problem.level, seed: problem.seed }, new Set()];
    level.value = problem.level;
    seed.value = problem.seed;
    asks.textContent = problem.title[0].toUpperCase() + problem.title.slice(1);
    const paper = Object.assign(document.createElement("div"), { className: "paper" }), image = document.createElement("img");
    Object.assign(image, { alt: problem.alt, width: problem.width, height: problem.height, src: `data:image/svg+xml,${encodeURIComponent(problem.svg)}` });
    Object.assign(paper.style, { width: `${problem.width}px`, height: `${problem.height}px` });
    inputs = problem.fields.map(({ name, kind, x, y }, i) => {
      const input = document.createElement("input"), edge = kind !== "gradient";
      Object.assign(input, { type: "text", autocomplete: "off", spellcheck: false, enterKeyHint: "next", className: edge ? "edge" : "" });
      input.setAttribute("aria-label", `${name}, ${kind}`);
      Object.assign(input.style, { left: `${edge ? x + 13 : x - 56}px`, top: `${y - (edge ? 11 : 13)}px` });
      input.addEventListener("change", () => check(i));
      input.addEventListener("input", () => { input.classList.remove("wrong"); input.removeAttribute("aria-invalid"); });
      input.addEventListener("keydown", ev => { if (ev.key === "Enter" && !input.readOnly && input.value === input.dataset.checked) onward(i); });
      return input;
    });
    paper.append(image, ...inputs);
    sheet.replaceChildren(paper);
    shows.hidden = true;
    say("");
  }

  // Answers ---------------------------------------------------------------------------------------------------------------
  const onward = i => (inputs.slice(i).concat(inputs.slice(0, i)).find(input => !input.readOnly) ?? next).focus();
  async function check(i) {
    const input = inputs[i], number = input.value.trim(), problem = there;
    if (!number || input.readOnly || input.dataset.checked === input.value) return;
    input.dataset.checked = input.value;
    const inside = document.activeElement === input;
    let mark;
    if (!python.ms) say("Python is on its way; this is checked when it is there.");
    try {
      mark = await python.ask("drill.check", { ...asked, field: i, number });
    } catch (error) {
      input.dataset.checked = "";
      return say(error instanceof Stopped ? "Python starts anew: press Enter once more." : error.message, "wrong");
    }
    if (problem !== there) return;
    const first = !missed.has(i), { name } = problem.fields[i];
    if (mark.right) {
      if (first) { tally.score += 1; tally.streak += 1; }
      input.readOnly = true;
      input.className += " right";
      shows.hidden = true;
      const left = inputs.filter(other => !other.readOnly).length;
      say(left ? `${name} is right.` : "All is right. The next one waits.");
      if (inside && document.activeElement === input) onward(i);
    } else {
      input.classList.add("wrong");
      input.setAttribute("aria-invalid", "true");
      say(mark.says, "wrong");
      if (!mark.nearly) {
        missed.add(i);
        tally.streak = 0;
        const [title, frame] = [shows.querySelector("h2"), shows.querySelector("iframe")];
        title.textContent = `The step to look at: ${mark.line}`;
        frame.srcdoc = mark.player;
        shows.hidden = false;
      }
      if (inside) input.select();
    }
    count();
  }

  // Problems --------------------------------------------------------------------------------------------------------------
  async function go(to) {
    const mine = ++asking;
    asked = to;
    page.changed();
    panel.setAttribute("aria-busy", "true");
    try {
      const problem = await python.ask("drill.problem", to);
      if (mine !== asking) return;
      draw(problem);
    } catch (error) {
      if (mine === asking && !(error instanceof Stopped)) say(error.message, "wrong");
    } finally {
      if (mine === asking) panel.removeAttribute("aria-busy");
    }
  }
  const number = (text, most) => { const n = Number(text); return Number.isInteger(n) && n >= 0 && n <= most ? n : 0; };
  level.addEventListener("change", () => go({ ...asked, level: Number(level.value) }));
  seed.addEventListener("change", () => go({ ...asked, seed: number(seed.value, 999999999) }));
  next.addEventListener("click", async () => {
    await go({ ...asked, seed: asked.seed + 1 });
    inputs[0]?.focus();
  });

  return {
    state: () => ({ ...asked }),
    open({ level: l, seed: s }) {
      asked = { level: Math.max(1, number(l, 99)), seed: number(s, 999999999) };
      if (levels) go({ ...asked, level: Math.min(levels, asked.level) });
    },
    async shown() {
      if (levels) return;
      const { levels: titles, first } = await built;
      levels = titles.length;
      level.replaceChildren(...titles.map((title, i) => new Option(title, i + 1)));
      asked.level = Math.min(levels, asked.level);
      count();
      if (asked.level === first.level && asked.seed === first.seed) draw(first); // drawn when the page was built
      else go(asked);
    },
    restarted() { if (!there || there.level !== asked.level || there.seed !== asked.seed) go(asked); },
  };
}

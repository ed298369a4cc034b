// The page around the tabs: which one is seen, what Python is doing, and the link to all of it.
//
// A tab is a module tabs/NAME.js; its default export is called once, with a Page, and gives an object of
//   state()          what a link keeps of the tab, as plain data
//   open(state)      show that; called before `shown`, with what came in a link: from anybody, so nothing in it is run unasked
//   shown()          the tab is seen now; again each time
//   restarted()      Python was ended and is another one (optional)
//   seen             a promise: its first picture is seen, which Python waits for (optional)
import { packed, unpacked } from "./link.js";
import { Python } from "./python.js";

const $ = id => document.getElementById(id);
const buttons = [...document.querySelectorAll("[role=tab]")], names = buttons.map(b => b.id.slice("tab-".length));
const tabs = new Map();
let current = "", linked = null, keeping = 0, saying = 0, said = ["", ""];

// What Python is doing; for a moment something else is said in its place.
function say(text, kind = "") {
  said = [text, kind];
  if (!saying) paint(text, kind);
}
function paint(text, kind) {
  $("state").textContent = text;
  $("state").className = kind;
}
function note(text) {
  clearTimeout(saying);
  paint(text, "note");
  saying = setTimeout(() => { saying = 0; paint(...said); }, 3000);
}

let begin;
const python = new Python(new Promise(resolve => { begin = resolve; }), (state, detail) => {
  if (state === "loading") say(`Loading Python… ${Math.round(100 * detail)} %`, "wait");
  if (state === "starting") say("Starting Python…", "wait");
  if (state === "ready") {
    say(`Python ${detail}`, "ready");
    if (python.restarted) for (const tab of tabs.values()) tab.restarted?.();
  }
  if (state === "broken") say(`Python did not start: ${detail}`, "wrong");
});

async function keep() {
  clearTimeout(keeping);
  keeping = 0;
  const text = await packed({ tab: current, ...tabs.get(current).state() });
  linked = `#${text}`;
  history.replaceState(null, "", linked);
}

// What a tab is given.
class Page {
  constructor(name) { this.panel = $(name); this.python = python; }
  // The tab's state is another: the address follows, a moment later.
  changed() { if (!keeping) keeping = setTimeout(keep, 400); }
  say(text) { note(text); }
}

function show(name, focus = false) {
  current = name;
  for (const b of buttons) {
    const here = b.id === `tab-${name}`;
    b.setAttribute("aria-selected", String(here));
    b.tabIndex = here ? 0 : -1;
    $(b.getAttribute("aria-controls")).hidden = !here;
    if (here && focus) b.focus();
    if (here) b.scrollIntoView({ block: "nearest", inline: "nearest" }); // a phone's row of tabs scrolls
  }
  tabs.get(name)?.shown();
}
buttons.forEach((b, i) => {
  b.addEventListener("click", () => { show(names[i]); keep(); });
  b.addEventListener("keydown", ev => {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1 + names.length, Home: 0, End: names.length - 1 }[ev.key];
    if (to === undefined) return;
    ev.preventDefault();
    show(names[to % names.length], true);
    keep();
  });
});

$("share").addEventListener("click", async () => {
  await keep();
  try {
    await navigator.clipboard.writeText(location.href);
    note("Link copied");
  } catch {
    note("The link is in the address bar");
  }
});

async function opened() {
  let state = null;
  try {
    state = await unpacked(location.hash);
  } catch {
    note("This link is not whole; here is a fresh page");
  }
  const name = names.includes(state?.tab) ? state.tab : names[0];
  if (state && Object.keys(state).some(key => key !== "tab")) tabs.get(name).open(state); // a link may name a tab alone
  show(name);
  if (state === null) await Promise.race([tabs.get(name).seen, new Promise(resolve => setTimeout(resolve, 1000))]);
  begin();
}
window.addEventListener("hashchange", () => { if (location.hash !== linked) opened(); });

await Promise.all(names.map(async name => tabs.set(name, (await import(`./tabs/${name}.js`)).default(new Page(name)))));
await opened();
window.playground = { python, tabs, keep }; // for tests, and for the curious

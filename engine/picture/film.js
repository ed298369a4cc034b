(() => {
"use strict";
const data = JSON.parse(document.querySelector('script[type="application/json"]').textContent);
const page = document.getElementById(data.uid), frames = data.frames, last = frames.length - 1;
const slider = page.querySelector(".slider input"), count = page.querySelector(".count"), button = page.querySelector("[data-do=play]");
const signs = ["pos", "neg", "off"];
let now = 0, timer = 0;
for (const t of page.querySelectorAll(".graph title")) t.remove();
for (const n of page.querySelectorAll(".node")) n.classList.add("got");
for (const e of page.querySelectorAll(".edge")) e.classList.add("got");
function tone(element, name) { element.classList.remove(...signs); if (name) element.classList.add(name); }
function render() {
  const frame = frames[now];
  for (const [key, [text, name]] of Object.entries(frame.words)) {
    const cell = document.getElementById("a_" + data.uid + "_" + key);
    if (cell) { if (cell.textContent !== text) cell.textContent = text; tone(cell, name); }
  }
  for (const [key, kinds] of Object.entries(frame.strips)) {
    const cut = key.lastIndexOf("_"), name = "strip_" + key.slice(cut + 1);
    document.querySelectorAll("#" + data.uid + "_" + key.slice(0, cut) + " ." + name).forEach((cell, i) => cell.setAttribute("class", kinds[i] + " " + name));
  }
  for (const [id, [name, width]] of Object.entries(frame.edges)) {
    const edge = document.getElementById(data.uid + "_" + id);
    tone(edge, name);
    edge.querySelector("path").style.strokeWidth = width + "px";
  }
  const words = `step ${now + 1}/${frames.length} · ${data.root} = ${frame.loss}`;
  count.textContent = words; slider.value = now; slider.setAttribute("aria-valuetext", words);
  for (const b of page.querySelectorAll("[data-do]")) b.setAttribute("aria-disabled", String((now === 0 && /first|previous/.test(b.dataset.do)) || (now === last && /next|last/.test(b.dataset.do))));
}
function go(i) { now = Math.max(0, Math.min(last, i)); render(); }
function stop() { clearInterval(timer); timer = 0; button.textContent = "Play"; }
const acts = {
  first: () => go(0), previous: () => go(now - 1), next: () => go(now + 1), last: () => go(last),
  play() {
    if (timer) return stop();
    if (now === last) go(0);
    button.textContent = "Pause";
    timer = setInterval(() => { if (now < last) go(now + 1); else stop(); }, 400);
  },
};
page.addEventListener("click", ev => {
  const b = ev.target.closest("[data-do]");
  if (!b || b.getAttribute("aria-disabled") === "true") return;
  if (b.dataset.do !== "play") stop();
  acts[b.dataset.do]();
});
slider.max = last;
slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
const keys = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last", " ": "play" };
document.addEventListener("keydown", ev => {
  const act = keys[ev.key];
  if (!act || ev.ctrlKey || ev.metaKey || ev.altKey) return;
  if ((ev.key === " " && ev.target.closest("button")) || (ev.target === slider && ev.key !== " ")) return;
  ev.preventDefault();
  if (act !== "play") stop();
  acts[act]();
});
const asked = /step=(\d+|end)/.exec(location.hash);
go(asked ? (asked[1] === "end" ? last : Number(asked[1])) : 0);
})();

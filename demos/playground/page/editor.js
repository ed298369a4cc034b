// A text field for programs: its lines are numbered, and what Python does not read is paler, its own words bolder.
const WORDS = /(#.*)|("""[^]*?"""|'[^'\n]*'|"[^"\n]*")|\b(?:and|as|assert|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield|None|True|False)\b/g;

// Takes what holds the parts of the editor; gives the textarea, and `number`, which numbers its lines anew, one of them marked.
export function editor(panel) {
  const [code, lines, inked] = ["textarea", ".lines", ".inked"].map(part => panel.querySelector(`.editor ${part}`));
  function number(mark) {
    const count = code.value.split("\n").length;
    code.rows = Math.max(7, Math.min(24, count));
    lines.replaceChildren(...Array.from({ length: count }, (_, i) => {
      const line = document.createElement(i + 1 === mark ? "b" : "span");
      line.textContent = i + 1;
      return [line, "\n"];
    }).flat());
    ink();
  }
  // Below the letters of the textarea, which are clear, the same ones.
  function ink() {
    const parts = [];
    let at = 0;
    for (const found of code.value.matchAll(WORDS)) {
      const part = document.createElement(found[1] ? "i" : found[2] ? "s" : "b");
      part.textContent = found[0];
      parts.push(code.value.slice(at, found.index), part);
      at = found.index + found[0].length;
    }
    inked.replaceChildren(...parts, code.value.slice(at), "\n");
    scrolled();
  }
  function scrolled() {
    lines.scrollTop = inked.scrollTop = code.scrollTop;
    inked.scrollLeft = code.scrollLeft;
  }
  code.addEventListener("scroll", scrolled);
  return { code, number };
}

"""An expression: a program is run; what it prints, its picture with the step player, and its error in its own line and words."""

import ast
import contextlib
import io
import linecache
import time
import traceback
from collections.abc import Mapping
from typing import cast

import engine
from demos.playground.answers import Said, tell
from demos.playground.tabs.examples import EXAMPLES
from engine import Value
from engine.picture import LiveGraph, Picture

FILE = "your program"
NOTHING = (
    "There is no Value to draw. End the program with the one to look at, as in a notebook: a last line that says L."
)
NO_LEAVES = (
    "No leaf of this graph has a box of its own, so there is none to drag. Open Modules with the + at their corners, or end "
    'with draw(L, level="full").'
)
ELSEWHERE = {
    "numpy",
    "tqdm",
    "safetensors",
    "llvmlite",
    "matplotlib",
    "sklearn",
    "pandas",
    "torch",
    "cairosvg",
    "anywidget",
}
MOST_PRINTED = 100_000  # characters
Namespace = dict[str, object]

_live: LiveGraph | None = None


class Printed(io.TextIOBase):
    """What a program prints, told to the page as it comes."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[str] = []
        self._size, self._since = 0, time.monotonic()

    def write(self, text: str) -> int:
        """Take a text."""
        room = MOST_PRINTED - self._size
        if room > 0:
            self._held.append(text if len(text) < room else f"{text[:room]}\n… and what comes after is not shown\n")
        self._size += len(text)
        if time.monotonic() - self._since > 0.1:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Tell what is held."""
        if self._held:
            tell({"printed": "".join(self._held)})
        self._held, self._since = [], time.monotonic()


def run(given: Said) -> Said:
    """Run a program and draw its last Value.

    Args:
        given: code; step, the one to open at, or None; values, the numbers of leaves by name that were set before; opened,
            what was opened and closed.

    Returns:
        A dict: error, None or {line, kind, text}; live, None or what the player's page is told; note.
    """
    global _live
    code, printed, variables = str(given["code"]), Printed(), {"__name__": "__main__"}
    linecache.cache[FILE] = (len(code), None, code.splitlines(True), FILE)
    _live = None
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            root = _executed(code, variables) or _latest(code, variables)
            if root is not None:
                _live = _drawn(root, variables, given)
    except BaseException as error:  # SystemExit and KeyboardInterrupt are a program's too
        return {"error": _told(error), "live": None, "note": ""}
    finally:
        printed.flush()
    return {"error": None} | (
        {"live": None, "note": NOTHING} if _live is None else {"live": shown(_live), "note": _note(_live)}
    )


def edit(given: Said) -> Said:
    """The same graph with other numbers in some leaves, or with a Module opened: {numbers: {name: number}, step, turn, ticket}."""
    if _live is None:
        return {"message": "there is no graph", "answered": given["ticket"]}
    return edited(_live, given) | {"note": _note(_live)}


def edited(live: LiveGraph, edits: Said) -> Said:
    """What the page is told of a live graph after edits; its page only where that is another."""
    page = live.page
    live.edit(cast("dict[str, object]", edits))
    told = shown(live)
    if page == live.page:
        del told["page"]
    return told


def shown(live: LiveGraph) -> Said:
    """What the page is told of a live graph."""
    told = {name: getattr(live, name) for name in ("page", "step", "fields", "fresh", "opened", "message", "answered")}
    return told if live.values else told | {"message": ""}


def _note(live: LiveGraph) -> str:
    return "" if live.values else NO_LEAVES


def _drawn(root: object, variables: Namespace, given: Said) -> LiveGraph:
    picture = root if isinstance(root, Picture) else engine.draw(root, names=variables, uid="g")
    step, opened = given.get("step"), given.get("opened")
    words = [str(word) for word in opened] if isinstance(opened, list) else []
    live = picture.live_graph(step if isinstance(step, int) else None, words)
    values = given.get("values")
    if isinstance(values, Mapping):
        live.values = {name: x for name, x in values.items() if name in live.values and isinstance(x, (int, float))}
    return live


def _executed(code: str, variables: Namespace) -> object:
    """Run it; what its last line says, if it is worth drawing, is returned; else printed, as in a notebook."""
    tree = ast.parse(code, FILE)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, FILE, "exec"), variables)  # noqa: S102  a learner's own program, in a browser's sandbox
    if last is None:
        return None
    shown: object = eval(compile(ast.Expression(last.value), FILE, "eval"), variables)  # noqa: S307  the same
    many = isinstance(shown, (list, tuple)) and len(shown) > 0 and all(isinstance(v, Value) for v in shown)
    if isinstance(shown, (Value, Picture)) or many:
        return shown
    if shown is not None:
        print(shown)
    return None


def _latest(code: str, variables: Namespace) -> object:
    """The Value that was assigned last at the top of the program."""
    for node in reversed(ast.parse(code).body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(variables.get(target.id), Value):
                return variables[target.id]
    return None


def _told(error: BaseException) -> Said:
    """An exception as a learner reads it: the line of the program, the kind, the message."""
    if isinstance(error, SyntaxError) and error.filename == FILE:
        return {"line": error.lineno, "kind": type(error).__name__, "text": error.msg}
    text = str(error)
    if isinstance(error, ModuleNotFoundError) and error.name in ELSEWHERE:
        text = f"this page has no {error.name}; what needs it runs in Python on your own machine"
    if isinstance(error, RecursionError) and "Stack overflow" in text:
        text += "; a browser has less of it than Python on your own machine"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == FILE]
    return {"line": lines[-1] if lines else None, "kind": type(error).__name__, "text": text}


def built() -> Said:
    """What the page has of this tab before Python is there: the examples, and the answer for the first of them."""
    first = run({"code": EXAMPLES[0][1]})
    return {"examples": [{"name": name, "code": code} for name, code in EXAMPLES], "first": first}


ASKED = [run, edit]

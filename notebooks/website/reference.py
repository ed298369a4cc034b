"""The reference, as sources for Sphinx: every public name, in the room where a reader looks for it."""

from __future__ import annotations

import doctest
import importlib
import inspect
from types import ModuleType

import engine
import nn
from engine import Value
from engine.formulas.formula import expression, partial_formulas
from engine.picture import Picture
from engine.rule import Op

ROOMS = {  # page: its title, what is on it, and modules (all of their public names, or of the package those defined there)
    "value": ("Values", "A number that remembers how it was computed, and its gradient.", [
        "engine.value", "engine.backprop", "engine.adjoints", "engine.lists", "engine.traversal", "engine.context", "engine.anomaly",
    ]),
    "operations": ("Operations", "The table of rules: what each computes, and its local derivatives as they run.", ["engine.rule", "engine.ops", "engine.functions"]),
    "transforms": ("Transforms", "Functions in, functions of their derivatives out.", ["engine.transforms"]),
    "pictures": ("Pictures", "The graph drawn, played and explained.", ["engine.picture", "engine.formulas", "engine.explanation"]),
    "checks": ("Checks", "Gradients certified, and wrong ones shrunk, blamed and drawn.", ["engine.checks"]),
    "compiler": ("Compiler", "Functions and trainings as native code.", ["engine.compiler"]),
    "networks": ("Networks", "Modules, layers, and the numbers that they start from.", [
        "nn.module", "nn.layers", "nn.blocks", "nn.network", "nn.init", "nn.activations", "nn.weights", "nn.summary", "nn.structure",
    ]),
    "training": ("Training", "Losses, penalties, optimisers, schedules, and `fit`.", [
        "nn.training", "nn.losses", "nn.penalties", "nn.optim", "nn.optimiser", "nn.updates", "nn.schedules",
    ]),
    "after": ("After training", "Diagnosis, plots, files, and other libraries.", [
        "nn.diagnosis", "nn.plots", "nn.files", "nn.exchange", "nn.sklearn", "nn.course",
    ]),
}  # fmt: skip
PACKAGES = ("engine", "engine.picture", "engine.checks", "nn", "nn.init", "nn.schedules", "nn.sklearn", "nn.course")
WITHOUT_LIST = {  # modules whose public names stand in a dict, or are few
    "nn.init": list(nn.INITIALISERS),
    "nn.schedules": list(nn.SCHEDULES),
    "nn.sklearn": ["NetworkClassifier", "NetworkRegressor"],
}


def pages() -> dict[str, str]:
    """The sources: a path without its ending, and a page in Markdown for each room."""
    placed = _placed()
    written = {}
    for page, (title, said, _) in ROOMS.items():
        entries = "\n".join(_entry(owner, name) for owner, name in sorted(placed[page], key=_order))
        written[f"reference/{page}"] = f"# {title}\n\n{said}\n\n```{{eval-rst}}\n{entries}\n```\n"
    return written


def public_names() -> set[str]:
    """Every name that a user may import, as `engine.tanh`."""
    return {f"{package}.{name}" for package in PACKAGES for name in _names(importlib.import_module(package))}


def _names(module: ModuleType) -> list[str]:
    listed = WITHOUT_LIST.get(module.__name__) or module.__all__
    return [n for n in listed if not inspect.ismodule(getattr(module, n))]


def _placed() -> dict[str, list[tuple[str, str]]]:
    """Page: (package, name) of all that stands on it; what two packages have under one name stands under the first."""
    placed: dict[str, list[tuple[str, str]]] = {page: [] for page in ROOMS}
    seen: set[tuple[int, str]] = set()
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in _names(module):
            thing = getattr(module, name)
            if (id(thing), name) not in seen:
                seen.add((id(thing), name))
                placed[_page(package, name, thing)].append((package, name))
    return placed


def _page(package: str, name: str, thing: object) -> str:
    where = "engine.ops" if isinstance(thing, Op) or thing is engine.TABLE else getattr(thing, "__module__", package)
    if isinstance(thing, dict) and name != "TABLE":
        where = {"ACTIVATIONS": "nn.activations", "INITIALISERS": "nn.init"}.get(name, "nn.training")
    for page, (_, _, modules) in ROOMS.items():
        if any(where == m or where.startswith(f"{m}.") for m in modules):
            return page
    raise ValueError(f"the reference has no page for {package}.{name} of {where}; add {where} to a room")


def _order(entry: tuple[str, str]) -> tuple[bool, bool, str]:
    thing = getattr(importlib.import_module(entry[0]), entry[1])
    return not isinstance(thing, type), isinstance(thing, Op), entry[1].lower()


def _entry(package: str, name: str) -> str:
    thing = getattr(importlib.import_module(package), name)
    path = f"{package}.{name}"
    if isinstance(thing, Op):
        return _row(path, thing)
    own = getattr(thing, "__name__", name)
    if own != name and getattr(importlib.import_module(package), own, None) is thing:
        return f".. py:data:: {path}\n\n   Another name of `{package}.{own}`.\n"
    if isinstance(thing, type):
        exception = issubclass(thing, BaseException)
        foreign = (
            "set_fit_request, set_partial_fit_request, set_score_request"  # scikit-learn's own, which link to its pages
        )
        return (
            f".. auto{'exception' if exception else 'class'}:: {path}\n   :members:\n   :exclude-members: {foreign}\n"
        )
    if inspect.isroutine(thing):
        return f".. autofunction:: {path}\n"
    described = f"{len(thing)} by name: {', '.join(f'``{key}``' for key in thing)}." if isinstance(thing, dict) else ""
    return f".. py:data:: {path}\n\n   {described}\n"


def _row(path: str, op: Op) -> str:
    """A row of the table: its signature, its definition, and the derivatives that it runs."""
    lines = [f".. py:function:: {path}{inspect.signature(op)}", "", f"   {_text(op.__doc__ or '')}", ""]
    lines += [f"   | {line}" for line in _formulas(op)]
    return "\n".join([*lines, ""])


def _formulas(op: Op) -> list[str]:
    names = list(inspect.signature(op).parameters)
    if op.lists:
        return []
    leaves = [Value(0.5, label=name) for name in names]
    y = op(*leaves)
    if not isinstance(y, Value):
        return []
    shown = partial_formulas(y, lambda v: v.label or "y", "unicode")
    left = expression(y, lambda v: v.label, "unicode")
    return [f"``y = {left}``"] + [f"``∂y/∂{n} = {f}``" for n, f in zip(names, shown) if f is not None]


def _text(docstring: str) -> str:
    return " ".join(docstring.split()).replace("|", "\\|").replace("*", "\\*").replace("_ ", "\\_ ")


def drawn(docstring: str) -> list[Picture]:
    """What a docstring's examples draw and print, `print(draw(…))`."""
    found = list[Picture]()
    variables: dict[str, object] = {}
    for example in doctest.DocTestParser().get_examples(docstring) if "print(draw(" in docstring else []:
        if example.source.startswith("print(draw("):
            found.append(eval(example.source.strip().removeprefix("print"), variables))  # noqa: S307  our own examples
        else:
            exec(example.source, variables)  # noqa: S102  the same
    return found

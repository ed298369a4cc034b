"""Odd values for every argument of every public callable: what people pass by mistake, and what comes back.

An answer is any of these: a result, an exception that a `raise` statement of `engine` or `nn` raised (it says what is
taken), one of the odd value's own, or an OSError that names a file. All else is raw: a message from inside, about names
that the user never wrote. Calls run in a process of their own, so that one that hangs or aborts is named too.

    PYTHONPATH=.:tests/support python -m odd_values nn --only Trainer

shows what is raw, with the last lines of each traceback.
"""

import argparse
import contextlib
import dis
import faulthandler
import inspect
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
import warnings
from importlib import import_module
from pathlib import Path

from odd import ODD, OddError

ROOT = Path(__file__).parents[2]
TESTS = str(ROOT / "tests") + os.sep
OURS = tuple(str(ROOT / package) + os.sep for package in ("engine", "nn"))
RAISE = dis.opmap["RAISE_VARARGS"]
PATIENCE = 20.0  # seconds for fifty calls of milliseconds: for slow machines, and those that do much else


# What a call answered -------------------------------------------------------------------------------------------------


def is_raw(error):
    """Whether an exception is no answer in the user's terms.

    The last of our frames and of the user's functions decides, whatever library is below it. Ours answers by a `raise`
    of its own, in a sentence; the functions of the user, which stand above one of ours, answer as they like.
    """
    if isinstance(error, OddError):
        return False
    if isinstance(error, OSError) and error.filename is not None:
        return False
    entered, decides, tb = False, None, error.__traceback__
    while tb is not None:
        ours = tb.tb_frame.f_code.co_filename.startswith(OURS)
        entered |= ours
        if ours or tb.tb_frame.f_code.co_filename.startswith(TESTS):
            decides = (tb, ours)
        tb = tb.tb_next
    if type(error) is TypeError and re.search(r"(takes|missing) .* positional argument", str(error)):
        return not entered  # an odd value was called, and says so itself
    tb, ours = decides
    if not ours:
        return not entered
    if tb.tb_next is not None and f"{os.sep}sklearn{os.sep}" in tb.tb_next.tb_frame.f_code.co_filename:
        return False  # an estimator's X and y are read by scikit-learn, whose users know what it says
    raised = tb.tb_frame.f_code.co_code[tb.tb_lasti] == RAISE
    return tb.tb_next is not None or not raised or len(str(error).split()) < 3


def attempt(call, argument):
    """What is raw in a call with an odd value: a text, or None."""
    call(argument)


class Watched:
    """What a call leaves behind: warnings that are not ours, text on the streams, files in the folder."""

    def __init__(self):
        self.warned = []

    def warn(self, original):
        def warn(message, *args, **named):
            caller = sys._getframe(1).f_code.co_filename
            if caller.startswith(OURS) or f"{os.sep}sklearn{os.sep}" in caller:
                return
            original(message, *args, **named)

        return warn

    def note(self, message, category, filename, lineno, file=None, line=None):
        self.warned.append(f"{category.__name__}: {message}")


def outcome(trial):
    """What is raw about a trial: a text, or None."""
    watched = Watched()
    out, before = io.StringIO(), set(os.listdir())
    original, shown = warnings.warn, warnings.showwarning
    raw = None
    with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        warnings.simplefilter("always")
        warnings.warn, warnings.showwarning = watched.warn(original), watched.note
        try:
            attempt(trial.call, trial.odd())
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, SystemExit)) or is_raw(error):
                raw = told(error)
        finally:
            warnings.warn, warnings.showwarning = original, shown
    left = set(os.listdir()) - before
    for name in left:
        Path(name).unlink() if Path(name).is_file() else None
    if raw is None and watched.warned:
        raw = f"leaks {watched.warned[0]:.200}"
    if raw is None and (left - trial.files):
        raw = f"leaves the file {sorted(left - trial.files)[0]}"
    if raw is None and out.getvalue() and not re.search(trial.prints or "$^", out.getvalue()):
        raw = f"prints {out.getvalue()[:200]!r}"
    return raw


def told(error):
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = " < ".join(f"{os.path.relpath(f.filename, ROOT)[-40:]}:{f.lineno} {f.line:.90}" for f in reversed(frames))
    try:
        said = str(error)
    except Exception as unsayable:
        said = f"unsayable ({unsayable!r})"
    return f"{type(error).__name__}: {said:.120} [{where}]"


# Trials ---------------------------------------------------------------------------------------------------------------


class Trial:
    """One public callable with one odd value at one place of its arguments."""

    def __init__(self, exemplar, place, name):
        self.exemplar, self.place, self.name = exemplar, place, name
        self.odd, self.files, self.prints = ODD[name], exemplar.files, exemplar.prints

    def call(self, odd):
        call, bound = self.exemplar.made()
        if self.place[0] == "=":
            made = call.function(*bound.args, **bound.kwargs)
            setattr(made, self.place[1], odd)
            call.then(made)
            return
        first, *inside = self.place
        bound.arguments[first] = put(bound.arguments.get(first), inside, odd)
        call.then(call.function(*bound.args, **bound.kwargs))

    def __str__(self):
        first, *inside = self.place
        if first == "=":
            return f"{self.exemplar.name}().{inside[0]} = {self.name}"
        return f"{self.exemplar.name}({first}{''.join(f'[{k!r}]' for k in inside)} = {self.name})"


def put(held, place, odd):
    """A copy of nested dicts, lists and tuples, with an odd value at a place."""
    if not place:
        return odd
    key, *inside = place
    key = Nth.in_(held, key)
    if isinstance(held, tuple):
        return (*held[:key], put(held[key], inside, odd), *held[key + 1 :])
    copied = dict(held) if isinstance(held, dict) else list(held)
    copied[key] = put(copied[key], inside, odd)
    return copied


def places(arguments, parameters):
    """Where an odd value may stand: each argument, and in those that are dicts and lists each entry, or the first."""
    for name, parameter in parameters.items():
        if name not in arguments:
            if parameter.kind is not parameter.VAR_POSITIONAL and parameter.kind is not parameter.VAR_KEYWORD:
                yield (name,)
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            yield from inside(arguments[name], (name,))
        else:
            yield (name,)
            yield from inside(arguments[name], (name,))


class Nth(int):
    """The place of a key that is another object in each call, such as a Value."""

    @staticmethod
    def in_(held, key):
        return list(held)[key] if isinstance(key, Nth) else key


def inside(held, place, depth=3):
    if isinstance(held, dict):
        keys = [key if isinstance(key, str) else Nth(k) for k, key in enumerate(held)]
    elif isinstance(held, (list, tuple)) and not hasattr(held, "_fields"):
        keys = range(min(len(held), 1))
    else:
        return
    for key in keys:
        yield (*place, key)
        if depth:
            yield from inside(held[Nth.in_(held, key)], (*place, key), depth - 1)


def settable(made):
    """The public attributes of an object that can be set."""
    frozen = getattr(type(made), "__dataclass_params__", None)
    if isinstance(made, tuple) or (frozen is not None and frozen.frozen):
        return []
    slots = [name for c in type(made).__mro__ for name in getattr(c, "__slots__", ())]
    properties = [
        name for name, p in inspect.getmembers(type(made), lambda x: isinstance(x, property)) if p.fset is not None
    ]
    names = {*getattr(made, "__dict__", ()), *slots, *properties}
    return sorted(name for name in names if not name.startswith("_") and not is_part(getattr(made, name, None)))


def is_part(x):
    """Whether an attribute is what an object is made of, which nobody sets to a number: Values, Modules, an optimiser."""
    from engine import Value
    from nn import Module, Optimiser

    return isinstance(x, (Value, Module, Optimiser)) or (isinstance(x, list) and bool(x) and is_part(x[0]))


def trials(exemplar):
    """All trials of one exemplar, in the same order on every run."""
    call, bound = exemplar.made()
    found = list(places(bound.arguments, bound.signature.parameters))
    if exemplar.attributes:
        names = settable(call.function(*bound.args, **bound.kwargs))
        found += [("=", name) for name in names if exemplar.attributes is True or name in exemplar.attributes]
    for place, name in itertools.product(found, ODD):
        yield Trial(exemplar, place, name)


# Workers --------------------------------------------------------------------------------------------------------------


def work(names, skipped, patience, table):
    """Run the trials of these exemplars after the first `skipped`, and write what comes of each, a line."""
    exemplars = import_module(table).EXEMPLARS
    report, sys.stdout = sys.stdout, sys.stderr
    number = 0
    for name in names:
        for trial in trials(exemplars[name]):
            number += 1
            if number <= skipped:
                continue
            report.write(f"> {number} {trial}\n")
            report.flush()
            if number % 50 == 0 or number == skipped + 1:  # a thread each time, which takes as long as most calls
                faulthandler.dump_traceback_later(patience, exit=True)
            raw = outcome(trial)
            if raw is not None:
                report.write(f"! {json.dumps([str(trial), raw])}\n")
    faulthandler.cancel_dump_traceback_later()
    report.write(f"= {number}\n")
    report.flush()
    os._exit(0)  # nothing that an odd value left behind may speak now


def sweep(names, patience=PATIENCE, table="exemplars", folder=""):
    """(how many trials there were, {trial: what is raw about it}) of these exemplars, from a table in tests or a folder."""
    raw, skipped = {}, 0
    with tempfile.TemporaryDirectory() as empty:
        while True:
            run = subprocess.run(
                [sys.executable, "-m", "odd_values", "--work", json.dumps([names, skipped, patience, table])],
                capture_output=True, text=True, errors="replace", cwd=empty,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "support", folder))), "MPLBACKEND": "agg"},
            )  # fmt: skip
            begun = ""
            for line in run.stdout.splitlines():
                kind, said = line[:1], line[2:]
                if kind == "!":
                    trial, text = json.loads(said)
                    raw[trial] = text
                elif kind == ">":
                    begun = said
                elif kind == "=":
                    return int(said), raw
            number, _, trial = begun.partition(" ")
            if not number or int(number) <= skipped:
                raise RuntimeError(f"the sweep itself fails: {run.stdout[-500:]} {run.stderr[-3000:]}")
            skipped = int(number)
            raw[trial] = f"hangs or aborts ({run.returncode}): {run.stderr[-1500:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*")
    parser.add_argument("--only", default="", help="a part of the names to sweep")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds for fifty calls")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(*json.loads(given.work))
    exemplars = import_module("exemplars").EXEMPLARS
    names = [n for n in exemplars if given.only in n and (not given.packages or n.startswith(tuple(given.packages)))]
    count, raw = sweep(names, given.patience)
    for trial, text in raw.items():
        print(trial, "\n    ", text)
    print(f"{len(raw)} of {count} calls are raw")


if __name__ == "__main__":
    main()

"""Every public callable, every argument, a hundred odd values: none is answered by an error from inside."""

import pytest
from exemplar import EXEMPLARS, Call, Exemplar
from exemplars import covered, public
from odd import ODD
from odd_values import ROOT, outcome, sweep, trials

# What one test sweeps, in a process of its own, which imports for seconds: the names that begin so, and with nothing
# that stands before.
PARTS = {
    "engine": ("engine", "nn.sklearn"),
    "nn": ("nn",),
}


def part_of(name):
    return next(part for part, beginnings in PARTS.items() if name.startswith(beginnings))


def test_every_public_callable_has_an_exemplar():
    assert [name for name, x in public() if not covered(name, x)] == []


@pytest.mark.parametrize("part", PARTS)
def test_odd_values_are_answered_in_the_users_terms(part):
    names = [name for name in EXEMPLARS if part_of(name) == part]
    count, raw = sweep(names)
    assert count > len(names) * 10
    assert raw == {}


# Broken once, so that the sweep is known to see it --------------------------------------------------------------------


def planted(source):
    """What is raw about a function of one argument x that stands in engine."""
    there = {}
    exec(compile(f"def planted(x):\n    {source}", ROOT / "engine" / "planted.py", "exec"), there)
    exemplar = Exemplar("planted", lambda: Call(there["planted"], 1.0))
    return {trial.name: raw for trial in trials(exemplar) if (raw := outcome(trial)) is not None}


@pytest.mark.parametrize(
    "source, seen",
    [
        ("return x.missing", "AttributeError"),
        ("raise TypeError(f'{x.missing}')", "AttributeError"),
        ("raise KeyError(1)", "KeyError"),
        ("import numpy; return numpy.zeros((2, 2)) @ [x, x, x]", "Error"),
        ("import numpy; return numpy.float64(1e308) * 10.0", "leaks RuntimeWarning: overflow"),
        ("print(x if isinstance(x, str) else 'here')", "prints"),
        ("open('left', 'w').close()", "leaves the file left"),
    ],
)
def test_a_raw_error_and_what_a_call_leaves_behind_are_seen(source, seen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = planted(source)
    assert found and all(seen in raw for raw in found.values())


@pytest.mark.parametrize(
    "source",
    [
        "raise TypeError(f'planted takes a number, got {type(x)}')",
        "return x",
        "open('no/such/folder/file')",  # the system's word, about a file
        "return [x(1) for x in [x] if callable(x)]",  # the odd value's own
    ],
)
def test_an_answer_is_not_taken_for_a_raw_error(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert planted(source) == {}


def test_a_hang_and_an_abort_are_seen_and_named_and_the_sweep_goes_on(tmp_path):
    (tmp_path / "planted.py").write_text(
        "import os, time, pandas\n"  # which odd values want: on a busy machine it takes longer than the patience
        "from exemplar import Call, Exemplar\n"
        "def hang(x):\n    time.sleep(600) if x is None else None\n"
        "def abort(x):\n    os.abort() if isinstance(x, str) and x == '' else None\n"
        "EXEMPLARS = {f.__name__: Exemplar(f.__name__, lambda f=f: Call(f, 1.0)) for f in (hang, abort)}\n"
    )
    count, raw = sweep(["hang", "abort"], patience=1.0, table="planted", folder=tmp_path)
    assert count == 2 * len(ODD)
    assert list(raw) == ["hang(x = None)", "abort(x = '')"]
    assert all("hangs or aborts" in text for text in raw.values())

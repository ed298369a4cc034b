"""The same bits from one process to the next: other hash seeds, other Pythons."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("bits")  # what all tests here read is made once

ROOT = Path(__file__).parents[2]
SCRIPT = """
import math, random, sys
sys.dont_write_bytecode = True
import engine
from engine import TABLE, Value, gradients

def applied(row, xs):
    pairs = [xs[2 * k : 2 * k + 2] for k in range(row.lists)]
    return row(*pairs, *xs[2 * row.lists :])

def shown(*xs):
    print(*["nan" if x != x else x.hex() for x in xs])

rng = random.Random(0)
rows = [TABLE[name] for name in sorted(TABLE)]
for row in rows:  # every row alone: value, first, second
    for _ in range(20):
        scale = 10.0 ** rng.uniform(-3.0, 3.0)
        xs = [Value(rng.uniform(-1.0, 1.0) * scale) for _ in range(row.arity + row.lists)]
        y = applied(row, xs)
        y.backward()
        firsts = gradients(y, xs)
        seconds = [h.data for g in firsts for h in gradients(g, xs)]
        shown(y.data, *[x.grad for x in xs], *[g.data for g in firsts], *seconds)
for _ in range(60):  # graphs of all rows, with sharing
    leaves = [Value(rng.uniform(-2.0, 2.0)) for _ in range(4)]
    nodes = list(leaves)
    for _ in range(30):
        row = rng.choice(rows)
        nodes.append(applied(row, [rng.choice(nodes[-12:]) for _ in range(row.arity + row.lists)]))
    y = engine.total([v.tanh() for v in nodes])
    y.backward()
    shown(y.data, *[v.grad for v in leaves], *[g.data for g in gradients(y, leaves)])
"""
NET = """
ws = [[[Value(rng.gauss(0.0, 0.5)) for _ in range(n + 1)] for _ in range(m)] for n, m in ((2, 8), (8, 1))]
params = [w for layer in ws for unit in layer for w in unit]
data = [((a, b), math.copysign(1.0, a * b)) for a, b in [(rng.uniform(-1, 1), rng.uniform(-1, 1)) for _ in range(20)]]
for step in range(15):  # a net, trained
    losses = []
    for x, want in data:
        h = x
        for layer in ws:
            h = [engine.dot(unit[:-1], h, unit[-1]).tanh() for unit in layer]
        losses.append((h[0] - want) ** 2)
    loss = engine.mean(losses) + 0.001 * sum(w * w for w in params)
    for w in params:
        w.grad = 0.0
    loss.backward()
    for w in params:
        w.data -= 0.3 * w.grad
    shown(loss.data)
shown(*[w.data for w in params])
"""


def bits(python, hash_seed):
    """What the script prints in a new process; the engine needs nothing but the standard library."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
    run = subprocess.run(
        [python, "-c", SCRIPT + NET], env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def version(python):
    """(major, minor) of an interpreter, or None where it does not run."""
    try:
        run = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return tuple(map(int, run.stdout.split()))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def other_pythons():
    """The interpreters of other versions that this machine has, from 3.11 on: {(major, minor): path}."""
    found = {}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in range(11, 20):
        paths = [shutil.which(f"python3.{minor}"), *sorted(pyenv.glob(f"3.{minor}.*/bin/python"), reverse=True)]
        for python in filter(None, paths):
            if (3, minor) != sys.version_info[:2] and (3, minor) not in found and version(python) == (3, minor):
                found[3, minor] = str(python)
    return found


@pytest.fixture(scope="module")
def here():
    return bits(sys.executable, "0")


def test_bits_do_not_depend_on_the_hash_seed(here):
    assert len(here.splitlines()) > 1500
    assert bits(sys.executable, "12345") == here


def test_bits_are_the_same_on_the_oldest_and_the_newest_python_found(here):
    others = other_pythons()
    for python in {others[v] for v in (min(others), max(others))} if others else [sys.executable]:
        there = bits(python, "1").splitlines()
        differing = [(a, b) for a, b in zip(here.splitlines(), there) if a != b]
        assert not differing, f"{python}: {len(differing)} lines, the first {differing[0]}"
        assert len(there) == len(here.splitlines())

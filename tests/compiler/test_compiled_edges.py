"""The edges of the rows, cell by cell, in compiled code: the table of tests/engine/test_edges.py to the second derivative."""

import functools
import math

import numpy as np
import pytest
from compiling import leave_passes_out, outline
from test_edges import ANY, CASES, Case, holds, mp, slice_of

from engine import Value, gradients, jit, jvp, relu, vmap
from engine.compiler.front import trace
from engine.compiler.llvm import lowering


def cells(case):
    """(the function of the arguments that gives every cell of a case, the names of the cells, what they should be)."""

    def f(*xs):
        y = case.f(*xs)
        y = y if isinstance(y, Value) else Value(y)
        firsts = gradients(y, xs)
        seconds = gradients(firsts[0], xs[:1])
        pushed = [jvp(slice_of(case, i), (x,), (1.0,))[1] for i, x in enumerate(xs)]
        return [y, *firsts, *seconds, *pushed]

    n = len(case.at)
    names = ["value", *[f"∂{i}" for i in range(n)], "∂²0", *[f"forward {i}" for i in range(n)]]
    return f, names, [case.value, *case.firsts, case.second, *case.firsts]


def holds_in_float32(got, want):
    """As `holds`, with 4 ulps of float32."""
    if isinstance(want, mp.mpf) or (isinstance(want, float) and math.isfinite(want) and want != 0.5):
        want = float(want)
        tiny = 2.0**-126
        return abs(got - want) <= 4.0 * float(np.spacing(np.float32(max(abs(want), tiny)))) or abs(want) < tiny
    return holds(got, want)


def of_all(cases):
    """(the function of their points that gives the cells of each, the points)."""
    functions = [cells(case)[0] for case in cases]
    return lambda *points: [f(*xs) for f, xs in zip(functions, points)], [list(case.at) for case in cases]


def alone(cases, **options):
    """{how a program of these cases was run: the cells of each}."""
    f, points = of_all(cases)
    return {"alone": jit(f, **options)(*points)}


def in_lanes(cases, **options):
    """Likewise, in the lanes of a vector."""
    f, points = of_all(cases)
    lanes = jit(vmap(f), **options)(*[[point] * 3 for point in points])
    return {"a lane": lanes[0], "another lane": lanes[2]}


def wrong(case, runs, place=0, dtype="float64"):
    """The cells that are not as the table has them."""
    _, names, wanted = cells(case)
    fits = holds if dtype == "float64" else holds_in_float32
    for how, found in runs.items():
        for name, got, want in zip(names, found[place], wanted):
            if not fits(got, want):
                yield f"{case.name}, {how}, {name}: {got!r}, not {want}"


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_edge_holds_in_compiled_code(case):
    assert not list(wrong(case, alone([case])))


# In the other ways neighbours in the table are one program: what their rows share is most of it.


def in_range(case):
    numbers = [*case.at, case.value, *case.firsts, case.second]
    numbers = [abs(float(x)) for x in numbers if x is not ANY and x != "-0.0"]
    if not all(x == 0.0 or math.isinf(x) or x != x or 1e-37 < x < 3e38 for x in numbers):
        return False
    rounded = [float(np.float32(float(x))) for x in case.at]
    return not any(x != r and r.is_integer() for x, r in zip(case.at, rounded))  # 1 + 2⁻³⁰ would be 1


TOGETHER = 12
WAYS = {  # LLVM's passes meet the same code where it may contract, and in float64
    "lanes": (in_lanes, outline, CASES),
    "bits": (alone, leave_passes_out, CASES),
    "float32": (lambda *a, **o: alone(*a, **o) | in_lanes(*a, **o), leave_passes_out, list(filter(in_range, CASES))),
}


@functools.cache
def together(way, first, **options):
    """What a way of running gives for some neighbours."""
    run, leave_out, among = WAYS[way]
    with pytest.MonkeyPatch.context() as patch:
        leave_out(patch.setattr)
        return run(among[first : first + TOGETHER], **options)


def neighbours(way):
    return [pytest.param(k, id=case.name) for k, case in enumerate(WAYS[way][2])]


def wrong_together(way, k, dtype="float64", **options):
    first = k - k % TOGETHER
    return list(wrong(WAYS[way][2][k], together(way, first, dtype=dtype, **options), k - first, dtype))


@pytest.mark.parametrize("k", neighbours("lanes"))
def test_edge_holds_in_lanes(k):
    assert not wrong_together("lanes", k)


@pytest.mark.parametrize("k", neighbours("bits"))
def test_edge_holds_without_contraction(k):
    assert not wrong_together("bits", k, contract=False)


@pytest.mark.parametrize("k", neighbours("float32"))
def test_edge_holds_in_float32(k):
    assert not wrong_together("float32", k, "float32")


def cases(start):
    found = [case for case in CASES if case.name.startswith(start)]
    assert found
    return found


PLANTED = [
    ("a step that is 1 at 0", "relu", lowering.FORMULAS, "step", lambda k, x: k.flag(k.compare(">=", x, 0.0))),
    ("a tie that goes to the first", "maximum at", lowering.FORMULAS, "above",
     lambda k, a, b: k.flag(k.compare(">=", a, b))),
    ("a where that multiplies", "where(x > 0, sqrt", lowering.FORMULAS, "where",
     lambda k, c, a, b: k.flag(k.truth(c)) * a + (1.0 - k.flag(k.truth(c))) * b),
    ("-0.0 as 0.0", "sqrt at -0.0", lowering.FORMULAS, "sqrt", lambda k, x: k.intrinsic("sqrt", abs(x))),
    ("x**0 as x/x", "x**0 at", trace.IDENTITIES, "power", lambda t, args: t.emit(trace.DIV, (args[0], args[0]))),
    ("0*x as 0", "where(x > 1, x*x", trace.IDENTITIES, "where", lambda t, args: args[2]),
]  # fmt: skip


@pytest.mark.parametrize(("bug", "start", "place", "name", "planted"), PLANTED, ids=[p[0] for p in PLANTED])
def test_a_planted_bug_is_caught(bug, start, place, name, planted, monkeypatch):
    monkeypatch.setitem(place, name, planted)
    for run in (alone, in_lanes):
        runs = run(cases(start))
        assert any(list(wrong(case, runs, k)) for k, case in enumerate(cases(start)))


def test_a_case_of_its_own_is_judged():
    case = Case("relu at 2", relu, (2.0,), 2, (1,), 0)
    for run in (alone, in_lanes):
        assert not list(wrong(case, run([case])))
        assert list(wrong(case._replace(firsts=(0.5,)), run([case])))

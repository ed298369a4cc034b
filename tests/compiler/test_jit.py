"""jit: trees in and out, caching, threads, faults, other transforms."""

import copy
import functools
import math
import operator
import pickle
import threading
from collections import OrderedDict, namedtuple
from fractions import Fraction

import numpy as np
import pytest

import engine
import nn
from engine import (
    Value,
    dot,
    grad,
    hessian,
    jit,
    jvp,
    mean,
    relu,
    sin,
    square,
    tanh,
    total,
    value_and_grad,
    vmap,
    where,
)
from engine.compiler.front import flattening

Point = namedtuple("Point", "x y")


def f(xs):
    return xs[0] ** 2 * sin(xs[1]) + tanh(xs[0] * xs[1]) + where(xs[0] > xs[1], engine.sqrt(xs[0]), 0.0)


X = [1.3, 0.7]
ROWS = [X, [2.0, 3.0], [0.1, 0.2]]


@pytest.mark.parametrize(
    ("g", "args"),
    [
        (grad(f), (X,)),
        (value_and_grad(f), (X,)),
        (hessian(f), (X,)),
        (engine.jacfwd(grad(f)), (X,)),
        (lambda x, t: jvp(f, (x,), (t,)), (X, [1.0, 2.0])),
        (lambda x, t: engine.hvp(f, (x,), (t,)), (X, [1.0, 2.0])),
        (vmap(f), (ROWS,)),
        (vmap(grad(f)), (ROWS,)),
        (value_and_grad(lambda w, rows: mean(vmap(lambda e: f([e[0] * w, e[1]]))(rows))), (2.0, ROWS)),
        (engine.derivative(lambda x: engine.exp(x) * sin(x), 3), (0.4,)),
        (lambda x: x * grad(lambda z: z**3)(2.0), (3.0,)),
        (grad(jit(f)), (X,)),
        (lambda x: jit(f)(x) * 2.0, (X,)),
        (value_and_grad(lambda w: total((w * w).ravel())), (np.arange(6.0).reshape(2, 3),)),
    ],
)
def test_jit_nests_with_the_other_transforms(g, args):
    np.testing.assert_allclose(
        np.hstack([np.ravel(x) for x in engine.compiler.front.flattening.Flat(jit(g)(*args)).leaves]),
        np.hstack([np.ravel(x) for x in engine.compiler.front.flattening.Flat(g(*args)).leaves]),
        rtol=1e-13,
        atol=1e-14,
    )


W, MANY_ROWS = np.random.default_rng(0).normal(size=(5, 3)), np.random.default_rng(1).normal(size=(37, 3))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("g", "args"),
    [
        (vmap(lambda w, x: [tanh(dot(r, x)) for r in w], in_axes=(None, 0)), (W, MANY_ROWS)),
        (vmap(lambda w, x: [tanh(dot(r, x)) for r in w], in_axes=(None, 0)), (W, MANY_ROWS.tolist())),
        (vmap(lambda w, x: tanh(dot(w[0], x)), (None, 0)), (W, MANY_ROWS)),
        (vmap(lambda w, x: (tanh(dot(w[0], x)), x[0]), (None, 0)), (W, MANY_ROWS.tolist())),
        (vmap(lambda x: np.array([x[0], x[1] * 2.0])), (MANY_ROWS,)),
        (vmap(grad(lambda x: x**3)), (MANY_ROWS[:, 0].tolist(),)),
        (vmap(lambda x: {"a": x[0]}), (MANY_ROWS[:1],)),
        (vmap(lambda p, x: p["a"] * x), ({"a": [1.0, 2.0]}, [3.0, 4.0])),  # the plain way: a dict is mapped by member
        (vmap(lambda x: x[0], in_axes=1), (MANY_ROWS,)),  # the plain way: another axis
    ],
)
def test_vmap_runs_its_examples_in_lanes_and_returns_what_eager_vmap_does(g, args, dtype):
    flat = engine.compiler.front.flattening.Flat
    want, got = flat(g(*args)), flat(jit(g, checked=True, dtype=dtype)(*args))
    assert want.key == got.key
    for a, b in zip(want.leaves, got.leaves):
        np.testing.assert_allclose(
            np.asarray(a, float), b, rtol=1e-12 if dtype == "float64" else 1e-5, atol=1e-5 * (dtype != "float64")
        )


class Own:
    """Takes part as a tree, by floats."""

    def __init__(self, x):
        self.x = x

    def _flatten(self):
        return [self.x], lambda leaves: Own(*leaves)


def every_detail(x):
    if isinstance(x, np.ndarray):
        return x.dtype, x.shape, x.flags.owndata or x.base.size == x.size, every_detail(x.ravel().tolist())
    if isinstance(x, (Own, nn.Module)):
        return type(x), every_detail(list(x._flatten()[0]) if isinstance(x, Own) else held(x))
    if isinstance(x, (list, tuple)):
        return type(x), list(map(every_detail, x))
    return (type(x), list(x), every_detail(list(x.values()))) if isinstance(x, dict) else repr(x)


def held(module):
    return [x for _, m in module.named_modules() if hasattr(m, "w") for x in [m.w, m.b]]


RETURNED = {
    "pair": lambda net, x: (x[0], (x[1], x[0] * x[1])),
    "dicts": lambda net, x: {"a": x[0], "b": {"c": x[1], "d": (x[0],)}},
    "ordered": lambda net, x: OrderedDict(b=x[0], a=x[1]),
    "named": lambda net, x: Point(x[0], (x[1], x[0])),
    "lists": lambda net, x: ([x[0], x[1]], x[0], [(x[1], 2.0)]),
    "none": lambda net, x: (None, x[0]),
    "text": lambda net, x: ("text", x[0], True),
    "array": lambda net, x: (np.array([[x[0], x[1] * 2.0]]), np.array([x[0]])),
    "tuples": lambda net, x: ((x[0], x[1]), (x[1], 2.5)),
    "gradient": lambda net, x: (x[0], grad(lambda m: m(x) ** 2)(net)),
    "its own": lambda net, x: (Own(x[0]), x[1]),
    "nothing": lambda net, x: (),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RETURNED)
def test_results_made_of_columns_are_those_made_of_examples(name, dtype, monkeypatch):
    net = nn.MLP(2, [2, 1], activation="tanh", seed=0)
    for rows in (MANY_ROWS[:, :2], MANY_ROWS[:, :2].tolist(), MANY_ROWS[:1, :2].tolist()):
        step = jit(vmap(RETURNED[name], in_axes=(None, 0)), dtype=dtype)
        found = every_detail(step(net, rows))
        results = next(iter(step._programs.values()))._results
        assert results.in_columns == (name not in ("lists", "text", "its own"))
        monkeypatch.setattr(results, "in_columns", False)
        assert every_detail(step(net, rows)) == found


def test_vmap_takes_lists_of_numbers_however_they_are_written():
    f = jit(vmap(lambda x, t: {"y": x[0] * t, "x": x}))
    for rows in ([[1, 2], [3, 4]], [[1.0, np.float64(2)], [3.0, 4.0]], [[1.0, 2.0], [3, 4]]):
        assert f(rows, [3, 4.0]) == {"y": [3.0, 12.0], "x": [[1.0, 2.0], [3.0, 4.0]]}
    assert len(f.compilations) == 1


def test_vmap_is_compiled_once_for_any_number_of_examples():
    g = jit(vmap(lambda x: x * 2.0))
    assert [g([1.0] * n) for n in (1, 7, 8, 9, 70)] == [[2.0] * n for n in (1, 7, 8, 9, 70)]
    assert len(g.compilations) == 1
    assert g([]) == []


def test_trees_come_back_as_they_are():
    g = jit(lambda p, k: {"out": (p.x * 2.0, [p.y, k["a"]]), "none": None, "text": "kept", "point": Point(p.y, 1.0)})
    out = g(Point(1.0, 2), {"a": 3.0})
    assert out == {"out": (2.0, [2.0, 3.0]), "none": None, "text": "kept", "point": Point(2.0, 1.0)}
    assert isinstance(out["point"], Point)
    assert all(type(x) is float for x in (out["out"][0], out["out"][1][0], out["point"].y))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_arrays_come_in_and_go_out_as_arrays(dtype):
    g = jit(lambda w, x: np.array([dot(row, x) for row in w]), dtype=dtype)
    w, x = np.arange(6.0).reshape(2, 3), np.array([1.0, -1.0, 0.5])
    out = g(w, x)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, w @ x)
    np.testing.assert_array_equal(g(np.asfortranarray(w), x[::-1][::-1]), w @ x)  # any layout
    np.testing.assert_array_equal(g(w.astype(int), x.astype("float32")), w @ x)
    w.flags.writeable = False
    np.testing.assert_array_equal(g(w, x), w @ x)


def test_what_comes_out_is_the_callers_own():
    g = jit(lambda x: x * 2.0)
    first = g(np.array([1.0, 2.0]))
    g(np.array([5.0, 6.0]))
    assert first.tolist() == [2.0, 4.0]


def test_compilation_is_kept_by_structure():
    g = jit(lambda xs: total([square(x) for x in xs]))
    assert (g([1.0, 2.0]), g([3, 4]), g([1.0, 2.0, 3.0])) == (5.0, 25.0, 14.0)
    assert len(g.compilations) == 2


def test_a_new_shape_compiles_anew():
    g = jit(lambda x: total(x.ravel()))
    assert g(np.ones(3)) == 3.0
    assert g(np.ones((2, 2))) == 4.0
    assert len(g.compilations) == 2


def test_numbers_in_lists_share_a_program_however_they_are_written():
    f = jit(lambda rows: [[x * 2.0 for x in row] for row in rows])
    whole = jit(lambda tree: tree)
    written = [
        [[1, 2], [3, 4]], [[1.0, 2.0], [3.0, 4.0]], [[1.0, np.float64(2.0)], [3, np.array(4)]],
        [[np.float32(1.0), np.int8(2)], np.array([3, 4], object).tolist()],
    ]  # fmt: skip
    for rows in written:
        assert f(rows) == [[2.0, 4.0], [6.0, 8.0]]
        assert whole(rows) == [[1.0, 2.0], [3.0, 4.0]] and {type(x) for row in whole(rows) for x in row} == {float}
    assert len(f.compilations) == len(whole.compilations) == 1
    others = [
        [[True, 2.0], [3.0, 4.0]], [[1.0, 2.0], (3.0, 4.0)], ([1.0, 2.0], [3.0, 4.0]), [(1.0, 2.0), (3.0, 4.0)],
        [[1.0, 2.0, 3.0, 4.0]], [1.0, 2.0, 3.0, 4.0], [[1.0], [2.0, 3.0, 4.0]], [[1.0, None], [3.0, 4.0]],
        [[[1.0, 2.0], [3.0, 4.0]]], [[], []], [[]], [[1.0, "2"], [3.0, 4.0]], [[np.array([1.0]), 2.0], [3.0, 4.0]],
        [np.array([1.0, 2.0]), np.array([3.0, 4.0])],
    ]  # fmt: skip
    for n, rows in enumerate(others):
        assert repr(whole(rows)) == repr(rows) and len(whole.compilations) == n + 2
    assert repr(whole([[np.True_, 2.0], [3.0, 4.0]])) == "[[True, 2.0], [3.0, 4.0]]"
    assert len(whole.compilations) == len(others) + 1


def test_lists_that_hold_themselves_are_refused_whatever_their_shape(monkeypatch):
    monkeypatch.setattr(flattening, "LARGE", 1000)  # the number itself is met in engine/test_deep_trees
    once, many, beside = [], [], [1.0]
    once.append(once)
    many += [many] * 1000
    beside.append(beside)
    for tree in (once, many, beside, [once], [[many, many]]):
        with pytest.raises(ValueError, match="takes trees that end"):
            jit(lambda x: 1.0)(tree)
    row = [1.0, 2.0]
    assert jit(lambda rows: rows[-1][1])([row] * 600) == 2.0


def test_arguments_by_name_are_told_from_a_dict_in_their_place():
    f = jit(lambda *args, **named: {"args": args, "named": named})
    calls = [
        (((1.0,), {"a": 2.0}), {}),
        ((1.0,), {"a": 2.0}),
        (((1.0,), {}), {}),
        ((1.0,), {}),
        ((), {"a": 2.0}),
        ((), {}),
    ]
    for _ in range(2):
        for args, named in calls:
            assert f(*args, **named) == {"args": args, "named": named}
    assert len(f.compilations) == len(calls)


def test_bools_and_text_belong_to_the_structure():
    g = jit(lambda x, flag, how: x * 2.0 if flag and how == "double" else x)
    assert (g(3.0, True, "double"), g(3.0, False, "double"), g(3.0, True, "no")) == (6.0, 3.0, 3.0)


def test_static_arguments_are_known_while_tracing():
    @jit
    def unused(x):
        return x

    g = jit(lambda x, n: total([x] * n), static_argnames="n")
    assert (g(2.0, 3), g(2.0, n=4), g(5.0, 3)) == (6.0, 8.0, 15.0)
    assert len(g.compilations) == 2
    with pytest.raises(ValueError, match="static_argnames"):
        jit(lambda x: x, static_argnames="n")
    with pytest.raises(TypeError, match="hashable"):
        g(2.0, [3])
    assert unused(1.0) == 1.0


def test_methods_can_be_compiled():
    class Scaled(nn.Module):
        def __init__(self, factor):
            self.factor = Value(factor)

        @jit
        def times(self, x):
            return self.factor * x

    class Plain:
        power = 3

        @jit(static_argnames="self")
        def raised(self, x):
            return x**self.power

    scaled = Scaled(2.0)
    assert scaled.times(3.0) == 6.0
    scaled.factor.data = 5.0
    assert scaled.times(3.0) == 15.0
    assert Scaled(4.0).times(3.0) == 12.0
    assert len(Scaled.times.compilations) == 1
    assert Plain().raised(2.0) == 8.0


@pytest.mark.parametrize("f", [functools.partial(operator.mul, 3.0), nn.Neuron(1, seed=0), operator.neg])
def test_whatever_can_be_called_can_be_compiled(f):
    argument = [2.0] if isinstance(f, nn.Module) else 2.0
    assert jit(f)(argument) == pytest.approx(float(f(argument)), rel=1e-14)


class Scaled(nn.Module):
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, x):
        return x * float(np.sum(list(self.scale) if isinstance(self.scale, (set, frozenset)) else self.scale))


@pytest.mark.parametrize(
    "kind", [np.float32, np.int64, lambda x: np.array([x, 1.0]), lambda x: {x}, lambda x: frozenset([x]), Fraction]
)
def test_a_setting_of_a_module_that_changes_is_seen(kind):
    scaled, f = Scaled(kind(2.0)), jit(lambda m, x: m(x))
    before = f(scaled, 3.0), scaled(3.0)
    scaled.scale = kind(5.0)
    assert before[0] == before[1]
    assert f(scaled, 3.0) == scaled(3.0) == before[0] + 9.0
    assert len(f.compilations) == 2


class Settings:
    rate = 2.0


@pytest.mark.parametrize(
    "argument", [Settings(), np.random.default_rng(0), iter([1.0]), zip([1.0]), (x for x in [1.0])], ids=type
)
def test_what_may_change_unseen_is_neither_taken_nor_returned(argument):
    with pytest.raises(TypeError, match=r"jit takes .*; pass .* static_argnames"):
        jit(lambda x, a: x)(1.0, argument)
    with pytest.raises(TypeError, match=r"jit, as results, takes .*; return "):
        jit(lambda x: (x, argument))(1.0)


def test_functions_modules_and_names_are_constants_of_a_program():
    f = jit(lambda x, g, library, name: (g(x) * library.pi, name, g))
    assert f(1.0, sin, math, "a") == (sin(1.0) * math.pi, "a", sin)


@jit
def decorated(x):
    return x * 2.0


class Holder:
    @jit
    @staticmethod
    def held(x):
        return x * 2.0


@pytest.mark.parametrize("f", [decorated, Holder.held], ids=["function", "method"])
def test_a_decorated_function_is_copied_and_pickled_by_its_name(f):
    assert copy.deepcopy(f) is copy.copy(f) is pickle.loads(pickle.dumps(f)) is f
    assert f(1.5) == 3.0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("f", [f, functools.partial(operator.mul, 0.1), nn.Neuron(2, seed=0)], ids=type)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_a_compiled_function_is_copied_and_pickled_as_what_it_was_made_of(f, copied, dtype):
    compiled, x = jit(f, dtype=dtype, contract=False), 0.7 if isinstance(f, functools.partial) else X
    twin = copied(compiled)
    assert twin(x) == compiled(x)
    assert copied(twin).compilations == [] and len(twin.compilations) == 1
    if isinstance(f, nn.Module) and copied is not copy.copy:
        f.b.data += 1.0
        assert twin(x) != compiled(x)


def test_a_function_without_a_name_is_deep_copied_and_not_pickled():
    held = {"f": jit(lambda x: x * 2.0)}
    assert copy.deepcopy(held)["f"](3.0) == 6.0
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(held)


def test_called_with_values_it_builds_a_graph():
    x = Value(2.0)
    y = jit(lambda x: x * x)(x)
    y.backward()
    assert (y.data, x.grad) == (4.0, 4.0)


def test_lower_shows_the_stages():
    stages = jit(lambda w, x: relu(dot(w, x))).lower([1.0] * 9, [2.0] * 9)
    assert "mul(p[0], p[9])" in stages.trace
    assert "for i0 in range(9):" in stages.program
    assert "define" in stages.ir
    assert "ret" in stages.assembly
    assert set(stages.times) == {"trace", "order", "roll", "fold", "place", "emit", "llvm"}


def test_constants_and_inputs_can_be_results():
    assert jit(lambda x, y: [x, 2.5, y, x])(1.0, 3.0) == [1.0, 2.5, 3.0, 1.0]
    assert jit(lambda: 4.0)() == 4.0
    assert jit(lambda xs: xs)([]) == []


def test_many_threads_share_one_compiled_function():
    g = jit(lambda xs: total([tanh(x) * x for x in xs]))
    want = {k: g([k + 0.1 * i for i in range(20)]) for k in range(8)}
    wrong = []

    def work(k):
        xs = [k + 0.1 * i for i in range(20)]
        wrong.extend(1 for _ in range(200) if g(xs) != want[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in want]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_threads_that_meet_a_new_structure_compile_it_once():
    g = jit(lambda xs: total([x * x for x in xs]))
    results = []
    threads = [threading.Thread(target=lambda: results.append(g([1.0, 2.0, 3.0]))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [14.0] * 4
    assert len(g.compilations) == 1


def test_a_long_straight_program_is_cut_into_functions():
    kinds = np.random.default_rng(0).integers(0, 3, 1500)

    def long(x, y):
        a, b = x, y
        for kind in kinds:
            a, b = [(a * 0.999 + b, b - a * 0.001), (b * 0.5 + a, a - b), (tanh(a), sin(b) + a)][kind]
        return a, b

    g = jit(long, contract=False, checked=True)
    got = g(0.3, 0.4)
    want = [v.data for v in long(Value(0.3), Value(0.4))]
    assert g.compilations[0].ir.count("define internal void") > 3
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_a_checked_build_says_when_memory_is_overrun(monkeypatch):
    from engine.compiler.specialization import Results

    original = Results.effects

    def shifted(self, *given):
        return [(op, x, target + 7) for op, x, target in original(self, *given)]

    monkeypatch.setattr(Results, "effects", shifted)
    with pytest.raises(AssertionError, match="outside its own buffers"):
        jit(lambda x: x * 2.0, checked=True)(1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: jit(3.0), TypeError, "takes a function"),
        (lambda: jit(lambda x: x, dtype="float16"), ValueError, "float64"),
        (lambda: jit(lambda x: x)(np.array(["a"])), TypeError, "real numbers"),
        (lambda: jit(lambda x: x)({1, 2}), TypeError, "numbers, lists"),
        (lambda: jit(lambda x: x)(np.array([1j])), TypeError, "real numbers"),
        (lambda: jit(lambda x: {x})(1.0), TypeError, "as results"),
    ],
)
def test_faults_are_told_in_the_users_terms(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_missing_llvmlite_is_named_with_its_remedy(monkeypatch):
    import builtins

    from engine.compiler.llvm import processor

    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("llvmlite"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    processor.llvm.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    try:
        with pytest.raises(ImportError, match=r'pip install -e "\.\[jit\]"'):
            jit(lambda x: x)(1.0)
    finally:
        processor.llvm.cache_clear()


def test_an_old_llvmlite_is_refused_by_its_version(monkeypatch):
    from engine.compiler.llvm import processor

    monkeypatch.setattr("llvmlite.__version__", "0.44.0")
    processor.llvm.cache_clear()
    try:
        with pytest.raises(ImportError, match=r"0\.45 or later, got 0\.44\.0; pip install --upgrade llvmlite"):
            jit(lambda x: x)(1.0)
    finally:
        processor.llvm.cache_clear()

"""jit is never stale: what a function reads from outside its arguments is looked at before each call."""

import functools
import logging
import pickle
import random
import sys
import threading
import types
import warnings
from collections import OrderedDict, UserDict, deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
import nn
from engine import Value, grad, jit, value_and_grad, vmap
from engine.compiler.front import outside
from engine.compiler.front.generators import Generators
from engine.compiler.front.outside import Outside, is_library

SCALE = 2.0


class Settings:
    """A plain object."""

    def __init__(self, scale=2.0):
        self.scale = scale

    def scaled(self, x):
        return x * self.scale


class Slotted:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 2.0


class Scaled(nn.Module):
    def __init__(self):
        self.scale, self.w = 2.0, Value(1.0)

    def forward(self, x):
        return x * self.w * self.scale


def in_cell():
    scale = 2.0

    def change():
        nonlocal scale
        scale = 3.0

    return lambda x: x * scale, change


def in_global():
    globals()["SCALE"] = 2.0

    def f(x):
        return (lambda y: y * SCALE)(x)

    return f, lambda: globals().update(SCALE=3.0)


def in_place(array, name, x):
    """An array gets another shape or type: NumPy warns of that from 2.5 on, and does it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        setattr(array, name, x)


def in_what(make, read, change):
    def made():
        held = make()
        return (lambda x: x * read(held)), lambda: change(held)

    return made


def in_module_closed_over():
    module = Scaled()
    return (lambda x: module(x)), lambda: setattr(module, "scale", 3.0)


def in_module_itself():
    module = Scaled()
    return module, lambda: setattr(module, "scale", 3.0)


def in_gradient_of_module():
    module = Scaled()
    return (lambda x: grad(lambda m: m(x))(module).w * 1.0), lambda: setattr(module, "scale", 3.0)


def in_object_of_method():
    held = Settings()
    return held.scaled, lambda: setattr(held, "scale", 3.0)


def in_function_of_function():
    inner = Settings()

    def scale(x):
        return x * inner.scale

    return value_and_grad(functools.partial(lambda f, x: f(x), jit(scale))), lambda: setattr(inner, "scale", 3.0)


def in_class():
    class Names:
        scale = 2.0

    return (lambda x: x * Names.scale), lambda: setattr(Names, "scale", 3.0)


def in_class_of_object():
    class Names:
        scale = 2.0

    held = Names()
    return (lambda x: x * held.scale), lambda: setattr(Names, "scale", 3.0)


def in_global_of_a_method():
    globals()["SCALE"] = 2.0

    class Reads(nn.Module):
        def forward(self, x):
            return self.inner(x)

        def inner(self, x):
            return x * SCALE

    module = Reads()
    return (lambda x: module(x)), lambda: globals().update(SCALE=3.0)


def in_a_default():
    def f(x, held=[2.0]):  # noqa: B006  that is what is tested
        return x * held[0]

    return f, lambda: f.__defaults__[0].__setitem__(0, 3.0)


def in_another_default():
    def scaled(x, scale=2.0):
        return x * scale

    return (lambda x: scaled(x)), lambda: setattr(scaled, "__defaults__", (3.0,))


def in_another_default_by_name():
    def scaled(x, *, scale=2.0):
        return x * scale

    return scaled, lambda: setattr(scaled, "__kwdefaults__", {"scale": 3.0})


def in_other_code():
    def scaled(x):
        return x * 2.0

    return (lambda x: scaled(x)), lambda: setattr(scaled, "__code__", (lambda x: x * 3.0).__code__)


def in_a_name_that_a_class_gets():
    class Names:
        scale = 2.0

    class Below(Names):
        pass

    held = Below()
    return (lambda x: x * held.scale), lambda: setattr(Below, "scale", 3.0)


def in_a_global_over_a_builtin():
    around = {}
    exec("def f(x):\n    return abs(x) * 2.0", around)
    return around["f"], lambda: around.update(abs=lambda x: x * 3.0)


def another_net():
    nets = [Scaled(), Scaled()]
    nets[1].w.data = 1.5

    def f(x):
        return nets[0](x)

    return f, nets.reverse


def another_value():
    ws = [Value(2.0)]
    return (lambda x: x * ws[0]), lambda: ws.__setitem__(0, Value(3.0))


CHANGES = [
    in_cell, in_global, in_module_closed_over, in_module_itself, in_object_of_method, in_function_of_function, in_class,
    in_class_of_object, in_global_of_a_method, in_a_default, in_another_default,
    in_another_default_by_name, in_other_code, in_a_name_that_a_class_gets, in_a_global_over_a_builtin, another_net,
    another_value,
    in_what(lambda: [2.0], lambda h: h[0], lambda h: h.__setitem__(0, 3.0)),
    in_what(lambda: [[1.0], [2.0]], lambda h: h[1][0], lambda h: h[1].__setitem__(0, 3.0)),
    in_what(lambda: [1.0, 1.0], sum, lambda h: h.append(1.0)),
    in_what(lambda: {"a": 2.0}, lambda h: h["a"], lambda h: h.update(a=3.0)),
    in_what(lambda: {"a": 2.0}, lambda h: h.get("b", 2.0), lambda h: h.update(b=3.0)),
    in_what(lambda: OrderedDict(a=2.0), lambda h: h["a"], lambda h: h.update(a=3.0)),
    in_what(lambda: deque([2.0]), lambda h: h[0], lambda h: h.__setitem__(0, 3.0)),
    in_what(lambda: {2.0}, max, lambda h: h.add(3.0)),
    in_what(lambda: np.array([2.0]), lambda h: h[0], lambda h: h.__setitem__(0, 3.0)),
    in_what(lambda: np.array([2.0], object), lambda h: h[0], lambda h: h.__setitem__(0, 3.0)),
    in_what(lambda: np.ones((2, 3)), lambda h: h.shape[0], lambda h: in_place(h, "shape", (3, 2))),
    in_what(lambda: np.array([[1.0], [2.0]], object), lambda h: h.shape[0], lambda h: in_place(h, "shape", (1, 2))),
    in_what(lambda: np.array([1.0]), lambda h: float(h[0]), lambda h: in_place(h, "dtype", np.int64)),
    in_what(Settings, lambda h: h.scale, lambda h: setattr(h, "scale", 3.0)),
    in_what(Slotted, lambda h: h.scale, lambda h: setattr(h, "scale", 3.0)),
    in_what(lambda: (Settings(),), lambda h: h[0].scale, lambda h: setattr(h[0], "scale", 3.0)),
    in_what(lambda: types.SimpleNamespace(scale=2.0), lambda h: h.scale, lambda h: setattr(h, "scale", 3.0)),
    in_what(lambda: UserDict(a=2.0), lambda h: h["a"], lambda h: h.update(a=3.0)),
    in_what(lambda: bytearray([2]), lambda h: h[0], lambda h: h.__setitem__(0, 3)),
    in_what(lambda: nn.l2(2.0), lambda h: h.strength, lambda h: setattr(h, "strength", 3.0)),
]  # fmt: skip


@pytest.mark.parametrize("made", CHANGES)
def test_what_changes_outside_is_seen(made):
    f, change = made()
    compiled = jit(f)
    before, again = compiled(1.0), compiled(1.0)
    assert again == before
    change()
    after = compiled(1.0)
    assert after == f(1.0) != before
    assert len(compiled.compilations) == 2


@pytest.mark.parametrize("how", [{}, {"static_argnames": "f"}], ids=["argument", "static argument"])
def test_what_a_function_among_the_arguments_reads_is_seen(how):
    f, change = in_cell()
    compiled = jit(lambda f, x: f(x), **how)
    assert [compiled(f, 1.5) for _ in range(4)] == [3.0] * 4
    change()
    assert [compiled(f, 1.5) for _ in range(4)] == [4.5] * 4
    assert len(compiled.compilations) == 2


@pytest.mark.parametrize("mapped", [False, True])
def test_what_the_class_of_a_module_among_the_arguments_reads_is_seen(mapped, monkeypatch):
    class Reads(nn.Module):
        more = 1.0

        def __init__(self):
            self.w = [Value(1.0)]

        def forward(self, x):
            return self.w[0] * x * SCALE * self.more

    monkeypatch.setitem(globals(), "SCALE", 2.0)
    net = Reads()
    compiled = jit(vmap(lambda net, x: net(x), in_axes=(None, 0)) if mapped else lambda net, x: net(x))

    def is_now(x):
        for _ in range(3):
            assert compiled(net, [1.0, 2.0] if mapped else 1.0) == ([x, 2.0 * x] if mapped else x)

    is_now(2.0)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    is_now(3.0)
    monkeypatch.setattr(Reads, "more", 4.0)
    is_now(12.0)
    monkeypatch.setattr(Reads, "forward", lambda self, x: self.w[0] * x)
    is_now(1.0)
    assert len(compiled.compilations) == 4


def test_a_module_that_counts_its_calls_in_a_global_is_compiled_once(monkeypatch):
    class Counts(nn.Module):
        def __init__(self):
            self.w = [Value(1.0)]

        def forward(self, x):
            globals()["SCALE"] += 1.0
            return self.w[0] * x if SCALE else x

    monkeypatch.setitem(globals(), "SCALE", 1.0)
    compiled, net = jit(lambda net, x: net(x)), Counts()
    assert [compiled(net, x) for x in (1.0, 2.0, 3.0, 4.0)] == [1.0, 2.0, 3.0, 4.0]
    assert len(compiled.compilations) == 1


def test_a_net_is_seen_switched_to_evaluation_and_back():
    net = nn.Sequential(nn.Layer(2, 3, seed=0), nn.Dropout(0.5, seed=1), nn.Layer(3, 1, seed=2)).eval()
    f = jit(lambda x: net(x))
    assert f([1.0, 2.0]) == pytest.approx(net([1.0, 2.0]).data)
    net.train()
    with pytest.raises(TypeError, match=r"draw no random numbers, .* eval\(\) switches Dropout off"):
        f([1.0, 2.0])
    net.eval()
    assert f([1.0, 2.0]) == pytest.approx(net([1.0, 2.0]).data)
    assert len(f.compilations) == 1


@given(
    values=st.lists(
        st.sampled_from([0.0, -0.0, 0, False, 1, True, 1.0, None, "1", (1,), (True,)]), min_size=2, max_size=6
    )
)
@settings(max_examples=30)
def test_what_python_calls_equal_is_told_apart_outside_too(values):
    held = Settings()

    def f(x):
        return x + sum(repr(held.scale).encode())

    compiled = jit(f)
    for value in values:
        held.scale = value
        assert compiled(1.0) == f(1.0)


def test_numbers_of_values_outside_change_without_compiling():
    module = Scaled()
    f = jit(lambda x: module(x))
    assert f(1.0) == 2.0
    module.w.data = 5.0
    assert module(1.0).data == f(1.0) == 10.0
    module.scale = 2.0 + 0.0  # equal, another object
    assert f(1.0) == 10.0 and len(f.compilations) == 1


def test_what_a_function_changes_itself_it_changes_when_it_is_traced():
    class Counts(nn.Module):
        def __init__(self):
            self.calls, self.last, self.w = 0, None, Value(2.0)

        def forward(self, x):
            self.calls, self.last = self.calls + 1, x * self.w
            return self.last

    module = Counts()
    f = jit(lambda x: module(x))
    assert [f(1.0), f(2.0), f(3.0)] == [2.0, 4.0, 6.0]
    assert len(f.compilations) == module.calls == 1
    module.calls = 7
    assert f(1.0) == 2.0 and module.calls == 8


def test_a_function_in_lanes_sees_changes_too():
    held = Settings()
    f = jit(vmap(lambda x: x * held.scale))
    assert f([1.0, 2.0]) == [2.0, 4.0]
    held.scale = 3.0
    assert f([1.0, 2.0]) == [3.0, 6.0]


def test_functions_that_read_each_other_and_variables_not_set_yet_are_taken():
    def even(x, n):
        return x if n == 0 else odd(x, n - 1)

    def odd(x, n):
        return x if n == 0 else even(x, n - 1)

    later = jit(lambda x: even(x, 3) + (0.0 if x is None else offset))
    offset = 1.0
    assert later(2.0) == 3.0


def test_what_belongs_to_libraries_is_not_looked_at():
    counted = Outside(lambda x: np.sum(engine.exp(x)) + sys.maxsize + len(pickle.dumps(pytest)))
    counted.number()
    assert counted._now[0].count < 30
    assert is_library(random.__file__) and is_library(np.__file__) and is_library(nn.__file__)
    assert not is_library(__file__)


def test_more_than_can_be_looked_at_is_said(monkeypatch, caplog):
    monkeypatch.setattr(outside, "MOST", 100)
    many, f = [float(i) for i in range(200)], None
    f = jit(lambda x: x * many[1])
    with caplog.at_level(logging.WARNING, "engine.jit"):
        assert f(1.0) == 1.0
    assert "looks at 100 of the things" in caplog.text


def test_of_data_the_length_is_looked_at(caplog):
    many = [(float(i), 1.0) for i in range(3000)]
    f = jit(lambda x: x * many[1][0] + many[-1][0])
    with caplog.at_level(logging.WARNING, "engine.jit"):
        assert f(2.0) == 2.0 + 2999.0
    assert f._outside._now[0].count < 30 and not caplog.text
    many.append((5000.0, 1.0))
    assert f(2.0) == 2.0 + 5000.0


def test_a_function_keeps_its_latest_programs(monkeypatch):
    monkeypatch.setattr("engine.compiler.function.MOST", 3)
    f = jit(lambda x, k: x * k, static_argnames="k")
    assert [f(1.0, k) for k in range(6)] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert len(f.compilations) == 3


def test_a_container_that_another_thread_fills_is_looked_at_again():
    held, stop = {0: 1.0}, threading.Event()

    def fill():
        k = 0
        while not stop.is_set():
            held[k % 50] = float(k)
            k += 1
            if k % 50 == 0:
                held.clear()

    filling = threading.Thread(target=fill)
    f = Outside(lambda x: x * len(held))
    filling.start()
    try:
        for _ in range(300):
            f.number()
    finally:
        stop.set()
        filling.join()


# Random numbers ------------------------------------------------------------------------------------------------------

OWN, NUMPYS, OLD = random.Random(1), np.random.default_rng(1), np.random.RandomState(1)
DRAWS = {
    "random": lambda x: x * random.random(),
    "gauss": lambda x: x + random.gauss(0.0, 1.0),
    "numpy": lambda x: x * np.random.rand(),
    "own": lambda x: x * OWN.random(),
    "method": functools.partial(lambda draw, x: x * draw(), OWN.random),
    "Generator": lambda x: x * NUMPYS.normal(),
    "RandomState": lambda x: x * OLD.normal(),
    "rarely": lambda x: x * (2.0 if OWN.random() < 1e-9 else 1.0),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("made", [jit, lambda f: jit(vmap(f)), lambda f: jit(grad(f)), lambda f: jit(jit(f))])
def test_random_numbers_that_would_be_fixed_are_refused_and_none_is_used_up(name, made):
    def states():
        return OWN.getstate(), str(NUMPYS.bit_generator.state), str(OLD.get_state()), str(np.random.get_state())

    before, python = states(), random.getstate()
    argument = [1.0, 2.0] if "mapping" in vars(made(DRAWS[name])._f) else 1.0
    with pytest.raises(TypeError, match="jit takes functions that draw no random numbers"):
        made(DRAWS[name])(argument)
    assert states() == before and random.getstate() == python


def test_a_dropout_in_training_is_refused_among_the_arguments_too():
    net = nn.Sequential(nn.Layer(2, 3, seed=0), nn.Dropout(0.5, seed=1), nn.Layer(3, 1, seed=2))
    f = jit(lambda net, x: net(x))
    with pytest.raises(TypeError, match="draws from a random.Random"):
        f(net, [1.0, 2.0])
    assert f(net.eval(), [1.0, 2.0]) == net([1.0, 2.0]).data


def test_a_generator_that_a_function_makes_itself_is_its_own():
    def f(x):
        return x * random.Random(3).random()

    assert jit(f)(2.0) == f(2.0)


def test_generators_of_the_system_say_nothing_about_their_state():
    assert Generators(random.SystemRandom()).drawn() == ""


def test_an_exception_while_tracing_uses_up_no_random_numbers():
    def f(x):
        OWN.random()
        raise ArithmeticError("mine")

    before = OWN.getstate()
    with pytest.raises(ArithmeticError, match="mine"):
        jit(f)(1.0)
    assert OWN.getstate() == before

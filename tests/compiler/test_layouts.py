"""The layout of a Module that is kept: every change of the Module is seen, and nothing else is worked out anew."""

import collections
import gc
import types
import weakref

import numpy as np
import pytest

import nn
from engine import Value, jit, total, value_and_grad
from engine.compiler.front import layouts
from engine.compiler.front.layouts import MOST, Layout, layout_of
from engine.compiler.front.outside import Watch


class Held(nn.Module):
    """Holds parameters and settings in whatever way there is."""

    def __init__(self):
        self.net = nn.MLP(2, [3, 2, 1], seed=0)
        self.again = self.net.layers[1]
        self.loose = [Value(1.0), [Value(2.0), 3.0]]
        self.named = {"a": Value(4.0), 5: Value(5.0), "rate": 0.5}
        self.queue = collections.deque([Value(6.0)])
        self.array = np.array([Value(7.0), 8.0], object)
        self.plain = np.array([1.0, 2.0])
        self.space = types.SimpleNamespace(inside=Value(9.0), mode="fast")
        self.frozen = types.MappingProxyType({"p": Value(10.0)})
        self.set = {self.loose[0]}
        self._private = [1.0, True]
        self.scale = 1.0


class Settled(Held):
    """All of it, but for what is never kept."""

    def __init__(self):
        super().__init__()
        del self.frozen


def neuron(m):
    return m.net.layers[0].neurons[0]


CHANGES = {
    "a parameter": lambda m: neuron(m).w.__setitem__(0, Value(neuron(m).w[0].data)),
    "a bias": lambda m: setattr(neuron(m), "b", Value(0.0)),
    "a parameter to its number": lambda m: neuron(m).w.__setitem__(0, neuron(m).w[0].data),
    "a weight more": lambda m: neuron(m).w.append(Value(0.0)),
    "a weight moved to the next neuron": lambda m: m.net.layers[0].neurons[1].w.insert(0, neuron(m).w.pop()),
    "the order of weights": lambda m: neuron(m).w.reverse(),
    "a shared weight": lambda m: neuron(m).w.__setitem__(1, neuron(m).w[0]),
    "a list of weights to an equal one": lambda m: (setattr(neuron(m), "w", list(neuron(m).w)), neuron(m).w.pop()),
    "a name": lambda m: m.named.__setitem__("pace", m.named.pop("rate")),
    "a layer more": lambda m: m.net.layers.append(nn.Layer(1, 1, seed=0)),
    "a layer less": lambda m: m.net.layers.pop(),
    "layers in another order": lambda m: m.net.layers.reverse(),
    "a neuron replaced": lambda m: m.net.layers[0].neurons.__setitem__(0, nn.Neuron(2, seed=1)),
    "an activation": lambda m: setattr(neuron(m), "_activate", abs),
    "frozen": lambda m: setattr(m.net, "trainable", False),
    "evaluation": lambda m: m.eval(),
    "one to True": lambda m: setattr(m, "scale", True),
    "one to an int": lambda m: setattr(m, "scale", 1),
    "zero's sign": lambda m: (setattr(m, "scale", 0.0), layout_of(m), setattr(m, "scale", -0.0)),
    "an attribute more": lambda m: setattr(m, "more", "text"),
    "an attribute's name": lambda m: (setattr(m, "size", m.scale), delattr(m, "scale")),
    "no longer the same object": lambda m: setattr(m, "again", nn.MLP(3, [2, 2], seed=0).layers[0]),
    "a list in a list": lambda m: m.loose[1].append(Value(1.0)),
    "a number in a list": lambda m: m.loose[1].__setitem__(1, 4.0),
    "a dict's number": lambda m: m.named.update(rate=0.25),
    "a dict's parameter": lambda m: m.named.update(a=Value(1.0)),
    "a dict's key": lambda m: m.named.update(b=m.named.pop("a")),
    "a dict's order": lambda m: m.named.update(a=m.named.pop("a")),
    "a dict's key to what equals it": lambda m: m.named.update({5.0: m.named.pop(5)}),
    "a deque": lambda m: m.queue.append(Value(1.0)),
    "an array's parameter": lambda m: m.array.__setitem__(0, Value(1.0)),
    "an array's number": lambda m: m.array.__setitem__(1, 9.0),
    "a plain array's number": lambda m: m.plain.__setitem__(1, 9.0),
    "an object's parameter": lambda m: setattr(m.space, "inside", Value(1.0)),
    "an object's setting": lambda m: setattr(m.space, "mode", "slow"),
    "a set": lambda m: m.set.add("more"),
    "a private list": lambda m: m._private.__setitem__(1, 1),
}


def said(layout):
    return layout.key, list(map(id, layout.leaves))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("make", [Settled, Held])
def test_every_change_of_a_module_is_seen(make, change):
    m = make()
    before = said(layout_of(m))
    assert said(layout_of(m)) == before and Layout(m).lasts == (make is Settled)
    change(m)
    kept, fresh = said(layout_of(m)), said(Layout(m))
    assert kept == fresh != before


def test_a_layout_is_kept_while_nothing_but_numbers_changes(monkeypatch):
    m, worked = Settled(), []
    first = layout_of(m)
    monkeypatch.setattr(layouts, "exact", lambda *args, **options: worked.append(args))
    for p in m.parameters():
        p.data += 1.0
        p.grad = 2.0
    m.net([1.0, 2.0]).backward()  # which reads the weights anew
    m.zero_grad()
    assert layout_of(m) is first and not worked


def test_a_layout_that_does_not_look_at_values_is_caught(monkeypatch):
    things = Watch._things
    monkeypatch.setattr(Watch, "_things", lambda self: tuple([x for x in things(self) if x.__class__ is not Value]))
    with pytest.raises(AssertionError):
        test_every_change_of_a_module_is_seen(Settled, CHANGES["a shared weight"])


class Own(nn.MLP):
    """Says itself what its numbers are."""

    first = 0

    def _flatten(self):
        leaves, rebuild = super()._flatten()
        turned = leaves[Own.first :] + leaves[: Own.first]
        return turned, lambda new: rebuild([*new][-Own.first :] + [*new][: -Own.first] if Own.first else new)


def test_a_class_that_flattens_itself_is_asked_each_time(monkeypatch):
    net = Own(2, [2, 1], seed=0)
    before = said(layout_of(net))
    monkeypatch.setattr(Own, "first", 1)
    assert said(layout_of(net))[1] == before[1][1:] + before[1][:1]


def test_modules_whose_layout_is_kept_are_freed_and_few_are_kept():
    layouts._kept.clear()
    gc.disable()
    try:
        nets = [nn.MLP(2, [2, 1], seed=0) for _ in range(MOST + 3)]
        marks = [weakref.ref(x) for net in nets for x in (net, net.layers[0].neurons[0])]
        assert all(layout_of(net).lasts for net in nets) and len(layouts._kept) == MOST
        nets.clear()
        assert {m() for m in marks} == {None} and not layouts._kept
    finally:
        gc.enable()


def test_a_compiled_step_follows_a_net_that_changes_between_calls():
    def loss(net, x):
        return total([p * p for p in net.parameters()]) + net(x)

    step, net = jit(value_and_grad(loss)), nn.MLP(2, [2, 1], seed=0)
    shared = net.layers[0].neurons
    changes = [
        lambda: shared[0].w.__setitem__(0, Value(0.25)), lambda: setattr(shared[1], "w", shared[0].w),
        lambda: setattr(net.layers[1].neurons[0], "_activate", abs), lambda: None,
        lambda: net.layers.append(nn.Layer(1, 1, nonlin=False, seed=3)),
    ]  # fmt: skip
    for change in changes:
        change()
        for _ in range(2):
            value, gradient = step(net, [0.5, -1.0])
            wanted, slopes = value_and_grad(loss)(net, [0.5, -1.0])
            assert value == pytest.approx(float(wanted), rel=1e-14)
            assert list(gradient.state()) == list(net.state())
            assert list(gradient.state().values()) == pytest.approx(list(slopes.state().values()), rel=1e-14)
    assert len(step.compilations) == 4


class Tied(nn.Module):
    """Three parameters, some of them twice."""

    def __init__(self, *which):
        w = [Value(1.0), Value(2.0), Value(5.0)]
        self.w, self.again = w, [w[k] for k in which]

    def forward(self, x):
        return total(self.w) * x + self.again[0] * 3.0 + self.again[1] * x * x


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_parameters_that_are_tied_otherwise_get_their_own_gradients(backend):
    def loss(net, x):
        return net(x)

    step, net = jit(value_and_grad(loss), backend=backend), Tied(0, 1)

    def is_right(net):
        for _ in range(3):
            value, gradient = step(net, 2.0)
            wanted, slopes = value_and_grad(loss)(net, 2.0)
            assert value == float(wanted)
            assert list(gradient.state().values()) == list(slopes.state().values())

    is_right(net)
    for which in ((1, 0), (2, 0), (2, 2), (0, 1)):
        is_right(Tied(*which))
        net.again = [net.w[k] for k in which]
        is_right(net)
    assert len(step.compilations) == 4


class WithOwn(nn.Module):
    """Reads a Value that is no parameter."""

    def __init__(self, own):
        self.w, self._own = [Value(1.0), Value(2.0)], Value(own)

    def forward(self, x):
        return self.w[0] * x + self.w[1] + self._own


def test_values_of_a_module_that_are_no_parameters_are_its_own():
    f, nets = jit(lambda net, x: net(x)), [WithOwn(3.0), WithOwn(40.0)]
    for _ in range(3):
        assert [f(net, 1.0) for net in nets] == [6.0, 43.0]
    nets[1]._own.data = 50.0
    assert [f(net, 1.0) for net in nets] == [6.0, 53.0]
    assert len(f.compilations) == 2
    nets[0]._own = Value(7.0)
    assert [f(net, 1.0) for net in nets] == [10.0, 53.0]

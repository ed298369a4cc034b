"""Gradients of lists that several dots share: one instruction of a trace, the loops that they were one by one, eager's bits."""

import re

import numpy as np
import pytest

import engine
import nn
from engine import dot, jit, total, value_and_grad
from engine.compiler.front.recorder import Recorder
from engine.compiler.front.trace import Trace

RNG = np.random.default_rng(0)


def squares(outputs, y):
    return total([(o - t) ** 2 for o, t in zip(outputs, y)])


def twice(net, x, y):
    return squares(net(x), y) - dot(net([2.0 * a for a in x]), y)


def with_a_number(net, x, y):
    first, last = net.layers
    return squares(last([*first(x)[:-1], 1.5]), y)


def peeled(net, x, y):
    first, last = net.layers
    return squares(last(first(x)), y) + first([a * a for a in x])[0]


LOSSES = {
    "once": lambda net, x, y: squares(net(x), y),
    "twice": twice,
    "with a number": with_a_number,
    "peeled": peeled,
}

# of so many neurons, for 2 and for 7 examples
LISTS = {"once": (0, 7), "twice": (7, 7), "with a number": (0, 3), "peeled": (1, 7)}


def compiled(loss, count):
    """(the step, its arguments) of so many examples."""

    def mean(net, xs, ys):
        return total([loss(net, x, y) for x, y in zip(xs, ys)]) / len(xs)

    net = nn.MLP(5, [4, 3], seed=1)
    return jit(value_and_grad(mean), contract=False), (net, RNG.normal(size=(count, 5)), RNG.normal(size=(count, 3)))


def program(step, arguments):
    """The text of it, with loop variables in the order in which they come."""
    names = {}
    text = step.lower(*arguments).program
    return re.sub(r"\bi\d+\b", lambda found: names.setdefault(found[0], f"i{len(names)}"), text)


@pytest.mark.parametrize("count", [2, 7])
@pytest.mark.parametrize("loss", LOSSES)
def test_what_examples_add_to_a_list_is_one_instruction_with_the_bits_of_eager_mode(loss, count, monkeypatch):
    written = []
    original = Trace.sums
    monkeypatch.setattr(Trace, "sums", lambda *args: (written.append(args[2]), original(*args))[1])
    step, arguments = compiled(LOSSES[loss], count)
    value, gradient = step(*arguments)
    net, *examples = arguments
    expected = value_and_grad(step.__wrapped__.__wrapped__)(net, *[x.tolist() for x in examples])
    assert (value, gradient.state()) == (float(expected[0]), expected[1].state())
    assert len({*written}) == LISTS[loss][count > 2]


@pytest.mark.parametrize("loss", ["once", "twice", "peeled"])
def test_the_program_is_the_one_that_shows_each_weight(loss, monkeypatch):
    step, arguments = compiled(LOSSES[loss], 5)
    found = program(step, arguments)
    monkeypatch.setattr(
        Recorder, "answered", lambda recorder, later: recorder.resumed(lambda: later.answered(later.run))
    )
    step, _ = compiled(LOSSES[loss], 5)
    assert program(step, arguments) == found


def test_a_wide_net_of_few_examples_is_a_short_trace():
    net, xs = nn.MLP(300, [20, 3], seed=1), RNG.normal(size=(4, 300))

    def loss(net, xs):
        return total([engine.logsumexp(net(x)) for x in xs])

    step = jit(value_and_grad(loss))
    lengths = []
    original = Trace.sums

    def noted(self, *args):
        original(self, *args)
        lengths.append(len(self.code))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trace, "sums", noted)
        value, gradient = step(net, xs)
    assert lengths[-1] < 1500  # 7,000 with an instruction a weight
    expected, by_hand = value_and_grad(loss)(net, xs.tolist())
    assert abs(value - float(expected)) < 1e-12
    np.testing.assert_allclose(list(gradient.state().values()), list(by_hand.state().values()), rtol=1e-10, atol=1e-13)

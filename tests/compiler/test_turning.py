"""Loops begin where their rounds do, and stand for the same instructions as before."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine import relu, tanh
from engine.compiler import compilation
from engine.compiler.loops import turning
from engine.compiler.loops.program import For, program, size
from engine.compiler.loops.rolling import rolled
from engine.compiler.loops.turning import turned


def sequence(body, index=None):
    """The instructions that a program stands for, one after another."""
    index, found = index or {}, []
    for n in body:
        if isinstance(n, For):
            for i in range(n.count.evaluated(index)):
                found += sequence(n.body, {**index, n.variable: i})
        else:
            operands = [(space, int(p.evaluated(index))) for space, p in n.args]
            found.append((n.op, int(n.out.evaluated(index)), int(n.target.evaluated(index)), operands))
    return found


class Rolled(Exception):
    """Enough is known."""


def code_of(f, *args):
    """The instructions that are rolled when a function is compiled."""

    def kept(code, window):
        raise Rolled(code)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Rolled) as stopped:
        patch.setattr(compilation, "rolled", kept)
        engine.jit(f).lower(*args)
    return stopped.value.args[0]


def stands_for_the_same(widths, examples, act, last):
    body = program(*rolled(code_of(net([*widths, 1], act, last), *arguments([*widths, 1], examples))))
    before, long = sequence(body), size(body)
    after = turned(body)
    assert sequence(after) == before and size(after) <= long


def net(widths, act, last):
    def loss(ps, xs, ys):
        losses = []
        for x, y in zip(xs, ys):
            at = 0
            for k, (a, b) in enumerate(zip(widths, widths[1:])):
                sums = []
                for _ in range(b):
                    sums.append(engine.dot(ps[at : at + a], x, ps[at + a]))
                    at += a + 1
                x = sums if k == len(widths) - 2 else [act(s) for s in sums]
            losses.append(last(1.0 - y * x[0]))
        return engine.total(losses) / len(losses) + 0.01 * sum(p * p for p in ps)

    return engine.value_and_grad(loss)


def arguments(widths, examples):
    count = sum((a + 1) * b for a, b in zip(widths, widths[1:]))
    ps = [0.1 * (i % 7) - 0.3 for i in range(count)]
    xs = [[0.5 * ((i + k) % 5) - 1.0 for k in range(widths[0])] for i in range(examples)]
    return ps, xs, [float(i % 2 * 2 - 1) for i in range(examples)]


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=3), st.integers(1, 9), st.sampled_from([relu, tanh]),
    st.sampled_from([relu, engine.exp]),
)  # fmt: skip
def test_a_turned_program_stands_for_the_same_instructions(widths, examples, act, last):
    stands_for_the_same(widths, examples, act, last)


def test_every_loop_over_examples_has_a_round_for_each():
    widths = [2, 8, 8, 1]
    args = arguments(widths, 50)
    counts = re.findall(r"in range\((\d+)\)", engine.jit(net(widths, relu, relu)).lower(*args).program)
    assert {*map(int, counts)} <= {50, 8, 2, 6, len(args[0])} and counts.count("50") > 5


def test_a_turn_past_what_is_of_one_kind_but_not_the_same_is_caught(monkeypatch):
    monkeypatch.setattr(
        turning, "_are_alike", lambda left, right: [*map(turning._kind, left)] == [*map(turning._kind, right)]
    )
    with pytest.raises(AssertionError):
        stands_for_the_same([2, 3, 5], 6, relu, relu)

"""Long programs are cut into functions that LLVM takes in its stride, loop bodies and sums over examples too."""

import random
import re

import numpy as np
import pytest

import engine
from engine import Value, gradients, mean, total
from engine.compiler.loops import parts, placement
from engine.compiler.training_loop import TrainingLoop


def chains(kinds, length, rounds):
    """Rounds of many different short loops: a loop body of kinds*length instructions."""
    rng = random.Random(1)
    steps = [[(rng.randrange(3), rng.uniform(0.5, 1.5)) for _ in range(length)] for _ in range(kinds)]

    def f(xs, outer):
        state = list(xs)
        for _ in range(outer):
            for k, chain in enumerate(steps):
                for at in range(k * rounds, (k + 1) * rounds):
                    a = state[at] + state[at - 1] * 0.125
                    for op, c in chain:
                        a = (a * c, a + c, c - a)[op]
                    state[at] = a * 0.5
        return state

    return f, [rng.uniform(-1, 1) for _ in range(kinds * rounds)]


def lines_of_functions(ir):
    return [part.count("\n") for part in re.split(r"^define ", ir, flags=re.MULTILINE)[1:]]


@pytest.mark.parametrize("checked", [False, True])
def test_a_long_loop_body_is_cut_and_computes_what_eager_mode_does(checked):
    f, xs = chains(12, 14, 4)
    whole = engine.jit(f, static_argnames="outer", contract=False, checked=checked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "LONGEST", 100)
        cut = engine.jit(f, static_argnames="outer", contract=False, checked=checked)
        stages = cut.lower(xs, 6)
    assert re.search(r"^    for", stages.program, re.MULTILINE)  # it is a nest
    assert len(lines_of_functions(stages.ir)) > len(lines_of_functions(whole.lower(xs, 6).ir))
    assert max(lines_of_functions(stages.ir)) < max(lines_of_functions(whole.lower(xs, 6).ir)) / 2
    assert cut(xs, 6) == whole(xs, 6) == f(xs, 6)
    assert cut(xs, 6) == cut(xs, 6)


def test_a_cut_loop_hands_no_register_from_function_to_function_or_round_to_round():
    f, xs = chains(12, 14, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "LONGEST", 100)
        plans = []
        made = placement.Placement.__init__
        patch.setattr(
            placement.Placement, "__init__", lambda self, *a, **k: (plans.append(self), made(self, *a, **k))[1]
        )
        engine.jit(f, static_argnames="outer").lower(xs, 6)
    (plan,) = plans
    assert plan.parts.cuts
    for loop, segments in plan.parts.cuts.items():
        assert not plan.facts[loop].carried
        part_of = {step: s for n, s in zip(loop.body, segments) for step in parts.statements_of(n)}
        for step, part in part_of.items():
            for source in plan.sources[step]:
                if not isinstance(source, tuple):  # from memory
                    while not isinstance(source, placement.Statement):
                        source = source.value
                    assert part_of[source] == part


def irregular_loss(count):
    rng = random.Random(0)
    choices = [(rng.randrange(1, 30), rng.randrange(3)) for _ in range(count)]

    def loss(ps, example):
        values = list(example) * 10
        for p, (i, op) in zip(ps, choices):
            a = values[-i]
            values.append((p * a, a + p, (a - p) * 0.5)[op])
        return total(values[-30:]) * total(values[-20:])

    return loss


def test_gradients_of_a_long_irregular_loss_are_those_of_eager_mode():
    count = 150
    loss = irregular_loss(count)
    rng = np.random.default_rng(0)
    p, rows = rng.uniform(-1, 1, count), rng.normal(size=(37, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "LONGEST", 60)
        patch.setattr("engine.compiler.llvm.reduction.LONGEST", 60)
        loop = TrainingLoop(loss, lambda p, g, slots, settings: (p - g, slots), p, rows, checked=True)
    loop.run()
    leaves = [Value(x) for x in p.tolist()]
    want = [float(g.data) for g in gradients(mean([loss(leaves, row) for row in rows.tolist()]), leaves)]
    np.testing.assert_allclose(p - loop.parameters, want, rtol=1e-9, atol=1e-12)


def test_functions_stay_short_whatever_the_length_of_a_training_step(monkeypatch):
    monkeypatch.setattr(parts, "LONGEST", 60)
    monkeypatch.setattr("engine.compiler.llvm.reduction.LONGEST", 60)
    longest = []
    for count in (150, 450):
        rows = np.ones((20, 3))
        loop = TrainingLoop(irregular_loss(count), lambda p, g, slots, settings: (p, slots), [0.5] * count, rows)
        longest.append(max(lines_of_functions(loop.stages.ir)))
    assert longest[1] < 1.5 * longest[0]

"""Vectors divided by one number, in products: the bits of division, for whatever is divided."""

import numpy as np
import pytest

from engine.compiler.llvm import division
from engine.compiler.llvm.native_code import PROGRAMS
from engine.compiler.llvm.processor import has_fma, processor
from engine.compiler.training_loop import TrainingLoop

ODD = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 2.0**-1022, 1.7976931348623157e308, 2.0**-800, 2.0**800]


def quotients(xs, divisors):
    """Each of xs by each divisor, as the update of a training divides."""
    loop = TrainingLoop(
        lambda ps, example: ps[0] * example[0],
        lambda p, g, slots, settings: (p / (settings[0] + settings[1]), slots),
        xs, np.ones((1, 1)), settings=2,
    )  # fmt: skip
    found = []
    for y in divisors:
        loop.parameters[:] = xs
        loop.run(settings=[y, -0.0])
        found.append(loop.parameters.copy())
    return loop, np.array(found)


def numbers(rng, count, least, most):
    return rng.choice([-1.0, 1.0], count) * rng.uniform(1.0, 2.0, count) * 2.0 ** rng.integers(least, most, count)


@pytest.mark.parametrize("left", [0, 6])
def test_quotients_are_those_of_division_to_the_bit(left):
    """In groups of vectors, and in those that are left."""
    rng = np.random.default_rng(0)
    near_one = 1.0 + rng.integers(-40, 40, 200) * 2.0**-52
    xs = np.concatenate([numbers(rng, 1500, -3, 3), numbers(rng, 200, -1060, 1020), near_one, 1.0 / near_one, ODD])
    rng.shuffle(xs)
    xs = np.concatenate([xs, ODD[:left]])[: len(xs) // 32 * 32 + left]
    divisors = [*numbers(rng, 60, -3, 3), *numbers(rng, 60, -1060, 1020), *near_one[:60], *ODD, 1.0 - 0.999, 1.0 - 0.9]
    with np.errstate(all="ignore"):
        want = xs / np.array(divisors)[:, None]
    loop, got = quotients(xs, divisors)
    same = (got.view(np.int64) == want.view(np.int64)) | (np.isnan(got) & np.isnan(want))
    assert same.all(), (xs[np.nonzero(~same)[1][0]], divisors[np.nonzero(~same)[0][0]])
    checks = loop.stages.ir.count('call i1 @"llvm.vector.reduce.and')
    assert checks == (2 if has_fma(processor(None)) else 0)  # one for a group of vectors, one for what is left


def test_a_quotient_that_is_not_made_better_is_caught(monkeypatch):
    monkeypatch.setattr(division, "TIMES", 0)
    PROGRAMS.clear()
    if not has_fma(processor(None)):
        test_quotients_are_those_of_division_to_the_bit(0)  # such a processor divides, whatever is planted
        return
    with pytest.raises(AssertionError):
        test_quotients_are_those_of_division_to_the_bit(0)

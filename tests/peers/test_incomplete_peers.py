"""PyTorch, JAX and SciPy agree on the incomplete gamma and beta functions, and on their derivatives in x."""

import math
import random

import jax
import pytest
import scipy.special
import torch

from engine import betainc, gammainc, gammaincc, value_and_grad

RELATIVE = 1e-12
PYTORCHS = 1e-8  # its series for large a has nine digits (2.13); of flint's values SciPy and this engine have 14


@pytest.fixture(autouse=True)
def double():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def points(rng):
    for a in (0.02, 0.5, 1.0, 3.5, 20.0, 150.0, 4000.0):
        for _ in range(12):
            yield a, abs(a + rng.gauss(0.0, 2.0) * math.sqrt(a)) + 1e-6


@pytest.mark.parametrize(("ours", "theirs"), [(gammainc, torch.special.gammainc), (gammaincc, torch.special.gammaincc)])
def test_gammainc_is_pytorchs_and_scipys(ours, theirs):
    for a, at in points(random.Random(0)):
        x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        y = theirs(torch.tensor(a, dtype=torch.float64), x)
        y.backward()
        value, slope = value_and_grad(lambda x, a=a: ours(a, x))(at)
        assert [value, slope] == pytest.approx([y.item(), x.grad.item()], rel=PYTORCHS), (a, at)
        assert value == pytest.approx(float(getattr(scipy.special, ours.__name__)(a, at)), rel=RELATIVE), (a, at)


def test_betainc_is_jaxs_and_scipys():
    rng, theirs = random.Random(0), jax.jit(jax.value_and_grad(jax.scipy.special.betainc, argnums=2))
    for a, b in ((0.5, 0.3), (2.0, 7.5), (40.0, 3.0), (90.0, 200.0)):
        for x in [a / (a + b) * rng.uniform(0.4, 1.0) for _ in range(12)]:
            value, slope = value_and_grad(lambda x, a=a, b=b: betainc(a, b, x))(x)
            assert [value, slope] == pytest.approx([float(y) for y in theirs(a, b, x)], rel=RELATIVE), (a, b, x)
            assert value == pytest.approx(float(scipy.special.betainc(a, b, x)), rel=RELATIVE)

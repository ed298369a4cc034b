"""What XLA computes lies in the balls that certify the scalar program: of random graphs in both types of floats, and of nets.

MANY=100 python -m pytest tests/xla/test_xla_balls.py
"""

import os
import random

import numpy as np
import pytest
from enclosing import PRECISIONS, Precision
from hypothesis import given, settings
from hypothesis import strategies as st
from test_array_balls import wrong_batch
from test_balls import ROWS, check, of_graph, of_network, wrong_lanes

from engine import gradients, jit, vmap
from engine.checks import mlps, random_graphs
from engine.checks.rounding import CORRECT
from engine.compiler.arrays.rows import Rows
from engine.rule import TABLE

MANY = int(os.environ.get("MANY", "1"))


class OfXla(Precision):
    """XLA states nothing of its functions' accuracy: here they may miss by eight ulps."""

    def stated(self, row):
        units, shift = super().stated(row)
        return (units if row.name in CORRECT else max(units, 16.0)), shift


@pytest.fixture(autouse=True)
def eight_ulps(monkeypatch):
    for dtype, precision in PRECISIONS.items():
        monkeypatch.setitem(PRECISIONS, dtype, OfXla(*precision))


def is_known(name):
    """Has XLA a row, and its derivatives?"""
    (graph, *_) = [g for g in random_graphs(60, 1, 1, [name]) if g.steps]
    subject = of_graph(graph, "float64")
    try:
        jit(lambda xs: [y := subject.function(xs), *gradients(y, list(xs))], backend="xla").lower(list(subject.point))
    except TypeError:
        return False
    return True


KNOWN = [name for name in ROWS if is_known(name)]


def test_xla_knows_nearly_all_rows():
    assert len(KNOWN) >= len(ROWS) - 20
    assert {"add", "power", "where", "maximum", "sigmoid", "silu", "softplus", "clip", "gelu", "logaddexp"} <= set(
        KNOWN
    )


def law(seed, dtype, count=7):
    subjects = [of_graph(g, dtype) for g in random_graphs(5, seed, 8, KNOWN) if g.steps]
    return wrong_lanes(subjects, dtype, count, random.Random(seed), backend="xla")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_derivative_of_a_graph_lies_in_its_ball(dtype):
    for seed in range(MANY):
        assert not law(seed, dtype)


@settings(max_examples=MANY, derandomize=MANY == 1)
@given(mlps(max_width=9), st.integers(2, 9), st.integers(0, 2**32))
def test_the_gradient_of_a_batch_through_a_network_lies_in_its_ball(network, count, seed):
    network = of_network(network, "float64")
    check(wrong_batch, network, count, random.Random(seed), "xla", PRECISIONS["float64"])


def test_a_planted_fault_is_caught(monkeypatch):
    def sigmoid(self, x, right=Rows.sigmoid):
        return right(self, x) * (1.0 + 2.0**-45)

    monkeypatch.setattr(Rows, "sigmoid", sigmoid)
    subjects = [of_graph(g, "float64") for g in random_graphs(4, 3, 1, ["sigmoid"]) if g.steps]
    assert wrong_lanes(subjects, "float64", 3, random.Random(0), backend="xla")


@pytest.mark.parametrize("name", [name for name in KNOWN if not TABLE[name].lists and len(TABLE[name].partials) == 1])
def test_a_row_of_one_number_misses_few_digits_nowhere_in_the_middle(name):
    (low, high), row = TABLE[name].domain[0], TABLE[name].forward
    points = [x for x in (k / 128 + 1e-3 for k in range(-256, 256)) if low < x < high]
    found = jit(vmap(TABLE[name]), backend="xla", dtype="float64")(points)
    np.testing.assert_allclose(found, [row(x) for x in points], rtol=16 * 2.0**-52, atol=0.0)

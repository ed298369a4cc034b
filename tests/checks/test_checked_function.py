"""Where a function reads numbers, its graph is not the function, and no derivative of it is called right."""

import io
import math

import numpy as np
import pytest

import engine
from engine.checks import check_gradients


@pytest.mark.parametrize(
    ("f", "at", "doubted"),
    [
        (lambda x: x * x.data, 1.0, ["x"]),
        (lambda x: x * math.sin(x.data), 1.0, ["x"]),
        (lambda x, y: x * y.data, (1.0, 2.0), ["y"]),
        (lambda x, y: x * y + y.detach().sin(), (1.0, 2.0), ["y"]),
        (lambda x: x + (engine.floor(x) - x).detach(), 1.5, ["x"]),
        (lambda x: x * x if x == 0 else 3.0 * x, 0.0, ["x"]),
        (lambda xs: xs[0] * sum(x.data for x in xs), ([1.0, 2.0],), ["xs[0]", "xs[1]"]),
    ],
)
def test_a_function_that_reads_numbers_is_not_called_right(f, at, doubted):
    report = check_gradients(f, at, order=2, modes=("reverse", "forward"))
    assert {x.argument for x in report.findings if x.order == 1 and x.verdict == "inconclusive"} == set(doubted)
    assert "inconclusive: the function reads numbers" in str(report) and report.verdicts["wrong"] == 0


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (lambda x: x if x > 0 else -x, 0.5),
        (lambda x: x if x.data > 0 else -x, 0.0),
        (lambda x: (print(x.data, file=io.StringIO()), x.sin())[1], 1.0),
        (lambda x: x * engine.floor(x).data, 1.5),
        (lambda xs: engine.total([engine.exp(x - max(xs).data) for x in xs]).log() + max(xs).data, ([1.0, 2.0, 3.5],)),
        (lambda x: np.polyval([1.0, 2.0, 3.0], x), 2.0),
    ],
)
def test_a_reading_that_loses_nothing_is_no_doubt(f, at):
    report = check_gradients(f, at)
    assert set(report.verdicts) == {"ok"} and not report.notes

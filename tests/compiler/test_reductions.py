"""Reductions of lists are compiled as the loops they are, in time that grows with their length and not faster."""

import pytest

from engine import Value, dot, jit, logsumexp, mean, total, value_and_grad

FUNCTIONS = {
    "a dot of a list with itself": lambda xs: dot(xs, xs),
    "two dots around a sum": lambda xs: dot(xs, xs[::-1]) * total(xs) + dot(xs, xs),
    "mean and logsumexp of what dots read": lambda xs: dot(xs, xs) + mean(xs) * logsumexp(xs),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_each_operand_is_looked_up_a_few_times_however_long_the_list(f, monkeypatch):
    hashes = [0]

    def counted(v):
        hashes[0] += 1
        return id(v)

    found = []
    with monkeypatch.context() as patch:
        patch.setattr(Value, "__hash__", counted)
        for n in (200, 400):
            hashes[0] = 0
            jit(value_and_grad(f))([0.5 + k / n for k in range(n)])
            found.append(hashes[0])
    assert found[0] > 200
    assert found[1] < 2.2 * found[0]

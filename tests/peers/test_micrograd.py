"""micrograd agrees where it is right: on trees. Where a node is shared, its backward order may be wrong; ours is not."""

import random

import pytest
from micrograd.engine import Value as Theirs
from micrograd.nn import MLP

from engine import Value as Ours


def tree(make, rng, depth):
    """(leaves, root) of a random tree: no node is used twice."""
    if depth == 0:
        leaf = make(rng.uniform(0.2, 2.0))
        return [leaf], leaf
    kind = rng.choice("+-*/^rn")
    left, a = tree(make, rng, depth - 1)
    if kind == "^":
        return left, a ** rng.choice([2, 3, 0.5, -1]) if a.data > 0.0 else a**2
    if kind == "r":
        return left, (a - 0.1).relu()
    if kind == "n":
        return left, -a
    right, b = tree(make, rng, depth - 1)
    if kind == "/" and abs(b.data) < 1e-3:
        b = b + 1.0
    return left + right, {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b.data else a}[kind]


@pytest.mark.parametrize("seed", range(100))
def test_trees_have_micrograds_values_and_gradients(seed):
    found = []
    for make in (Ours, Theirs):
        leaves, root = tree(make, random.Random(seed), 6)
        root.backward()
        found.append([root.data, *[v.grad for v in leaves]])
    assert found[0] == pytest.approx(found[1], rel=1e-12, abs=1e-290)


def readme(make):
    a, b = make(-4.0), make(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    return g.data, a.grad, b.grad


def test_micrograds_readme_example_is_the_same_on_both():
    assert readme(Ours) == pytest.approx(readme(Theirs), rel=1e-15)


def test_micrograds_own_network_runs_on_our_values(monkeypatch):
    def trained():
        random.seed(7)
        model = MLP(2, [4, 4, 1])
        rng = random.Random(1)
        data = [([rng.uniform(-1, 1), rng.uniform(-1, 1)], rng.choice([-1.0, 1.0])) for _ in range(8)]
        for _ in range(5):
            scores = [model(x) for x, _ in data]
            loss = sum((1 + -y * s).relu() for s, (_, y) in zip(scores, data)) * (1.0 / 8)
            loss = loss + 1e-4 * sum(p * p for p in model.parameters())
            model.zero_grad()
            loss.backward()
            for p in model.parameters():
                p.data -= 0.1 * p.grad
        return [loss.data, *[p.data for p in model.parameters()]]

    theirs = trained()
    monkeypatch.setattr("micrograd.nn.Value", Ours)
    assert trained() == pytest.approx(theirs, rel=1e-12)


def test_two_losses_are_counted_once_here_and_twice_there():
    found = []
    for make in (Ours, Theirs):
        p = make(2.0)
        h = p * p
        first, second = 3 * h, 5 * h
        first.backward()
        second.backward()
        found.append(p.grad)
    assert found == [32.0, 44.0]  # micrograd pushes what the first call left in h once more


def test_equality_is_micrograds():
    found = []
    for make in (Ours, Theirs):
        a, b = make(2.0), make(2.0)
        ps = [a, b]
        ps.remove(b)
        found.append(
            [a == b, a != b, a == a, b in [a], [a, b].index(b), [a] == [b], ps == [a], len({a, b}), a in {b: 0}]
        )
    assert found[0] == found[1] == [False, True, True, False, 1, False, True, 2, False]

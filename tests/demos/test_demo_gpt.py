"""The demo of the GPT: its block against NumPy, its causality, its gradients, its learning, and the figures that it prints."""

import argparse
import json
import math
import random
import re

import numpy as np
import pytest
from compiling import leave_passes_out

from demos import gpt
from demos.first_names import LETTERS, best_smoothing, bits, pairs, shuffled
from demos.gpt import GPT, guesses, loss, spelled
from engine import jit, sqrt, total, value_and_grad
from engine.checks import check_gradients

pytestmark = pytest.mark.xdist_group("demo gpt")  # what all tests here read is made once


def table(rows):
    return np.array([[float(v) for v in row] for row in rows])


# The network ---------------------------------------------------------------------------------------------------------


def normed(x):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)


def scores(net, numbers):
    """What NumPy makes of the letters of a name, all places at once."""
    x = table(net.letters.weight)[numbers] + table(net.places)[: len(numbers)]
    q, k, v = (normed(x) @ table(m).T for m in (net.query, net.key, net.value))
    seen = np.empty_like(x)
    for head in range(4):
        part = slice(4 * head, 4 * head + 4)
        z = np.where(np.tri(len(numbers)) > 0.0, q[:, part] @ k[:, part].T / 2.0, -np.inf)
        e = np.exp(z - z.max(-1, keepdims=True))
        seen[:, part] = e / e.sum(-1, keepdims=True) @ v[:, part]
    x = x + seen @ table(net.mixed).T
    x = x + np.maximum(normed(x) @ table(net.up).T, 0.0) @ table(net.down).T
    return normed(x) @ table(net.scores).T


@pytest.mark.parametrize("name", ["anthony", "jo"])
def test_the_network_is_what_numpy_computes(name):
    net = GPT(12, random.Random(1))
    expected = scores(net, [LETTERS.index(c) for c in f".{name}"])
    for places in (len(name) + 1, 12):  # filled up or not
        ((rows,), _) = spelled([name], places)
        assert table(net(rows))[: len(expected)] == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_no_place_sees_those_that_follow():
    net = GPT(12, random.Random(1))
    one, other = (guesses(net, name) for name in ("anna", "annelore"))
    assert one[:4] == other[:4]
    assert one[4] != other[4]
    rows = spelled(["anna"], 5)[0][0]
    weights = np.array([[[float(w) for w in head] for head in heads] for heads in net.attention(rows)])
    assert weights.sum(-1) == pytest.approx(np.ones((5, 4)))
    assert not weights[:, :, :][np.triu(np.ones((5, 5)), 1)[:, None].repeat(4, 1) > 0.0].any()


def test_the_loss_is_that_of_the_letters_and_of_no_place_after_them():
    net = GPT(12, random.Random(1))
    ps = guesses(net, "ann")
    expected = -sum([math.log(p[LETTERS.index(c)]) for p, c in zip(ps, "ann.")])
    for places in (4, 12):
        (rows,), (letters,) = spelled(["ann"], places)
        assert float(loss(net(rows), letters)) == pytest.approx(expected, rel=1e-12)


def test_gradients_are_certified(monkeypatch):
    for name, size in {"WIDTH": 4, "WIDE": 3, "SIZE": 2}.items():
        monkeypatch.setattr(gpt, name, size)
    net = GPT(3, random.Random(2))
    (rows,), (letters,) = spelled(["jo"], 3)
    report = check_gradients(lambda net: loss(net(rows), letters), net)
    assert report.verdicts == {"ok": 1 + 316}  # the loss, and every parameter


# Rational functions in place of exp and log, which native code rounds in its own way: all else has the bits of eager mode.


def rational_softmax(z):
    shares = [1.0 / (1.0 + (a - 1.0) * (a - 1.0)) for a in z]
    whole = total(shares)
    return [a / whole for a in shares]


def rational_logsumexp(z):
    return 1.0 / sqrt(1.0 + total([a * a for a in z]))


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize("exact", [True, False])
def test_the_compiled_network_agrees_with_the_eager_one(exact, monkeypatch):
    for name, size in {"WIDTH": 4, "WIDE": 3, "SIZE": 2}.items():
        monkeypatch.setattr(gpt, name, size)
    if exact:
        monkeypatch.setattr(gpt, "softmax", rational_softmax)
        monkeypatch.setattr(gpt, "logsumexp", rational_logsumexp)
    net = GPT(4, random.Random(2))
    cost = value_and_grad(lambda net, rows, letters: loss(net(rows), letters))
    compiled = jit(cost, contract=False)
    for rows, letters in zip(*spelled(["jo", "ann", "b"], 4)):
        value, slopes = cost(net, rows, letters)
        found, native = compiled(net, rows, letters)
        expected, native = ([v.data for v in tree._flatten()[0]] for tree in (slopes, native))
        if exact:
            assert (found, native) == (float(value), expected)
        else:
            assert [found, *native] == pytest.approx([float(value), *expected], rel=1e-11, abs=1e-15)
    assert len(compiled.compilations) == 1  # for names of all lengths


def test_names_are_read_from_the_stop_before_them_and_filled_up():
    ((rows,), (letters,)) = spelled(["jo"], 5)
    assert "".join([LETTERS[int(n)] for n in rows]) == ".jo.."
    assert "".join([LETTERS[row.index(1.0)] for row in letters[:3]]) == "jo."
    assert not any(map(any, letters[3:]))


# The run -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """(lines printed, folder) of a quick run."""
    out, printed = tmp_path_factory.mktemp("gpt"), []
    options = argparse.Namespace(epochs=None, seed=0, quick=True, out=str(out))
    with pytest.MonkeyPatch.context() as patch:
        leave_passes_out(patch.setattr)
        patch.setattr(gpt, "print", lambda *text, **_: printed.extend(str(*text).splitlines()), raising=False)
        assert gpt.run(options) == 0
    return printed, out


def split():
    """(test, validation, learned) names of the quick run."""
    names = [name for name in shuffled(random.Random(0)) if len(name) < 6][:240]
    return names[:24], names[24:48], names[48:]


def test_the_network_beats_tuned_counts_of_pairs_on_names_that_it_never_saw(quick):
    printed, _ = quick
    line = next(line for line in printed if line.startswith("Bits"))
    ours, theirs = map(float, re.search(r"on 24 test names: GPT ([\d.]+), pairs ([\d.]+)", line).groups())
    assert ours < theirs - 0.15
    test, validation, learned = split()
    assert theirs == pytest.approx(bits(pairs(learned, best_smoothing(learned, validation)), test), abs=6e-4)
    assert sum(line.startswith("epoch ") and len(line.split()) >= 11 for line in printed) == 2


def test_the_saved_network_is_as_good_as_was_said(quick):
    printed, out = quick
    net = GPT(6, random.Random(1))
    net.load_state(json.loads((out / "gpt-network.json").read_text()))
    test, _, _ = split()
    costs = [-math.log2(p[LETTERS.index(c)]) for name in test for p, c in zip(guesses(net, name), name + ".")]
    assert f"GPT {sum(costs) / len(costs):.3f}," in next(line for line in printed if line.startswith("Bits"))

"""The demo of vanishing gradients: what it measures, and what each start must do to a gradient."""

import argparse
import re
from functools import cache
from math import sqrt

import pytest
from ctrl_c import press_at_call
from small_demos import make_small

import nn
from demos import vanishing
from demos.vanishing import STARTS, gradient_norms
from engine import gradients
from engine.compiler.llvm.native_code import PROGRAMS

pytestmark = pytest.mark.xdist_group("demo vanishing")  # what is measured for one test is there for the next

IMAGES = [[((3 * i + 5 * k) % 17) / 16.0 for i in range(64)] for k in range(5)]
LABELS = [0, 3, 9, 4, 1]


@cache
def shrinkage(activation, init, depth):
    net = nn.MLP(64, [vanishing.WIDTH] * (depth - 1) + [10], activation=activation, init=init, seed=0)
    norms = gradient_norms(net, IMAGES, LABELS)
    assert len(norms) == depth
    assert all(p.grad == 0.0 for p in net.parameters())
    return norms[0] / norms[-1]


def assert_starts_do_what_they_are_known_for(starts):
    small, large, glorot, relu_small, relu_large, he = [(a, init) for a, _, init in starts]
    assert shrinkage(*small, 8) < 1e-5
    assert shrinkage(*glorot, 8) < 1e-2 < shrinkage(*glorot, 2)
    assert shrinkage(*relu_small, 8) < 1e-2
    assert shrinkage(*relu_large, 8) > 1e2
    assert 0.1 < shrinkage(*he, 8) < 10.0
    assert shrinkage(*large, 8) > shrinkage(*glorot, 8)


def test_starts_do_what_they_are_known_for():
    assert [a for a, _, _ in STARTS] == ["sigmoid"] * 3 + ["relu"] * 3
    assert_starts_do_what_they_are_known_for(STARTS)


def test_he_with_half_its_variance_forgotten_is_noticed():
    with pytest.raises(AssertionError):
        assert_starts_do_what_they_are_known_for([*STARTS[:-1], ("relu", "He", nn.init.he_normal(gain=0.5))])


def test_a_norm_is_that_of_the_derivatives_by_the_weighted_sums():
    net = nn.MLP(64, [4, 10], activation="sigmoid", seed=1)
    squares = [0.0, 0.0]
    for image, label in zip(IMAGES, LABELS):
        loss = nn.cross_entropy(net(image), label)
        for k, layer in enumerate(net.layers):  # the derivative by a bias is that by the weighted sum
            squares[k] += sum(g.data**2 for g in gradients(loss, [n.b for n in layer.neurons]))
    assert gradient_norms(net, IMAGES, LABELS) == pytest.approx([sqrt(s / len(IMAGES)) for s in squares])


def test_a_run_says_ratio_and_accuracy_of_each_network(tmp_path, capsys, monkeypatch):
    make_small("vanishing", monkeypatch.setattr)
    monkeypatch.setattr(vanishing, "STARTS", [STARTS[0], STARTS[5]])
    drawn = []
    monkeypatch.setattr(vanishing, "draw", lambda figure, results: drawn.append(results))
    assert vanishing.run(argparse.Namespace(epochs=1, seed=0, quick=True, out=str(tmp_path))) == 0
    text = capsys.readouterr().out
    rows = re.findall(r"^(sigmoid|relu) +(.*?) +(\d+) +([\d.e+-]+) +([\d.]+)%$", text, re.M)
    assert [(a, int(depth)) for a, _, depth, _, _ in rows] == [("sigmoid", 2), ("sigmoid", 6), ("relu", 2), ("relu", 6)]
    for activation, start, depth, ratio, accuracy in rows:
        result = drawn[0][activation, start][int(depth)]
        assert float(ratio) == pytest.approx(result.norms[0] / result.norms[-1], rel=0.06)
        assert float(accuracy) == pytest.approx(100.0 * result.accuracy, abs=0.06)
    assert "would be right on" in text


@pytest.mark.usefixtures("unoptimised")
def test_starts_of_one_depth_share_native_code_with_quick_too(tmp_path, monkeypatch):
    made, trainer = [], nn.Trainer
    monkeypatch.setattr(nn, "Trainer", lambda *what, **how: made.append(trainer(*what, **how)) or made[-1])
    monkeypatch.setattr(vanishing, "backend", lambda: "jit")
    monkeypatch.setattr(vanishing, "WIDTH", 4)
    monkeypatch.setattr(vanishing, "SEEN", 5)
    monkeypatch.setattr(vanishing, "STARTS", STARTS[4:])
    monkeypatch.setattr(vanishing, "draw", lambda figure, results: None)
    PROGRAMS.clear()
    assert vanishing.run(argparse.Namespace(epochs=1, seed=0, quick=True, out=str(tmp_path))) == 0
    assert [t._backend.native._loop.stages.shared for t in made] == [False, False, True, True]


@pytest.mark.parametrize("place", ["gradient_norms", "Trainer", "run"])
def test_ctrl_c_keeps_the_networks_that_are_trained_wherever_it_is_pressed(place, tmp_path, capsys, monkeypatch):
    owner = {"gradient_norms": vanishing, "Trainer": nn, "run": nn.Trainer}[place]
    drawn = []
    press_at_call(monkeypatch, owner, place, 3)
    make_small("vanishing", monkeypatch.setattr)
    monkeypatch.setattr(vanishing, "draw", lambda figure, results: drawn.append(results))
    assert vanishing.run(argparse.Namespace(epochs=1, seed=0, quick=True, out=str(tmp_path))) == 130
    assert "Stopped by Ctrl-C: 2 networks are kept." in capsys.readouterr().err
    assert [list(found) for found in drawn[0].values()] == [[2, 6]]
    assert [path.name for path in tmp_path.iterdir()] == ["vanishing.png"]

"""The demo of overfitting: a network that learns by heart, and what each cure must do to it."""

import argparse
import re

import numpy as np
import pytest
from compiling import leave_passes_out
from ctrl_c import press_at_call
from small_demos import make_small

import nn
from demos import overfit
from demos.overfit import CURES, network

pytestmark = pytest.mark.xdist_group("demo overfit")  # what all tests here read is made once


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(curves, figures that were printed) of a run on fewer patients, with fewer neurons."""
    printed, drawn = [], []
    with pytest.MonkeyPatch.context() as patch:
        leave_passes_out(patch.setattr)
        patch.setattr(overfit, "backend", lambda: "jit")
        patch.setattr(overfit, "LEARNED", 40)
        patch.setattr(overfit, "VALIDATED", 60)
        patch.setattr(overfit, "HIDDEN", 16)
        patch.setattr(overfit, "print", lambda text, **_: printed.append(text), raising=False)
        patch.setattr(overfit, "draw", lambda figure, *what: drawn.append(what))
        options = argparse.Namespace(epochs=80, seed=1, quick=False, out=str(tmp_path_factory.mktemp("overfit")))
        assert overfit.run(options) == 0
    figures = re.findall(r"held-out RMSE of (.{32}) +([\d.]+)", "\n".join(printed))
    return drawn[0][0], {who.strip(): float(x) for who, x in figures}


def assert_ill_without_a_cure_and_better_with_each(curves):
    ill = curves["no cure"]
    assert ill["loss"][-1] < 0.35 * ill["val_loss"][-1], "by heart"
    assert ill["val_loss"][-1] > 1.1 * min(ill["val_loss"]), "worse and worse on others"
    for name in ("l2", "dropout"):
        assert curves[name]["val_loss"][-1] < 0.95 * ill["val_loss"][-1], name
        assert curves[name]["loss"][-1] > 1.2 * ill["loss"][-1], name
    stopped = curves["early stopping"]
    assert len(stopped["loss"]) < len(ill["loss"]), "early stopping"
    assert stopped["loss"].tolist() == ill["loss"][: len(stopped["loss"])].tolist(), "the same training, cut short"


def test_each_cure_helps(small):
    curves, figures = small
    assert list(curves) == list(CURES)
    assert_ill_without_a_cure_and_better_with_each(curves)
    assert list(figures)[:2] == ["the mean of those learned from", "linear regression"]
    for name in list(CURES)[1:]:
        assert figures[f"a network, {name}"] < 0.95 * figures["a network, no cure"]


@pytest.mark.parametrize("name", ["l2", "dropout", "early stopping"])
def test_a_cure_that_does_nothing_is_noticed(name, small):
    curves, _ = small
    with pytest.raises(AssertionError, match=name):  # without effect it leaves the very training of no cure
        assert_ill_without_a_cure_and_better_with_each({**curves, name: curves["no cure"]})


def test_all_four_start_from_the_same_weights():
    plain, dropped = network(5), network(5, dropout=0.4)
    assert [p.data for p in plain.parameters()] == [p.data for p in dropped.parameters()]
    assert [p.data for p in network(6).parameters()] != [p.data for p in plain.parameters()]


def test_errors_are_in_the_units_of_the_disease():
    net = network(0)
    for p in net.parameters():
        p.data = 0.0
    assert overfit.outputs(net, np.ones((3, 10))).tolist() == [0.0, 0.0, 0.0]
    assert overfit.rmse(np.array([1.0, 3.0]), np.array([1.0, 1.0])) == pytest.approx(np.sqrt(2.0))


@pytest.mark.parametrize("place", ["network", "Trainer", "run"])
def test_ctrl_c_keeps_the_networks_that_are_trained_wherever_it_is_pressed(place, tmp_path, capsys, monkeypatch):
    owner = {"network": overfit, "Trainer": nn, "run": nn.Trainer}[place]
    drawn = []
    press_at_call(monkeypatch, owner, place, 3)
    make_small("overfit", monkeypatch.setattr)
    monkeypatch.setattr(overfit, "draw", lambda figure, histories, *rest: drawn.append(histories))
    assert overfit.run(argparse.Namespace(epochs=1, seed=0, quick=True, out=str(tmp_path))) == 130
    assert "Stopped by Ctrl-C: 2 networks are kept." in capsys.readouterr().err
    assert [list(found) for found in drawn] == [["no cure", "l2"]]
    assert [path.name for path in tmp_path.iterdir()] == ["overfit.png"]

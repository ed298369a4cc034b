"""The demo of privacy: an attack must find who was learned by heart, and must not find who was learned privately."""

import argparse
import math

import numpy as np
import pytest
from ctrl_c import press_at_call

import nn
from demos import privacy
from demos.privacy import DELTA, attacked
from demos.privacy_drawings import most_told

pytestmark = pytest.mark.xdist_group("demo privacy")  # what all tests here read is made once


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The networks of a quick run."""
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(privacy, "backend", lambda: "numpy")
        patch.setattr(privacy, "print", lambda *text, **_: None, raising=False)
        patch.setattr(privacy, "draw", lambda figure, found, base, delta: drawn.append(found))
        options = argparse.Namespace(epochs=80, seed=1, quick=True, out=str(tmp_path_factory.mktemp("privacy")))
        assert privacy.run(options) == 0
    return drawn[0]


def assert_the_attack_finds_those_learned_by_heart_alone(heart, private):
    assert heart.area > 0.8, "by heart"
    assert heart.advantage > 0.5, "by heart"
    assert private.area < 0.65, "private"
    assert private.advantage < 0.25, "private"


def test_the_attack_succeeds_on_the_overfitted_net_and_not_on_the_private_one(found):
    heart, private, less = found
    assert_the_attack_finds_those_learned_by_heart_alone(heart, private)
    assert heart.epsilon == math.inf
    assert private.epsilon == nn.Privacy(1.0, 4.0, DELTA).epsilon(0.5, 160)
    assert less.epsilon > private.epsilon


def test_an_attack_that_fails_or_a_privacy_that_is_none_is_noticed(found):
    heart, private, _ = found
    with pytest.raises(AssertionError, match="by heart"):
        assert_the_attack_finds_those_learned_by_heart_alone(private, private)
    with pytest.raises(AssertionError, match="private"):
        assert_the_attack_finds_those_learned_by_heart_alone(heart, heart)


def test_an_attack_on_errors_that_are_alike_is_guessing_and_on_others_it_is_sure():
    same = np.arange(1.0, 101.0)
    alike = attacked(None, math.inf, same, same, 2.0)
    assert alike.area == pytest.approx(0.5)
    assert alike.advantage == 0.0
    assert alike.error == pytest.approx(2.0 * np.sqrt(np.mean(same**2)))
    sure = attacked(None, math.inf, same, same + 100.0, 1.0)
    assert (sure.area, sure.advantage) == (1.0, 1.0)
    assert [float(curve[0]) for curve in sure.roc] == [0.0, 0.0]
    assert [float(curve[-1]) for curve in sure.roc] == [1.0, 1.0]


def test_what_any_attack_can_tell_is_guessing_at_epsilon_0_and_all_at_a_large_one():
    accused = np.linspace(0.0, 1.0, 11)
    assert most_told(0.0, 0.0, accused) == pytest.approx(accused)
    assert most_told(50.0, 0.0, accused)[1:] == pytest.approx(np.ones(10))
    assert (most_told(1.0, 0.01, accused) >= most_told(0.5, 0.01, accused)).all()
    told = most_told(1.0, 0.01, accused)  # seen from the other side: who is not accused
    assert (most_told(1.0, 0.01, 1.0 - told) >= 1.0 - accused - 1e-12).all()


@pytest.mark.parametrize(("place", "kept"), [("network", 0), ("Trainer", 2)])
def test_ctrl_c_keeps_the_networks_that_are_trained(place, kept, tmp_path, capsys, monkeypatch):
    drawn = []
    press_at_call(monkeypatch, {"network": privacy, "Trainer": nn}[place], place, kept + 1)
    monkeypatch.setattr(privacy, "backend", lambda: "eager")
    monkeypatch.setattr(privacy, "draw", lambda figure, found, *rest: drawn.append(found))
    assert privacy.run(argparse.Namespace(epochs=1, seed=0, quick=True, out=str(tmp_path))) == 130
    assert f"Stopped by Ctrl-C: {kept} networks are kept." in capsys.readouterr().err
    assert [len(found) for found in drawn] == ([kept] if kept else [])

"""The demo of hyperparameters: where it looks, what it says, and what Ctrl-C leaves."""

import argparse
import re
import signal

import pytest

from demos import search
from demos.search import ACTIVATIONS, ALPHA, NEURONS, RATE, written


def options(out):
    return argparse.Namespace(epochs=1, seed=0, quick=True, out=str(out))


def assert_inside(configuration):
    assert set(configuration) == {"hidden_layer_sizes", "activation", "learning_rate_init", "alpha"}
    assert NEURONS[0] <= configuration["hidden_layer_sizes"] <= NEURONS[1]
    assert configuration["activation"] in ACTIVATIONS
    assert RATE[0] <= configuration["learning_rate_init"] <= RATE[1]
    assert ALPHA[0] <= configuration["alpha"] <= ALPHA[1]


def test_both_searches_look_in_the_same_space_and_the_best_is_said(tmp_path, capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr(search, "page", lambda figure, *what: drawn.append(what))
    assert search.run(options(tmp_path)) == 0
    text = capsys.readouterr().out
    ((tried, usual, importances),) = drawn
    assert [len(trials) for trials in tried.values()] == [4, 4]
    for who, trials in tried.items():
        for configuration, loss in trials:
            assert_inside(configuration)
            assert 0.0 < loss < 10.0
        best, loss = min(trials, key=lambda trial: trial[1])
        assert f"best of {who}: log loss {loss:.4f}   {written(best)}\n" in text
    assert sum(importances.values()) == pytest.approx(1.0)
    assert set(importances) == set(tried["Optuna"][0][0])
    table = dict(re.findall(r"^(\w[\w\- ]+?) +[\d.]+ +([\d.]+)%$", text, re.M))
    assert list(table) == ["logistic regression", "network as it comes", "network by Optuna", "network by scikit-learn"]
    assert float(table["logistic regression"]) > 85.0
    assert 0.0 < usual < 10.0


def test_the_law_of_the_space_notices_a_number_outside():
    inside = {"hidden_layer_sizes": 2, "activation": "relu", "learning_rate_init": 0.01, "alpha": 0.01}
    assert_inside(inside)
    for changed in ({"hidden_layer_sizes": 17}, {"activation": "gelu"}, {"alpha": 0.0}, {"more": 1}):
        with pytest.raises(AssertionError):
            assert_inside({**inside, **changed})


@pytest.fixture
def ctrl_c_works():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_works")
@pytest.mark.parametrize("when", [1, 3])
def test_ctrl_c_keeps_what_was_tried_and_exits_with_130(when, tmp_path, capsys, monkeypatch):
    real, calls, drawn = search.cross_val_score, [], []

    def pressing(*what, **how):
        calls.append(what)
        if len(calls) == when:
            signal.raise_signal(signal.SIGINT)
        return real(*what, **how)

    monkeypatch.setattr(search, "cross_val_score", pressing)
    monkeypatch.setattr(search, "page", lambda figure, *what: drawn.append(what))
    assert search.run(options(tmp_path)) == 130
    done = capsys.readouterr()
    kept = max(0, when - 2)  # the first is the network as it comes
    assert f"Stopped by Ctrl-C: {kept} configurations of Optuna are kept." in done.err
    assert done.out.count("Optuna ") - done.out.count("best of Optuna") >= kept
    assert bool(drawn) == bool(kept)
    if kept:
        assert "network by Optuna" in done.out
        assert len(drawn[0][0]["Optuna"]) == kept
        assert not drawn[0][0]["scikit-learn"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

"""The demo of hyperparameters: where it looks, what it says, and what Ctrl-C leaves."""

import argparse
import re
import signal

import pytest
from small_demos import coarse_digits, few_digits

from demos import search
from demos.search import ACTIVATIONS, ALPHA, RATE, written

FEW = (4, 12)  # neurons, where it is not the networks that count


def options(out):
    return argparse.Namespace(epochs=1, seed=0, quick=True, out=str(out))


def assert_inside(configuration):
    assert set(configuration) == {"hidden_layer_sizes", "activation", "learning_rate_init", "alpha"}
    assert search.NEURONS[0] <= configuration["hidden_layer_sizes"] <= search.NEURONS[1]
    assert configuration["activation"] in ACTIVATIONS
    assert RATE[0] <= configuration["learning_rate_init"] <= RATE[1]
    assert ALPHA[0] <= configuration["alpha"] <= ALPHA[1]


def noted(make, made):
    """A function that notes what another one makes."""
    return lambda *what, **how: made.append(make(*what, **how)) or made[-1]


def test_both_searches_look_in_the_same_space_and_the_best_is_said(tmp_path, capsys, monkeypatch):
    drawn, studies, searches = [], [], []
    monkeypatch.setattr(search, "NEURONS", FEW)
    monkeypatch.setattr(search, "load_digits", few_digits)
    monkeypatch.setattr(search, "page", lambda figure, *what: drawn.append(what))
    monkeypatch.setattr(search, "backend", lambda: "eager")
    monkeypatch.setattr(search.optuna, "create_study", noted(search.optuna.create_study, studies))
    monkeypatch.setattr(search, "RandomizedSearchCV", noted(search.RandomizedSearchCV, searches))
    assert search.run(options(tmp_path)) == 0
    text = capsys.readouterr().out
    ((tried, usual, importances),) = drawn
    assert tried["Optuna"] == [(t.params, pytest.approx(t.value)) for t in studies[0].trials]
    found = searches[0].cv_results_
    assert tried["scikit-learn"] == [
        (params, pytest.approx(-score)) for params, score in zip(found["params"], found["mean_test_score"])
    ]
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
    inside = {"hidden_layer_sizes": 4, "activation": "relu", "learning_rate_init": 0.01, "alpha": 0.01}
    assert_inside(inside)
    for changed in ({"hidden_layer_sizes": 33}, {"activation": "gelu"}, {"alpha": 0.0}, {"more": 1}):
        with pytest.raises(AssertionError):
            assert_inside({**inside, **changed})


@pytest.fixture
def ctrl_c_works():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_works", "unoptimised")
@pytest.mark.parametrize(
    ("judged", "kept", "trained_by"), [(1, (0, 0), "jit"), (6, (1, 0), "eager"), (19, (4, 1), "eager")]
)
def test_ctrl_c_keeps_what_both_searches_judged_and_exits_with_130(
    judged, kept, trained_by, tmp_path, capsys, monkeypatch
):
    """Pressed when so many trained networks were judged: three are the network as it comes, then three a configuration."""
    real, calls, drawn, models = search.log_loss, [], [], []
    monkeypatch.setattr(search, "NEURONS", FEW)
    monkeypatch.setattr(search, "load_digits", coarse_digits)

    def pressing(*what):
        calls.append(what)
        if len(calls) == judged:
            signal.raise_signal(signal.SIGINT)
        return real(*what)

    monkeypatch.setattr(search, "backend", lambda: trained_by)
    monkeypatch.setattr(search, "NetworkClassifier", noted(search.NetworkClassifier, models))
    monkeypatch.setattr(search, "log_loss", pressing)
    monkeypatch.setattr(search, "page", lambda figure, *what: drawn.append(what))
    assert search.run(options(tmp_path)) == 130
    assert [model.backend for model in models] == [trained_by]
    done = capsys.readouterr()
    said = "Stopped by Ctrl-C: {} configurations of Optuna and {} configurations of scikit-learn are kept."
    assert done.err.strip() == said.format(*kept)
    for who, count in zip(("Optuna", "scikit-learn"), kept):
        assert len(re.findall(rf"^{who} +\d+: log loss", done.out, re.M)) == count
        assert (f"network by {who}" in done.out) == (count > 0)
    assert bool(drawn) == bool(kept[0])
    if drawn:
        assert tuple(len(trials) for trials in drawn[0][0].values()) == kept
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

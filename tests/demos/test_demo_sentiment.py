"""The demo of review sentences: how it divides them, what a word weighs, and its figures beside the rivals'."""

import argparse
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import ShuffleSplit

import nn
from demos import sentiment
from demos.sentiment import DATA, divided, logits, word_weights


def run(out, **changed):
    options = {"epochs": None, "seed": 0, "quick": True, "out": str(out), **changed}
    assert sentiment.run(argparse.Namespace(**options)) == 0


def accuracies(text):
    return {who.strip(): float(x) for who, x in re.findall(r"held-out accuracy of (.{20}) +([\d.]+)%", text)}


def assert_reviews_are_whole(seed):
    learned, held_out = divided(seed)
    assert len(learned) + len(held_out) == 3708
    assert not {s.review for s in learned} & {s.review for s in held_out}
    assert 0.15 < len({s.review for s in held_out}) / 300 < 0.25


def assert_close_to_logistic_regression(text):
    found = accuracies(text)
    assert found["the network"] > found["always the majority"] + 4.0
    assert found["the network"] > found["logistic regression"] - 4.0


def test_the_data_are_the_rated_sentences_with_their_licence():
    rows = [line.split("\t") for line in DATA.read_text("utf-8").splitlines()]
    assert len(rows) == len({number for number, _, _ in rows}) == 3708
    assert all(-4.0 <= float(rating) <= 4.0 and text for _, rating, text in rows)
    assert "MIT License" in Path(DATA).with_suffix(".LICENSE").read_text("utf-8")
    assert "MIT" in Path(DATA).with_suffix(".md").read_text("utf-8")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_review_stands_on_both_sides(seed):
    assert_reviews_are_whole(seed)


def test_sentences_shuffled_without_regard_to_reviews_are_noticed(monkeypatch):
    class Careless(ShuffleSplit):
        def split(self, rows, groups):
            return super().split(rows)

    monkeypatch.setattr(sentiment, "GroupShuffleSplit", Careless)
    with pytest.raises(AssertionError):
        assert_reviews_are_whole(0)


def test_the_weight_of_a_word_is_what_it_adds_to_the_logit():
    net = nn.MLP(4, [3, 1], activation="identity", seed=0)
    net.layers[0].neurons[1].b.data = 0.5
    without, *alone = logits(net, np.vstack([np.zeros(4), np.eye(4)]))
    assert word_weights(net, 4) == pytest.approx([z - without for z in alone])


@pytest.mark.usefixtures("unoptimised")
def test_the_network_comes_close_to_logistic_regression(tmp_path, capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr(sentiment, "draw", lambda figure, *what: drawn.append(what))
    run(tmp_path)
    text = capsys.readouterr().out
    assert_close_to_logistic_regression(text)
    ((weights, held_out, scores),) = drawn
    clear = [(s.rating, z) for s, z in zip(held_out, scores) if abs(s.rating) >= 0.5]
    right = sum((rating > 0.0) == (z > 0.0) for rating, z in clear)
    assert accuracies(text)["the network"] == round(100.0 * right / len(clear), 2)
    weigh = {word: w for w, word in weights}
    assert min(weigh["great"], weigh["excellent"], weigh["love"]) > 0.0 > max(weigh["not"], weigh["bad"])


def test_a_network_that_learns_nothing_is_noticed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sentiment, "backend", lambda: "eager")
    monkeypatch.setattr(nn.Trainer, "run", lambda self: self.history)
    run(tmp_path)
    with pytest.raises(AssertionError):
        assert_close_to_logistic_regression(capsys.readouterr().out)

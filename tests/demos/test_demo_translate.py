"""The demo of translation: its phrases, its arrays, its network against NumPy, and the figures that it prints."""

import argparse
import ast
import csv
import datetime
import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
from compiling import leave_passes_out
from hypothesis import given
from hypothesis import strategies as st

from demos import phrases, translate
from demos.phrases import CHARACTERS, MONTHS, ONES, TENS, Text, exact, number, tokens
from demos.translate import Translator, loss
from nn import Trainer

pytestmark = pytest.mark.xdist_group("demo translate")  # what all tests here read is made once

PAIRS = [("3 May 1998", "1998-05-03"), ("twenty-one", "21"), ("two thousand", "2000")]


def options(out):
    return argparse.Namespace(epochs=None, seed=7, quick=True, out=str(out))


# Phrases -------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 999_999))
def test_numbers_in_words_are_worth_what_they_say(n):
    total = group = 0
    for word in number(n).replace("-", " ").split():
        if word == "thousand":
            total, group = 1000 * group, 0
        elif word == "hundred":
            group *= 100
        else:
            group += ONES.index(word) if word in ONES else 10 * TENS.index(word) + 20
    assert total + group == n


@pytest.mark.parametrize(
    ("n", "words"),
    [(0, "zero"), (13, "thirteen"), (40, "forty"), (700, "seven hundred"), (1001, "one thousand one"),
     (999_999, "nine hundred ninety-nine thousand nine hundred ninety-nine")],
)  # fmt: skip
def test_numbers_are_written_as_people_write_them(n, words):
    assert number(n) == words


@given(st.dates(phrases.FIRST, phrases.LAST))
def test_dates_are_the_days_that_their_forms_say(day):
    for form, written in enumerate(("%d %B %Y", "%B %d, %Y", "%d/%m/%Y")):
        phrase = phrases.date(day, form)
        assert datetime.datetime.strptime(phrase, written).date() == day
        assert not re.match("0", phrase) or form == 2


def test_values_are_drawn_once_each_from_the_whole_range():
    numbers = [int(answer) for _, answer in phrases.numbers(3000, 6, random.Random(0))]
    assert len(set(numbers)) == 3000
    assert {len(str(n)) for n in numbers} == {1, 2, 3, 4, 5, 6}
    assert max(numbers) > 990_000
    days = phrases.dates(3000, random.Random(0))
    assert len({answer for _, answer in days}) == 3000
    years = [int(answer[:4]) for _, answer in days]
    assert (min(years), max(years)) == (1900, 2099)
    forms = [re.sub(r"\w+", "w", phrase) for phrase, _ in days]
    assert {form: 900 < forms.count(form) < 1100 for form in set(forms)} == dict.fromkeys(
        ("w w w", "w w, w", "w/w/w"), True
    )


def test_tokens_are_words_and_single_characters():
    assert tokens("May 3, 1998") == ["May", "3", ",", "1", "9", "9", "8"]
    assert tokens("forty-two") == ["forty", "-", "two"]


# Arrays --------------------------------------------------------------------------------------------------------------


def test_answers_come_back_from_their_targets():
    text = Text(PAIRS)
    assert (text.length, text.places) == (6, 10)
    assert text.answers(text.targets(PAIRS)) == [answer for _, answer in PAIRS]
    assert text.targets(PAIRS).shape == (3, 10 * len(CHARACTERS))
    assert text.targets(PAIRS).sum(1).tolist() == [10.0] * 3


def test_phrases_are_one_hot_and_filled_up():
    text = Text(PAIRS)
    rows = text.inputs([("two May", ""), ("two July", "")])
    read = [[text.tokens[place.tolist().index(1.0)] for place in row] for row in rows]
    assert read == [["two", "May", "", "", "", ""], ["two", "", "", "", "", ""]]  # July was not learned


def test_the_most_similar_phrase_has_most_tokens_in_the_same_places():
    text = Text(PAIRS)
    assert text.nearest([("4 May 1998", ""), ("two hundred", ""), ("twenty-two", "")], PAIRS) == [
        "1998-05-03", "2000", "21",
    ]  # fmt: skip


def test_an_answer_is_exact_only_without_any_mistake():
    assert exact(["1998-05-03", "21", "200"], PAIRS) == 2 / 3


# The network ---------------------------------------------------------------------------------------------------------


def recurrent(layer, words):
    h, states = np.zeros(len(layer.neurons)), []
    for word in words:
        h = np.tanh(layer.W @ np.concatenate([word, h]) + layer.b)
        states.append(h)
    return states


def test_the_network_is_what_numpy_computes():
    net = Translator(9, 4, 3, 5, random.Random(1))
    x = np.eye(9)[[4, 7, 1, 0, 0]]
    words = x @ np.array([[v.data for v in row] for row in net.embedding.weight])
    ahead, back = recurrent(net.onwards, words), recurrent(net.backwards, words[::-1])[::-1]
    states = np.concatenate([ahead, back], 1)
    scores = np.array([[v.data for v in row] for row in net.queries.weight]) @ states.T
    attention = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    expected = [head.W @ summary + head.b for head, summary in zip(net.heads, attention @ states)]
    found = np.array(net.attention(net.states(x)), float)
    assert found == pytest.approx(attention, rel=1e-12)
    assert np.array(net(x), float) == pytest.approx(np.concatenate(expected), rel=1e-10)


def test_the_loss_is_the_mean_over_the_places():
    target = np.eye(len(CHARACTERS))[[3, 0]].ravel().tolist()
    right, blank = [9.0 * t for t in target], [0.0] * len(target)
    first = [*right[: len(CHARACTERS)], *blank[: len(CHARACTERS)]]
    assert loss(blank, target) == pytest.approx(np.log(len(CHARACTERS)))
    assert loss(first, target) == pytest.approx((loss(right, target) + loss(blank, target)) / 2.0)


def test_no_rule_of_english_is_in_the_code_of_the_network():
    tree = ast.parse(Path(translate.__file__).read_text("utf-8"))
    documented = [n for n in ast.walk(tree) if isinstance(n, (ast.Module, ast.FunctionDef, ast.ClassDef))]
    docs = {ast.get_docstring(n, clean=False) for n in documented}
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    words = {word for text in texts if text not in docs for word in re.findall(r"\w+", text)}
    assert {"epoch", "numbers"} < words
    assert not words & {*ONES, *TENS, *MONTHS, "hundred", "thousand"}
    assert not {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)} & {
        "number",
        "date",
        "ONES",
        "TENS",
        "MONTHS",
    }


# The run -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """(what was printed, folder, pairs that were learned) of a quick run."""
    out, printed, learned = tmp_path_factory.mktemp("translate"), [], []
    with pytest.MonkeyPatch.context() as patch:
        leave_passes_out(patch.setattr)
        patch.setattr(translate, "print", lambda text, **_: printed.append(text), raising=False)
        patch.setattr(translate, "Text", lambda pairs: learned.extend(pairs) or Text(pairs))
        assert translate.run(options(out)) == 0
    return "\n".join(printed), out, learned


def table(out):
    with (out / "translate-test.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["phrase", "right", "network", "most similar"]
    return rows


def test_values_that_it_never_saw_are_translated(quick):
    printed, out, learned = quick
    rows = table(out)
    assert len(rows) == 200
    assert not {right for _, right, _, _ in rows} & {right for _, right in learned}
    assert len(learned) == 700
    assert all(number(int(right)) == phrase for phrase, right, _, _ in rows)
    share = sum(right == answer for _, right, answer, _ in rows) / 200
    assert share > 0.8
    assert f"Exact on 200 values that it never saw: {share:.2%} (numbers {share:.2%})" in printed
    assert "similar phrase that was learned is exact for 0.00%." in printed
    wrong = [row[1] != row[2] for row in rows]
    assert wrong == sorted(wrong, reverse=True)  # mistakes come first
    assert printed.count("  wrong: ") == min(8, sum(wrong))


def test_the_saved_network_translates_as_was_said(quick):
    _, out, learned = quick
    text = Text(learned)
    net = Translator(len(text.tokens), text.places, 6, 12, random.Random(0))
    net.load_state(json.loads((out / "translate-network.json").read_text()))
    rows = table(out)[:40]
    scores = [[z.data for z in net(x)] for x in text.inputs([(phrase, right) for phrase, right, _, _ in rows])]
    assert text.answers(scores) == [answer for _, _, answer, _ in rows]


@pytest.mark.usefixtures("empty_pages", "unoptimised")
def test_ctrl_c_in_the_second_epoch_keeps_the_first(tmp_path, monkeypatch, capsys):
    call = Trainer._call

    def stop(self, event):
        call(self, event)
        if event == "on_epoch_end" and self.epoch == 2:
            self.interrupted = True

    monkeypatch.setattr(Trainer, "_call", stop)
    assert translate.run(options(tmp_path)) == 130
    said = capsys.readouterr().out
    assert "Stopped by Ctrl-C after 2 epochs; what was learned is judged, drawn and saved." in said
    assert len([line for line in said.splitlines() if line.startswith("epoch")]) == 2
    assert len(list(tmp_path.iterdir())) == 4

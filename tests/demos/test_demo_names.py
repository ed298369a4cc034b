"""The demo of first names: its data, its counts, its network, and the figures that it prints."""

import argparse
import json
import math
import random
import re
from pathlib import Path

import pytest

from demos import names
from demos.names import LETTERS, Speller, bits, context, pairs, probabilities, sample, spelled
from nn import Trainer

pytestmark = pytest.mark.xdist_group("demo names")  # what all tests here read is made once

DATA = Path(names.__file__).with_name("data") / "first_names.tsv"


def options(out, **changed):
    return argparse.Namespace(**{"epochs": None, "seed": 5, "quick": False, "out": str(out), **changed})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(lines printed, folder, names by use) of a run on all names, with a third of the epochs."""
    out, used, printed = tmp_path_factory.mktemp("names"), {}, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "print", lambda *text, **_: printed.extend(str(*text).splitlines()), raising=False)
        patch.setattr(names, "spelled", lambda ns: used.setdefault("trained", []).append(ns) or spelled(ns))
        patch.setattr(names, "bits", lambda guess, ns: used.update(judged=ns) or bits(guess, ns))
        assert names.run(options(out, epochs=4)) == 0
    return printed, out, used


def test_the_data_are_the_first_names_of_the_census():
    head, *lines = DATA.read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    assert head == "name\tfemale\tmale"
    assert len(rows) == len({name for name, _, _ in rows}) == 5163
    assert [sum(row[k] != "0" for row in rows) for k in (1, 2)] == [4275, 1219]
    assert all(re.fullmatch("[A-Z][a-z]+", name) for name, _, _ in rows)
    assert ["Mary", "2.629", "0.009"] in rows
    assert ["James", "0.010", "3.318"] in rows
    assert "public domain" in DATA.with_suffix(".md").read_text("utf-8")


def test_a_network_that_knows_nothing_needs_the_logarithm_of_27_bits():
    assert bits(lambda before: [1.0 / 27.0] * 27, ["ada", "bo"]) == pytest.approx(math.log2(27.0))


def test_bits_count_each_letter_and_the_end_after_what_came_before_and_each_beginning_is_asked_for_once():
    asked = []

    def guess(before):
        asked.append(before)
        return [0.5 if c == "." else 0.25 if c == "a" else 0.125 if c == "b" else 0.0 for c in LETTERS]

    assert bits(guess, ["ab", "a"]) == pytest.approx((2.0 + 3.0 + 1.0 + 2.0 + 1.0) / 5.0)
    assert asked == ["", "a", "ab"]


def test_pairs_are_counted_and_smoothed():
    guess = pairs(["ab", "aa"], 1.0)
    after_a = dict(zip(LETTERS, guess("xa")))
    assert (after_a["a"], after_a["b"], after_a["."], after_a["c"]) == (2 / 30, 2 / 30, 2 / 30, 1 / 30)
    assert dict(zip(LETTERS, guess("")))["a"] == 3 / 29
    assert sum(guess("b")) == pytest.approx(1.0)


def test_each_letter_is_guessed_from_the_four_before_it():
    X, y = spelled(["anna"])
    read = ["".join(LETTERS[place.index(1.0)] for place in x) for x in X]
    assert (read, "".join(LETTERS[k] for k in y)) == (["....", "...a", "..an", ".ann", "anna"], "anna.")


def test_the_speller_looks_letters_up_in_its_table():
    net = Speller(3, 5, random.Random(0))
    rows = net.embedding([LETTERS.index(c) for c in "..jo"])
    assert [z.data for z in net(context("jo"))] == pytest.approx([z.data for z in net.guess(rows)], rel=1e-12)
    assert sum(probabilities(net, "jo")) == pytest.approx(1.0)


def test_samples_follow_the_network_and_end():
    net = Speller(2, 2, random.Random(0))
    for p in net.parameters():
        p.data = 0.0
    net.guess.layers[-1].neurons[LETTERS.index("b")].b.data = 99.0
    assert sample(net, random.Random(0)) == "B" + "b" * 14
    net.guess.layers[-1].neurons[0].b.data = 999.0
    assert sample(net, random.Random(0)) == "–"


def test_the_network_beats_tuned_counts_on_names_that_it_never_saw(whole):
    printed, _, used = whole
    learned, validation = used["trained"]
    assert (
        not set(learned) & set(used["judged"]) | set(learned) & set(validation) | set(validation) & set(used["judged"])
    )
    assert len(learned) + len(validation) + len(used["judged"]) == 5163
    line = next(line for line in printed if line.startswith("Bits"))
    ours, theirs = map(float, re.search(r"on 516 test names: network ([\d.]+), pairs ([\d.]+)", line).groups())
    assert ours < theirs - 0.3
    assert theirs == pytest.approx(min(bits(pairs(learned, s), used["judged"]) for s in (0.05, 0.1, 0.2)), abs=0.01)
    assert sum(line.startswith("epoch ") and len(line.split()) >= 11 for line in printed) == 4


def test_the_saved_network_is_as_good_as_was_said(whole):
    printed, out, used = whole
    net = Speller(6, 64, random.Random(1))
    net.load_state(json.loads((out / "names-network.json").read_text()))
    said = next(line for line in printed if line.startswith("Bits"))
    assert f"network {bits(lambda before: probabilities(net, before), used['judged']):.3f}," in said


@pytest.mark.usefixtures("empty_pages", "unoptimised")
def test_the_smoothing_is_the_best_for_the_validation_names(tmp_path, monkeypatch, capsys):
    used = []
    monkeypatch.setattr(names, "spelled", lambda ns: used.append(ns) or spelled(ns))
    assert names.run(options(tmp_path, quick=True, epochs=1)) == 0
    learned, validation = used
    line = re.search(r"pairs counted: ([\d.]+) bits a letter; smoothing ([\d.]+)", capsys.readouterr().out)
    found, smoothing = map(float, line.groups())
    grid = [smoothing * 1.5**k for k in range(-6, 7)]
    assert found <= min(bits(pairs(learned, other), validation) for other in grid) + 1e-3  # half of it is rounding
    assert found < bits(pairs(learned, 0.0126), validation) - 0.01  # what would be best for the names that were counted


@pytest.mark.usefixtures("empty_pages", "unoptimised")
def test_ctrl_c_in_the_second_epoch_keeps_the_first(tmp_path, monkeypatch, capsys):
    call = Trainer._call

    def stop(self, event):
        call(self, event)
        if event == "on_epoch_end" and self.epoch == 2:
            self.interrupted = True

    monkeypatch.setattr(Trainer, "_call", stop)
    assert names.run(options(tmp_path, quick=True)) == 130
    said = capsys.readouterr().out
    assert "Stopped by Ctrl-C after 2 epochs; what was learned is judged, drawn and saved." in said
    assert {path.name for path in tmp_path.iterdir()} == {
        "names-bits.png", "names-letters.png", "names-next.png", "names-network.json",
    }  # fmt: skip

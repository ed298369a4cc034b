"""The demo of film ratings: its rival, its step, its parts, and its figures beside each other."""

import argparse
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from demos import charts, ratings
from demos.ratings import PENALTY, biases, error, learn_once, loss, read
from engine import grad, jit, vmap

SLOPES = vmap(grad(loss, argnums=(0, 1)))


def options(out, **changed):
    return argparse.Namespace(**{"epochs": 2, "seed": 0, "quick": True, "out": str(out), **changed})


def test_the_rival_finds_biases_that_are_there():
    rng = np.random.default_rng(0)
    user, film = np.repeat(np.arange(8), 6), np.tile(np.arange(6), 8)
    own, others = rng.normal(0.0, 0.5, 8), rng.normal(0.0, 0.5, 6)
    part = user, film, 3.0 + own[user] + others[film]
    mean, sizes = part[2].mean(), (8, 6)
    assert error(biases(part, mean, sizes, 0.0, 0.0), mean, part) < 1e-9
    diluted = biases(part, mean, sizes, 50.0, 50.0)
    assert 0.0 < np.abs(diluted[1]).max() < 0.2 * np.abs(others).max()


def test_the_error_is_in_stars_and_predictions_stay_on_the_scale():
    tables = [np.array([[1.0, 0.5], [9.0, 0.0]]), np.array([[2.0, -0.25]])]
    part = np.array([0, 1]), np.array([0, 0]), np.array([4.0, 5.0])
    assert error(tables, 3.0, part) == pytest.approx(np.sqrt((5.0 - 4.0) ** 2 / 2.0))  # 5.25 and 20.75 count as 5


def assert_gradients_of_a_batch_add_up(step):
    rng = np.random.default_rng(1)
    tables = [rng.normal(size=(2, 3)), rng.normal(size=(2, 3))]
    part = np.array([0, 0, 1]), np.array([1, 0, 1]), np.array([4.0, 2.0, 3.0])
    wanted = [table.copy() for table in tables]
    for u, f, r in zip(*part):
        p, q = tables[0][u], tables[1][f]
        miss = p[:2] @ q[:2] + p[2] + q[2] - (r - 3.0)
        wanted[0][u] -= 0.1 * (2.0 * miss * np.append(q[:2], 1.0) + 2.0 * PENALTY * p)
        wanted[1][f] -= 0.1 * (2.0 * miss * np.append(p[:2], 1.0) + 2.0 * PENALTY * q)
    step(tables, part, 3.0, SLOPES, 0.1, rng)
    assert np.allclose(tables, wanted, rtol=1e-12, atol=0.0)


def test_gradients_of_one_batch_add_up_in_their_rows():
    assert_gradients_of_a_batch_add_up(learn_once)


def test_a_step_that_forgets_rows_met_twice_is_noticed():
    def forgetful(tables, part, mean, slopes, rate, rng):
        rows = part[:2]
        found = slopes(tables[0][rows[0]], tables[1][rows[1]], part[2] - mean)
        for table, row, gradient in zip(tables, rows, found):
            table[row] -= rate * np.asarray(gradient, float)

    with pytest.raises(AssertionError):
        assert_gradients_of_a_batch_add_up(forgetful)


def test_the_compiled_step_is_the_eager_one():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(7, 4)), rng.normal(size=(7, 4)), rng.normal(size=7)
    for compiled, eager in zip(jit(SLOPES)(*rows), SLOPES(*rows)):
        assert np.allclose(compiled, np.asarray(eager, float), rtol=1e-12, atol=1e-15)


def test_all_ratings_are_read_each_once():
    (user, film, stars), titles = read(None)
    assert len(stars) == len(set(zip(user.tolist(), film.tolist()))) == 99_997
    assert (stars.min(), stars.max()) == (0.5, 5.0)
    assert len(titles) == film.max() + 1
    k = titles.index("Toy Story")
    assert 200 < (film == k).sum() < 300


def rmses(text):
    return {who.strip(): float(x) for who, x in re.findall(r"held-out RMSE of (.{21}) ([\d.]+) stars", text)}


def assert_better_than_the_mean(text):
    found = rmses(text)
    assert found["the embeddings"] < 0.92 * found["the mean"]
    assert found["user and film biases"] < 0.92 * found["the mean"]


@pytest.mark.usefixtures("unoptimised")
def test_embeddings_beat_the_mean_and_the_held_out_ratings_are_met_at_the_end_alone(tmp_path, capsys, monkeypatch):
    learned, judged = set(), []
    monkeypatch.setattr(
        ratings, "learn_once", lambda t, part, *rest: learned.update(pairs(part)) or learn_once(t, part, *rest)
    )
    monkeypatch.setattr(ratings, "error", lambda t, mean, part: judged.append(pairs(part)) or error(t, mean, part))
    assert ratings.run(options(tmp_path)) == 0
    text = capsys.readouterr().out
    assert_better_than_the_mean(text)
    held_out = judged[-1]
    assert judged[-3:] == [held_out] * 3
    assert not held_out & learned
    assert all(not held_out & part for part in judged[:-3])
    count = int(re.search(r"^([\d,]+) ratings", text)[1].replace(",", ""))
    assert len(held_out) == count // 10
    assert (tmp_path / "ratings.png").stat().st_size > 50_000


def pairs(part):
    return set(zip(part[0].tolist(), part[1].tolist()))


@pytest.mark.usefixtures("unoptimised")
def test_a_step_that_climbs_is_noticed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ratings, "RATE", -0.02)
    monkeypatch.setattr(ratings, "page", lambda *what: None)
    ratings.run(options(tmp_path, epochs=1))
    with pytest.raises(AssertionError):
        assert_better_than_the_mean(capsys.readouterr().out)


@pytest.mark.usefixtures("empty_pages")
def test_ctrl_c_keeps_the_best_epoch_and_exits_with_130(tmp_path, capsys, monkeypatch):
    def interrupted(*what):
        if what[4] < ratings.RATE:  # in the second epoch
            raise KeyboardInterrupt

    monkeypatch.setattr(ratings, "backend", lambda: "eager")
    monkeypatch.setattr(ratings, "learn_once", interrupted)
    assert ratings.run(options(tmp_path)) == 130
    done = capsys.readouterr()
    assert done.err == "Stopped by Ctrl-C in epoch 2; the best epoch before it is used.\n"
    assert "epoch  1" in done.out
    assert rmses(done.out)
    assert (tmp_path / "ratings.png").exists()


def names_shown(places, names):
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    charts.named_points(axes, np.array(places), names, [9.0] * len(names), [(-2.0) ** k for k in range(len(names))], "")
    return {text.get_text() for text in axes.texts}


def test_names_that_would_overlap_yield_to_those_that_come_first():
    assert names_shown([(0, 0), (1, 1)], ["to the right", "$x"]) == {
        "to the right",
        "$x",
    }  # of its point, or to the left
    wide = "a name as wide as half of the page"
    crowd = [(0.5, 0.5 + 0.001 * k) for k in range(9)]
    assert names_shown([*crowd, (0, 0)], [*[f"{wide} {k}" for k in range(9)], "alone"]) == {f"{wide} 0", "alone"}
    assert names_shown([(0.5, 0.5), (0.55, 0.5), (0, 0), (1, 1)], ["above its neighbour", "", "", ""]) == {
        "above its neighbour",
        "",
    }
    assert names_shown([(0, 0), (1, 1)], ["left", "a name that would leave the page " * 3]) == {"left"}

"""What the recommender of films learned, drawn with matplotlib."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from demos import charts

SHOWN, WIDTH = 200, 32  # films, and letters of a title


def training(axes: Any, history: Sequence[tuple[float, float]], rival: float) -> None:
    """The RMSE by epoch, (validation, training), beside the rival's."""
    charts.titled(axes, "Training", ylabel="RMSE of the predictions, stars")
    series = zip(*history) if history else ([], [])
    charts.lines(axes, dict(zip(["validation part", "ratings learned from"], map(list, series))))
    charts.level(axes, rival, "biases alone, validation part")


def plane(axes: Any, films: Any, titles: Sequence[str], counts: Any) -> None:
    """The films that are rated most, in the plane in which their vectors differ most."""
    shown = np.argsort(-counts, kind="stable")[:SHOWN]
    vectors = films[shown, :-1] - films[shown, :-1].mean(0)
    places = vectors @ np.linalg.svd(vectors, full_matrices=False)[2][:2].T
    charts.titled(axes, "Films by their vectors; the larger a dot, the more often rated")
    axes.set(xlabel="first principal axis", ylabel="second principal axis")
    names = [textwrap.shorten(titles[k], WIDTH, placeholder="…") for k in shown]
    sizes = 140.0 * counts[shown] / counts.max()
    charts.named_points(axes, places, names, sizes, films[shown, -1], "film bias, stars above the mean")


def page(figure: Figure, history: Any, rival: float, films: Any, titles: Sequence[str], counts: Any) -> None:
    """Both, side by side."""
    left, right = figure.subplots(1, 2, width_ratios=[2, 5])
    training(left, history, rival)
    plane(right, films, titles, counts)

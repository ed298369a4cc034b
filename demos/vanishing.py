"""Vanishing gradients: what reaches the first of 2 to 20 layers, sigmoid and relu, by how weights start.

A gradient that goes back through a layer is multiplied by weights and by the slope of the activation. Where they come to
a factor below 1 it vanishes, above 1 it explodes, exponentially in the depth. Glorot & Bengio (2010) and He et al. (2015)
choose the variance of weights so that the factor stays near 1. For relu that works; a sigmoid's slope is at most 1/4, and
no start saves a deep net of it. Each network is then trained, to see what its gradients are good for. The data are the
handwritten digits of the UCI repository (Alpaydin & Kaynak, 1998, CC BY 4.0), from the scikit-learn package.
"""

import argparse
import sys
from collections import Counter
from itertools import product
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import nn
from demos import charts
from demos.backend import backend
from demos.drawings import FAINT, INK, MUTED
from demos.folder import Folder
from nn.diagnosis.observation import observation

WIDTH = 16  # units in each hidden layer
SEEN = 20  # images whose gradients are looked at
SHADES = ("#a9cbe8", "#5f9fd3", "#0a5ea8", "#06355f")  # the deeper a network, the darker
STARTS = [  # (activation, what the start is called, initialiser)
    ("sigmoid", "naive: normal, sd 0.1", nn.init.normal(std=0.1)),
    ("sigmoid", "naive: normal, sd 1", nn.init.normal(std=1.0)),
    ("sigmoid", "Glorot", nn.init.glorot_normal()),
    ("relu", "naive: normal, sd 0.1", nn.init.normal(std=0.1)),
    ("relu", "naive: normal, sd 1", nn.init.normal(std=1.0)),
    ("relu", "He", nn.init.he_normal()),
]


class Result(NamedTuple):
    """A network of some depth."""

    norms: list[float]  # for each layer, before training: the length of dloss/d(weighted sums), rms over the images
    accuracy: float  # after training, on the held-out images


def run(options: argparse.Namespace) -> int:
    """Measure, train, draw; the exit status, which is 130 where Ctrl-C cut it short."""
    folder = Folder(options.out)
    trained_by = backend()
    depths = (2, 6) if options.quick else (2, 5, 10, 20)
    images, labels = load_digits(return_X_y=True)
    size = 150 if options.quick else 600
    X, rest, y, right = train_test_split(
        (images / 16.0).tolist(), labels.tolist(), train_size=size, random_state=options.seed, stratify=labels
    )
    test = rest[:size], right[:size]
    guess = Counter(y).most_common(1)[0][0]
    print(f"{size} images to learn from, {size} held out; always {guess} would be right on ", end="")
    print(f"{test[1].count(guess) / size:.1%} of them\n")
    print("activation  start                    layers   gradient, first layer / last   right, held out", flush=True)
    results: dict[tuple[str, str], dict[int, Result]] = {}
    status = 0
    try:
        for (activation, start, init), depth in product(STARTS, depths):
            net = nn.MLP(64, [WIDTH] * (depth - 1) + [10], activation=activation, init=init, seed=options.seed)
            norms = gradient_norms(net, X[:SEEN], y[:SEEN])
            trainer = nn.Trainer(
                net, X, y, loss="cross_entropy", optimizer=nn.Adam(net, lr=0.005), seed=options.seed, validation=test,
                epochs=options.epochs or (4 if options.quick else 15), metrics="accuracy", progress=False, backend=trained_by,
            )  # fmt: skip
            accuracy = trainer.run()["val_accuracy"]
            if trainer.interrupted:
                raise KeyboardInterrupt
            results.setdefault((activation, start), {})[depth] = Result(norms, accuracy[-1])
            print(f"{activation:11} {start:24} {depth:6} {norms[0] / norms[-1]:25.1e} {accuracy[-1]:22.1%}", flush=True)
    except KeyboardInterrupt:
        status = 130
        print(f"Stopped by Ctrl-C: {sum(map(len, results.values()))} networks are kept.", file=sys.stderr)
    if results:
        folder.draw("vanishing.png", (11.5, 7.4), lambda figure: draw(figure, results))
    return status


def gradient_norms(net: nn.MLP, images: list[Any], labels: list[int]) -> list[float]:
    """How large the gradient is in each layer, as `nn.diagnose` measures it."""
    seen = observation(net, images, labels, nn.cross_entropy)
    net.zero_grad()
    return [layer.gradient for layer in seen.layers]


def draw(figure: Figure, results: dict[tuple[str, str], dict[int, Result]]) -> None:
    """The gradient by layer, a panel for each start and a line for each depth."""
    grid = figure.subplots(2, 3, sharex=True, sharey=True).ravel()
    for axes, (activation, start, _) in zip(grid, STARTS):
        shown = results.get((activation, start), {})
        for shade, (depth, result) in zip(SHADES, shown.items()):
            label = f"{depth} layers: {result.accuracy:.0%} right"
            layers = range(1, depth + 1)
            axes.plot(layers, result.norms, color=shade, marker=".", linewidth=1.8, label=label)
        axes.axhline(1.0, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
        charts.titled(axes, f"{activation}, {start}", yscale="log")
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        if shown:
            axes.legend(frameon=False, labelcolor=INK, fontsize=9, title="after training", title_fontsize=9)
    grid[0].xaxis.get_major_locator().set_params(integer=True)
    figure.supylabel("length of dloss/d(weighted sums of the layer), before training", fontsize=10, color=MUTED)
    figure.supxlabel("layer, 1 at the images; gradients come from the right", fontsize=10, color=MUTED)

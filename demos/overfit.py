"""Overfitting: a network learns 100 patients by heart; l2, dropout and early stopping cure it.

The data are 442 patients, ten measurements of each and how far diabetes went in the year after: Efron, Hastie, Johnstone
& Tibshirani, Least angle regression (Annals of Statistics, 2004), from the scikit-learn package. 100 are learned from,
100 others are the validation part, that early stopping and the curves look at, and the rest is held out for the figures.
"""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

import nn
from demos import charts
from demos.backend import backend
from demos.drawings import MUTED
from demos.folder import Folder
from engine import no_grad

LEARNED, VALIDATED, HIDDEN = 100, 100, 24
CURES: dict[str, dict[str, Any]] = {
    "no cure": {},
    "l2": {"penalty": nn.l2(0.03)},
    "dropout": {"dropout": 0.4},
    "early stopping": {"early_stopping": 20},
}
Array = Any


def run(options: argparse.Namespace) -> int:
    """Train four times, compare, draw; the exit status, which is 130 where Ctrl-C cut it short."""
    folder, native, status = Folder(options.out), backend(), 0
    X, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(options.seed).permutation(len(y))
    learn, validation, test = np.split(order, [LEARNED, LEARNED + VALIDATED])
    X = (X - X[learn].mean(0)) / X[learn].std(0)
    middle, unit = y[learn].mean(), y[learn].std()
    targets = (y - middle) / unit
    print(f"{LEARNED} patients to learn from, {VALIDATED} for validation, {len(test)} held out\n", flush=True)

    say("the mean of those learned from", np.full(len(test), middle), y[test])
    say("linear regression", LinearRegression().fit(X[learn], y[learn]).predict(X[test]), y[test])
    histories: dict[str, dict[str, Array]] = {}
    guesses: dict[str, Array] = {}
    try:
        for name, cure in CURES.items():
            net = network(options.seed, **cure)
            how = {option: x for option, x in cure.items() if option != "dropout"}
            trainer = nn.Trainer(
                net, X[learn], targets[learn], loss="mse", optimizer=nn.Adam(net, lr=0.005), batch_size=20,
                epochs=options.epochs or (20 if options.quick else 150), seed=options.seed, progress=False,
                validation=(X[validation], targets[validation]), backend=native, **how,
            )  # fmt: skip
            history = trainer.run()
            histories[name] = {what: unit * np.sqrt(history[what]) for what in ("loss", "val_loss")}
            guesses[name] = middle + unit * outputs(net, X[test])
            say(f"a network, {name}", guesses[name], y[test])
            if trainer.interrupted:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        status = 130
        print(f"Stopped by Ctrl-C: {len(histories)} networks are kept.", file=sys.stderr)
        if not histories:
            return status
    base = rmse(np.full(VALIDATED, middle), y[validation])
    folder.draw("overfit.png", (11, 7.6), lambda figure: draw(figure, histories, guesses, y[test], base))
    return status


def network(seed: int, dropout: float = 0.0, **_: Any) -> nn.Sequential:
    """Two hidden layers, the same weights for a seed whatever the cure."""
    layers: list[Any] = []
    for k, (inputs, outputs) in enumerate([(10, HIDDEN), (HIDDEN, HIDDEN)]):
        layers += [nn.Layer(inputs, outputs, activation="relu", seed=3 * seed + k), nn.Dropout(dropout, seed=seed)]
    return nn.Sequential(*layers, nn.Layer(HIDDEN, 1, activation="identity", seed=3 * seed + 2))


@no_grad()
def outputs(net: nn.Module, patients: Array) -> Array:
    """What the network says of each patient."""
    return np.array([net(x).data for x in patients.tolist()])


def say(who: str, guess: Array, truth: Array) -> None:
    """Print a figure."""
    print(f"held-out RMSE of {who:32} {rmse(guess, truth):6.1f}", flush=True)


def rmse(guess: Array, truth: Array) -> float:
    """The root mean square error."""
    return float(np.sqrt(np.mean((guess - truth) ** 2)))


def draw(figure: Figure, histories: Mapping[str, Any], guesses: Mapping[str, Array], truth: Array, base: float) -> None:
    """The error by epoch, on patients that were learned from and on others; and each guess about those held out."""
    top, bottom = figure.subfigures(2, 1, height_ratios=[3, 2])
    left, right = top.subplots(1, 2, sharey=True)
    for axes, what, title in (
        (left, "loss", "Patients learned from"),
        (right, "val_loss", "Other patients (validation)"),
    ):
        charts.titled(axes, title)
        charts.lines(axes, {name: history[what] for name, history in histories.items()}, dashed="early stopping")
        charts.level(axes, base, "always the mean")
    left.set(ylabel="RMSE of the disease's progression", ylim=(0, 1.6 * base))
    low, high = truth.min() - 40.0, truth.max() + 40.0
    for axes, colour, (name, guess) in zip(bottom.subplots(1, 4, sharey=True), charts.COLOURS, guesses.items()):
        axes.plot([low, high], [low, high], color=MUTED, linewidth=0.8)
        axes.scatter(guess, truth, s=8, color=colour, alpha=0.7, linewidths=0)
        charts.titled(
            axes, f"{name}: RMSE {rmse(guess, truth):.0f}", xlabel="predicted", xlim=(low, high), ylim=(low, high)
        )
    bottom.supylabel("measured, held out", fontsize=10, color=MUTED)

"""Privacy: an attack tells whom a network has learned by heart, and not whom it has learned from privately.

Patients and network are those of the demo overfit. The attack is that of Yeom, Giacomelli, Fredrikson & Jha, Privacy risk
in machine learning (2018): who has a small loss was learned from. Private training is DP-SGD: Abadi et al. (2016).
"""

import argparse
import math
import sys
from typing import Any, NamedTuple

import dp_accounting  # noqa: F401  is it there? nn asks it for ε
import numpy as np
from sklearn.datasets import load_diabetes

import nn
from demos.backend import backend
from demos.folder import Folder
from demos.overfit import LEARNED, network, outputs, rmse
from demos.privacy_drawings import draw

DELTA, CLIP, BATCH = 1e-3, 1.0, 50
NOISES = (4.0, 1.0, 2.0, 8.0)  # the first is the one that is drawn large
Array = Any


class Attacked(NamedTuple):
    """A trained network, and what an attack on it finds.

    Attributes:
        title: what it is.
        epsilon: ε of its training.
        inside, outside: the errors about patients that were learned from, and about others.
        error: the root mean square of those outside, in the disease's units.
        roc: (how many of the others are accused, how many of those learned from), by the limit of the error.
    """

    title: str
    epsilon: float
    inside: Array
    outside: Array
    error: float
    roc: tuple[Array, Array]

    @property
    def area(self) -> float:
        """That below the curve: how often the attack tells one of each apart; 0.5 is guessing."""
        outside, inside = self.roc
        return float(np.diff(outside) @ (inside[1:] + inside[:-1]) / 2.0)

    @property
    def advantage(self) -> float:
        """How many more of those learned from than of the others are accused, at the best limit; 0 is guessing."""
        return float(np.max(self.roc[1] - self.roc[0]))


def run(options: argparse.Namespace) -> int:
    """Train without and with privacy, attack, draw; the exit status, which is 130 where Ctrl-C cut it short."""
    folder, native, status = Folder(options.out), backend(), 0
    X, y = load_diabetes(return_X_y=True)
    learn, others = np.split(np.random.default_rng(options.seed).permutation(len(y)), [LEARNED])
    X = (X - X[learn].mean(0)) / X[learn].std(0)
    middle, unit = y[learn].mean(), y[learn].std()
    targets = (y - middle) / unit
    base = rmse(np.full(len(others), middle), y[others])
    print(
        f"{LEARNED} patients to learn from, {len(others)} others; always the mean: RMSE {base:.1f} of the others\n",
        flush=True,
    )

    private = [nn.Privacy(CLIP, noise, DELTA) for noise in (NOISES[:2] if options.quick else NOISES)]
    found: list[Attacked] = []
    try:
        for privacy in (None, *private):
            net = network(options.seed)
            epochs = 40 if privacy else 150
            trainer = nn.Trainer(
                net, X[learn], targets[learn], loss="mse", optimizer=nn.Adam(net, lr=0.01 if privacy else 0.005),
                batch_size=BATCH if privacy else 20, epochs=options.epochs or (epochs // 2 if options.quick else epochs),
                seed=options.seed, progress=False, private=privacy, backend=native,
            )  # fmt: skip
            trainer.run()
            errors = np.abs(outputs(net, X) - targets)
            found.append(attacked(privacy, trainer.epsilon, errors[learn], errors[others], unit))
            say(found[-1])
            if trainer.interrupted:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        status = 130
        print(f"Stopped by Ctrl-C: {len(found)} networks are kept.", file=sys.stderr)
        if len(found) < 2:
            return status
    folder.draw("privacy.png", (13, 7.6), lambda figure: draw(figure, found, base, DELTA))
    return status


def attacked(privacy: nn.Privacy | None, epsilon: float, inside: Array, outside: Array, unit: float) -> Attacked:
    """What the attack finds: whoever has an error up to a limit is accused, for every limit."""
    limits = np.concatenate([[-1.0], np.sort(np.concatenate([inside, outside]))])
    roc = tuple(np.mean(errors[:, None] <= limits, 0) for errors in (outside, inside))
    title = "learned by heart" if privacy is None else f"private, noise {privacy.noise:g}"
    error = unit * math.sqrt(np.mean(outside**2))
    return Attacked(title, epsilon, unit * inside, unit * outside, error, (roc[0], roc[1]))


def say(net: Attacked) -> None:
    """Print what was found."""
    epsilon = "∞" if math.isinf(net.epsilon) else f"{net.epsilon:.2f}"
    print(
        f"{net.title:18} ε {epsilon:>5}: RMSE {net.error:5.1f} of the others; the attack tells {net.area:4.0%} right of "
        f"pairs, advantage {net.advantage:.2f}",
        flush=True,
    )

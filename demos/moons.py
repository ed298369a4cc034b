"""Two moons: a small network bends its decision boundary around them, in an animation beside its loss."""

import argparse
import sys
from collections.abc import Callable, Sequence

from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import nn
from demos import drawings
from demos.backend import backend
from demos.folder import Folder
from engine import jit, no_grad, sigmoid, vmap

SIDE = 60  # the boundary is looked for on a grid of SIDE × SIDE points


class Frames:
    """What the network says of each point of a grid, before training and after each epoch.

    Args:
        grid: the points.
        every: how many epochs lie between two frames.
    """

    def __init__(self, grid: Sequence[Sequence[float]], every: int) -> None:
        self.grid, self.every = grid, every
        self.shown: list[tuple[int, list[float]]] = []  # (epochs done, probabilities)
        self.surface: Callable[..., list[float]] = probabilities
        if backend() == "jit":
            self.surface = jit(vmap(lambda net, x: sigmoid(net(x)), in_axes=(None, 0)))

    def on_train_begin(self, trainer: nn.Trainer) -> None:
        """The first frame."""
        self.shown.append((0, self.surface(trainer.net, self.grid)))

    def on_epoch_end(self, trainer: nn.Trainer) -> None:
        """A line and, where it is time for one, a frame; early epochs, in which most happens, have one each."""
        last = {name: xs[-1] for name, xs in trainer.history.items()}
        done = trainer.epoch
        if done <= 2 * self.every or done % self.every == 0 or done == trainer.epochs:
            self.shown.append((done, self.surface(trainer.net, self.grid)))
            print("epoch {epoch:3}   loss {loss:.4f}, held out {val_loss:.4f}, right {val_accuracy:.1%}".format(**last))


@no_grad()
def probabilities(net: nn.Module, points: Sequence[Sequence[float]]) -> list[float]:
    """The probability of label 1, the lower moon, at each point."""
    return [sigmoid(net(x)).data for x in points]


def run(options: argparse.Namespace) -> int:
    """Train, animate, draw; the exit status, which is 130 where Ctrl-C cut the training short."""
    folder = Folder(options.out)
    points, labels = make_moons(400, noise=0.2, random_state=options.seed)
    learn, held_out, learn_labels, right = train_test_split(
        points.tolist(), labels.tolist(), test_size=0.25, random_state=options.seed, stratify=labels
    )
    net = nn.MLP(2, [16, 16, 1], activation="tanh", seed=options.seed)
    print(f"{net}: {net.parameter_count} parameters, {len(learn)} points to learn from, {len(held_out)} held out")
    frames = Frames(drawings.grid(points.tolist(), SIDE), every=4)
    trainer = nn.Trainer(
        net, learn, learn_labels, loss="binary_cross_entropy", optimizer=nn.Adam(net, lr=0.01), metrics="accuracy",
        epochs=options.epochs or (24 if options.quick else 80), validation=(held_out, right), seed=options.seed,
        callbacks=frames, progress=sys.stderr.isatty(), backend=backend(),
    )  # fmt: skip
    history = trainer.run()
    reached = 100.0 * sum((p > 0.5) == t for p, t in zip(probabilities(net, held_out), right)) / len(right)
    linear = 100.0 * LogisticRegression().fit(learn, learn_labels).score(held_out, right)
    print(f"\n{reached:.1f} % of the held-out points are on the right side of the boundary; ", end="")
    print(f"logistic regression, a straight line: {linear:.1f} %.\n")

    page = drawings.Boundary(points.tolist(), labels.tolist(), history, SIDE)
    folder.draw("moons-boundary.png", (10, 8), lambda figure: page.draw_strip(figure, frames.shown))
    with folder.new("moons.gif") as path:
        page.animate(frames.shown, path)
    return 130 if trainer.interrupted else 0

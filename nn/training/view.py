"""What there is to see of a training: its curves, what the network says where, and one neuron with the loss's chain rule."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, TypedDict

from engine import no_grad, sigmoid, softmax
from engine.arguments import install_line, real, shown, whole

from .. import losses
from ..canvas import FAINT, INK, MUTED, NEGATIVE, POSITIVE, restyle
from ..layers import Neuron
from ..module import in_mode
from .neuron_picture import explained
from .objective import unbound
from .targets import Floats, floats
from .trainer import Trainer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from engine.picture import Picture

SIDE, COARSE = 40, 28  # points in a row of the grid: of a figure, of a look at a training that runs
STRONGEST = 0.7  # of a class's colour, where the network is sure
COLOURS = (NEGATIVE, POSITIVE, "#2f7d32", "#7a3fa0", "#8a6d00", "#a0325a", "#00738a", "#5c6670", "#4a5d23", "#8c4b2f")


class Surface(TypedDict):
    """What a network says in a plane."""

    side: int
    xs: tuple[float, float]
    ys: tuple[float, float]
    classes: int
    shares: list[list[float]]


class View:
    """What there is to see of a training, read from its Trainer; nothing in the training is changed.

    Args:
        neuron: the path of a Neuron, such as "layers.0.neurons.0"; None for the first there is.
        example: the number of the example that the neuron is shown on.

    Attributes:
        trainer: the Trainer last looked at, or None.

    >>> import nn
    >>> from nn.training.view import View
    >>> view, net = View(), nn.MLP(2, [3, 1], seed=0)
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> trainer = nn.Trainer(net, X, y, loss="binary_cross_entropy", epochs=2, seed=0, progress=False)
    >>> history = trainer.run()
    >>> view.look(trainer)
    >>> view.status[:12], view.picture()
    ('epoch 2 of 2', <picture of L: 6 boxes, 5 edges>)
    """

    def __init__(self, neuron: str | None = None, example: int = 0) -> None:
        if neuron is not None and not isinstance(neuron, str):
            raise TypeError(f"training_view takes the path of a Neuron as neuron, got {shown(neuron)}")
        self.neuron = neuron
        self.example = whole("training_view", "example", example, least=0)
        self.trainer: Trainer | None = None
        self._drawn: Picture | None = None

    def look(self, trainer: Trainer) -> None:
        """Take a Trainer; a ValueError where it has no such neuron or example."""
        paths = {path: m for path, m in trainer.net.named_modules() if isinstance(m, Neuron)}
        if self.neuron is None:
            self.neuron = next(iter(paths), "")
        elif self.neuron not in paths:
            some = ", ".join(list(paths)[:3]) or "none"
            raise ValueError(f"training_view takes the path of a Neuron ({some}, …), got {shown(self.neuron)}")
        if self.example >= len(trainer.examples.X):
            raise ValueError(
                f"training_view takes as example a number below {len(trainer.examples.X)}, got {self.example}"
            )
        self._neuron = paths.get(self.neuron)
        self.trainer = trainer

    def _watched(self) -> Trainer:
        if self.trainer is None:
            raise RuntimeError("a training_view shows a training; pass it to nn.fit as view first")
        return self.trainer

    @property
    def status(self) -> str:
        """One line: the epoch, and the latest number of each curve."""
        trainer = self._watched()
        numbers = [f"{name} {xs[-1]:.4g}" for name, xs in trainer.history.items() if name != "epoch" and xs]
        return ", ".join([f"epoch {trainer.epoch} of {trainer.epochs}", *numbers])

    def picture(self) -> Picture | None:
        """The neuron on the example, with the gradient of the loss; None where there is no such thing: see `explained`."""
        trainer = self._watched()
        if self._neuron is not None:
            self._drawn = explained(trainer, self._neuron, self.example, self._drawn)
        return self._drawn

    def figure(self) -> Figure:
        """The curves, and where examples have two numbers the decision boundary, as a matplotlib Figure."""
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise ImportError(f"training_view takes matplotlib to draw; {install_line('plots')}") from None
        trainer = self._watched()
        surface = self.surface(SIDE)
        figure = Figure(figsize=(4.6 if surface is None else 8.6, 3.4), layout="constrained", facecolor="white")
        axes = figure.subplots(1, 1 if surface is None else 2, squeeze=False)[0]
        self._draw_curves(axes[0], trainer)
        if surface is not None:
            self._draw_surface(axes[1], surface)
        return figure

    def _draw_curves(self, ax: Axes, trainer: Trainer) -> None:
        restyle(ax)
        for name, words, colour in (("loss", "training", NEGATIVE), ("val_loss", "held out", POSITIVE)):
            if trainer.history.get(name):
                ax.plot(
                    trainer.history["epoch"],
                    trainer.history[name],
                    color=colour,
                    marker=".",
                    label=words,
                    clip_on=False,
                )
                ax.legend(frameon=False, labelcolor=INK)
        ax.set_title(f"Loss ({trainer.objective.name})", loc="left", color=INK, weight="bold")
        ax.set(xlabel="epoch", xlim=(0, max(trainer.epochs, 1)), ylim=(0, None))
        ax.grid(color=FAINT, linewidth=0.6)

    def _draw_surface(self, ax: Axes, surface: Surface) -> None:
        restyle(ax)
        side, classes = surface["side"], surface["classes"]
        rows = [surface["shares"][i * side : (i + 1) * side] for i in range(side)]
        us, vs = (_spread(low, high, side) for low, high in (surface["xs"], surface["ys"]))
        shade = [[_shade(shares, classes) for shares in row] for row in rows]
        ax.imshow(
            shade, extent=(*surface["xs"], *surface["ys"]), origin="lower", aspect="auto", interpolation="bilinear"
        )
        for k in range(classes if classes > 2 else classes - 1):
            lead = [[p[k] - max(p[:k] + p[k + 1 :]) for p in row] for row in rows]
            ax.contour(us, vs, lead, levels=[0.0], colors=INK, linewidths=1.6)
        points = self.points
        for k in sorted({k for *_, k in points}):
            colour, marker = (COLOURS[k % len(COLOURS)], "^" if k == 1 else "o") if classes else (MUTED, "o")
            xs, ys = zip(*[(x, y) for x, y, place in points if place == k])
            ax.scatter(xs, ys, s=18, color=colour, marker=marker, edgecolors="white", linewidths=0.4, zorder=3)
        title = "What it says where, and how surely" if classes else "Output by input"
        ax.set_title(title, loc="left", color=INK, weight="bold")
        ax.set(xlabel="x[0]", ylabel="x[1]", xlim=surface["xs"], ylim=surface["ys"])

    # What it says where ----------------------------------------------------------------------------------------------

    @property
    def points(self) -> list[tuple[float, float, int]]:
        """(x[0], x[1], class) of the examples, up to 300 of them; class 0 where the loss knows none."""
        trainer = self._watched()
        examples = trainer.examples
        with in_mode(trainer.net, False), no_grad():
            known = self._shares(floats(trainer.net(examples.X[0]))) is not None
        step = max(1, len(examples.X) // 300)
        return [(x[0], x[1], _place(t) if known else 0) for x, t in zip(examples.X[::step], examples.y[::step])]

    def surface(self, side: int) -> Surface | None:
        """What the network says on a grid of side × side points around the examples; None unless they are in a plane.

        Args:
            side: how many points in a row.

        Returns:
            A dict: side; xs and ys, (from, to); classes, how many; and shares, row by row for each point the probability of
            each class, or where the loss knows no classes the first output, from 0 for the lowest to 1 for the highest.
        """
        trainer = self._watched()
        X = trainer.examples.X
        if len(X[0]) != 2 or not all(isinstance(x, float) for x in X[0]):
            return None
        spans = []
        for c in ([x for x, _ in X], [y for _, y in X]):
            pad = 0.1 * (max(c) - min(c)) or 1.0
            spans.append((min(c) - pad, max(c) + pad))
        us, vs = (_spread(*span, side) for span in spans)
        with in_mode(trainer.net, False), no_grad():
            outputs = [floats(trainer.net([u, v])) for v in vs for u in us]
        shares = [self._shares(z) for z in outputs]
        known = [p for p in shares if p is not None]
        if len(known) < len(shares):
            heights = [z[0] if isinstance(z, list) else z for z in outputs]
            low, high = min(heights), max(heights)
            known = [[(z - low) / (high - low or 1.0)] for z in heights]
        classes = len(known[0]) if len(known[0]) > 1 else 0
        return {"side": side, "xs": spans[0], "ys": spans[1], "classes": classes, "shares": known}

    def _shares(self, z: Floats) -> list[float] | None:
        """The probability of each class at these outputs; None where the loss knows none."""
        loss = unbound(self._watched().objective.loss)
        if loss in (losses.cross_entropy, losses.kl_divergence) and isinstance(z, list):
            return [float(p) for p in softmax(z)]
        if loss in (losses.binary_cross_entropy, losses.hinge) and not isinstance(z, list):
            p = float(sigmoid(z)) if loss is losses.binary_cross_entropy else min(1.0, max(0.0, (1.0 + z) / 2.0))
            return [1.0 - p, p]
        return None

    # All of it -------------------------------------------------------------------------------------------------------

    def frame(self) -> dict[str, object]:
        """All that the widget shows: JSON."""
        trainer, surface, picture = self._watched(), self.surface(COARSE), self.picture()
        frame: dict[str, object] = {
            "status": self.status,
            "epochs": trainer.epochs,
            "objective": trainer.objective.name,
            "curves": {name: trainer.history[name] for name in ("loss", "val_loss") if name in trainer.history},
        }
        if surface is not None:
            surface["shares"] = [[round(p, 5) for p in shares] for shares in surface["shares"]]
            frame |= {"surface": surface, "points": self.points}
        if picture is not None:
            frame["neuron"] = [_source("svg+xml", picture.svg.encode()), str(picture), self.caption]
        return frame

    @property
    def caption(self) -> str:
        """What the picture of the neuron shows."""
        return (
            f"{self.neuron} on example {self.example}: its output y, and in one box all that follows up to the loss L"
        )

    def html(self) -> str:
        """The same as static pictures: the figure, and the neuron's picture."""
        if self.trainer is None:
            return "no training yet"
        file = io.BytesIO()
        self.figure().savefig(file, dpi=110, format="png")
        alt = escape(f"Curves and decision boundary of a training: {self.status}")
        picture = self.picture()
        drawn = "" if picture is None else f"{picture.html}<p>{escape(self.caption)}</p>"
        return f'<img alt="{alt}" src="{_source("png", file.getvalue())}">{drawn}'


def _place(t: object) -> int:
    """The class of a target: a number, or the likeliest of a list of probabilities; hinge has -1 for class 0."""
    return t.index(max(t)) if isinstance(t, list) else max(0, round(real(t) or 0.0))


def _spread(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * k / (count - 1) for k in range(count)]


def _shade(shares: Sequence[float], classes: int) -> tuple[float, float, float]:
    """The colour of the likeliest class, the paler the less it stands out; red, green and blue from 0 to 1."""
    best = shares.index(max(shares)) if classes else 1
    sure = (shares[best] - 1.0 / classes) / (1.0 - 1.0 / classes) if classes else shares[0]
    colour = COLOURS[best % len(COLOURS)]
    r, g, b = (1.0 - STRONGEST * sure * (1.0 - int(colour[i : i + 2], 16) / 255.0) for i in (1, 3, 5))
    return r, g, b


def _source(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"

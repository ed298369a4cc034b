"""A view of a training while it runs: its curves, its decision boundary, and one neuron with the chain rule on it."""

from __future__ import annotations

import base64
import copy
import io
import time
from typing import TYPE_CHECKING, Any

from engine import Value, draw, no_grad, topological_order
from engine.arguments import install_line, whole

from ..canvas import FAINT, INK, MUTED, NEGATIVE, POSITIVE, restyle
from ..layers import Neuron
from ..module import in_mode
from .targets import floats
from .trainer import Trainer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from engine.picture import Picture

FEW = 6  # inputs of a neuron up to which each has a box
SIDE = 40  # the boundary is looked for on a grid of SIDE × SIDE points
COLOURS = (NEGATIVE, POSITIVE, "#2f7d32", "#7a3fa0", "#8a6d00", "#a0325a", "#00738a", "#5c6670", "#4a5d23", "#8c4b2f")

SCRIPT = """
export default {
  render({ model, el }) {
    el.classList.add("chainrule-training");
    const line = document.createElement("p"), there = document.createElement("div");
    line.setAttribute("role", "status");
    el.append(line, there);
    const say = () => { line.textContent = model.get("status"); };
    const show = () => there.replaceChildren(...model.get("images").map(([src, alt]) => Object.assign(new Image(), { src, alt })));
    model.on("change:status", say);
    model.on("change:images", show);
    say();
    show();
  },
};
"""
STYLE = """
.chainrule-training{color-scheme:light dark;font:14px/1.45 'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif}
.chainrule-training p{margin:4px 0 8px;font-variant-numeric:tabular-nums}
.chainrule-training div{display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start}
.chainrule-training img{max-width:100%;background:#fff;border-radius:8px}
"""


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
    ('epoch 2 of 2', <picture of y: 7 boxes, 6 edges>)
    """

    def __init__(self, neuron: str | None = None, example: int = 0) -> None:
        if neuron is not None and not isinstance(neuron, str):
            raise TypeError(f"training_view takes the path of a Neuron as neuron, got {neuron!r:.60}")
        self.neuron = neuron
        self.example = whole("training_view", "example", example, least=0)
        self.trainer: Trainer | None = None

    def look(self, trainer: Trainer) -> None:
        """Take a Trainer; a ValueError where it has no such neuron or example."""
        paths = {path: m for path, m in trainer.net.named_modules() if isinstance(m, Neuron)}
        if self.neuron is None:
            self.neuron = next(iter(paths), "")
        elif self.neuron not in paths:
            some = ", ".join(list(paths)[:3]) or "none"
            raise ValueError(f"training_view takes the path of a Neuron ({some}, …), got {self.neuron!r:.60}")
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
        """The neuron on the example, drawn with its chain rule; None where the network has no Neuron."""
        trainer = self._watched()
        neuron = self._neuron
        if neuron is None:
            return None
        with in_mode(trainer.net, False):
            outputs = trainer.net(trainer.examples.X[self.example])
            order = topological_order(outputs)
            sums = [v for v in order if v.op is not None and v.op.name == "dot"]
            mine = [v for v in sums if getattr(v.scope, "module", None) is neuron]
            if not mine:
                return None
            n = len(neuron.w)
            xs = [Value(float(x), label=f"x[{i}]") for i, x in enumerate(mine[0].args[n : 2 * n])]
            twin = copy.deepcopy(neuron)  # whose gradients no training reads
            twin.zero_grad()
            y = twin(xs)
            if y.__class__ is not Value:
                return None  # its weights are numbers
            y.label = "y"
            y.backward()
            level, names = "full" if n <= FEW else "auto", {"w": twin.w, "b": twin.b}
            drawn: Picture = draw(y, level=level, rankdir="LR" if n > 3 else "TB", names=names, uid="neuron")
            return drawn

    def figure(self) -> Figure:
        """The curves, and where examples have two numbers the decision boundary, as a matplotlib Figure."""
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise ImportError(f"training_view takes matplotlib to draw; {install_line('plots')}") from None
        trainer = self._watched()
        flat = len(trainer.examples.X[0]) == 2 and all(isinstance(x, float) for x in trainer.examples.X[0])
        figure = Figure(figsize=(8.6 if flat else 4.6, 3.4), layout="constrained", facecolor="white")
        axes = figure.subplots(1, 1 + flat, squeeze=False)[0]
        self._draw_curves(axes[0], trainer)
        if flat:
            self._draw_boundary(axes[1], trainer)
        return figure

    def _draw_curves(self, ax: Axes, trainer: Trainer) -> None:
        restyle(ax)
        for name, colour in (("loss", NEGATIVE), ("val_loss", POSITIVE)):
            if trainer.history.get(name):
                ax.plot(trainer.history["epoch"], trainer.history[name], color=colour, marker=".", label=name)
                ax.legend(frameon=False, labelcolor=INK)
        ax.set_title(f"Loss ({trainer.objective.name})", loc="left", color=INK, weight="bold")
        ax.set(xlabel="epoch", xlim=(0, max(trainer.epochs, 1)))
        ax.grid(color=FAINT, linewidth=0.6)

    def _draw_boundary(self, ax: Axes, trainer: Trainer) -> None:
        restyle(ax)
        points, targets = trainer.examples.X, trainer.examples.y
        across = [x for x, _ in points], [y for _, y in points]
        lows, highs = [min(c) for c in across], [max(c) for c in across]
        pads = [0.1 * (high - low) or 1.0 for low, high in zip(lows, highs)]
        xs, ys = (
            [low - pad + (high - low + 2 * pad) * k / (SIDE - 1) for k in range(SIDE)]
            for low, high, pad in zip(lows, highs, pads)
        )
        with in_mode(trainer.net, False), no_grad():
            found = [[trainer.objective.prediction(floats(trainer.net([x, y]))) for x in xs] for y in ys]
        if trainer.objective.classes:
            from matplotlib.colors import ListedColormap

            classes = sorted({*targets, *(c for row in found for c in row)})
            place = {c: k for k, c in enumerate(classes)}
            shown = [[place[c] for c in row] for row in found]
            colours = [COLOURS[k % len(COLOURS)] for k in range(len(classes))]
            ax.pcolormesh(xs, ys, shown, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(classes) - 0.5, alpha=0.25)
            ax.scatter(*across, c=[colours[place[t]] for t in targets], s=14, edgecolors="white", linewidths=0.4)
            ax.set_title("What it says where", loc="left", color=INK, weight="bold")
        else:
            surface = [[z[0] if isinstance(z, list) else z for z in row] for row in found]
            ax.contourf(xs, ys, surface, levels=12, cmap="Blues")
            ax.scatter(*across, color=MUTED, s=10)
            ax.set_title("Output by input", loc="left", color=INK, weight="bold")
        ax.set(xlabel="x[0]", ylabel="x[1]")

    def images(self) -> list[list[str]]:
        """(source, alternative text) of each image: the figure, and the neuron's picture."""
        file = io.BytesIO()
        self.figure().savefig(file, dpi=110, format="png")
        shown = [[_source("png", file.getvalue()), f"Curves and decision boundary of a training: {self.status}"]]
        picture = self.picture()
        if picture is not None:
            shown.append(
                [_source("svg+xml", picture.svg.encode()), f"{self.neuron} on example {self.example}:\n{picture}"]
            )
        return shown


def _source(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def training_view(*, neuron: str | None = None, example: int = 0, seconds: float = 0.5) -> Any:
    """A notebook widget that follows `fit(..., view=…)`: loss, decision boundary, and one neuron's graph.

    It needs a running kernel; what a saved notebook keeps of it is blank. `view.figure()` and `view.picture()` show the
    same as static pictures.

    Args:
        neuron: the path of a Neuron, such as "layers.0.neurons.0"; None for the first there is.
        example: the number of the example that the neuron is shown on.
        seconds: how long to wait at least between two looks.

    Returns:
        An anywidget, which is also a callback of `fit`.

    Raises:
        ModuleNotFoundError: anywidget is missing (the extra notebooks).

    >>> import nn
    >>> view = nn.training_view(neuron="layers.0.neurons.1")  # doctest: +SKIP
    >>> nn.fit(net, X, y, loss="mse", view=view)  # doctest: +SKIP
    """
    seen = View(neuron, example)
    try:
        import anywidget
        import traitlets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"training_view needs {error.name}: {install_line('notebooks')}", name=error.name
        ) from None

    class TrainingView(anywidget.AnyWidget):
        """The widget of a View."""

        _esm = SCRIPT
        _css = STYLE
        status = traitlets.Unicode("no training yet").tag(sync=True)
        images = traitlets.List([]).tag(sync=True)
        figure = seen.figure
        picture = seen.picture
        _looked = 0.0

        def on_train_begin(self, trainer: Trainer) -> None:
            """Show the network as it starts."""
            seen.look(trainer)
            self._show()

        def on_epoch_end(self, trainer: Trainer) -> None:
            """Show it again, if it is time."""
            self.status = seen.status
            if time.monotonic() - self._looked >= seconds:
                self._show()

        def on_train_end(self, trainer: Trainer) -> None:
            """Show it as it ends."""
            self._show()

        def _show(self) -> None:
            self.status = seen.status
            self.images = seen.images()
            self._looked = time.monotonic()

    return TrainingView()

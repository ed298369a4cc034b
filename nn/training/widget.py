"""The widget of a training: it shows a View while `fit` runs, and hears the reader's pause, steps, pace and rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Protocol

from engine.arguments import install_line, real, shown

from .trainer import Trainer
from .view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from engine.picture import Picture

LOOKS = 60  # at a training, if its epochs are quick
WAIT = 5.0  # seconds for a reader's page, which may have scripts to load first, to answer before a training starts without one
UNWATCHED = 0.5  # seconds between two looks where nobody is known to watch


class Still(Protocol):
    """A handle of what IPython displays."""

    def update(self, x: object) -> None:
        """Display something else there."""


class Follower:
    """Follows a training: what the widget does as a callback of `fit`. It shows, waits, and takes the reader's rate.

    What the reader does is set from another thread, and read between two epochs.

    Attributes:
        frame: what the page shows.
        running: whether the page's buttons do something.
        asked, heard: the number of the latest training, and of the latest that a page has answered.
        paused, steps, pace, rate: what the reader wants: a pause, epochs one by one, how fast, and the learning rate.
        figure, picture: those of the View.
    """

    frame: dict[str, object]
    running: bool
    asked: int
    heard: int
    paused: bool
    steps: int
    pace: float
    rate: float
    figure: Callable[[], Figure]
    picture: Callable[[], Picture | None]
    _seen: View
    _stay: float  # seconds

    def __init__(self) -> None:
        super().__init__()
        self._stills: list[Still] = []
        self._looked = self._stepped = 0.0

    def _told(self, widget: object, told: Mapping[str, object], buffers: object) -> None:
        for name, x in told.items():
            if name == "heard" or (self.running and name in ("paused", "steps", "pace", "rate")):
                setattr(self, name, x)

    def on_train_begin(self, trainer: Trainer) -> None:
        """Show the network as it starts, and ask whether a page is there that shows it, and is heard while it runs."""
        self._seen.look(trainer)
        self.paused, self._stepped = False, self.steps
        self.rate = self._rate = float(trainer.optimizer.lr if trainer.schedule is None else trainer.lr)
        self._show()
        self.asked += 1
        end = time.monotonic() + WAIT
        while self._stills and self.heard < self.asked and time.monotonic() < end:
            time.sleep(0.02)
        self.running = self.heard == self.asked
        self._looked = time.monotonic()

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Show it again, if it is time; wait where the reader wants to; take the reader's rate."""
        self.running = self.heard == self.asked
        watched, now = self.heard >= 0, time.monotonic()
        due = trainer.epoch % max(1, trainer.epochs // LOOKS) == 0 or trainer.epoch == 1 or self.paused
        if (watched and due and self.pace > 0.0) or now - self._looked >= UNWATCHED:
            self._wait(
                trainer, lambda: time.monotonic() < self._looked + self._stay / (self.pace or math.inf) and watched
            )
            self._show()
        self._wait(trainer, lambda: self.paused and self.steps == self._stepped, paused=True)
        self._stepped = self.steps
        if self.rate > 0.0 and self.rate != self._rate:
            self._rate = self.rate
            if trainer.schedule is None:
                trainer.optimizer.lr = self.rate
            else:
                trainer.lr = self.rate

    def on_train_end(self, trainer: Trainer) -> None:
        """Show it as it ends, and keep that."""
        self._show()
        self.running = self.paused = False
        for still in self._stills:
            still.update(self._html())

    def _wait(self, trainer: Trainer, while_: Callable[[], bool], paused: bool = False) -> None:
        """Until it is over, or the reader pauses, or presses Ctrl-C."""
        while while_() and self.paused is paused and not trainer.interrupted:
            time.sleep(0.02)

    def _show(self) -> None:
        self.frame = self._seen.frame()
        self._looked = time.monotonic()

    def _html(self) -> object:
        from IPython.display import HTML

        return HTML(f'<div class="chainrule-still">{self._seen.html()}</div>')


def training_view(*, neuron: str | None = None, example: int = 0, seconds: float = 0.15) -> Follower:
    """A notebook widget that follows `fit(..., view=…)`: loss, what the network says where, and one neuron's graph.

    While somebody watches, a training that would be over in a blink takes its time: up to 60 looks at it stay for `seconds`
    each. It can be paused, go on epoch by epoch, and be given another learning rate while it runs, all between two epochs
    (in JupyterLab from 4.4 with ipykernel from 7; where a kernel hears nothing while it works the buttons are grey). A
    saved notebook keeps the last state as pictures; `view.figure()` and `view.picture()` are these pictures.

    Args:
        neuron: the path of a Neuron, such as "layers.0.neurons.0"; None for the first there is.
        example: the number of the example that the neuron is shown on, with the gradient of its loss.
        seconds: how long a look stays at least; 0 for a training that never waits.

    Returns:
        An anywidget, which is also a callback of `fit`.

    Raises:
        ModuleNotFoundError: anywidget is missing (the extra notebooks).

    >>> import nn
    >>> view = nn.training_view(neuron="layers.0.neurons.1")  # doctest: +SKIP
    >>> nn.fit(net, X, y, loss="mse", view=view)  # doctest: +SKIP
    """
    seen = View(neuron, example)
    stay = -1.0 if (found := real(seconds)) is None else found
    if not 0.0 <= stay < 3600.0:
        raise ValueError(f"training_view takes as seconds a number from 0, got {shown(seconds)}")
    try:
        import anywidget
        import traitlets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"training_view needs {error.name}: {install_line('notebooks')}", name=error.name
        ) from None

    class TrainingView(Follower, anywidget.AnyWidget):
        """The widget of a View, which it follows a training with."""

        _esm = _part("view.js")
        _css = _part("view.css")
        frame = traitlets.Dict().tag(sync=True)
        running = traitlets.Bool(False).tag(sync=True)
        asked = traitlets.Int(0).tag(sync=True)
        heard = traitlets.Int(-1).tag(sync=True)
        paused = traitlets.Bool(False).tag(sync=True)
        steps = traitlets.Int(0).tag(sync=True)
        pace = traitlets.Float(1.0).tag(sync=True)
        rate = traitlets.Float(0.0).tag(sync=True)
        figure = seen.figure
        picture = seen.picture
        _seen, _stay = seen, stay

        def __init__(self) -> None:
            super().__init__()
            if hasattr(self.comm, "_reply_subshell_for"):  # ipykernel 7.4 would let answers wait for the cell that runs
                self.comm._reply_subshell_for = lambda data, default: default
            self.on_msg(self._told)

        def _ipython_display_(self) -> None:
            from IPython.display import display

            display(self._repr_mimebundle_()[0], raw=True)
            self._stills.append(display(self._html(), display_id=True))

    return TrainingView()


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")

"""A net that learns: points in a plane, a small network, and all there is to see while it trains.

The loss and its gradients are written out once as plain functions of the weights, as is what every neuron says of a point:
graphs of the engine, without a graph for each example.
"""

import math
import random
import time
from collections.abc import Callable, Sequence

import nn
from demos.playground.answers import Said
from demos.playground.tabs.expression import edited, shown
from engine import Value, gradients, sigmoid, straight_line
from engine.picture import LiveGraph
from nn.training.view import View

COARSE, FINE = 28, 48  # points in a row of the grid that boundaries are drawn on: while it trains, and at rest
EDGE = 3.0  # the plane is from -EDGE to EDGE on both sides: numbers that a net with fresh weights tells apart
SMALL = 200  # parameters of a net up to which the fine grid takes no time
MOST_POINTS, MOST_LAYERS, MOST_NEURONS = 600, 5, 8
Point = tuple[float, float, int, int]  # x and y in the plane, class 0 or 1, and whether it is held out

LOSSES: dict[str, tuple[float, float]] = {  # the targets of the two classes
    "binary_cross_entropy": (0.0, 1.0),
    "hinge": (-1.0, 1.0),
    "mse": (-1.0, 1.0),
}
PENALTIES = {"none": None, "l1": nn.l1, "l2": nn.l2}


class Training:
    """A network, its points, and what trains it.

    Args:
        given: what the page says: points, layers, activation, loss, optimiser, rate, penalty, strength, batch, seed.

    Raises:
        ValueError, TypeError: something of it cannot be; in the words of nn.
    """

    def __init__(self, given: Said) -> None:
        sizes = [int(n) for n in _list(given["layers"])]
        if len(sizes) > MOST_LAYERS or any(not 1 <= n <= MOST_NEURONS for n in sizes):
            raise ValueError(f"a net here takes up to {MOST_LAYERS} layers of 1 to {MOST_NEURONS} neurons, got {sizes}")
        seed = int(str(given["seed"]))
        self.net = nn.MLP(2, [*sizes, 1], activation=str(given["activation"]), seed=seed)
        self.parameters = self.net.parameters()
        self.epoch, self.curve, self.random = 0, list[list[float]](), random.Random(seed)
        self.neurons = [path for path, m in self.net.named_modules() if isinstance(m, nn.Neuron)]
        self._optimiser_asked = ""
        self.change(given)

    def change(self, given: Said) -> None:
        """Go on with other points and settings, and the weights that there are."""
        points = [_point(p) for p in _list(given["points"])][:MOST_POINTS]
        self.examples = [p for p in points if not p[3]]
        self.held = [p for p in points if p[3]]
        self.points = self.examples + self.held
        self.loss = str(given["loss"])
        self.batch = int(str(given["batch"]))
        targets, xs = LOSSES[self.loss], [Value(0.0), Value(0.0)]
        # What each neuron says of a point, layer by layer; the last is the output, shown as the share of class 1.
        signals: list[Value] = []
        layer = list(xs)
        for part in self.net.layers:
            layer = [neuron(layer) for neuron in part.neurons]
            signals += layer
        [output] = layer
        share = sigmoid(output) if self.loss == "binary_cross_entropy" else (1.0 + output) / 2.0
        self.signals = straight_line([*signals[:-1], share], [*xs, *self.parameters])
        losses = [nn.losses.LOSSES[self.loss](output, t) for t in targets]
        leaves = [*xs, *self.parameters]
        self.gradients = [straight_line([L, *gradients(L, self.parameters)], leaves) for L in losses]
        self.losses = [straight_line([L, share], leaves) for L in losses]
        penalty = PENALTIES[str(given["penalty"])]
        strength = float(str(given["strength"]))
        self.penalty: Callable[..., list[float]] | None = None
        if penalty is not None and strength > 0.0:
            extra = penalty(strength)(self.net)
            self.penalty = straight_line([extra, *gradients(extra, self.parameters)], self.parameters)
        if self._optimiser_asked != str(given["optimiser"]):
            self._optimiser_asked = str(given["optimiser"])
            self.optimiser = nn.optim.OPTIMISERS[self._optimiser_asked](self.net)
        self.optimiser.lr = float(str(given["rate"]))

    def train(self, seconds: float, most: int) -> None:
        """As many epochs as there is time for, and at least one."""
        end = time.perf_counter() + seconds
        for _ in range(most):
            self._run_epoch()
            if time.perf_counter() > end or not math.isfinite(self.curve[-1][1]):
                return

    def _run_epoch(self) -> None:
        order = self.random.sample(self.examples, len(self.examples))
        size, summed = self.batch or len(order), 0.0
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            numbers = [p.data for p in self.parameters]
            sums = [0.0] * (1 + len(numbers))
            for x, y, k, _ in batch:
                sums = [s + g for s, g in zip(sums, self.gradients[k](x, y, *numbers))]
            summed += sums[0]
            grads = [g / len(batch) for g in sums[1:]]
            if self.penalty is not None:
                grads = [g + extra for g, extra in zip(grads, self.penalty(*numbers)[1:])]
            for p, g in zip(self.parameters, grads):
                p.grad = g
            self.optimiser.step()
        self.epoch += 1
        held, right = self._judged(self.held)
        self.curve.append([self.epoch, summed / len(order), held, right])

    def _judged(self, points: Sequence[Point]) -> tuple[float, float]:
        """(mean loss, share of points on the right side); nan of none."""
        numbers = [p.data for p in self.parameters]
        found = [(k, self.losses[k](x, y, *numbers)) for x, y, k, _ in points]
        if not found:
            return math.nan, math.nan
        right = sum((share > 0.5) == (k == 1) for k, (_, share) in found)
        return sum([L for _, (L, _) in found]) / len(found), right / len(found)

    def look(self, moving: bool = False) -> Said:
        """All that the page shows but for the picture of a neuron."""
        side = FINE if not moving and len(self.parameters) <= SMALL else COARSE
        numbers = [p.data for p in self.parameters]
        ticks = [EDGE * (2.0 * (k + 0.5) / side - 1.0) for k in range(side)]
        rows = [self.signals(x, -y, *numbers) for y in ticks for x in ticks]
        columns = [list(column) for column in zip(*rows)]
        largest = [max(1e-9, *(abs(x) for x in column)) for column in columns]
        hidden = [[_share(x / most) for x in column] for column, most in zip(columns[:-1], largest)]
        curve, self.curve = self.curve, []
        layers = [[[*(w.data for w in n.w), n.b.data] for n in layer.neurons] for layer in self.net.layers]
        return {
            "epoch": self.epoch,
            "curve": [[x if math.isfinite(x) else None for x in row] for row in curve],
            "side": side,
            "hidden": hidden,
            "output": [_share(2.0 * x - 1.0) for x in columns[-1]],
            "weights": [[[x if math.isfinite(x) else None for x in n] for n in layer] for layer in layers],
        }

    def view(self, neuron: str, example: int) -> View:
        """What nn shows of a neuron on an example."""
        targets = LOSSES[self.loss]
        X, y = [[x, y] for x, y, *_ in self.points], [targets[k] for _, _, k, _ in self.points]
        view = View(neuron, example)
        view.look(nn.Trainer(self.net, X, y, loss=self.loss, optimizer=self.optimiser, progress=False))
        return view


_training: Training | None = None
_seen: tuple[LiveGraph, str] | None = None  # the neuron that is seen, and its path


def make(given: Said) -> Said:
    """A network with new weights; what there is to see of it, or {"error"}."""
    global _training
    try:
        _training = Training(given)
    except (KeyError, TypeError, ValueError) as error:
        return {"error": str(error)}
    return {"neurons": _training.neurons, "count": len(_training.parameters), **_training.look()}


def change(given: Said) -> Said:
    """Other points or settings for the network that there is."""
    training = _now()
    try:
        training.change(given)
    except (KeyError, TypeError, ValueError) as error:
        return {"error": str(error)}
    return {"neurons": training.neurons, "count": len(training.parameters), **training.look()}


def train(given: Said) -> Said:
    """Train for some milliseconds, or `most` epochs: {ms, most}."""
    training = _now()
    if len(training.examples) < 2:
        return {"error": "Training takes two points or more: click into the plane."}
    training.train(float(str(given["ms"])) / 1000.0, int(str(given["most"])))
    return training.look(moving=True)


def rest(given: Said) -> Said:
    """What there is to see, on a finer grid."""
    return _now().look()


def see(given: Said) -> Said:
    """A neuron on an example as its exact graph: a live view, or while it trains a picture."""
    global _seen
    training = _now()
    if not training.points:
        return {"error": "There is no point yet that a neuron could be shown on."}
    example = min(int(str(given["example"])), len(training.points) - 1)
    try:
        view = training.view(str(given["neuron"]), example)
        picture = view.picture()
    except ValueError as error:
        return {"error": str(error)}
    if picture is None:
        return {"error": "The loss of this example does not depend on this neuron."}
    if given["moving"]:
        return {"svg": picture.svg, "alt": str(picture)}
    _seen = picture.live_graph(), str(given["neuron"])
    return {"live": shown(_seen[0])}


def weigh(given: Said) -> Said:
    """Other weights for the neuron whose graph is seen, in that graph and in the net: what there is to see of both."""
    if _seen is None:
        raise RuntimeError("there is no neuron yet")
    training, (live, path) = _now(), _seen
    told = edited(live, given)
    neuron = next(m for p, m in training.net.named_modules() if p == path and isinstance(m, nn.Neuron))
    for name, p in [*((f"w[{k}]", w) for k, w in enumerate(neuron.w)), ("b", neuron.b)]:
        p.data = live.values.get(name, p.data)
    return {"live": told, "net": training.look()}


def _now() -> Training:
    if _training is None:
        raise RuntimeError("there is no net yet")
    return _training


def _list(x: object) -> list[object]:
    if not isinstance(x, list):
        raise TypeError(f"a list is needed, got {x!r:.40}")
    return x


def _point(p: object) -> Point:
    x, y, k, held = _list(p)
    if not all(isinstance(c, (int, float)) and math.isfinite(c) for c in (x, y)) or k not in (0, 1):
        raise ValueError(f"a point is [x, y, class 0 or 1, held out 0 or 1], got {p!r:.60}")
    return float(str(x)), float(str(y)), int(str(k)), int(bool(held))


def _share(x: float) -> int:
    """From -1 to 1 as hundredths; nan is 0."""
    return 0 if math.isnan(x) else round(100.0 * max(-1.0, min(1.0, x)))


# Data ----------------------------------------------------------------------------------------------------------------


def _sets() -> dict[str, list[list[float]]]:
    """Four sets of points: one that a line could not divide, and three that ask for more and more neurons."""
    rng, found = random.Random(7), {}
    for name, of in (("ring", _ring), ("moons", _moons), ("corners", _corners), ("spiral", _spiral)):
        points = [[*of(rng, i % 2, (i // 2) / 60.0), i % 2, int(i % 8 in (0, 3))] for i in range(120)]
        found[name] = [[round(EDGE * x, 2), round(EDGE * y, 2), k, held] for x, y, k, held in points]
    return found


def _ring(rng: random.Random, k: int, at: float) -> tuple[float, float]:
    radius, angle = (rng.uniform(0.55, 0.85) if k else rng.uniform(0.0, 0.38)), 2.0 * math.pi * at
    return radius * math.cos(angle), radius * math.sin(angle)


def _moons(rng: random.Random, k: int, at: float) -> tuple[float, float]:
    angle = math.pi * at + (math.pi if k else 0.0)
    x, y = math.cos(angle) * 0.55 + (0.28 if k else -0.28), math.sin(angle) * 0.6 + (0.17 if k else -0.17)
    return x + rng.gauss(0.0, 0.06), y + rng.gauss(0.0, 0.06)


def _corners(rng: random.Random, k: int, at: float) -> tuple[float, float]:
    x, y = rng.uniform(0.06, 0.85), rng.uniform(0.06, 0.85)
    sign = 1.0 if at * 60.0 % 2.0 < 1.0 else -1.0
    return sign * x, (sign if k else -sign) * y


def _spiral(rng: random.Random, k: int, at: float) -> tuple[float, float]:
    radius, angle = 0.1 + 0.78 * at, 2.6 * math.pi * at + (math.pi if k else 0.0)
    return radius * math.sin(angle) + rng.gauss(0.0, 0.02), radius * math.cos(angle) + rng.gauss(0.0, 0.02)


def built() -> Said:
    """What the page has of this tab before Python is there: the points."""
    return {
        "sets": _sets(),
        "most": {"points": MOST_POINTS, "layers": MOST_LAYERS, "neurons": MOST_NEURONS},
        "edge": EDGE,
    }


ASKED = [make, change, train, rest, see, weigh]

"""check_gradients: every derivative of a function, proved right or named wrong."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import add

from ..adjoints import gradients
from ..arguments import listed, named, real, shown, whole
from ..traversal import topological_order
from ..value import Value
from .ball_replay import BallReplay, FlatGraph
from .balls import NOTHING, PRECISION, Ball, arb, precision
from .checked_function import CheckedFunction
from .engines import CHAINRULE, Adapter, Operation, adapter
from .faults import Fault, adds_right, engine_faults, faults, holds, second_faults
from .graph import Graph
from .report import GradientError, Report, Save
from .rounding import rounded_number
from .verdicts import Derivative, Verdicts
from .wrong_sweeps import mistake

UNIT_DIRECTIONS = 4  # up to so many arguments each gets a derivative of its own in orders 2 and 3


def check_gradients(
    f: Callable[..., object] | Graph | Value,
    at: object = None,
    *,
    order: int = 1,
    modes: Iterable[str] = ("reverse",),
    engine: Adapter = CHAINRULE,
    save: Save = None,
) -> Report:
    """Prove the derivatives of a function at a point, or name the rule that is wrong.

    There is no tolerance to choose: the graph is replayed in ball arithmetic, which encloses every number that a
    correct engine can compute, and a Taylor series is the second witness.

    Args:
        f: a function of numbers, lists, dicts, arrays and Modules that returns one Value; a Value; or a `Graph`.
        at: its arguments, a tuple (one argument may stand alone); not needed for a Value or a Graph.
        order: the highest derivative, 1 to 3.
        modes: "reverse", "forward", or both.
        engine: an `Engine`; by default this one. Others are checked to order 1.
        save: the file for the picture of a failure, .svg or .dot; by default in the temporary directory; False for
            none.

    Returns:
        A Report with a verdict for each argument, order and mode. Where the function has a kink or a pole at the point
        the verdict says so.

    Raises:
        GradientError: a derivative is wrong; its `report` has all findings.
        TypeError, ValueError, RuntimeError: the function or the point is not one that can be checked, or an argument is
            not one of these.

    >>> from engine.checks import check_gradients
    >>> report = check_gradients(lambda x, y: x * y.exp(), (0.5, 2.0), order=2, modes=("reverse", "forward"))
    >>> report.verdicts["ok"], report.ok
    (13, True)
    """
    order = whole("check_gradients", "order", order, least=1, most=3)
    modes = _modes(modes, order, engine)
    with precision(PRECISION):
        report = _Check(CheckedFunction(f, at), order, modes, engine, save).run()
    _tell_hypothesis(report)
    if not report.ok:
        raise GradientError(report)
    return report


def _modes(modes: Iterable[str], order: int, engine: Adapter) -> tuple[str, ...]:
    who = "check_gradients"
    asked = (modes,) if isinstance(modes, str) else listed(who, "modes", modes, "a list of 'reverse' and 'forward'")
    found = tuple([named(who, "modes", mode, ("reverse", "forward")) for mode in asked])
    if not found:
        raise ValueError(f"{who} takes 'reverse' or 'forward' as modes, got none")
    adapter(who, engine)
    if engine is not CHAINRULE and order > 1:
        raise ValueError(f"check_gradients takes order 1 for other engines, got {order} for {engine.name}")
    if "forward" in found and engine.jvp is None:
        raise ValueError(f"check_gradients takes mode 'forward' for engines with jvp=, got {engine.name} without")
    return found


class _Check:
    """One run: the function on the engine, the balls, the Taylor series, and the blame."""

    def __init__(self, subject: CheckedFunction, order: int, modes: Sequence[str], engine: Adapter, save: Save) -> None:
        self.subject, self.order, self.modes, self.engine = subject, order, modes, engine
        self.ours = engine is CHAINRULE
        self.root, self.leaves = subject.record()
        self.graph = FlatGraph(self.root, self.leaves)
        self.replay = BallReplay(self.graph)
        settings = "" if order == 1 else f", order={order}"
        settings += "" if tuple(modes) == ("reverse",) else f", modes={tuple(modes)!r}"
        settings += "" if self.ours else ", engine=engine"
        self.report = Report(subject, engine.name, self.root, notes=list(subject.notes), settings=settings, save=save)
        self.verdicts = Verdicts(self.replay, self.report)

    def run(self) -> Report:
        """All parts, in order."""
        read, names = self.subject.read_arguments(self.graph), self.subject.names
        unused = [n for n, place in zip(names, self.graph.leaves) if place is None and n not in read]
        self.report.notes += [f"{self.subject.name} does not use {name}: its derivative is 0" for name in unused]
        rule_faults = list(faults(self.graph.nodes)) if self.ours else []
        self.report.faults += rule_faults
        balls = self.replay.gradient()
        value, grads, again = self._engine_run()
        self.verdicts.find(Derivative(), value, self.replay.values[-1])
        if "reverse" in self.modes:
            for k, (g, ball, size) in enumerate(zip(grads, balls, self.verdicts.sizes(balls))):
                self.verdicts.find(Derivative(names[k], 1, leaf=k), g, ball, size)
        self._repeated(grads, again, balls)
        if "forward" in self.modes and self.engine.jvp is not None:
            self._forward(self.engine.jvp)
        if self.ours and self.order > 1:
            self._higher()
        self.verdicts.doubt(read)
        self.verdicts.convict(rule_faults)
        if not self.report.ok and not self.report.faults:
            self._blame(grads)
        return self.report

    # The engine's numbers --------------------------------------------------------------------------------------------

    def _engine_run(self) -> tuple[float, list[float], list[float]]:
        """The value, the gradients, and the gradients of a second, fresh run."""
        runs = []
        for _ in range(2):
            output, leaves = self.subject.run(self.engine)
            number = _number("value", self.engine.value(output))
            grads = listed("Engine", "what grads returns", self.engine.grads(output, leaves), "a list of numbers")
            runs.append((number, [_number("grads", g) for g in grads]))
        again = (output if isinstance(output, Value) else self.subject.record()[0]).data
        if again != self.root.data and again == again:
            raise ValueError(
                f"check_gradients takes a function that gives one answer at one point, got {self.root.data!r} and then "
                f"{again!r} from {self.subject.name}; give its random generator a seed inside the function"
            )
        return runs[0][0], runs[0][1], runs[1][1]

    # Forward mode and higher orders ------------------------------------------------------------------------------------

    def _directions(self, limit: int) -> list[tuple[int | None, list[float]]]:
        """(argument, direction): a unit vector for each argument, or one direction through all."""
        n = len(self.leaves)
        if n <= limit:
            return [(k, [float(k == j) for j in range(n)]) for k in range(n)]
        return [(None, [(1.0, -0.5, 0.25, -1.0, 0.5)[j % 5] for j in range(n)])]

    def _placed(self, direction: Sequence[float]) -> dict[int, float]:
        return {i: d for i, d in zip(self.graph.leaves, direction) if i is not None and d}

    def _forward(self, jvp: Callable[[Operation, Sequence[float], Sequence[float]], float]) -> None:
        for k, direction in self._directions(32):
            got = jvp(lambda *xs: self.subject.ran(xs, self.engine), self.subject.point, direction)
            name = self.subject.names[k] if k is not None else "a direction"
            which = Derivative(name, 1, "forward", direction=self._placed(direction), leaf=k)
            self.verdicts.find(which, float(got), self.replay.tangent(_seeds(self.graph, direction)))

    def _higher(self) -> None:
        from ..transforms.reverse import grad

        known = set(self.graph.nodes)
        for k, direction in self._directions(UNIT_DIRECTIONS):
            if not self._placed(direction):
                continue
            name = self.subject.names[k] if k is not None else "d"
            root = self.root
            forward = grad(self.subject.function, tuple(range(len(self.leaves))))
            for order in range(2, self.order + 1):
                slopes = gradients(root, self.leaves)
                if "forward" in self.modes:
                    forward = _pushed(forward, direction)
                    self._higher_forward(order, slopes, direction, forward(*self.subject.point), name)
                root = slopes[k] if k is not None else _combined(slopes, direction)
                self.report.faults += faults([v for v in topological_order(root) if v not in known])
                if "reverse" in self.modes:
                    self._higher_reverse(order, root, direction, name)
        if any(i is not None for i in self.graph.leaves):
            seconds = list(second_faults(self.graph.nodes))
            self.report.faults += seconds
            self.verdicts.convict(seconds)

    def _higher_reverse(self, order: int, root: Value, direction: Sequence[float], along: str) -> None:
        replay = BallReplay(FlatGraph(root, self.leaves), rounded_number)
        found = zip(gradients(root, self.leaves), replay.gradient(), replay.sizes())
        for j, (g, ball, size) in enumerate(found):
            which = Derivative(self.subject.names[j], order, "reverse", along, self._placed(direction), j)
            self.verdicts.find(which, g.data, ball, size, replay)

    def _higher_forward(
        self, order: int, slopes: list[Value], direction: Sequence[float], got: Sequence[float], along: str
    ) -> None:
        for j, slope in enumerate(slopes):
            which = Derivative(self.subject.names[j], order, "forward", along, self._placed(direction), j)
            replay = BallReplay(FlatGraph(slope, self.leaves), rounded_number)
            ball = replay.tangent(_seeds(replay.graph, direction))
            if order > 2:  # forward over forward rounds in another order than what is replayed
                ball = ball.mid() + arb(0, 8.0) * ball.rad()
            before = [
                f for f in self.report.findings if (f.argument, f.along, f.mode) == (which.argument, along, "forward")
            ]
            if any(f.got != f.got for f in before):
                ball = NOTHING  # a nan of the order before stays one
            self.verdicts.find(which, float(got[j]), ball, replay=replay)

    # Blame -----------------------------------------------------------------------------------------------------------

    def _repeated(self, grads: Sequence[float], again: Sequence[float], balls: Sequence[Ball]) -> None:
        """Compare the gradients of a second run on a fresh graph."""
        k = next((i for i, (a, b) in enumerate(zip(grads, again)) if a != b and (a == a or b == b)), None)
        if k is None:
            return
        if not self.ours and all(holds(ball, g) for ball, g in zip(balls, again)):
            self.report.notes.append(
                f"{self.engine.name} gives other last bits on a second run: its sums have no fixed order"
            )
            return
        got = f"{again[k]!r} in place of {grads[k]!r}"
        self._blame_traversal(
            again[k], balls[k], f"a second run on a fresh graph gives {got}: a state is kept between calls"
        )
        self.verdicts.find(Derivative(self.subject.names[k], 1, leaf=k), again[k], balls[k])
        self.report.findings[-1] = self.report.findings[-1]._replace(verdict="wrong")

    def _blame(self, grads: Sequence[float]) -> None:
        bad = [f for f in self.report.findings if f.verdict in ("wrong", "inaccurate")]
        if not self.ours and adds_right(self.engine):
            self.report.faults += engine_faults(self.engine, self.graph, bad[0].mode)
            if self.report.faults:
                return
        first = [f for f in bad if f.order == 1 and f.mode == "reverse"]
        worst = bad[0]
        if first:
            got = [(i, g) for i, g in zip(self.graph.leaves, grads) if i is not None]
            why = mistake(self.replay, got) or f"∂/∂{first[0].argument} misses the exact value"
        else:
            why = f"the sweep of order {worst.order} in {worst.mode} mode misses the exact value"
        self._blame_traversal(worst.got, worst.ball, why)

    def _blame_traversal(self, got: float, ball: Ball, why: str) -> None:
        self.report.faults.append(Fault("traversal", None, None, got, ball, False, why))


def _number(what: str, x: object) -> float:
    found = real(x)
    if found is None:
        raise TypeError(f"Engine takes as {what} a function that returns numbers, got {shown(x)} from it")
    return found


def _pushed(f: Operation, direction: Sequence[float]) -> Operation:
    """The derivative of a function along a direction, as a function."""
    from ..transforms.forward import jvp

    return lambda *xs: jvp(f, xs, tuple(direction))[1]


def _seeds(graph: FlatGraph, direction: Sequence[float]) -> dict[int, Ball]:
    """The tangents of the leaves; a tangent of 0 is one too, since 0 times an infinity is nan."""
    return {i: arb(d) for i, d in zip(graph.leaves, direction) if i is not None}


def _combined(slopes: Sequence[Value], direction: Sequence[float]) -> Value:
    terms = [s * d for s, d in zip(slopes, direction) if s.op is not None]
    return reduce(add, terms) if terms else Value(0.0)


def _tell_hypothesis(report: Report) -> None:
    """Under Hypothesis: the graph as a note, the verdicts as events, the error as the target of the search."""
    if "hypothesis" not in sys.modules:
        return
    import hypothesis

    if not hypothesis.currently_in_test_context():
        return
    hypothesis.note(report.subject.reproduce(report.settings))
    for verdict in report.verdicts:
        hypothesis.event(f"verdict: {verdict}")
    errors = [f.error for f in report.findings if math.isfinite(f.error)]
    if errors:
        with contextlib.suppress(hypothesis.errors.InvalidArgument):  # a second check in one example
            hypothesis.target(max(errors), label="error / ball")

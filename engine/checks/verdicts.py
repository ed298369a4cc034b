"""The verdict on each number of an engine, from the ball, the witness and the kinks."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..traversal import topological_order
from .ball_replay import BallReplay
from .balls import Ball, arb
from .faults import OVERFLOWS, Fault, close, holds
from .report import Finding, Report
from .taylor import KinkError, TaylorDerivatives

DIGITS = 1e-6  # of a derivative of order 3 that must be those of the Taylor series
RESOLVED = 1e-12  # a ball of this radius is narrow whatever it encloses


class Derivative(NamedTuple):
    """One number that is judged.

    Attributes:
        argument, order, mode, along: what it is, see `Finding`.
        direction, leaf: how the Taylor series finds it: along a direction, then for a leaf.
    """

    argument: str = ""
    order: int = 0
    mode: str = "reverse"
    along: str = ""
    direction: Mapping[int, float] = {}
    leaf: int | None = None


class Verdicts:
    """Fills in the findings of a report.

    Attributes:
        kinks: whether the output meets a kink at the point.
    """

    def __init__(self, replay: BallReplay, report: Report) -> None:
        self.graph, self.replay, self.report = replay.graph, replay, report
        self.kinks = bool(replay.kinks_met())
        self._taylor = TaylorDerivatives(self.graph)

    def sizes(self, balls: Sequence[Ball]) -> list[float]:
        """For each leaf the size its derivative could have, against which a ball is narrow or wide."""
        narrow = all(b.is_finite() and b.rad() < RESOLVED for b in balls)
        return [math.inf] * len(balls) if narrow else self.replay.sizes()

    def find(
        self, which: Derivative, got: float, ball: Ball, size: float = math.inf, replay: BallReplay | None = None
    ) -> None:
        """Judge the engine's number by what it may be, a ball, which is narrow or wide against a size.

        The ball is from a replay, where it is not from that of the function itself.
        """
        replay = self.replay if replay is None else replay
        kinks = self.kinks or (replay is not self.replay and bool(replay.kinks_met()))
        exact = None if kinks else self._exact(which, ball)
        verdict = self._verdict(got, ball, exact, kinks, size, replay)
        if verdict == "ok" and which.order > 2 and exact is not None and not _near(got, exact):
            verdict = "inconclusive"  # the ball, made of the same rules, is as wide as what cancels in them
        self.report.findings.append(
            Finding(which.argument, which.order, which.mode, verdict, got, ball, exact, which.along)
        )

    def _verdict(self, got: float, ball: Ball, exact: Ball | None, kinks: bool, size: float, replay: BallReplay) -> str:
        if not ball.is_finite():
            if math.isfinite(got) and exact is not None and exact.is_finite():
                return "inconclusive"
            return "kink" if kinks else "singular"
        if not holds(ball, got):
            if not math.isfinite(got) and replay.overflows(OVERFLOWS):
                return "singular"
            return "inaccurate" if close(ball, got) else "wrong"
        if exact is not None and exact.is_finite() and not exact.overlaps(ball):
            return "wrong"
        if kinks:
            return "kink"
        if exact is None or not exact.is_finite() or float(ball.rad()) > max(RESOLVED, 0.01 * size):
            return "inconclusive"
        return "ok"

    def _exact(self, which: Derivative, ball: Ball) -> Ball | None:
        order, direction = which.order, which.direction
        radius = float(ball.rad()) / 100.0 if ball.is_finite() else 0.0
        try:
            if which.leaf is None:
                return self._taylor.directional(direction, order, radius)[-1]
            place = self.graph.leaves[which.leaf]
            return arb(0) if place is None else self._taylor.mixed(direction, place, order, radius)
        except KinkError:
            return None

    def doubt(self, arguments: Sequence[str]) -> None:
        """No derivative by, or along, an argument whose number the function reads is proved."""
        if not arguments:
            return
        listed = ", ".join(arguments[:8]) + (", …" if len(arguments) > 8 else "")
        self.report.notes.append(
            f"inconclusive: the function reads numbers, by .data, detach() or a branch at the point: near it, its graph "
            f"is another function of {listed}"
        )
        doubtful = {*arguments, "a direction", "d"}
        for k, f in enumerate(self.report.findings):
            if f.verdict == "ok" and f.order > 0 and (f.argument in doubtful or f.along in doubtful):
                self.report.findings[k] = f._replace(verdict="inconclusive")

    def convict(self, rule_faults: Sequence[Fault]) -> None:
        """A rule that is wrong makes what is computed through it wrong, however little it shows there."""
        for fault in rule_faults:
            below = set(topological_order(fault.node)) if fault.node is not None else set()
            places = zip(self.report.subject.names, self.graph.leaves)
            touched = {n for n, i in places if i is not None and self.graph.nodes[i] in below} | {"", "a direction"}
            verdict = "inaccurate" if fault.inaccurate else "wrong"
            for k, f in enumerate(self.report.findings):
                matters = f.argument in touched and (f.order > 0 or fault.part == "value")
                if matters and f.verdict in ("ok", "kink", "singular", "inconclusive", "inaccurate"):
                    worse = "wrong" if "wrong" in (verdict, f.verdict) else verdict
                    self.report.findings[k] = f._replace(verdict=worse)


def _near(got: float, exact: Ball) -> bool:
    """Whether a number has the first digits of the exact one; where that is 0 there are none."""
    return bool(abs(arb(got) - exact) <= DIGITS * abs(exact)) or bool(exact.contains(0))

"""The verdict on each number of an engine, from the ball, the witness and the kinks."""

import math
from collections.abc import Sequence

from ..backprop import topological_order
from .ball_replay import BallReplay, FlatGraph
from .balls import Ball, arb
from .faults import OVERFLOWS, Fault, close, holds
from .report import Finding, Report
from .taylor import KinkError, TaylorDerivatives

DIGITS = 1e-6  # of a derivative of order 3 that must be those of the Taylor series
RESOLVED = 1e-12  # a ball of this radius is narrow whatever it encloses


class Verdicts:
    """Fills in the findings of a report.

    Attributes:
        kinks: whether the output meets a kink at the point.
    """

    def __init__(self, tape: FlatGraph, replay: BallReplay, report: Report) -> None:
        self.tape, self.replay, self.report = tape, replay, report
        self.kinks = bool(replay.kinks_met())
        self._witness = TaylorDerivatives(tape)

    @staticmethod
    def ball(adjoints: Sequence[Ball | None], place: int | None) -> Ball:
        """The derivative for a leaf; 0 where it is not in the graph, or not connected."""
        found = adjoints[place] if place is not None else None
        return arb(0) if found is None else found

    def sizes(self, balls: Sequence[Ball]) -> list[float]:
        """For each leaf the size its derivative could have, against which a ball is narrow or wide."""
        if all(b.is_finite() and b.rad() < RESOLVED for b in balls):
            return [math.inf] * len(balls)
        found = self.replay.size()
        return [found[i] if i is not None else 0.0 for i in self.tape.leaves]

    def find(
        self,
        name: str,
        order: int,
        mode: str,
        got: float,
        ball: Ball,
        direction: dict[int, float],
        leaf: int | None,
        size: float = math.inf,
        replay: BallReplay | None = None,
        along: str = "",
    ) -> None:
        """Judge one number.

        Args:
            name, order, mode, along: what it is, see `Finding`.
            got: the engine's number.
            ball: what it may be.
            direction, leaf: how the witness finds it: along a direction, then for a leaf.
            size: what the ball is narrow or wide against.
            replay: the replay that the ball is from, where it is not that of the function itself.
        """
        replay = self.replay if replay is None else replay
        kinks = self.kinks or (replay is not self.replay and bool(replay.kinks_met()))
        exact = None if kinks else self._exact(order, direction, leaf, ball)
        verdict = self._verdict(got, ball, exact, kinks, size, replay)
        if verdict == "ok" and order > 2 and exact is not None and not _near(got, exact):
            verdict = "inconclusive"  # the ball, made of the same rules, is as wide as what cancels in them
        self.report.findings.append(Finding(name, order, mode, verdict, got, ball, exact, along))

    def _verdict(self, got: float, ball: Ball, exact: Ball | None, kinks: bool, size: float, replay: BallReplay) -> str:
        if not ball.is_finite():
            if math.isfinite(got) and exact is not None and exact.is_finite():
                return "inconclusive"
            return "kink" if kinks else "singular"
        if not holds(ball, got):
            if not math.isfinite(got) and _overflows(replay):
                return "singular"
            return "inaccurate" if close(ball, got) else "wrong"
        if exact is not None and exact.is_finite() and not exact.overlaps(ball):
            return "wrong"
        if kinks:
            return "kink"
        if exact is None or not exact.is_finite() or float(ball.rad()) > max(RESOLVED, 0.01 * size):
            return "inconclusive"
        return "ok"

    def _exact(self, order: int, direction: dict[int, float], leaf: int | None, ball: Ball) -> Ball | None:
        radius = float(ball.rad()) / 100.0 if ball.is_finite() else 0.0
        try:
            if order == 0:
                return self._witness.directional({}, 0, radius)[-1]
            if leaf is None:
                return self._witness.directional(direction, order, radius)[-1]
            place = self.tape.leaves[leaf]
            return arb(0) if place is None else self._witness.mixed(direction, place, order, radius)
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
            places = zip(self.report.subject.names, self.tape.leaves)
            touched = {n for n, i in places if i is not None and self.tape.nodes[i] in below} | {"", "a direction"}
            verdict = "inaccurate" if fault.inaccurate else "wrong"
            for k, f in enumerate(self.report.findings):
                matters = f.argument in touched and (f.order > 0 or fault.part == "value")
                if matters and f.verdict in ("ok", "kink", "singular", "inconclusive", "inaccurate"):
                    worse = "wrong" if "wrong" in (verdict, f.verdict) else verdict
                    self.report.findings[k] = f._replace(verdict=worse)


def _near(got: float, exact: Ball) -> bool:
    """Whether a number has the first digits of the exact one; where that is 0 there are none."""
    return bool(abs(arb(got) - exact) <= DIGITS * abs(exact)) or bool(exact.contains(0))


def _overflows(replay: BallReplay) -> bool:
    """Whether some number on the way is beyond the floats, so that a correct engine may give nan or inf."""
    adjoints = replay.adjoints()
    reached = [i for i, a in enumerate(adjoints) if a is not None]
    balls = [a for a in adjoints if a is not None] + [replay.values[i] for i in reached]
    balls += [e.partial for i in reached for e in replay.edges[i] if e.connected]
    return any(not b.is_finite() or abs(b).upper() > OVERFLOWS for b in balls)

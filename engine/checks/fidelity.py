"""Whether the graph of a function is the function: near the point both must give one number.

Where the function reads a number (`.data`, `detach()`), it stands in the graph as a constant, and the graph's derivative,
right as it is, is not that of the function. Nothing of this shows at the point itself.
"""

import math
from collections.abc import Sequence

from ..transforms.transforms import replay
from .replay import Tape
from .subject import Subject

STEP = 2.0**-12
ROUNDING = 2.0**-44  # of the largest number on the way: what another order of operations may change
EACH = 32  # up to so many arguments are tried one by one


def read_arguments(subject: Subject, tape: Tape) -> list[str]:
    """The names of the arguments whose numbers the function reads, or on which it branches at the point.

    Args:
        subject: the function.
        tape: its graph.
    """
    everything = range(len(subject.point))
    if subject.is_graph or not _differs(subject, tape, everything):
        return []
    alone = [k for k in everything if len(everything) <= EACH and _differs(subject, tape, [k])]
    return [subject.names[k] for k in alone or everything]


def _differs(subject: Subject, tape: Tape, moved: Sequence[int]) -> bool:
    """Do the function and its graph differ on both sides of the point? On one side a branch may end there."""
    for side in (STEP, -STEP):
        point = list(subject.point)
        for k in moved:
            point[k] += side * (1.0 + abs(point[k])) * (1.0 + (k % 7) / 8.0)
        try:
            there = subject.record(point)[0].data
        except (RuntimeError, TypeError, ValueError):
            return False  # the function ends here
        used = {tape.nodes[place]: x for place, x in zip(tape.leaves, point) if place is not None}
        graph = replay(tape.nodes[-1], used)
        if there == graph or not math.isfinite(there) or not math.isfinite(graph):
            return False
        size = max(math.fabs(v.data) for v in tape.nodes)
        if math.fabs(there - graph) <= ROUNDING * max(size, math.fabs(there)):
            return False
    return True

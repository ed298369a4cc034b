"""Anomaly detection: the first number of a forward or backward pass that turns nan or infinite, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isfinite

from .context import About, Scope, Setting
from .readings import user_line
from .rule import Node
from .traversal import connected_edges


class AnomalyError(FloatingPointError):
    """A value or a partial turned nan or infinite; the message names op, operands, label and line."""


def detect_anomaly() -> Setting:
    """A context manager under which the first value or partial that turns nan or infinite raises.

    Raises:
        AnomalyError: it names the op, its operands, the label and the line of the user's code that made the node.

    >>> from engine import Value, detect_anomaly, log
    >>> with detect_anomaly():
    ...     log(Value(0.0, label="x"))  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    AnomalyError: log gave -inf for x = 0.0 …
    """
    return Setting(watch=_watch)


def _watch(v: Node) -> None:
    """Give a new node the line that made it, and raise if it is not finite."""
    v._about = About("", v._about if isinstance(v._about, Scope) else None, user_line())
    if not isfinite(v._data):
        raise AnomalyError(_message(v, f"gave {v._data}"))


def watched(users_first: Iterable[Node], unreached: float) -> Iterator[Node]:
    """The nodes of a sweep, each when its adjoint is known; the first partial or contribution not finite raises."""
    for v in users_first:
        g = v.grad
        for i, (a, p) in enumerate(connected_edges(v) if g is not unreached else ()):
            for what, x in (("has the partial", p), ("passes back the gradient", g * p)):
                if not isfinite(x):
                    where_to = f" to argument {i + 1}{f' ({a.label})' if a.label else ''}"
                    raise AnomalyError(_message(v, f"{what} {x}{where_to}"))
        yield v


def _message(v: Node, what: str) -> str:
    """One line that says which node turned non-finite, for which operands, and where it was made."""
    operands = ", ".join([f"{a.label or 'unnamed'} = {x}" if isinstance(a, Node) else str(x) for a, x in v._edges()])
    line = getattr(v._about, "line", None) or "unknown: build the graph under detect_anomaly too"
    node = f" (label {v.label!r})" if v.label else ""
    name = v.op.name if v.op is not None else ""
    return f"{name}{node} {what} for {operands:.300}; line {line}"

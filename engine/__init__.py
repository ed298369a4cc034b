"""chainrule: a scalar autograd engine whose chain rule can be seen, stepped through, checked and compiled."""

from importlib import import_module

from . import copying as copying  # makes Values copy and pickle
from .backprop import backward, gradients, partials, topological_order
from .context import AnomalyError, Scope, detect_anomaly, no_grad, scope
from .ops import *  # noqa: F403  the rows of the table, whatever they are
from .ops import TABLE, Op, log_softmax, op, softmax
from .value import Value, dot

# Public names of heavier rooms, each resolved on first use.
_ROOMS = {}


def __getattr__(name):
    if name in _ROOMS:
        return getattr(import_module("." + _ROOMS[name], __name__), name)
    if name in TABLE:
        return TABLE[name]
    raise AttributeError(f"engine has no {name!r}")

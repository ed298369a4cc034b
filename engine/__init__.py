"""chainrule: a scalar autograd engine whose chain rule can be seen, stepped through, checked and compiled."""

from importlib import import_module
from typing import Any

from . import copying, ops  # noqa: F401  copying makes Values copy and pickle
from .backprop import backward, gradients, partials, topological_order
from .batching import vmap
from .context import AnomalyError, Scope, detect_anomaly, no_grad, scope
from .ops import *  # noqa: F403  the rows of the table, whatever they are
from .ops import TABLE, Op, log_softmax, op, softmax
from .transforms import derivative, grad, hessian, hvp, jacfwd, jacobian, jacrev, jvp, replay, value_and_grad, vjp
from .value import Value, dot

# Public names of the heavier rooms, each resolved on first use.
_ROOMS: dict[str, str] = {
    "explain": "explanation",
    "names": "formula",
    "draw": "picture",
    "draw_dot": "picture",
    "film": "picture",
    "jit": "compiler",
    "steps": "picture",
    "trace": "picture",
}

__all__ = [
    "TABLE",
    "AnomalyError",
    "Op",
    "Scope",
    "Value",
    "backward",
    "detect_anomaly",
    "dot",
    "gradients",
    "log_softmax",
    "no_grad",
    "op",
    "partials",
    "scope",
    "softmax",
    "topological_order",
    "derivative",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "replay",
    "value_and_grad",
    "vjp",
    "vmap",
]
__all__ += ops.__all__
__all__ += _ROOMS


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module("." + _ROOMS[name], __name__), name)
    if name in TABLE:
        return TABLE[name]
    raise AttributeError(f"engine has no {name!r}")

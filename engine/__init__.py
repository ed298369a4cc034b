"""chainrule: a scalar autograd engine whose chain rule can be seen, stepped through, checked and compiled."""

import sys
from importlib import import_module
from typing import Any

from . import ops
from .adjoints import gradients
from .anomaly import AnomalyError, detect_anomaly
from .backprop import backward
from .compatibility import OF_VALUE, Absent, name_here
from .context import Scope, no_grad, scope
from .copying import freed
from .functions import beta, betainc, gammainc, gammaincc, lbeta, log_softmax, polygamma, softmax
from .lists import Operands, dot, take
from .ops import *  # noqa: F403  the rows of the table, whatever they are
from .ops import PRIVATE
from .rule import TABLE, Op, new_row_hooks, op
from .transforms.batching import vmap
from .transforms.forward import derivative, hessian, hvp, jacfwd, jvp
from .transforms.replay import replay, straight_line
from .transforms.reverse import grad, jacobian, jacrev, value_and_grad, vjp
from .traversal import partials, topological_order
from .value import Value, method

# Public names of the heavier rooms, each resolved on first use.
_ROOMS: dict[str, str] = {
    "explain": "explanation",
    "names": "formulas.naming",
    "draw": "picture",
    "draw_dot": "picture",
    "film": "picture",
    "TrainingLoop": "compiler",
    "jit": "compiler",
    "steps": "picture",
    "trace": "picture",
}

__all__ = [
    "TABLE",
    "AnomalyError",
    "Op",
    "Operands",
    "Scope",
    "Value",
    "backward",
    "beta",
    "betainc",
    "detect_anomaly",
    "dot",
    "gammainc",
    "gammaincc",
    "gradients",
    "lbeta",
    "log_softmax",
    "no_grad",
    "op",
    "partials",
    "polygamma",
    "scope",
    "softmax",
    "take",
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
    "straight_line",
    "value_and_grad",
    "vjp",
    "vmap",
]
__all__ += ops.__all__
__all__ += list(_ROOMS)


def _refuse_public_name(row: Op) -> None:
    """A new op is found as engine.<name>, so it takes no name that means something here."""
    if row.name in globals() or row.name in _ROOMS:
        raise ValueError(f"op takes a name that engine does not use already, got {row.name!r}; choose another")


_RESERVED = frozenset(dir(Value))  # names that no row takes


def _attach(row: Op) -> None:
    """Make a row a method of Value, its first argument; one that takes lists stays a function."""
    if row.lists:
        return
    if row.name in _RESERVED or (hasattr(Value, row.name) and row.name not in TABLE):
        raise ValueError(f"op takes a name that Value does not use already, got {row.name!r}")
    setattr(Value, row.name, method(row))


for _row in TABLE.values():
    _attach(_row)
new_row_hooks += [_refuse_public_name, _attach]


def _attributes(v: Value) -> list[str]:
    """Those that there are, for completion."""
    return [name for name in object.__dir__(v) if hasattr(Value, name)]


for _name, _attribute in {"__dir__": _attributes, **{n: Absent(Value, n, OF_VALUE[n]) for n in OF_VALUE}}.items():
    setattr(Value, _name, _attribute)
if sys.platform == "emscripten":
    setattr(Value, "__del__", freed)  # noqa: B010  a class of Python's own has it only where it is given one


def _picture(root: Value, include: object = None, exclude: object = None) -> dict[str, str]:
    """What a notebook shows of a Value."""
    from .picture import notebook_bundle

    return notebook_bundle(root)


Value._repr_mimebundle_ = _picture


def __dir__() -> list[str]:
    """The public names, those not loaded yet and the ops of users among them: for completion."""
    return sorted({*__all__, *TABLE} - PRIVATE | {name for name in globals() if name.startswith("__")})


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module("." + _ROOMS[name], __name__), name)
    if name in TABLE:
        return TABLE[name]
    raise AttributeError(f"engine has no {name!r}{name_here(name, __dir__())}")

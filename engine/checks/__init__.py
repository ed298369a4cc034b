"""Certified gradient checks: exact enclosures instead of a tolerance, and the guilty rule by name."""

from importlib import import_module
from typing import Any

# Public names, each resolved on first use: what needs Hypothesis or python-flint asks for it then.
_ROOMS: dict[str, str] = {
    "CHAINRULE": "engines",
    "Engine": "engines",
    "Finding": "report",
    "GradientError": "report",
    "Graph": "graph",
    "LifecycleError": "lifecycle",
    "Report": "report",
    "check_gradients": "check",
    "check_lifecycle": "lifecycle",
    "distribution": "spread",
    "graphs": "strategies",
    "lifecycle_machine": "machine",
    "mlps": "strategies",
    "numerical_gradient": "numerical",
    "points": "strategies",
    "random_graphs": "graph",
    "values": "strategies",
}

__all__ = list(_ROOMS)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module("." + _ROOMS[name], __name__), name)
    raise AttributeError(f"engine.checks has no {name!r}")

"""Certified gradient checks: exact enclosures instead of a tolerance, and the guilty rule by name.

One function: `check_gradients(f, (0.5, 2.0), order=2, modes=("reverse", "forward"))`; in a property test:

    @given(graphs(max_ops=12))
    def test_gradients_are_right(graph):
        check_gradients(graph)

Another engine: `check_gradients(graph, engine=Engine(name, make, value, grads))`, and `check_lifecycle(engine)` for what
happens between calls; a class as text: `check_engine(source)`. From the command line:
`python -m engine.checks module:function --at 0.5 2.0`, and `python -m engine.checks engine.py`.

Long runs: `python -m engine.checks --graphs 1000000 --seed 7` draws random graphs without Hypothesis and shows its
progress. In this repository `pytest tests/checks --hypothesis-profile=nightly` tries 10,000 examples a law, and `CI=1`
always the same ones.
"""

from importlib import import_module
from typing import Any

# Public names, each resolved on first use: what needs Hypothesis or python-flint asks for it then.
_ROOMS: dict[str, str] = {
    "CHAINRULE": "engines",
    "Engine": "engines",
    "EngineCheck": "engine_check",
    "Finding": "report",
    "GradientError": "report",
    "Graph": "graph",
    "LifecycleError": "lifecycle",
    "Report": "report",
    "check_engine": "engine_check",
    "check_gradients": "check",
    "check_lifecycle": "lifecycle",
    "distribution": "statistics",
    "graphs": "strategies",
    "lifecycle_machine": "stateful",
    "mlps": "strategies",
    "numerical_gradient": "numerical",
    "points": "strategies",
    "random_graphs": "generation",
    "values": "strategies",
    "wrong_gradients": "wrong_sweeps",
}

__all__ = list(_ROOMS)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module("." + _ROOMS[name], __name__), name)
    raise AttributeError(f"engine.checks has no {name!r}")

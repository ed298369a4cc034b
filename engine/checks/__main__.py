"""Check a function from the command line: `python -m engine.checks module:function --at 0.5 2.0`.

An engine of one's own is checked as a file: `python -m engine.checks engine.py --save wrong.svg`.

Exit status: 0 where all is right, 1 where a gradient is wrong, 2 where the question makes no sense.
"""

import argparse
import importlib
import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..writing import write_whole
from .engines import Operation


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        if (given.function is None) == (given.graphs is None):
            raise ValueError("engine.checks takes either module:function --at numbers, or --graphs N")
        if given.graphs:
            return _random(given)
        return _engine(given) if given.function.endswith(".py") else _one(given)
    except AssertionError as error:
        print(error)
        return 1
    except (ImportError, LookupError, OSError, TypeError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.checks", description="Prove the gradients of a function.")
    parser.add_argument(
        "function", nargs="?", help="module:function, a printed graph such as '0.5 | exp 1', or engine.py"
    )
    parser.add_argument("--at", nargs="+", type=float, metavar="X", help="the point, one number an argument")
    parser.add_argument("--order", type=int, default=1, help="the highest derivative, 1 to 3")
    parser.add_argument("--mode", nargs="+", default=["reverse"], choices=["reverse", "forward"])
    parser.add_argument("--save", metavar="FILE", help="where to save the picture of a failure (.svg, .dot)")
    parser.add_argument("--graphs", type=int, metavar="N", help="check N random graphs instead, with a progress bar")
    parser.add_argument("--max-ops", type=int, default=40, help="the largest random graph")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the random graphs")
    return parser


def _engine(given: argparse.Namespace) -> int:
    from .engine_check import check_engine

    with open(given.function, encoding="utf-8") as file:
        found = check_engine(file.read())
    print(found)
    if given.save and found.svg:
        print(f"picture: {given.save}")
        write_whole("engine.checks", given.save, found.svg.encode())
    return 0 if found.ok else 1


def _one(given: argparse.Namespace) -> int:
    from .check import check_gradients
    from .graph import Graph

    printed = "|" in given.function
    if given.at is None and not printed:
        raise ValueError("engine.checks takes a point, got none; add it, as in --at 0.5 2.0")
    function, at = Graph.parse(given.function) if printed else _named(given.function), given.at and tuple(given.at)
    print(check_gradients(function, at, order=given.order, modes=tuple(given.mode), save=given.save))
    return 0


def _named(text: str) -> Operation:
    module, _, name = text.partition(":")
    if not name:
        raise ValueError(f"engine.checks takes module:function, got {text!r}; as in mymodel:loss")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        if not hasattr(found, part):
            raise LookupError(f"engine.checks takes a function of {module}, got {name!r}, which is not there")
        found = getattr(found, part)
    function: Operation = found
    return function


def _random(given: argparse.Namespace) -> int:
    from tqdm import tqdm

    from .check import check_gradients
    from .generation import random_graphs
    from .report import GradientError

    counts: Counter[str] = Counter()
    first = None
    graphs = random_graphs(given.graphs, given.seed, given.max_ops)
    for graph in tqdm(graphs, total=given.graphs, unit="graph", disable=None):
        try:
            report = check_gradients(graph, order=given.order, modes=tuple(given.mode), save=False)
        except GradientError as error:
            report, first = error.report, first or error
        counts.update(report.verdicts)
    total = sum(counts.values())
    print(f"{given.graphs} graphs, seed {given.seed}: " + ", ".join(f"{n} {v}" for v, n in counts.most_common()))
    if first is not None:
        print(first)
        return 1
    if counts["inconclusive"] > total / 2:
        print("most of it is inconclusive: nothing is proved")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

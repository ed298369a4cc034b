"""What is checked: a function and a point, seen as a function of plain numbers with names."""

import inspect
import math
from collections.abc import Callable, Sequence

from ..arguments import is_number, shown
from ..formulas.graph_names import GraphNames
from ..readings import Call, ReadingError
from ..rule import TABLE
from ..transforms.replay import replay
from ..transforms.trees import container, described, flatten, is_array
from ..traversal import topological_order
from ..value import Value
from .ball_replay import FlatGraph
from .engines import Adapter, Operation
from .graph import Graph

WHO = "check_gradients"
Ops = Callable[[str], Operation]  # the ops of an engine, by their names
STEP = 2.0**-12
ROUNDING = 2.0**-44  # of the largest number on the way: what another order of operations may change
EACH = 32  # up to so many arguments are tried one by one


class CheckedFunction:
    """A function of numbers.

    Args:
        f: a function, a `Graph`, or a Value that was built already.
        at: its arguments; a Graph and a Value bring their own.

    Attributes:
        name: what to call the function.
        point: its numbers, all arguments laid flat.
        names: a name for each number.
        graph: the `Graph`, where it is one, else None.
        is_graph: whether it is one, as a `Graph` or a Value, and no function of Python.
        notes: what a reader should know.
    """

    def __init__(self, f: Callable[..., object] | Graph | Value, at: object = None) -> None:
        self.notes: list[str] = []
        self.graph = f if isinstance(f, Graph) else None
        self.is_graph = isinstance(f, (Graph, Value))
        if isinstance(f, Value):
            self._from_value(f)
        elif isinstance(f, Graph):
            self._from_function(f, f.inputs if at is None else at)
            self.name = "graph"
        elif callable(f):
            self._from_function(f, at)
        else:
            raise TypeError(f"{WHO} takes a function, a Graph or a Value, got {shown(f)}; as in {WHO}(f, (0.5, 2.0))")
        if not self.point:
            raise ValueError(f"{WHO} takes a point of at least one number, got {at!r}; as in {WHO}(f, (0.5, 2.0))")
        for name, x in zip(self.names, self.point):
            if not math.isfinite(x):
                raise ValueError(
                    f"{WHO} takes a point of finite numbers, got {name} = {x}; "
                    "there every rule gives nan, or an edge that no proof decides"
                )

    def _from_value(self, root: Value) -> None:
        leaves = [v for v in topological_order(root) if v.op is None]
        graph = FlatGraph(root, leaves)
        places = [place for place in graph.leaves if place is not None]
        self.name = root.label or "value"
        self.point = [leaf.data for leaf in leaves]
        known = GraphNames(leaves)
        self.names = [known[leaf] for leaf in leaves]

        def call(xs: Sequence[object], fn: Ops) -> object:
            inputs = dict(zip(places, xs))
            return graph.output(inputs.__getitem__, lambda row, args: fn(row.name)(*args), float)

        self._call = call
        self._check_intact: Callable[[], None] = lambda: None

    def _from_function(self, f: Callable[..., object], at: object) -> None:
        if at is None:
            raise TypeError(f"{WHO} takes the point to check a function at, got none; as in {WHO}(f, (0.5, 2.0))")
        args = at if isinstance(at, tuple) else (at,)
        trees = [flatten(a, WHO, f"argument {i}") for i, a in enumerate(args)]
        self.name = getattr(f, "__name__", type(f).__name__).replace("<lambda>", "f")
        self.point = [float(x) for t in trees for x in t.leaves]
        self.names = _names(f, args)
        self.notes += _rounded_integers(args, self.names)
        filled: list[object] = []  # at the latest call, with `before`
        before: list[object] = []

        def call(xs: Sequence[object], fn: Ops) -> object:
            rest = iter(xs)
            filled[:] = [t.rebuild(rest) for t in trees]
            before[:] = xs
            return f(*filled, fn=fn) if isinstance(f, Graph) else f(*filled)

        def check_intact() -> None:
            after = [x for i, a in enumerate(filled) for x in flatten(a, WHO, f"argument {i}").leaves]
            if len(after) != len(before) or any(a is not b for a, b in zip(after, before) if isinstance(b, Value)):
                raise ValueError(
                    f"{WHO} takes a function that leaves its arguments as they are, got {self.name}, which changes them; let it work on a copy"
                )

        self._call, self._check_intact = call, check_intact

    # Running it ------------------------------------------------------------------------------------------------------

    def record(self, point: Sequence[float] | None = None) -> tuple[Value, list[Value]]:
        """The output and the leaves of one call on our own Values, at the point of the subject or at another.

        Raises:
            TypeError, ValueError, RuntimeError: the function cannot be checked, and why.
        """
        leaves = [Value(x, label=name) for x, name in zip(self.point if point is None else point, self.names)]
        output = self._output(self._ran(leaves, TABLE.__getitem__))
        self._check_intact()
        return output, leaves

    def _ran(self, leaves: Sequence[object], fn: Ops) -> object:
        try:
            return Call(WHO, [x for x in leaves if isinstance(x, Value)]).run(self._call, leaves, fn)
        except ReadingError:
            raise
        except Exception as error:
            hint = "; hold an integer fixed by closing over it: lambda x: f(x, 3)" if "integer" in str(error) else ""
            raise RuntimeError(
                f"{WHO} takes a function that runs at the point, got {type(error).__name__} from "
                f"{self.name}({self.point_text()}): {error}{hint}"
            ) from error

    def _output(self, output: object) -> Value:
        if isinstance(output, Value):
            return output
        if output is None or is_array(output) or container(output) is not None:
            what = "None: it returns nothing" if output is None else described(output)
            raise TypeError(
                f"{WHO} takes a function that returns one number, got {what}; check one entry at a time, as in lambda x: f(x)[0]"
            )
        if is_number(output):
            raise TypeError(
                f"{WHO} takes a function of Values, got the plain number {output!r} from {self.name}: float(), .data and "
                "the functions of math lose the graph; use those of engine, as in engine.sin"
            )
        raise TypeError(f"{WHO} takes a function that returns a Value, got {shown(output)} ({type(output).__name__})")

    def function(self, *xs: object) -> object:
        """The function of plain numbers, for transforms."""
        return self._call(xs, TABLE.__getitem__)

    def run(self, engine: Adapter) -> tuple[object, list[object]]:
        """The output and the leaves of one call on another engine."""
        leaves = [engine.make(x) for x in self.point]
        return self.ran(leaves, engine), leaves

    def ran(self, leaves: Sequence[object], engine: Adapter) -> object:
        """The output for some leaves of an engine."""
        return self._ran(leaves, engine.fn)

    # Whether its graph is the function ---------------------------------------------------------------------------------

    def read_arguments(self, graph: FlatGraph) -> list[str]:
        """The names of the arguments whose numbers the function reads, or on which it branches at the point.

        What is read (`.data`, `detach()`) stands in the graph as a constant, and the graph's derivative, right as it is,
        is not that of the function. Nothing of this shows at the point itself: near it both must give one number.
        """
        everything = range(len(self.point))
        if self.is_graph or not self._differs(graph, everything):
            return []
        alone = [k for k in everything if len(everything) <= EACH and self._differs(graph, [k])]
        return [self.names[k] for k in alone or everything]

    def _differs(self, graph: FlatGraph, moved: Sequence[int]) -> bool:
        """Do the function and its graph differ on both sides of the point? On one side a branch may end there."""
        for side in (STEP, -STEP):
            point = list(self.point)
            for k in moved:
                point[k] += side * (1.0 + abs(point[k])) * (1.0 + (k % 7) / 8.0)
            try:
                there = self.record(point)[0].data
            except (RuntimeError, TypeError, ValueError):
                return False  # the function ends here
            used = {graph.nodes[place]: x for place, x in zip(graph.leaves, point) if place is not None}
            replayed = replay(graph.nodes[-1], used)
            if there == replayed or not math.isfinite(there) or not math.isfinite(replayed):
                return False
            size = max(math.fabs(v.data) for v in graph.nodes)
            if math.fabs(there - replayed) <= ROUNDING * max(size, math.fabs(there)):
                return False
        return True

    # Telling it ------------------------------------------------------------------------------------------------------

    def point_text(self) -> str:
        """The point in one line."""
        first = ", ".join(map(repr, self.point[:8]))
        return first + (f", … ({len(self.point)} numbers)" if len(self.point) > 8 else "")

    def reproduce(self, extra: str) -> str:
        """A line of Python that runs this check again, without Hypothesis."""
        if self.graph is not None:
            inputs = Graph(self.point, self.graph.steps)
            return f"check_gradients({inputs!r}{extra})"
        comma = "," if len(self.point) == 1 else ""
        return f"check_gradients({self.name}, ({self.point_text()}{comma}){extra})"


def _names(f: Callable[..., object], args: Sequence[object]) -> list[str]:
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    found: list[str] = []
    for i, a in enumerate(args):
        name = known[i] if i < len(known) else f"x{i}"
        found.extend(_leaf_names(name, a))
    return found


def _leaf_names(name: str, tree: object) -> list[str]:
    found, stack = list[str](), [(name, tree)]
    while stack:
        name, x = stack.pop()
        level = None if is_array(x) else container(x)
        if is_array(x):
            found.extend([f"{name}[{i}]" for i in range(x.size)] if x.shape else [name])
        elif level is None:
            found.append(getattr(x, "label", "") or name)
        else:
            stack.extend(reversed([(name + level.key(k), child) for k, child in zip(level.keys, level.children)]))
    return found


def _rounded_integers(args: Sequence[object], names: Sequence[str]) -> list[str]:
    return [
        f"{n} = {x} is no float: checked at {float(x)!r}"
        for n, x in zip(names, args)
        if type(x) is int and float(x) != x
    ]

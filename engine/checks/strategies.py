"""Hypothesis strategies for graphs, points, numbers and small networks.

Graphs are drawn as flat tapes (see `generation`): lists of genes, each of which fits anywhere and becomes an op that is
legal at the values that run into it, so that nothing is filtered away, and what shrinking deletes leaves a graph.
"""

from collections.abc import Iterable
from itertools import pairwise

from ..arguments import install_line, listed, number, shown, whole
from ..rule import TABLE
from ..transforms.trees import Tree
from .generation import FAR, MOST, NICE, Gene, grown, rows
from .graph import Graph

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(f"engine.checks strategies need Hypothesis; {install_line('check')}") from error

MODERATE = 5.0


def values(low: float = -MODERATE, high: float = MODERATE) -> st.SearchStrategy[float]:
    """Numbers: often 0, 1, 0.5 and the like, so that ties and kinks occur, else floats of moderate size.

    Args:
        low, high: the range.

    Raises:
        TypeError, ValueError: an argument is no number, or low is not below high.

    >>> from hypothesis import find
    >>> from engine.checks import values
    >>> find(values(), lambda x: x > 2.5)
    3.0
    """
    low, high = number("values", "low", low), number("values", "high", high)
    if not low < high:
        raise ValueError(f"values takes low < high, got {low!r} and {high!r}")
    nice = [x for x in NICE if low <= x <= high]
    floats = st.floats(low, high, allow_nan=False, allow_subnormal=False, width=64).map(_plain)
    return st.one_of(st.sampled_from(nice), floats, floats) if nice else floats


def _plain(x: float) -> float:
    """A float of a size that products of twelve survive: tiny ones become 0, so that nothing underflows."""
    return x if abs(x) > 1e-6 else 0.0


_VALUES = values()


def points(size: int, low: float = -MODERATE, high: float = MODERATE) -> st.SearchStrategy[tuple[float, ...]]:
    """Points: tuples of numbers, some of them equal.

    Args:
        size: how many numbers.
        low, high: their range.

    Raises:
        TypeError, ValueError: an argument is not one of these.
    """
    size = whole("points", "size", size, least=1, most=MOST)
    one = values(low, high)
    tied = st.tuples(
        st.lists(one, min_size=1, max_size=size), st.lists(st.integers(0, size), min_size=size, max_size=size)
    )
    loose = st.lists(one, min_size=size, max_size=size).map(tuple)
    return st.one_of(loose, loose, tied.map(lambda p: tuple(p[0][k % len(p[0])] for k in p[1])))


def graphs(
    max_ops: int = 12,
    inputs: int | None = None,
    ops: Iterable[str] | None = None,
    domain: tuple[float, float] = (-MODERATE, MODERATE),
) -> st.SearchStrategy[Graph]:
    """Random graphs over the ops of the table, each with a point at which all its ops are legal.

    Args:
        max_ops: the largest number of ops.
        inputs: the number of inputs; by default 1 to 3.
        ops: the names of the ops to use; by default all.
        domain: the range of the inputs.

    Returns:
        A strategy of `Graph`s; `check_gradients` takes them as they are.

    Raises:
        TypeError, ValueError: an argument is not one of these.

    >>> from hypothesis import find
    >>> from engine.checks import graphs
    >>> [step.op for step in find(graphs(ops=["exp"]), lambda graph: graph(*graph.inputs) > 0.5).steps]
    ['exp']
    """
    max_ops = whole("graphs", "max_ops", max_ops, least=1, most=MOST)
    inputs = None if inputs is None else whole("graphs", "inputs", inputs, least=1, most=MOST)
    table = rows(ops)
    ends = listed("graphs", "domain", domain, "(low, high)")
    if len(ends) != 2:
        raise ValueError(f"graphs takes (low, high) as domain, got {shown(domain)}")
    one = values(*ends)
    gene = st.builds(Gene, st.integers(0, len(table) - 1), st.integers(0, FAR - 1))
    point = st.lists(one, min_size=inputs or 1, max_size=inputs or 3)
    numbers = st.lists(_VALUES, min_size=1, max_size=3)
    genes = st.lists(gene, min_size=1, max_size=max_ops)
    ties = st.integers(0, 4).map(lambda k: k == 4)
    return st.builds(grown, point, numbers, genes, st.just(table), ties)


class Network:
    """A small perceptron with its parameters, as a function of plain lists.

    Attributes:
        point: (parameters, inputs): for each layer a list of neurons, each [weights, bias].
        activation: the op between the layers.
    """

    def __init__(self, point: tuple[Tree, list[float]], activation: str) -> None:
        self.point, self.activation = point, activation
        self.__name__ = f"{activation} network"

    def __call__(self, layers: Tree, inputs: Tree) -> Tree:
        """The sum of the squares of the outputs."""
        act, xs = TABLE[self.activation], inputs
        for k, layer in enumerate(layers):
            sums = [TABLE["dot"](weights, xs, bias) for weights, bias in layer]
            xs = sums if k == len(layers) - 1 else [act(s) for s in sums]
        return TABLE["total"]([x * x for x in xs])

    def __repr__(self) -> str:
        layers, inputs = self.point
        widths = [len(inputs), *[len(layer) for layer in layers]]
        return f"<{self.activation} network {'-'.join(map(str, widths))}>"


ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "gelu", "silu", "leaky_relu", "elu", "selu", "logsigmoid")


def mlps(
    max_layers: int = 3, max_width: int = 4, activations: Iterable[str] = ACTIVATIONS
) -> st.SearchStrategy[Network]:
    """Small networks: check them with `check_gradients(network, network.point)`.

    Args:
        max_layers, max_width: the largest number of layers, and of neurons in one.
        activations: names of ops of one argument to draw from.

    Raises:
        TypeError, ValueError: an argument is not one of these.

    >>> from hypothesis import find
    >>> from engine.checks import check_gradients, mlps
    >>> network = find(mlps(), lambda n: True)
    >>> check_gradients(network, network.point).ok
    True
    """
    max_layers = whole("mlps", "max_layers", max_layers, least=1, most=MOST)
    max_width = whole("mlps", "max_width", max_width, least=1, most=MOST)
    names = listed("mlps", "activations", activations, "a list of names of the table")
    rows(names)

    @st.composite
    def network(draw: st.DrawFn) -> Network:
        widths = draw(st.lists(st.integers(1, max_width), min_size=2, max_size=max_layers + 1))
        one = values(-2.0, 2.0)
        layers = [
            [[[draw(one) for _ in range(before)], draw(one)] for _ in range(after)]
            for before, after in pairwise(widths)
        ]
        inputs = [draw(one) for _ in range(widths[0])]
        return Network((layers, inputs), draw(st.sampled_from(names)))

    return network()

"""02_value_and_graph: what people answer first, and what they must be told."""

from engine import Value, topological_order


def squares(x):
    y = x * x
    y = y * y
    return y * y


def walk(root):
    return 1 + sum(walk(a) for a in root.args)


def marked(root, seen=None):
    seen = set() if seen is None else seen
    if root not in seen:
        seen.add(root)
        for a in root.args:
            marked(a, seen)
    return len(seen)


RIGHT = {
    "02.1": [squares, lambda x: (lambda y: y * y)((lambda y: y * y)(x * x))],
    "02.2": [lambda root: len(topological_order(root)), lambda root: len(set(topological_order(root)))],
}
WRONG = {
    "02.1": [
        (lambda x: x * x * x * x * x * x * x * x, "with 7 multiplications"),
        (lambda x: (x * x) * (x * x) * (x * x) * (x * x), "with 7 multiplications"),
        (lambda x: x**8, "it uses power; multiplications only"),
        (lambda x: (x * x) * (x * x), "at x = 2 it gives 16"),
        (lambda x: x.data**8, "does not remember"),
        (lambda x: Value(256.0), "x is not in the graph"),
        (lambda x: squares(x) if x.data == 2.0 else x, "at x = 3"),
    ],
    "02.2": [
        (walk, "still one number"),
        (marked, "stops with RecursionError"),
        (lambda root: len(topological_order(root)) - 1, "is the result itself, or an input, left out?"),
        (lambda root: sum(v.op is not None for v in topological_order(root)), "inputs are numbers of the graph too"),
        (lambda root: 2 * len(topological_order(root)), "count the boxes"),
        (lambda root: 1, "count the boxes"),
        (lambda root: min(len(topological_order(root)), 1000), "the chain is longer"),
        (lambda root: min(len(topological_order(root)), 8), "each adds one number"),
        (topological_order, "is a number"),
    ],
}

"""07_activations_and_depth: what people answer first, and what they must be told."""

from math import sqrt


def right(layer, X):
    outputs = [layer(x) for x in X]
    return [k for k in range(len(outputs[0])) if all(row[k].data == 0 for row in outputs)]


def by_columns(layer, X):
    columns = zip(*[layer(x) for x in X])
    return {k for k, column in enumerate(columns) if max(v.data for v in column) == 0.0}


def on_one(layer, X):
    outputs = [layer(x) for x in X]
    return [k for k in range(len(outputs[0])) if any(row[k].data == 0 for row in outputs)]


def on_the_first(layer, X):
    return [k for k, v in enumerate(layer(X[0])) if v.data == 0]


def alive(layer, X):
    return [k for k in range(5) if k not in right(layer, X)]


def flags(layer, X):
    return [k in right(layer, X) for k in range(5)]


RIGHT = {
    "07.1": [lambda n: (2 / n) ** 0.5, lambda n: sqrt(2.0) / sqrt(n)],
    "07.2": [right, by_columns],
}
WRONG = {
    "07.1": [
        (lambda n: (1 / n) ** 0.5, "cuts away half"),
        (lambda n: 2 / n, "the variance"),
        (lambda n: 1 / n, "times as large"),
        (lambda n: 0.1, "the same for 8 inputs"),
        (lambda n: (2 * n) ** 0.5, "times as large"),
    ],
    "07.2": [
        (on_one, "on one of the examples"),
        (on_the_first, "on one of the examples"),
        (alive, "that live"),
        (flags, "a list of yes and no"),
        (lambda layer, X: [k + 1 for k in right(layer, X)], "counts from 1"),
        (lambda layer, X: [], "misses a dead unit"),
        (lambda layer, X: len(right(layer, X)), "a list of the numbers"),
    ],
}

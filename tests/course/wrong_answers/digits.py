"""08_digits: what people answer first, and what they must be told."""

from collections import Counter

from engine import Value, gradients, total
from nn import cross_entropy


def counted(is_, read_as, classes):
    counts = [[0] * classes for _ in range(classes)]
    for i, j in zip(is_, read_as):
        counts[i][j] += 1
    return counts


def by_counter(is_, read_as, classes):
    pairs = Counter(zip(is_, read_as))
    return [[pairs[i, j] for j in range(classes)] for i in range(classes)]


def exchanged(is_, read_as, classes):
    return counted(read_as, is_, classes)


def one_row(is_, read_as, classes):
    counts = [[0] * classes] * classes
    for i, j in zip(is_, read_as):
        counts[i][j] += 1
    return counts


def shares(is_, read_as, classes):
    return [[n / max(1, sum(row)) for n in row] for row in counted(is_, read_as, classes)]


def mistakes(is_, read_as, classes):
    return [[0 if i == j else n for j, n in enumerate(row)] for i, row in enumerate(counted(is_, read_as, classes))]


def seen(is_, read_as, classes):
    return [[min(n, 1) for n in row] for row in counted(is_, read_as, classes)]


def backward_from(goal, numbers):
    """A saliency that goes backward from what `goal` makes of the outputs."""

    def saliency(net, x, output):
        inputs = [Value(e) for e in x]
        goal(net(inputs), output).backward()
        return [numbers(v.grad) for v in inputs]

    return saliency


def by_gradients(net, x, output):
    inputs = [Value(e) for e in x]
    return [g.data for g in gradients(net(inputs)[output], inputs)]


def twice(net, x, output):
    inputs = [Value(e) for e in x]
    z = net(inputs)[output]
    z.backward()
    z.backward()
    return [v.grad for v in inputs]


def not_handed_in(net, x, output):
    inputs = [Value(e) for e in x]
    net(x)[output].backward()
    return [v.grad for v in inputs]


def by_weights(net, x, output):
    net(x)[output].backward()
    return [w.data for w in net.layers[0].neurons[0].w]


KEPT = [Value(0.0) for _ in range(4)]


def kept(net, x, output):
    for v, e in zip(KEPT, x):
        v.data = e
    net(KEPT)[output].backward()
    return [v.grad for v in KEPT]


RIGHT = {
    "08.1": [counted, by_counter],
    "08.2": [backward_from(lambda zs, k: zs[k], float), by_gradients],
}
WRONG = {
    "08.1": [
        (exchanged, "exchanged"),
        (one_row, "all rows are the same"),
        (shares, "shares"),
        (mistakes, "the diagonal is empty"),
        (seen, "count 2, not 1"),
        (lambda is_, read_as, classes: sum(map(int.__eq__, is_, read_as)), "a list of rows"),
        (lambda is_, read_as, classes: [[0] * 3 for _ in range(3)], "the diagonal is empty"),
    ],
    "08.2": [
        (backward_from(lambda zs, k: zs[k], abs), "the signs"),
        (backward_from(lambda zs, k: total(zs), float), "the sum of all outputs"),
        (backward_from(lambda zs, k: cross_entropy(zs, k), float), "of the loss"),
        (backward_from(lambda zs, k: -zs[k], float), "turned round"),
        (twice, "twice"),
        (kept, "twice"),
        (not_handed_in, "all derivatives are 0"),
        (by_weights, "weights of a neuron"),
    ],
}

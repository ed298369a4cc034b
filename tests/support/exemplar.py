"""A call of a public callable that is right, cheap, and uses what it returns: what a sweep of odd values starts from."""

import inspect

import engine
import nn
from engine import Value
from nn import MLP


class Call:
    """A function, its arguments, and what is done with the result."""

    def __init__(self, function, *args, then=lambda made: None, **named):
        self.function, self.then, self.args, self.named = function, then, args, named

    @property
    def signature(self):
        return inspect.signature(self.function)


class Exemplar:
    """How a public callable is called, made anew for each call.

    Args:
        name: of the callable.
        make: a function that returns a Call.
        attributes: whether what is called returns an object whose attributes users set; or their names.
        files: names of the files that it is to write.
        prints: a pattern of what it is to print.
        needs: a package that it needs; where that is not installed, the callable says so, whatever it is given.
    """

    def __init__(self, name, make, *, attributes=False, files=(), prints=None, needs=None):
        self.name, self.make, self.attributes, self.files, self.prints = name, make, attributes, set(files), prints
        self.needs = needs
        self._signature = None

    def made(self):
        """(a call, its arguments bound): the signature is read once, since each call has the same."""
        call = self.make()
        if self._signature is None:
            self._signature = call.signature
        return call, self._signature.bind(*call.args, **call.named)


EXEMPLARS = {}


def exemplar(name, make, **facts):
    EXEMPLARS[name] = Exemplar(name, make, **facts)


def loss():
    a, b = Value(0.5, "a"), Value(0.25, "b")
    return a * b + engine.exp(a)


def square(x):
    return x * x


def both(x, y):
    return x * y


def made_by(f):
    """Call what a function returned, as its user would."""
    return f(0.5)


def of_two(f):
    return f(0.5, 0.25)


X, Y = [[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0]


def examples():
    return [list(row) for row in X], list(Y)


def net():
    return MLP(2, [1], seed=0)


def embedded():
    return nn.Embedding(3, 2, seed=0)


def single(f):
    """A function of one argument that has a name, as those that transforms return have not."""
    return lambda x: f(x)


def returned(transform):
    """A transform of a function that returns what it is given, whatever the argument."""
    return lambda x: transform(lambda v: x)(0.5)


def entered(place):
    with place:
        return Value(0.5) * 2.0


KEPT = {}


def kept(name, make):
    if name not in KEPT:
        KEPT[name] = make()
    return KEPT[name]

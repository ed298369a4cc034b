"""Engines to begin with: one that is right, the same with a mistake each, and a rule added to ours."""

RIGHT = """\
import math

class Value:
    def __init__(self, data, parents=()):
        self.data, self.grad = data, 0.0
        self.parents, self.push = parents, lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))
        def push():
            self.grad += out.grad
            other.grad += out.grad
        out.push = push
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))
        def push():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.push = push
        return out

    def __sub__(self, other):
        return self + other * -1.0

    def tanh(self):
        out = Value(math.tanh(self.data), (self,))
        def push():
            self.grad += (1 - out.data**2) * out.grad
        out.push = push
        return out

    def backward(self):
        order, seen = [], set()
        def visit(v):
            if v not in seen:
                seen.add(v)
                for p in v.parents:
                    visit(p)
                order.append(v)
        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            v.push()
"""
ADDED = """\
# A rule of one's own, for this engine: its derivative is wrong.
import engine

cubed = engine.op(
    "cubed",
    lambda x: x * x * x,
    lambda x, y: 3.0 * x,
    reference=lambda m, x: x**3,
)
"""
ENGINES = (
    ("A small engine", RIGHT),
    (
        "The same, = in place of +=",
        RIGHT.replace("self.grad += out.grad", "self.grad = out.grad").replace("other.grad += out", "other.grad = out"),
    ),
    ("The same, tanh's slope half remembered", RIGHT.replace("1 - out.data**2", "1 - out.data")),
    (
        "The same, nodes in the order in which they are met",
        RIGHT.replace(
            "                for p in v.parents:\n                    visit(p)\n                order.append(v)",
            "                order.insert(0, v)\n                for p in v.parents:\n                    visit(p)",
        ),
    ),
    ("A rule added to chainrule", ADDED),
)

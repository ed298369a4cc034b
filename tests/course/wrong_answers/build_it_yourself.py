"""04_build_it_yourself: what people answer first, and what they must be told."""

import math

import engine


class Base:
    def __init__(self, data, edges=()):
        self.data, self.grad, self.edges = data, 0.0, edges

    @classmethod
    def of(cls, x):
        return x if isinstance(x, cls) else cls(x)

    def __add__(self, other):
        other = self.of(other)
        return type(self)(self.data + other.data, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        other = self.of(other)
        return type(self)(self.data * other.data, [(self, other.data), (other, self.data)])

    __radd__, __rmul__ = __add__, __mul__


def postorder(root):
    order, seen, todo = [], set(), [(root, False)]
    while todo:
        v, ready = todo.pop()
        if ready:
            order.append(v)
        elif v not in seen:
            seen.add(v)
            todo.append((v, True))
            todo += [(a, False) for a, _ in v.edges]
    return order


def push(order):
    for v in reversed(order):
        for a, local in v.edges:
            a.grad += local * v.grad


def right(self):
    order = postorder(self)
    for v in order:
        if v.edges:
            v.grad = 0.0
    self.grad = 1.0
    push(order)


def paths(self, gradient=1.0):
    self.grad += gradient
    for a, local in self.edges:
        a.backward(gradient * local)


def once(self):
    self.grad, met, seen = 1.0, [self], {self}
    for v in met:
        for a, local in v.edges:
            a.grad += local * v.grad
            if a not in seen:
                seen.add(a)
                met.append(a)


def kept_gradients(self):
    order = postorder(self)
    self.grad = 1.0
    push(order)


def all_forgotten(self):
    order = postorder(self)
    for v in order:
        v.grad = 0.0
    self.grad = 1.0
    push(order)


def recursive(self):
    order, seen = [], set()

    def visit(v):
        if v not in seen:
            seen.add(v)
            for a, _ in v.edges:
                visit(a)
            order.append(v)

    visit(self)
    for v in order:
        if v.edges:
            v.grad = 0.0
    self.grad = 1.0
    push(order)


def overwritten(self):
    order = postorder(self)
    self.grad = 1.0
    for v in reversed(order):
        for a, local in v.edges:
            a.grad = local * v.grad


def no_seed(self):
    push(postorder(self))


def made(backward=right, **more):
    return type("Value", (Base,), {"backward": backward, **more})


def with_exp(exp):
    return made(exp=exp)


def other_product(self, other):
    other = self.of(other)
    return type(self)(self.data * other.data, [(self, self.data), (other, other.data)])


def visited(root):
    order, seen = [], set()

    def visit(v):
        if v not in seen:
            seen.add(v)
            for a, _ in v.edges:
                visit(a)
            order.append(v)

    visit(root)
    return order


def by_users(root):
    """Each number once all of its users had their turn, and that reversed."""
    users, order, waiting = {root: 0}, [], [root]
    for v in waiting:
        for a, _ in v.edges:
            if a not in users:
                users[a] = 0
                waiting.append(a)
            users[a] += 1
    ready = [root]
    for v in ready:
        order.append(v)
        for a, _ in v.edges:
            users[a] -= 1
            if not users[a]:
                ready.append(a)
    return order[::-1]


def again_and_again(root):
    order, todo = [], [(root, False)]
    while todo:
        v, ready = todo.pop()
        if ready:
            order.append(v)
        else:
            todo += [(v, True), *[(a, False) for a, _ in v.edges]]
    return order


def again_without_end(root):
    order, todo = {}, [(root, False)]
    while todo:
        v, ready = todo.pop()
        if ready:
            order.setdefault(v)
        else:
            todo.append((v, True))
            todo.extend([(a, False) for a, _ in v.edges])
    return list(order)


RIGHT = {
    "04.1": [with_exp(lambda x: type(x)(math.exp(x.data), [(x, math.exp(x.data))])), engine.Value],
    "04.2": [made(), made(recursive), engine.Value],
    "04.3": [postorder, by_users],
}
WRONG = {
    "04.1": [
        (with_exp(lambda x: type(x)(math.exp(x.data), [(x, 1.0)])), "as if x went through unchanged"),
        (
            with_exp(lambda x: type(x)(math.exp(x.data), [(x, x.data * math.exp(x.data - 1.0))])),
            "the exponent that moves",
        ),
        (with_exp(lambda x: type(x)(math.exp(x.data))), "nothing comes back to x"),
        (with_exp(lambda x: math.exp(x.data)), "does not remember x"),
        (with_exp(lambda x: type(x)(math.e * x.data, [(x, math.e)])), "math.exp gives another number"),
        (with_exp(lambda x: type(x)(math.exp(x.data), [(x, 2.0 * math.exp(x.data))])), "nudge x"),
        (with_exp(lambda x: math.exp(x)), "TypeError"),
        (made(), "no method exp"),
        (lambda x: x, "the class Value itself"),
    ],
    "04.2": [
        (made(paths), "numbers, the same ones again"),
        (made(once), "two paths of different length: h = a*a"),
        (made(kept_gradients), "two calls shall give twice the gradient; a.grad is 36, not 24"),
        (made(all_forgotten), "the second is lost"),
        (made(overwritten), "two paths: L = a*a + a at 3: a.grad is"),
        (made(no_seed), "one path: L = a*b + c: a.grad is 0, not -3"),
        (made(__mul__=other_product), "one path: L = a*b + c: a.grad is 2, not -3"),
        (made(__radd__=None), "sums and products: TypeError"),
        (Base, "AttributeError"),
        (made()(2.0), "the class Value itself"),
    ],
    "04.3": [
        (visited, "20,000 deep, stops with RecursionError"),
        (lambda root: postorder(root)[::-1], "stands before one of its arguments"),
        (lambda root: postorder(root)[:-1], "is not in the list itself"),
        (lambda root: postorder(root)[1:], "there are 5 numbers, and 4 in the list"),
        (lambda root: [*postorder(root), root], "more than once: 6 entries"),
        (again_and_again, "more than once"),
        (again_without_end, "numbers, the same ones again"),
        (lambda root: {*postorder(root)}, "is a list of the numbers"),
        (postorder(Base(1.0)), "a function, without calling it"),
    ],
}

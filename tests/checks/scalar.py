"""A second scalar engine, small and right, with a switch for each classic mistake of a traversal."""

import math

from engine.checks import Engine


class Node:
    """A number with the nodes it was made of and its local derivatives."""

    def __init__(self, data, parents=(), partials=()):
        self.data, self.parents, self.partials = data, list(parents), list(partials)
        self.grad = 0.0

    def __add__(self, other):
        other = node(other)
        return Node(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = node(other)
        return Node(self.data * other.data, (self, other), (other.data, self.data))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -node(other)

    def exp(self):
        y = math.exp(self.data)
        return Node(y, (self,), (y,))

    def sin(self):
        return Node(math.sin(self.data), (self,), (math.cos(self.data),))

    def tanh(self):
        y = math.tanh(self.data)
        return Node(y, (self,), (1.0 / math.cosh(self.data) ** 2,))

    __radd__, __rmul__ = __add__, __mul__


def node(x):
    return x if isinstance(x, Node) else Node(x)


def postorder(root):
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        v, done = stack.pop()
        if done:
            order.append(v)
        elif id(v) not in seen:
            seen.add(id(v))
            stack.append((v, True))
            stack.extend((p, False) for p in reversed(v.parents))
    return order


def breadth_first(root):
    order, seen, queue = [], {id(root)}, [root]
    while queue:
        v = queue.pop(0)
        order.append(v)
        for p in v.parents:
            if id(p) not in seen:
                seen.add(id(p))
                queue.append(p)
    return order


def preorder(root):
    order, seen, stack = [], set(), [root]
    while stack:
        v = stack.pop()
        if id(v) not in seen:
            seen.add(id(v))
            order.append(v)
            stack.extend(reversed(v.parents))
    return order


class Sweep:
    """Backward with one mistake, or none: its name says which."""

    def __init__(self, mistake=""):
        self.mistake = mistake
        self.velocity = 0.0
        self.calls = 0

    def __call__(self, root, leaves):
        getattr(self, "_" + (self.mistake or "right"))(root)
        return [x.grad for x in leaves]

    def _pushed(self, order, edges=lambda v: zip(v.parents, v.partials)):
        order[0].grad = 1.0
        for v in order:
            for p, d in edges(v):
                p.grad += v.grad * d

    def _right(self, root):
        self._pushed(postorder(root)[::-1])

    def _overwrites(self, root):
        root.grad = 1.0
        for v in postorder(root)[::-1]:
            for p, d in zip(v.parents, v.partials):
                p.grad = v.grad * d

    def _no_visited_set(self, root):
        root.grad = 1.0
        stack = [root]
        while stack:
            v = stack.pop()
            for p, d in zip(v.parents, v.partials):
                p.grad += v.grad * d
            stack.extend(reversed(v.parents))

    def _sorted_without_visited_set(self, root):
        order, stack = [], [(root, False)]
        while stack:
            v, done = stack.pop()
            if done:
                order.append(v)
            else:
                stack.append((v, True))
                stack.extend((p, False) for p in reversed(v.parents))
        self._pushed(order[::-1])

    def _breadth_first(self, root):
        self._pushed(breadth_first(root))

    def _preorder(self, root):
        self._pushed(preorder(root))

    def _edges_in_a_set(self, root):
        self._pushed(postorder(root)[::-1], lambda v: dict(zip(v.parents, v.partials)).items())

    def _skips_shared(self, root):
        uses = {}
        for v in postorder(root):
            for p in v.parents:
                uses[p] = uses.get(p, 0) + 1
        self._pushed(postorder(root)[::-1], lambda v: [e for e in zip(v.parents, v.partials) if uses[e[0]] == 1])

    def _first_user_only(self, root):
        taken = set()

        def edges(v):
            for p, d in zip(v.parents, v.partials):
                if id(p) not in taken:
                    taken.add(id(p))
                    yield p, d

        self._pushed(postorder(root)[::-1], edges)

    def _seeds_two(self, root):
        order = postorder(root)[::-1]
        self._pushed(order)
        for v in order:
            v.grad *= 2.0

    def _reaches_nothing(self, root):
        root.grad = 1.0

    def _keeps_momentum(self, root):
        self._right(root)
        for v in postorder(root):
            if not v.parents:
                self.velocity = 0.5 * self.velocity + v.grad
                v.grad = self.velocity

    def _warms_up(self, root):
        self.calls += 1
        self._right(root)
        for v in postorder(root):
            v.grad *= 1.0 if self.calls > 1 else 0.5


def engine(mistake="", jvp=None):
    return Engine(f"scalar {mistake}".strip(), Node, lambda v: v.data, Sweep(mistake), jvp=jvp)

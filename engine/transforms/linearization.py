"""Linearization: the sweeps through the graph of a function in both directions, and what a transform answers.

Transforms hold one Linearization for a call and ask it for rows, columns or both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from math import prod
from typing import Any

from .. import context
from ..adjoints import expanded, graph_sweep
from ..backprop import backward, swept
from ..edges import Inner, Leading, are_conditional, pushed, reads
from ..gated import Products
from ..guards import Fixed, Number
from ..leaves import is_row
from ..lists import dot
from ..rule import UNREACHED
from ..traversal import connected_edges, inner_order
from ..value import Value
from .curvature import hessian_product
from .curvature_graphs import graph_of_product
from .evaluation import Evaluation, with_graphs
from .tangents import ForwardSweep, Tangents
from .trees import Shape, array, flatten

Steps = Sequence[tuple[Inner, Sequence[tuple[Value, float]]]]  # nodes, and for each of its edges (argument, partial)


class Linearization(Evaluation):
    """A function called with fresh leaves, whose derivatives are asked for."""

    _closed = False  # do the adjoints depend on what the fresh leaves stand for, and on nothing else from outside?

    # Answers ---------------------------------------------------------------------------------------------------------

    def answers(self, xs: Sequence[Number | Products], given: Iterable[Number] = ()) -> list[Number]:
        """Each x as a float, unless it depends on a Value from outside this call; `given` ones may be younger."""
        if not context.links():
            return [x._data if x.__class__ is Value else x for x in expanded(xs)]
        whole = {id(x): x.operands() for x in xs if isinstance(x, Products) and self.pieces is None}
        roots: list[Value] = [*[x for x in xs if isinstance(x, Value)], *dict.fromkeys(chain(*whole.values()))]
        known = {**dict.fromkeys(self._linked, True), **{g: True for g in given if g.__class__ is Value}}
        self._note_dependent(roots, known)
        found: list[Any] = []
        for x in xs:
            if isinstance(x, Products) and self.pieces is not None:
                found.append(x)
            elif isinstance(x, Products):
                found += [v if d else v._data for v, d in zip(x.values(), x.depending(known))]
            else:
                found.append(x if x.__class__ is not Value or known[x] else x._data)
        if self.numbers is not None:
            self.numbers += [x for x in found if x.__class__ is float]
        return found

    def _note_dependent(self, roots: Iterable[Value], known: dict[Value, bool]) -> None:
        """Note whether Values depend on one from outside this call, or on one that is known to.

        The first path to such a Value ends the walk, and all nodes on it are known then.
        """
        call, stack = self._call, list[Inner]()  # below each None a node on the path, above it what waits
        for root in roots:
            if _path_to_known(root, known):
                continue
            stack.append(root)
            while stack:
                v = stack.pop()
                if v is None:
                    known[stack.pop()] = False
                    continue
                answer, op, below = known.get(v), v.op, list[Value]()
                if answer is None and op is None:
                    known[v] = answer = v._made_in < call
                elif answer is None:
                    for a in (v._a, v._b) if op.kind == 2 else (v._a,) if op.kind == 1 else v._a:
                        if a.__class__ is Value:
                            below.append(a)
                        elif a.__class__ is tuple:
                            below += a[:1] if is_row(a) else a
                    if any(map(known.get, below)):
                        known[v] = answer = True
                if answer:
                    known.update([(w, True) for w, mark in pairwise(stack) if mark is None] if stack else ())
                    known.setdefault(root, True)
                    stack.clear()
                elif answer is None:
                    stack += v, None, *below

    def output(self) -> object:
        """What the function returned."""
        if self._plain:
            return self.out.rebuild([x._data if x.__class__ is Value else x for x in self.out.leaves])
        return self.out.rebuild(self.answers(self.out.leaves))

    def aux(self) -> object:
        """The auxiliary output, as it is but for Values."""
        tree = flatten(self._aux, self._who, "aux", keep=True)
        return tree.rebuild(self.answers(tree.leaves))

    def like_arguments(self, xs: Iterable[Number], single: bool) -> object:
        """Numbers in the tree of the argument, or in a tuple of the trees of all arguments."""
        if self._listed:
            return list(xs)
        if self.pieces is not None:
            self.pieces += xs
            return self._like if single else (self._like,)
        rest = iter(xs)
        trees = [tree.rebuild(rest) for tree in self.inputs]
        return trees[0] if single else tuple(trees)

    def jacobian(self, matrix: list[list[Number]], single: bool) -> object:
        """A matrix of partial derivatives, one row an output, as a tree of outputs of trees of arguments."""
        width = len(self._leaves)
        entries = self.answers([x for row in matrix for x in row])
        places = []
        top = 0
        for shape in self.out.blocks:
            height = 1 if shape is None else prod(shape)
            trees = []
            left = 0
            for tree in self.inputs:
                blocks = []
                for inner in tree.blocks:
                    right = left + (1 if inner is None else prod(inner))
                    block = [x for i in range(top, top + height) for x in entries[i * width + left : i * width + right]]
                    blocks.append(_block(block, shape, inner))
                    left = right
                trees.append(tree.rebuild_blocks(blocks))
            places.append(trees[0] if single else tuple(trees))
            top += height
        return self.out.rebuild_blocks(places)

    # Reverse ---------------------------------------------------------------------------------------------------------

    def pulled_back(self, seeds: list[Number]) -> Sequence[Number | Products]:
        """The adjoints of the fresh leaves, for one adjoint for each number of the output."""
        return self._pulled([(r, s) for r, s in zip(self.out.leaves, seeds) if r.__class__ is Value])

    def gradient(self) -> list[Number]:
        """The adjoints of the fresh leaves, as answers."""
        xs: Sequence[Any] = self.pulled_back([1.0])
        if not self._closed:
            return self.answers(xs)
        return self.noted([x if x.op is not None else x._data for x in xs])

    def rows(self) -> list[list[Number]]:
        """The Jacobian, one backward sweep a row."""
        return [[*expanded(self._pulled([(r, 1.0)] if r.__class__ is Value else []))] for r in self.out.leaves]

    def _pulled(self, seeded: list[tuple[Value, Number]]) -> Sequence[Number | Products]:
        if not seeded:
            return [0.0] * len(self._leaves)
        roots, seeds = [r for r, _ in seeded], [s for _, s in seeded]
        floats = [s for s in seeds if not isinstance(s, Value)]
        if not self._plain or len(floats) < len(seeds):
            return self._graph_sweep(roots, seeds)
        for v in self._leaves:
            v.grad = UNREACHED
        if self._apart:
            with context.quiet():
                return swept(roots[0], floats[0], self._leaves)
        if len(roots) == 1:
            backward(roots[0], floats[0])
        else:
            with with_graphs():
                root = dot(roots, floats)
            backward(root)
        return [0.0 if v.grad is UNREACHED else v.grad for v in self._leaves]

    def _graph_sweep(self, roots: list[Value], seeds: Sequence[Number]) -> Sequence[Value | Products]:
        order = inner_order(roots, self._linked)
        if context.recorder() is not None:
            return graph_sweep(order, roots, seeds, self._leaves)
        leading = Leading(order, self._leaves)
        linked = leading.is_closed and len(self._linked) == len(self._leaves)
        as_it_is = are_conditional(order) and self._fixed(self._stand_for.values() if linked else self._older())
        unchanged = self._edits is context.edits  # what depends on the fresh leaves was made in this call
        found = pushed(roots, seeds, self._leaves, leading, unchanged, as_it_is)
        self._closed = linked and leading.is_closed and not any(s.__class__ is Value for s in seeds)
        return found

    def _fixed(self, outside: Iterable[Number]) -> bool:
        """Is the graph for the numbers of its leaves alone? Those from outside are to know it, as they may be kept."""
        older = list[Inner]()
        for v in outside:
            if not _stays(v):
                return False
            older.append(v)
        for v in older:
            v._made_in = Fixed(v._made_in)
        return True

    def derivative(self, order: int) -> Number:
        """The derivative of some order of a function of one number."""
        y = self.out.leaves[0]
        with with_graphs():
            for _ in range(order - 1):
                if y.__class__ is Value:
                    (y,) = expanded(self._graph_sweep([y], [1.0]))
        if order > 0:
            (y,) = expanded(self._pulled([(y, 1.0)] if y.__class__ is Value else []))
        return self.answers([y])[0]

    # Forward ---------------------------------------------------------------------------------------------------------

    def pushed_forward(self, seeds: list[Number]) -> list[Number]:
        """The tangents of the output's numbers, for one tangent for each fresh leaf."""
        plain = self._plain and not any(s.__class__ is Value for s in seeds)
        (found,) = self._pushed([dict(zip(self._leaves, seeds))], plain, self.out.leaves)
        return found

    def hessian_product(self, seeds: list[Number]) -> list[Number]:
        """The second derivatives of the one number that f returns, times one tangent for each fresh leaf, as an answer."""
        y, floats = self.out.leaves[0], [s for s in seeds if not isinstance(s, Value)]
        if not isinstance(y, Value):
            return [0.0] * len(seeds)
        plain = self._plain and len(floats) == len(seeds)
        with with_graphs():
            recorder, tangents = context.recorder(), [dict(zip(self._leaves, seeds))]
            if self._plain and recorder is None and not context.watching():
                if plain:
                    return [*hessian_product(y, self._leaves, floats)]
                return graph_of_product(y, self._leaves, seeds)  # each Value in it depends on one of the seeds
            turned: Sequence[Number | Products] = [0.0] * len(seeds)
            slope: list[Number] | None = None
            if recorder is not None and len(recorder.nodes) < len(seeds):
                # Of the gradient along the tangent: then no number of the gradient is a node, and they are most nodes.
                ((along,),) = self._pushed(tangents, False, [y])
                if isinstance(along, Value):
                    turned = self._graph_sweep([along], [1.0])
            else:
                slope = expanded(self._graph_sweep([y], [1.0]))
        if slope is not None:
            (turned,) = self._pushed(tangents, plain, slope)
        return self.answers(turned, seeds)

    def columns(self) -> list[list[Number]]:
        """The Jacobian, one forward sweep a column."""
        columns = self._pushed([{v: 1.0} for v in self._leaves], self._plain, self.out.leaves)
        return [list(row) for row in zip(*columns)] if columns else [[] for _ in self.out.leaves]

    def _pushed(self, seeded: list[Tangents], plain: bool, outputs: Sequence[Number]) -> list[list[Number]]:
        """The tangents of some outputs, for each of some sets of tangents of leaves, which are filled in."""
        order = inner_order([r for r in outputs if r.__class__ is Value], self._linked)
        if plain:
            steps = self._steps(order)
            for tangents in seeded:
                _fill_in(tangents, steps)
        else:
            sweep = ForwardSweep(order)
            for tangents in seeded:
                sweep.fill_in(tangents)
        return [[tangents.get(r, 0.0) if r.__class__ is Value else 0.0 for r in outputs] for tangents in seeded]

    def _steps(self, order: list[Value]) -> Steps:
        """The nodes that depend on the fresh leaves, arguments first, and their partials."""
        active, found = set(self._leaves), list[tuple[Inner, list[tuple[Value, float]]]]()
        for v in order:
            if v.op is not None and reads(v, active):
                active.add(v)
                found.append((v, connected_edges(v)))
        return found


def _fill_in(tangents: Tangents, steps: Steps) -> None:
    """Add the tangents of nodes to those of leaves."""
    for v, edges in steps:
        products = [tangents[a] * p for a, p in edges if a in tangents]
        if products:
            tangent = products[0]
            for product in products[1:]:
                tangent += product
            tangents[v] = tangent


def _path_to_known(root: Inner, known: dict[Value, bool]) -> bool:
    """Do a few steps from a Value, by last operands, lead to one that is known to depend? Then all on the way are."""
    path, v = list[Value](), root
    while len(path) < 6 and v.op is not None:
        path.append(v)
        if v.op.kind == 3:
            if any(known.get(a[0] if isinstance(a, tuple) and a else a) for a in v._a if not isinstance(a, list)):
                known.update(dict.fromkeys(path, True))
                return True
            return False
        a, b = v._a, v._b if v.op.kind == 2 else v._a
        if known.get(a) or known.get(b):
            known.update(dict.fromkeys(path, True))
            return True
        v = b if b.__class__ is Value else a
    return False


def _stays(x: Number) -> bool:
    """Does a transform that is running on numbers lend this, so that nobody sees its graph with others?"""
    stands_for: object = x
    while stands_for.__class__ is Value and stands_for.op is None:
        stands_for = getattr(stands_for, "_lent", None)
    return isinstance(stands_for, float)


def _block(entries: list[Number], outer: Shape, inner: Shape) -> object:
    if outer is None and inner is None:
        return entries[0]
    return array(entries, (outer or ()) + (inner or ()))

"""Linearization: one call of a function by a transform, and the sweeps through its graph in both directions.

The function is called with fresh leaves in the place of the numbers that are differentiated. When it has returned, a
leaf that stands for a Value of the caller turns into `identity` of it, so that outer derivatives flow through; sweeps
stop there. Transforms hold one Linearization for a call and ask it for rows, columns or both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import chain, pairwise
from math import prod
from typing import Any

from .. import context
from ..adjoints import expanded, graph_sweep
from ..arguments import is_number
from ..backprop import backward, swept
from ..edges import Inner, are_conditional, reads
from ..gated import Products, differentiable_order
from ..guards import Fixed, Number
from ..leaves import is_row
from ..lists import dot
from ..readings import Call
from ..rule import TABLE, UNREACHED
from ..traversal import connected_edges
from ..value import Value
from .curvature import hessian_product
from .curvature_graphs import graph_of_product
from .tangents import ForwardSweep, Tangents
from .trees import Flattening, Function, Shape, array, described, flatten, is_array

Steps = Sequence[tuple[Inner, Sequence[tuple[Value, float]]]]  # nodes, and for each of its edges (argument, partial)


class Linearization:
    """A function called with fresh leaves.

    Args:
        who: the transform, for messages.
        f, args, kwargs: the call.
        positions: of the arguments that are differentiated.
        has_aux: f returns (output, aux).
        scalar: f must return one number.
        owned: are the Values that are given leaves that nobody else holds, so that they are as good as fresh ones?

    Attributes:
        inputs: the tree of each argument that is differentiated.
        pieces: see `in_pieces`.
        out: the tree of the output.
        numbers: those of its answers that depend on nothing outside, where someone wants to know them.
    """

    numbers: list[float] | None = None
    _apart = _listed = False
    pieces: list[Number | Products] | None = None

    def __init__(
        self,
        who: str,
        f: Function,
        args: tuple[object, ...],
        kwargs: dict[str, object],
        positions: Sequence[int],
        has_aux: bool,
        scalar: bool = False,
        owned: bool = False,
    ) -> None:
        self._who = who
        self._call = context.new_call()
        self._edits = context.edits
        self.inputs: list[Flattening] = []
        self._leaves: Sequence[Value] = []
        self._stand_for: dict[Value, Number] = {}  # fresh leaves, and what was given
        filled = list(args)
        seen = set[int]()
        for i in positions:
            if not -len(args) <= i < len(args):
                raise ValueError(
                    f"{who} takes argnums that are positions of its arguments, got {i} for {len(args)} positional "
                    f"argument{'s' * (len(args) != 1)}; give by position what is differentiated"
                )
            if i % len(args) in seen:
                raise ValueError(f"{who} takes each argument once in argnums, got argument {i % len(args)} twice")
            seen.add(i % len(args))
            unmade = context.recorder().unmade_of(args[i]) if owned and len(positions) == 1 else None
            if unmade is not None:
                row, self._like = unmade
                self.inputs.append(flatten(self._like, who, f"argument {i % len(args)}"))
                self._leaves = row.as_tuple()
                continue
            tree = flatten(args[i], who, f"argument {i % len(args)}")
            fresh = [x for x in tree.leaves if isinstance(x, Value)] if owned else []
            if len(fresh) < len(tree.leaves):
                fresh = [Value(x._data if x.__class__ is Value else x) for x in tree.leaves]
                self._stand_for.update(zip(fresh, tree.leaves))
            filled[i] = tree.rebuild(fresh)
            self.inputs.append(tree)
            self._leaves = [*self._leaves, *fresh]
        for v, x in self._stand_for.items():
            v._lent = x  # until the function returns: then `copying` knows it
        try:
            with _recording():
                output = Call(who, self._leaves).run(f, *filled, **kwargs)
        finally:
            for v in self._stand_for:
                del v._lent
        self._aux: object = None
        if has_aux:
            if not isinstance(output, (list, tuple)) or len(output) != 2:
                raise TypeError(
                    f"{who} with has_aux takes a function that returns (output, aux), got {described(output)}"
                )
            output, self._aux = output
        self.out = flatten(_one_number(output, who) if scalar else output, who, "the output")
        self._linked = self._link()
        self._plain = next(self._older(), None) is None

    @property
    def is_plain(self) -> bool:
        """Does nothing that it returns depend on Values from outside?"""
        return self._plain

    @property
    def leaves(self) -> Sequence[Value]:
        """What is differentiated."""
        return self._leaves

    def shortened(self) -> Linearization:
        """This one; where the compiler reads a program of many rounds off those of a few, that of a few."""
        recorder = context.recorder()
        found: Linearization = self if recorder is None else recorder.shortened(self)
        return found

    def returning(self, root: Value) -> Linearization:
        """This one, as if the function had returned another number."""
        run = copy(self)
        run.out = flatten(root, self._who, "the output")
        return run

    def apart(self) -> Linearization:
        """This one, whose adjoints are floats, and in no Value, also where it reaches Values from outside."""
        run = self.listed()
        run._apart = run._plain = True
        return run

    def listed(self) -> Linearization:
        """This one, whose adjoints are a list, and no trees like the arguments."""
        run = copy(self)
        run._listed = True
        return run

    def in_pieces(self) -> Linearization:
        """This one of a Module whose leaves are not made: its adjoints are put into `pieces`, those of lists as they are,
        and a Module like it stands where they would."""
        run = copy(self)
        run.pieces = []
        return run

    def with_leaves(self) -> Linearization:
        """This one, its leaves made."""
        run = copy(self)
        run._leaves = list(run._leaves)
        return run

    def _link(self) -> set[Value]:
        """Make each fresh leaf that stands for a Value the identity of it; the set of these."""
        linked: set[Value] = set()
        if context.links():
            identity = TABLE["identity"]
            for v, x in self._stand_for.items():
                if x.__class__ is Value:
                    v.op, v._a, v._x = identity, x, v._data
                    linked.add(v)
        return linked

    def _older(self) -> Iterator[Value]:
        """The Values from outside this call that the output depends on, each once."""
        linked, call = self._linked, self._call
        stack = [r for r in self.out.leaves if r.__class__ is Value]
        seen, walked = set[Inner](stack), set[int]()
        v: Inner
        while stack:
            v = stack.pop()
            op = v.op
            if op is None:
                if v._made_in < call:
                    yield v
            elif linked and v in linked:
                yield v._a
            elif op.kind < 3:
                a = v._a
                if a.__class__ is Value and a not in seen:
                    seen.add(a)
                    stack.append(a)
                if op.kind == 2:
                    a = v._b
                    if a.__class__ is Value and a not in seen:
                        seen.add(a)
                        stack.append(a)
            else:
                for a in v._a:
                    if is_row(a):
                        yield a[0]  # they are of one age
                    elif a.__class__ is tuple:
                        if id(a) in walked:
                            continue
                        walked.add(id(a))
                        fresh = set(a) - seen
                    elif a.__class__ is Value and a not in seen:
                        fresh = {a}
                    else:
                        continue
                    seen |= fresh
                    stack += fresh

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
            return self._like
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
            with _recording():
                root = dot(roots, floats)
            backward(root)
        return [0.0 if v.grad is UNREACHED else v.grad for v in self._leaves]

    def _graph_sweep(self, roots: list[Value], seeds: Sequence[Number]) -> Sequence[Value | Products]:
        order = differentiable_order(roots, self._linked)
        unchanged = self._edits is context.edits  # what depends on the fresh leaves was made in this call
        as_it_is = are_conditional(order) and self._fixed()
        return graph_sweep(order, roots, seeds, self._leaves, unchanged, as_it_is)

    def _fixed(self) -> bool:
        """Is the graph for the numbers of its leaves alone? Those from outside are to know it, as they may be kept."""
        older = list[Inner]()
        for v in self._older():
            if not _stays(v):
                return False
            older.append(v)
        for v in older:
            v._made_in = Fixed(v._made_in)
        return True

    def derivative(self, order: int) -> Number:
        """The derivative of some order of a function of one number."""
        y = self.out.leaves[0]
        with _recording():
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
        with _recording():
            if self._plain and context.recorder() is None and not context.watching():
                if plain:
                    return [*hessian_product(y, self._leaves, floats)]
                return graph_of_product(y, self._leaves, seeds)  # each Value in it depends on one of the seeds
            slope = expanded(self._graph_sweep([y], [1.0]))
        (found,) = self._pushed([dict(zip(self._leaves, seeds))], plain, slope)
        return self.answers(found, seeds)

    def columns(self) -> list[list[Number]]:
        """The Jacobian, one forward sweep a column."""
        columns = self._pushed([{v: 1.0} for v in self._leaves], self._plain, self.out.leaves)
        return [list(row) for row in zip(*columns)] if columns else [[] for _ in self.out.leaves]

    def _pushed(self, seeded: list[Tangents], plain: bool, outputs: Sequence[Number]) -> list[list[Number]]:
        """The tangents of some outputs, for each of some sets of tangents of leaves, which are filled in."""
        order = differentiable_order([r for r in outputs if r.__class__ is Value], self._linked)
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
    while len(path) < 6 and v.op is not None and v.op.kind < 3:
        path.append(v)
        a, b = v._a, v._b if v.op.kind == 2 else v._a
        if known.get(a) or known.get(b):
            known.update(dict.fromkeys(path, True))
            return True
        v = b if b.__class__ is Value else a
    return False


def _stays(x: Value) -> bool:
    """Does a transform that is running on numbers lend this, so that nobody sees its graph with others?"""
    stands_for: object = x
    while stands_for.__class__ is Value and stands_for.op is None:
        stands_for = getattr(stands_for, "_lent", None)
    return isinstance(stands_for, float)


def _operands_of(v: Inner) -> Sequence[Number]:
    if v.op.kind < 3:
        return (v._a, v._b) if v.op.kind == 2 else (v._a,)
    return [e for a in v._a for e in (a if a.__class__ is tuple else (a,))]


def _recording() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if context.recording() else context.enable_grad()


def _one_number(output: object, who: str) -> object:
    if is_array(output) and output.shape == ():
        output = output[()]
    if output.__class__ is Value or is_number(output):
        return output
    hint = "jacobian differentiates functions of many outputs"
    if output is None:
        hint = "does it return its result?"
    elif isinstance(output, tuple) and len(output) == 2 and who != "derivative":
        hint = f"{who}(f, has_aux=True) takes functions that return (output, aux), and {hint}"
    raise TypeError(f"{who} takes a function that returns one number, got {described(output)}; {hint}")


def _block(entries: list[Number], outer: Shape, inner: Shape) -> object:
    if outer is None and inner is None:
        return entries[0]
    return array(entries, (outer or ()) + (inner or ()))

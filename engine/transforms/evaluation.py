"""One call of a function by a transform, with fresh leaves in the place of the numbers that are differentiated.

When it has returned, a leaf that stands for a Value of the caller turns into `identity` of it, so that outer derivatives flow
through; sweeps stop there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Self

from .. import context
from ..arguments import is_number
from ..edges import Inner
from ..gated import Products
from ..guards import Number
from ..leaves import is_row
from ..readings import Call, innermost
from ..rule import TABLE
from ..value import Value
from .trees import Flattening, Function, described, flatten, is_array


class Evaluation:
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
        for i in _from_first(positions, len(args), who):
            unmade = context.recorder().unmade_of(args[i]) if owned and len(positions) == 1 else None
            if unmade is not None:
                row, self._like = unmade
                self._leaves = row.as_tuple()
                continue
            tree = flatten(args[i], who, f"argument {i}")
            fresh = [x for x in tree.leaves if isinstance(x, Value)] if owned else []
            if len(fresh) < len(tree.leaves):
                fresh = [Value(x._data if x.__class__ is Value else x) for x in tree.leaves]
                self._stand_for.update(zip(fresh, tree.leaves))
            filled[i] = tree.rebuild(fresh)
            self.inputs.append(tree)
            self._leaves = [*self._leaves, *fresh]
        for v, x in self._stand_for.items():
            v._lent = x  # until the function returns: then `copying` knows it
        call = Call(who, self._leaves, self._call)
        self._young = call.young
        try:
            with with_graphs():
                output = call.run(f, *filled, **kwargs)
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

    def shortened(self) -> Self:
        """This one; where the compiler reads a program of many rounds off those of a few, that of a few."""
        recorder = context.recorder()
        found: Self = self if recorder is None else recorder.shortened(self)
        return found

    def returning(self, root: Value) -> Self:
        """This one, as if the function had returned another number."""
        run = copy(self)
        run.out = flatten(root, self._who, "the output")
        return run

    def apart(self) -> Self:
        """This one, whose adjoints are floats, and in no Value, also where it reaches Values from outside."""
        run = self.listed()
        run._apart = run._plain = True
        return run

    def listed(self) -> Self:
        """This one, whose adjoints are a list, and no trees like the arguments."""
        run = copy(self)
        run._listed = True
        return run

    def in_pieces(self) -> Self:
        """This one of a Module whose leaves are not made: its adjoints are put into `pieces`, those of lists as they are,
        and a Module like it stands where they would."""
        run = copy(self)
        run.pieces = []
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

    def noted(self, answers: list[Number]) -> list[Number]:
        """Answers that depend on what was given and on nothing else; the call around this one knows where that is its own."""
        around = innermost()
        if around is not None and all(
            x.__class__ is Value and x.op is None and x._made_in >= around.number for x in self._stand_for.values()
        ):
            around.young.update([v for v in answers if v.__class__ is Value])
        return answers

    def _older(self) -> Iterator[Value]:
        """The Values from outside this call that the output depends on, each once."""
        linked, call = self._linked, self._call
        young = set[object]() if linked else self._young
        stack = [r for r in self.out.leaves if r.__class__ is Value and r not in young]
        seen, walked = {*stack, *young}, set[int]()
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


def _from_first(positions: Sequence[int], count: int, who: str) -> list[int]:
    """Positions among as many arguments, counted from the first, each once."""
    found: list[int] = []
    for i in positions:
        if not -count <= i < count:
            raise ValueError(
                f"{who} takes argnums that are positions of its arguments, got {i} for {count} positional "
                f"argument{'s' * (count != 1)}; give by position what is differentiated"
            )
        if i % count in found:
            raise ValueError(f"{who} takes each argument once in argnums, got argument {i % count} twice")
        found.append(i % count)
    return found


def with_graphs() -> contextlib.AbstractContextManager[None]:
    """A context manager under which operations make graphs, as they mostly do anyway."""
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

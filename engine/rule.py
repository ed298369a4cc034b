"""What a row of the table knows of an operation, and what a node that it makes holds.

A row, an `Op`, has a forward function on floats and one partial an argument; of the partials its `push` is made, one step
of backward. A `Node` has its op, the operands, and their data as they were then: no later edit changes its gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from math import inf
from types import MemberDescriptorType
from typing import Any

from . import context, row_checks
from .conversion import completed, operand, read, with_lists

Formula = Callable[..., Any]  # of floats, of Values, or of numbers of another arithmetic
TABLE: dict[str, Op] = {}
BUILT_IN: set[str] = set()  # the rows that users may not define again; filled when the table is read
new_row_hooks: list[Callable[[Op], object]] = []  # each is called with a row that is added, to make it a method

REAL = (-inf, inf)
SUM, PRODUCT, SIGN, POWER, ATOM = 1, 2, 3, 4, 5  # how tightly a notation binds
UNREACHED = float("0")  # a 0.0 with an identity of its own: no backward has been here
new = object.__new__


class Node:
    """What a node of the graph holds. It knows its arguments, not its users: there is no reference cycle.

    Two operands and their data have slots of their own, `_a`, `_b` and `_x`, `_y`; an op with lists, or with more
    operands, keeps a tuple of each in `_a` and `_x`. A list of operands is a tuple of Nodes, or a list of numbers.
    """

    __slots__ = ("_data", "grad", "op", "_a", "_b", "_x", "_y", "_about")
    _data: float
    grad: float
    op: Op | None
    _a: Any
    _b: Any
    _x: Any
    _y: Any
    _about: context.About | context.Scope | None
    label: str
    _made_in: MemberDescriptorType  # the latest call of a transform when a leaf was made
    _lent: MemberDescriptorType  # while a transform lends a leaf to its function: what it stands for

    @classmethod
    def _node(cls, op: Op, args: Sequence[Any]) -> Node:
        """A new node of any op: its operands are numbers, Nodes, and lists of them; that of a row of one is a Node."""
        keep, vals = (args, (args[0]._data,)) if op.kind == 1 else read(args, op.name, op.lists, cls)
        v = new(cls)
        v._data, v.grad, v._about = op.forward(*vals), UNREACHED, None
        v._fill(op, keep, vals)
        return context.record(v) if context.active else v

    def _fill(self, op: Op, args: Sequence[object], vals: Sequence[object]) -> None:
        self.op = op
        if op.kind == 2:
            (self._a, self._b), (self._x, self._y) = args, vals
        elif op.kind == 1:
            (self._a,), (self._x,) = args, vals
        else:
            self._a, self._x = tuple(args), tuple(vals)

    def _operands(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """(arguments, their data at forward time), with lists as the op takes them."""
        if self.op is None:
            return (), ()
        if self.op.kind == 2:
            return (self._a, self._b), (self._x, self._y)
        return ((self._a,), (self._x,)) if self.op.kind == 1 else (self._a, self._x)

    def _edges(self) -> list[tuple[Any, float]]:
        """(argument, its data at forward time), one pair an edge, lists laid flat."""
        operands = zip(*self._operands())
        return [pair for a, x in operands for pair in (zip(a, x) if x.__class__ is list else [(a, x)])]


Node._made_in, Node._lent = vars(Node)["_a"], vars(Node)["_b"]  # a leaf has no operands


class Op:
    """One primitive operation: a row of the table, and the function that applies it.

    Attributes:
        name: the word that names it in `engine`, on `Value` and in messages.
        forward: floats in, a float out; never raises because of a value.
        partials: one per argument: a function of (arguments…, output), or a number where it is constant.
        push: one step of backward: add an adjoint, times each partial, to the gradients of a node's arguments.
        text, tex: notation; `{1:2}` stands for argument 1, in parentheses where it binds looser than level 2;
            `{+ … +}` is written once for each element of the lists in it, with ` + ` between.
        binding: how tightly the whole notation binds, from 1 (a sum) to 5 (an atom).
        domain: for each argument the open interval in which the op is smooth, kinks aside.
        kink: a function of the arguments that is zero where the derivative jumps, or None.
        reference: the same function for another arithmetic: the name of an elementary function, or a function of
            (arithmetic, arguments…), where arithmetic offers exp, log, sin, … (as mpmath's context does).
        selects: an edge whose partial is exactly 0 is not connected: nothing behind it contributes.
        lists: how many of the first arguments are lists of operands.
        defaults: values of the last arguments when they are left out.
        rounding: how far floats may miss the reference, in units of 2^-53: (units of the result, units by which the
            arguments may be moved for it, for a formula whose terms cancel); None is the default of `engine.checks`.

    Called on numbers it returns a float; with a Value among its arguments, a Value.

    >>> import engine
    >>> engine.exp(0.0), engine.exp(engine.Value(0.0))
    (1.0, Value(data=1.0, grad=–))
    """

    text: str
    tex: str
    binding: int
    domain: tuple[tuple[float, float], ...]
    kink: Formula | None
    reference: str | Formula | None
    selects: bool
    lists: int
    defaults: tuple[float, ...]
    rounding: tuple[float, float] | None

    def __init__(self, name: str, forward: Callable[..., float], partials: Sequence[Any], **facts: object) -> None:
        self.name = self.__name__ = name
        self.forward = forward
        self.partials: tuple[Any, ...] = tuple([float(p) if isinstance(p, (int, float)) else p for p in partials])
        self.arity = len(partials)
        for fact, x in facts.items():
            setattr(self, fact, x)
        self.kind = self.arity if self.arity < 3 and not self.lists else 3  # 1, 2: operands in slots of their own
        self.push = push_of(self)

    def __call__(self, *args: Any) -> Any:
        """A float of numbers, a Value where one of the arguments is one."""
        if len(args) != self.arity:
            args = completed(args, self.arity, self.defaults, self.name)
        if self.lists:
            return self._apply(args)
        for a in args:
            if a.__class__ is not float:
                return a._node(self, args) if isinstance(a, Node) else self._apply(args)
        return self.forward(*args)

    def _apply(self, args: Sequence[Any]) -> Any:
        n = self.lists
        args = with_lists(args, n, self.name) if n else args
        for a in chain(*args[:n], args[n:]) if n else args:
            if isinstance(a, Node):
                return a._node(self, args)
        found = [[operand(e, self.name) for e in a] if k < n else operand(a, self.name) for k, a in enumerate(args)]
        for a in chain(*found[:n], found[n:]):
            if a.__class__ is not float:  # it was in an array
                return a._node(self, found)
        return self.forward(*found)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    @property
    def __signature__(self) -> object:  # what help, completion and notebooks show
        return row_checks.signature(self.forward, self.partials, self.defaults)

    def __reduce__(self) -> tuple[object, ...]:
        return row, (self.name,)


def row(name: str) -> Op:
    """The op called `name`; a LookupError that says what to do where there is none."""
    if name not in TABLE:
        raise LookupError(f"the table has no op {name!r}; define it with engine.op before loading what uses it")
    return TABLE[name]


def op(name: str, forward: Callable[..., float], *partials: Formula | float, text: str | None = None, tex: str | None = None,
       binding: int = ATOM, domain: Sequence[object] = REAL, kink: Formula | None = None,
       reference: str | Formula | None = None, selects: bool = False, lists: int = 0,
       defaults: Sequence[float] = (), rounding: tuple[float, float] | None = None, doc: str | None = None) -> Op:  # fmt: skip
    """Add a row to the table and return its op: eager, a method of Value, differentiable to any order, printed.

    Args:
        name: a new Python identifier.
        forward: a function of floats that returns a float and never raises because of a value.
        *partials: for each argument the derivative of the output with respect to it: a function of (arguments…,
            output) that uses + - * /, literal integer powers and ops, or a number.
        text, tex, binding, domain, kink, reference, selects, lists, defaults, rounding: see `Op`.
        doc: one line for help().

    Raises:
        ValueError: the name is taken by another op or by an attribute of Value, or is no identifier.
        TypeError: forward or a partial cannot be called, or there is no partial.
        TypeError, ValueError: a fact is not what `Op` says, or forward or a partial returns no float.

    >>> import engine
    >>> cube = engine.op("cube", lambda x: x * x * x, lambda x, y: 3.0 * x**2, text="{0:5}**3", binding=4)
    >>> x = engine.Value(2.0)
    >>> cube(x).backward()
    >>> x.grad
    12.0
    """
    if BUILT_IN:  # a row of the user's
        selects, lists, domain, defaults = row_checks.facts(
            name, BUILT_IN, forward, partials, text, tex, doc, binding, domain, kink, reference, selects, lists, defaults
        )  # fmt: skip
    slots = ", ".join([f"{{{i}:0}}" for i in range(len(partials))])
    row = Op(
        name, forward, partials,
        text=text or f"{name}({slots})", tex=tex or rf"\operatorname{{{name.replace('_', chr(92) + '_')}}}\left({slots}\right)",
        binding=binding, domain=domain if isinstance(domain[0], tuple) else (domain,) * len(partials), kink=kink,
        reference=reference, selects=selects, lists=lists, defaults=tuple(map(float, defaults)), rounding=rounding,
        __doc__=doc or f"The op {name}.",
    )  # fmt: skip
    if BUILT_IN:
        row_checks.run_once(name, forward, row.partials, row.domain, lists)
    for hook in new_row_hooks:
        hook(row)
    TABLE[name] = row
    return row


# Push: the adjoint g of a node v, times each partial, is added to the arguments. All partials come before any addition,
# so that nothing is added twice where one raises; where the op selects, what has the partial 0 is not connected.


def push_of(op: Op) -> Callable[[Node, float], None]:
    """The push of a row."""
    return (_push_one, _push_two, _push_dot if op.name == "dot" else _push_any)[op.kind - 1](op)


def _push_one(op: Op) -> Callable[[Node, float], None]:
    (p,), selects = op.partials, op.selects
    constant = p.__class__ is float

    def push(v: Node, g: float) -> None:
        d = p if constant else p(v._x, v._data)
        if d or not selects:
            v._a.grad += g * d

    return push


def _push_two(op: Op) -> Callable[[Node, float], None]:
    (p, q), selects = op.partials, op.selects
    p_constant, q_constant = p.__class__ is float, q.__class__ is float

    def push(v: Node, g: float) -> None:
        a, b = v._a, v._b
        first, second = a.__class__ is not float, b.__class__ is not float
        if first:
            d = p if p_constant else p(v._x, v._y, v._data)
        if second:
            e = q if q_constant else q(v._x, v._y, v._data)
        if first and (d or not selects):
            a.grad += g * d
        if second and (e or not selects):
            b.grad += g * e

    return push


def _push_any(op: Op) -> Callable[[Node, float], None]:
    partials, selects = op.partials, op.selects

    def push(v: Node, g: float) -> None:
        args, vals, y = v._a, v._x, v._data
        numbers = [a.__class__ is float or a.__class__ is list for a in args]
        ds = [p if p.__class__ is float or n else p(*vals, y) for p, n in zip(partials, numbers)]
        for a, d, n in zip(args, ds, numbers):
            if a.__class__ is tuple:
                for e, x in zip(a, repeat(d) if d.__class__ is float else d):
                    if x or not selects:
                        e.grad += g * x
            elif not n and (d or not selects):
                a.grad += g * d

    return push


def _push_dot(op: Op) -> Callable[[Node, float], None]:
    """`_push_any` for the op of which a network is made, in half the time."""
    p, q, r = op.partials

    def push(v: Node, g: float) -> None:
        (ws, xs, b), (wd, xd, bd), y = v._a, v._x, v._data
        ds = p(wd, xd, bd, y) if ws.__class__ is tuple else ()
        es = q(wd, xd, bd, y) if xs.__class__ is tuple else ()
        for e, x in zip(ws, ds):
            e.grad += g * x
        for e, x in zip(xs, es):
            e.grad += g * x
        if b.__class__ is not float:
            b.grad += g * r

    return push

"""Value: one number of a computation graph, and where it came from.

A node holds its op, the operands, and the operands' data as they were at forward time, so that a gradient never
depends on what was edited later. It knows its arguments, not its users: there is no reference cycle, and a graph that
is dropped is freed at once. Its operators, and most of its methods, are made in `operators`, from the rows of `ops.TABLE`.
"""

import sys
from itertools import count
from operator import eq, mul, ne

from . import context, ops, readings
from .context import About
from .ops import number, operand, operands
from .readings import running

COMPENSATES = sys.version_info >= (3, 12)  # since then sum carries the rounding along; before, it adds left to right
EDITS = count(1)
UNREACHED = float("0")  # a 0.0 with an identity of its own: no backward has been here
new = object.__new__


class Value:
    """A number that remembers how it was computed.

    Args:
        data: a real number; bools, ints and NumPy scalars become floats.
        label: a name for messages and pictures.

    Attributes:
        data: the number; it can be set on leaves, not on the result of an op.
        grad: the derivative of what `backward` was last called on; 0.0 before.
        label: the name given, or "".
        op: the row of the table that made this node; None for a leaf.
        args: the operands in order, Values and numbers, lists laid flat.
        scope: the Module path that made this node, or None.

    Raises:
        TypeError: data is no real number.

    Between two Values `==` and `!=` ask whether they are one object, in compiled functions too, so that `in`, `index`,
    `remove` and dicts find a node and not its like; `engine.equal` compares their data. With a number they compare data.
    What belongs to a node goes into a dict, `momentum = {p: 0.0 for p in parameters}`: a Value has slots and takes no
    further attributes, which would cost each node 32 bytes.

    NumPy's ufuncs apply the row of their name, to a Value and to arrays of Values; `np.equal` is `==`. Limits: inside
    an object array NumPy itself answers `np.maximum`, `np.minimum`, `np.max`, `np.min` and `np.sign` by comparing, so
    what comes back is an element or a plain number (at a tie the first, not half of each; a nan may be passed over), and
    `np.float_power` and `np.linalg` take no objects; the functions of engine on the elements have the rules of the table.

    `float(x)`, `int(x)`, `round(x)`, a format and the functions of math read the number, and no gradient flows through
    what they return: inside a transform they raise, and a function of math on a node warns. `x.data` and `x.detach()`
    are numbers on purpose, and a branch is taken by the number.

    >>> from engine import Value
    >>> a = Value(2.0, label="a")
    >>> b = a * a + 1
    >>> b.backward()
    >>> a
    Value(data=2.0, grad=4.0, label='a')
    """

    # Two operands and their data have slots of their own; an op with lists, or with more operands, keeps a tuple of
    # each in the first. A leaf keeps the number of the transform call it was made in or after.
    __slots__ = ("_data", "grad", "op", "_a", "_b", "_x", "_y", "_about")

    def __init__(self, data, label="", _op=None):
        if data.__class__ is not float:
            data = operand(data, "Value", "a real number")
            if data.__class__ is Value:
                raise TypeError(f"Value takes a real number, got {data!r}; use it as it is, or its detach()")
        self._data = data
        self.grad = UNREACHED
        self.op = None
        self._a = context.calls
        if label.__class__ is str and _op is None:
            self._about = About(label, None, None) if label else None
        else:
            label = _text(label, _op)
            self._about = About(label, None, None) if label else None

    def __init_subclass__(cls):
        raise TypeError("Value takes no subclasses; for a new operation add a row with engine.op")

    # What it shows ---------------------------------------------------------------------------------------------------

    @property
    def data(self):
        if context.active:
            context.refuse(self, ".data")
        return self._data

    @data.setter
    def data(self, x):
        if context.active:
            context.refuse(self, "setting .data")
        if running:
            readings.refuse(self, "setting .data")
        if self.op is not None:
            raise AttributeError(
                f"data takes a new number on leaves only, got a node made by {self.op.name}; "
                "change its leaves and build the graph again, or use replay"
            )
        self._data = number(x, "data", "a real number")
        context.edits = next(EDITS)

    @property
    def label(self):
        about = self._about
        return about.label if about.__class__ is About else ""

    @label.setter
    def label(self, text):
        about = self._about
        old = about if about.__class__ is About else About("", about, None)
        self._about = About(_text(text), old.scope, old.line)

    @property
    def scope(self):
        about = self._about
        return about.scope if about.__class__ is About else about

    @property
    def args(self):
        return tuple([a for a, _ in self._edges()])

    @property
    def _prev(self):  # micrograd's name for the nodes among the arguments: numbers are none here
        return {a for a in self.args if a.__class__ is Value}

    @property
    def _op(self):  # micrograd's name for the operation, in its notation
        if self.op is None:
            return ""
        if self.op.name == "power" and self._b.__class__ is float:
            return f"**{self._b:g}"
        return {"add": "+", "sub": "-", "mul": "*", "div": "/", "relu": "ReLU"}.get(self.op.name, self.op.name)

    def _operands(self):
        """(arguments, their data at forward time), with lists as the op takes them."""
        kind = 0 if self.op is None else self.op.kind
        if kind == 2:
            return (self._a, self._b), (self._x, self._y)
        if kind == 1:
            return (self._a,), (self._x,)
        return (self._a, self._x) if kind else ((), ())

    def _edges(self):
        """(argument, its data at forward time), one pair an edge, lists laid flat."""
        pairs = []
        for a, x in zip(*self._operands()):
            if x.__class__ is list:
                pairs.extend(zip(a, x))
            else:
                pairs.append((a, x))
        return pairs

    def __repr__(self):
        grad = "–" if self.grad is UNREACHED else self.grad
        return f"Value(data={self._data}, grad={grad}{f', label={self.label!r}' if self.label else ''})"

    # A number among numbers ------------------------------------------------------------------------------------------

    __hash__ = object.__hash__

    def __float__(self):
        if context.active:
            context.refuse(self, "float()")
        if running:
            readings.refuse(self, "float()")
        elif self.op is not None:
            readings.warn(self)
        return self._data

    def __int__(self):
        if context.active:
            context.refuse(self, "int()")
        if running:
            readings.refuse(self, "int()")
        return int(self._data)

    def __trunc__(self):
        return int(self)

    def __divmod__(self, other):
        return self // other, self % other

    def __rdivmod__(self, other):
        return other // self, other % self

    def __bool__(self):
        if context.active:
            context.refuse(self, "bool()")
        return self._data != 0.0

    def __round__(self, digits=None):
        if context.active:
            context.refuse(self, "round()")
        if running:
            readings.refuse(self, "round()")
        return round(self._data, digits)

    def __format__(self, spec):
        if context.active and spec:
            context.refuse(self, "format()")
        if running and spec:
            readings.refuse(self, "format()")
        return format(self._data, spec) if spec else repr(self)

    def __pos__(self):
        return self

    def conjugate(self):
        """Itself, a real number: NumPy asks for it in var, std and vdot."""
        return self

    def detach(self):
        """A new leaf with the same data and label: no gradient flows through it."""
        if context.active and (recorder := context.recorder()) is not None:
            return recorder.detached(self)
        return Value(self._data, self.label)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        """A NumPy ufunc of one of the table's names: its row, elementwise; `equal` and `not_equal` are == and !=."""
        name = NUMPY_NAMES.get(ufunc.__name__, ufunc.__name__)
        row = OF_PYTHON.get(name) or ops.TABLE.get(name)
        if row is None:
            raise TypeError(
                f"numpy.{ufunc.__name__} takes no Values: the table has no row of this name; engine.op adds one"
            )
        if method != "__call__" or kwargs.keys() - {"out"}:
            raise TypeError(
                f"numpy.{ufunc.__name__} takes Values in plain calls only, got {method} with {sorted(kwargs)}"
            )
        import numpy as np

        boxes = []
        for a in inputs:
            box = a if isinstance(a, np.ndarray) else np.empty((), object)
            if box is not a:
                box[()] = a
            boxes.append(box.astype(object))
        with np.errstate(all="ignore"):  # IEEE here, without NumPy's warnings
            answer = np.frompyfunc(row, len(inputs), ufunc.nout)(*boxes, **kwargs)
        # A mask of identities selects from arrays, as NumPy's own comparison of object arrays does.
        masks = name in OF_PYTHON and isinstance(answer, np.ndarray) and bool in map(type, answer.flat)
        return answer.astype(bool) if masks else answer

    # How nodes are made ----------------------------------------------------------------------------------------------

    def _fill(self, args, vals):
        if self.op.kind == 2:
            (self._a, self._b), (self._x, self._y) = args, vals
        elif self.op.kind == 1:
            (self._a,), (self._x,) = args, vals
        else:
            self._a, self._x = tuple(args), tuple(vals)

    @staticmethod
    def _node(op, args):
        """The node of any op: numbers, Values, and lists of them as operands."""
        keep, vals = [], []
        for a in args:
            if a.__class__ is Value:
                x = a._data
            elif a.__class__ is list or a.__class__ is tuple:
                if not op.lists:
                    number(a, op.name)  # raises, in the user's terms
                a, x = _listed(a, op.name)
            else:
                a = operand(a, op.name)
                x = a._data if a.__class__ is Value else a
            keep.append(a)
            vals.append(x)
        v = new(Value)
        v._data = op.forward(*vals)
        v.grad = UNREACHED
        v.op = op
        v._about = None
        v._fill(keep, vals)
        return context.record(v) if context.active else v


def _value_first(a, b):
    """Operands of a symmetric operator: a number of NumPy that comes first would ask NumPy again."""
    return (a, b) if a.__class__ is Value else (b, a)


def _text(label, op=None):
    """A label as text; a TypeError that says how nodes are made where it is what micrograd calls the children."""
    if op is not None or isinstance(label, (tuple, list, set, frozenset, Value)):
        raise TypeError(
            f"Value takes a number and a str as its label, got {label!r:.60}{', …' * (op is not None)}; "
            "what has children is made by an operation on them: engine.op adds one, with its derivative"
        )
    return "" if label is None else str(label)


class Operands:
    """Numbers and Values that several n-ary nodes share, read once: what a layer hands to each of its neurons.

    Args:
        xs: numbers and Values.

    Later edits of leaves among them do not reach the nodes made from it.

    >>> from engine import Operands, Value, dot
    >>> xs = Operands([Value(3.0), Value(4.0)])
    >>> [dot(ws, xs).data for ws in ([1.0, 0.0], [0.0, 1.0])]
    [3.0, 4.0]
    """

    __slots__ = ("_args", "_vals", "_edits", "_read")

    def __init__(self, xs):
        self._edits, self._read = None, ()
        self._args, self._vals = _listed(xs, "Operands")

    def current(self, xs):
        """These operands, if they were read from the same Values of a list and no leaf was edited since; else read anew.

        A Neuron keeps its weights so over the examples of a batch.

        >>> from engine import Operands, Value
        >>> ws = [Value(1.0), Value(2.0)]
        >>> kept = Operands(ws).current(ws)
        >>> kept.current(ws) is kept
        True
        >>> ws[0].data = 3.0
        >>> kept.current(ws) is kept
        False
        """
        try:
            # A hash of Values is one of their identities, and a lookup compares those first: no comparison makes a node.
            if self._edits == context.edits and xs.__class__ is list and tuple(xs) in self._read:
                return self
        except TypeError:
            pass  # no Values: what they are is said below
        edits = context.edits
        read = Operands(xs)
        if read._args.__class__ is tuple:
            read._edits, read._read = edits, frozenset((read._args,))
        return read

    def __reduce__(self):
        return Operands, (self._args,)

    def __len__(self):
        return len(self._args)

    def __iter__(self):
        return iter(self._args)

    def __getitem__(self, i):
        return self._args[i]


def _listed(xs, who):
    """(operands, their data): a tuple of Values, or where none is a Value the list of floats itself."""
    if xs.__class__ is Operands:
        return xs._args, xs._vals
    if xs.__class__ is not list and xs.__class__ is not tuple:
        xs = operands(xs, who)
    xs = tuple(xs)
    try:
        return xs, [x._data for x in xs]
    except AttributeError:
        pass
    xs = [x if x.__class__ is float or x.__class__ is Value else operand(x, who) for x in xs]
    if any(x.__class__ is Value for x in xs):
        xs = tuple([x if x.__class__ is Value else Value(x) for x in xs])
        return xs, [x._data for x in xs]
    return xs, xs


def dot(ws, xs, b=0.0):
    """b + w1*x1 + w2*x2 + …, summed left to right, as one node.

    Args:
        ws, xs: as many weights as inputs: numbers or Values, in lists, tuples or arrays.
        b: a number or Value to start from.

    Returns:
        A Value, or a float where no operand is a Value.

    Raises:
        ValueError: the lengths differ.

    >>> from engine import Value, dot
    >>> dot([1.0, 2.0], [Value(3.0), Value(4.0)], 0.5)
    Value(data=11.5, grad=–)
    """
    ws, wd = (ws._args, ws._vals) if ws.__class__ is Operands else _listed(ws, "dot")
    xs, xd = (xs._args, xs._vals) if xs.__class__ is Operands else _listed(xs, "dot")
    if len(wd) != len(xd):
        raise ValueError(f"dot takes as many weights as inputs, got {len(wd)} and {len(xd)}")
    b = b if b.__class__ is Value else operand(b, "dot")
    y = b._data if b.__class__ is Value else b
    if ws.__class__ is list and xs.__class__ is list and b.__class__ is not Value:
        return ops.TABLE["dot"].forward(wd, xd, y)
    v = new(Value)
    v._x = wd, xd, y
    v._a = ws, xs, b
    if COMPENSATES:
        for w, x in zip(wd, xd):
            y += w * x
        v._data = y
    else:
        v._data = sum(map(mul, wd, xd), y)
    v.grad = UNREACHED
    v.op = DOT
    v._about = None
    return context.record(v) if context.active else v


DOT = ops.TABLE["dot"]
RESERVED = frozenset(dir(Value))
OF_PYTHON = {
    "equal": lambda a, b: eq(*_value_first(a, b)), "not_equal": lambda a, b: ne(*_value_first(a, b)),
    "divmod": lambda a, b: (ops.floor_divide(a, b), ops.remainder(a, b)),
}  # fmt: skip
NUMPY_NAMES = {
    "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div", "negative": "neg", "positive": "identity",
    "absolute": "abs", "fabs": "abs", "float_power": "power", "degrees": "rad2deg", "radians": "deg2rad", "conjugate": "identity",
}  # fmt: skip

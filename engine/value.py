"""Value: one number of a computation graph, and all that can be done with it.

Most nodes of a graph are made by the operators below, so `binary` and `unary` write out what `Node._node` does, for two
operands and for one. A graph that is dropped is freed at once.
"""

from . import backprop, compatibility, context, copying, ops, readings
from .context import About, active, record
from .conversion import number, operand, other_operand, unboxed
from .readings import running
from .rule import UNREACHED, Node, new
from .traversal import topological_order


def binary(op, mirrored=False):
    """The operator of a row of two operands: the Value is the first of them, mirrored the second."""
    forward, who = op.forward, op.name

    def method(self, other):
        if other.__class__ is Value:
            y = other._data
        elif other.__class__ is float:
            y = other
        else:
            y = other = other_operand(other, who)
            if y.__class__ is not float:
                return NotImplemented if y is None else Value._node(op, (y, self) if mirrored else (self, y))
        x = self._data
        if mirrored:
            self, other = other, self
            x, y = y, x
        v = new(Value)
        v._data = forward(x, y)
        v.grad = UNREACHED
        v.op = op
        v._a = self
        v._b = other
        v._x = x
        v._y = y
        v._about = None
        return record(v) if active else v

    return _named(method, op)


def unary(op):
    """The operator of a row of one operand."""
    forward = op.forward

    def method(self):
        x = self._data
        v = new(Value)
        v._data = forward(x)
        v.grad = UNREACHED
        v.op = op
        v._a = self
        v._x = x
        v._about = None
        return record(v) if active else v

    return _named(method, op)


def comparison(op, same=None):
    """As `binary`; None, text and lists are for Python to compare. `same` says what == or != is of a Value and itself."""
    compare = binary(op)

    def method(self, other):
        if same is not None:
            other = unboxed(other)
            if other.__class__ is Value:
                return (self is other) is same
        if other is None or isinstance(other, (str, bytes, list, tuple, dict, set, complex)):
            return NotImplemented
        return compare(self, other)

    return _named(method, op)


def method(op):
    """A row as a method of Value, which is its first argument."""
    if op.kind < 3 and not op.defaults:
        return (unary, binary)[op.kind - 1](op)

    def applied(self, *args):
        return op(self, *args)

    return _named(applied, op)


def _named(method, op):
    method.__name__, method.__qualname__, method.__doc__ = op.name, f"Value.{op.name}", op.__doc__
    return method


class Value(Node):
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
    what they return: inside a transform they raise, and a function of math on a node warns. `x.data`, `x.item()` and
    `x.detach()` are numbers on purpose, and a branch is taken by the number.

    >>> from engine import Value
    >>> a = Value(2.0, label="a")
    >>> b = a * a + 1
    >>> b.backward()
    >>> a
    Value(data=2.0, grad=4.0, label='a')
    """

    __slots__ = ()

    def __init__(self, data, label="", _op=None):
        if data.__class__ is not float:
            data = operand(data, "Value", "a real number")
            if data.__class__ is Value:
                raise TypeError(f"Value takes a real number, got {data!r}; use it as it is, or its detach()")
        if label.__class__ is not str or _op is not None:
            label = compatibility.label(label, _op)
        self._data = data
        self.grad = UNREACHED
        self.op = None
        self._made_in = context.calls
        self._about = About(label, None, None) if label else None

    def __init_subclass__(cls):
        raise TypeError("Value takes no subclasses; for a new operation add a row with engine.op")

    # What it shows ---------------------------------------------------------------------------------------------------

    @property
    def data(self):
        if active:
            context.refuse(self, ".data")
        return self._data

    @data.setter
    def data(self, x):
        if active or running:
            readings.check(self, "setting .data")
        if self.op is not None:
            raise AttributeError(
                f"data takes a new number on leaves only, got a node made by {self.op.name}; "
                "change its leaves and build the graph again, or use replay"
            )
        self._data = number(x, "data", "a real number")
        context.edits = object()  # who keeps floats that were read sees that they may be old

    @property
    def label(self):
        about = self._about
        return about.label if about.__class__ is About else ""

    @label.setter
    def label(self, text):
        self._about = About(compatibility.label(text), self.scope, getattr(self._about, "line", None))

    @property
    def scope(self):
        about = self._about
        return about.scope if about.__class__ is About else about

    @property
    def args(self):
        return tuple([a for a, _ in self._edges()])

    def __repr__(self):
        grad = "–" if self.grad is UNREACHED else self.grad
        return f"Value(data={self._data}, grad={grad}{f', label={self.label!r}' if self.label else ''})"

    # Gradients -------------------------------------------------------------------------------------------------------

    backward = backprop.backward

    def zero_grad(self):
        """Take the gradients off a root and all nodes below it: they read 0.0 and show as – again."""
        for v in (self,) if self.op is None else topological_order(self):
            v.grad = UNREACHED

    def detach(self):
        """A new leaf with the same data and label: no gradient flows through it."""
        if active and (recorder := context.recorder()) is not None:
            return recorder.detached(self)
        return Value(self._data, self.label)

    # Operators. The other rows of the table become methods in engine/__init__.py ---------------------------------------

    __add__, __radd__ = binary(ops.add), binary(ops.add, mirrored=True)
    __sub__, __rsub__ = binary(ops.sub), binary(ops.sub, mirrored=True)
    __mul__, __rmul__ = binary(ops.mul), binary(ops.mul, mirrored=True)
    __truediv__, __rtruediv__ = binary(ops.div), binary(ops.div, mirrored=True)
    __pow__, __rpow__ = binary(ops.power), binary(ops.power, mirrored=True)
    __mod__, __rmod__ = binary(ops.remainder), binary(ops.remainder, mirrored=True)
    __floordiv__, __rfloordiv__ = binary(ops.floor_divide), binary(ops.floor_divide, mirrored=True)
    __neg__, __abs__ = unary(ops.neg), unary(ops.abs)
    __lt__, __le__ = comparison(ops.less), comparison(ops.less_equal)
    __gt__, __ge__ = comparison(ops.greater), comparison(ops.greater_equal)
    __eq__, __ne__ = comparison(ops.equal, True), comparison(ops.not_equal, False)
    __hash__ = object.__hash__

    def __pos__(self):
        return self

    def __divmod__(self, other):
        return self // other, self % other

    def __rdivmod__(self, other):
        return other // self, other % self

    # A number among numbers ------------------------------------------------------------------------------------------

    __float__, __int__, __trunc__ = readings.as_float, readings.as_int, readings.as_int
    __round__, __format__, item = readings.rounded, readings.formatted, readings.item

    def __bool__(self):  # a branch is taken by the number
        if active:
            context.refuse(self, "bool()")
        return self._data != 0.0

    # What others call: copy and pickle, NumPy, those who come from micrograd --------------------------------------------

    __copy__, __deepcopy__, __reduce_ex__ = copying.copy, copying.deepcopy, copying.reduce
    __array_ufunc__ = compatibility.ufunc
    fabs, conjugate = unary(ops.abs), __pos__  # these four NumPy calls in arrays of objects
    degrees, radians = unary(ops.rad2deg), unary(ops.deg2rad)
    _prev, _op = property(compatibility.children), property(compatibility.operation)
    _backward = compatibility.push_once

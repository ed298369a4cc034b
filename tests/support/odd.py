"""The odd values: what people pass by mistake, made anew for each call."""

import collections
import enum
import io
import sys
import types
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class OddError(Exception):
    """What a user's own function raises."""


class Refusing:
    """An object whose conversions raise."""

    def __float__(self):
        raise OddError("no float")

    def __index__(self):
        raise OddError("no index")

    def __iter__(self):
        raise OddError("no iterator")


class Lying:
    """An object whose conversions return something else."""

    def __float__(self):
        return "one"

    def __index__(self):
        return "one"  # noqa: PLE0305  it lies

    def __fspath__(self):
        return 3


class Text(str):
    """Text of a class of its own."""


class Real(float):
    """A class that is made of anything."""

    def __new__(cls, *args, **named):
        return float.__new__(cls, 1.0)


def raising(*args, **named):
    raise OddError("a function of the user")


def nothing(*args, **named):
    return None


def generated():
    yield 1.0
    yield "x"


def knot():
    itself = [1.0]
    itself.append(itself)
    return itself


def deep():
    nested = [1.0]
    for _ in range(500):
        nested = [nested]
    return nested


def array(make, *more, **named):
    def made():
        import numpy as np

        return getattr(np, make)(*more, **named)

    return made


def of_value(dtype=object):
    import numpy as np

    from engine import Value

    cell = np.empty((), object)
    cell[()] = Value(2.0)
    return cell


def node():
    from engine import Value

    return Value(2.0) * 3.0


def network():
    import nn

    return nn.Layer(2, 1, seed=0)


def series(kind, *args, **named):
    def made():
        import pandas as pd

        return getattr(pd, kind)(*args, **named)

    return made


def missing():
    import pandas as pd

    return pd.NA


# Made anew for each call, since calls may use them up. The names are what a report says.
ODD = {
    "None": lambda: None,
    "''": lambda: "",
    "'x'": lambda: "x",
    "'1'": lambda: "1",
    "'nul'": lambda: "a\0b",
    "'surrogate'": lambda: "\ud800",
    "Text": lambda: Text("relu"),
    "b'x'": lambda: b"x",
    "bytearray": lambda: bytearray(b"x"),
    "memoryview": lambda: memoryview(b"x"),
    "True": lambda: True,
    "False": lambda: False,
    "-1": lambda: -1,
    "0": lambda: 0,
    "10**400": lambda: 10**400,
    "-10**400": lambda: -(10**400),
    "2**63": lambda: 2**63,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "-0.0": lambda: -0.0,
    "0.5": lambda: 0.5,
    "1e308": lambda: 1e308,
    "5e-324": lambda: 5e-324,
    "1j": lambda: 1j,
    "Fraction": lambda: Fraction(1, 3),
    "Fraction(10**400)": lambda: Fraction(10**400),
    "Decimal": lambda: Decimal("1.5"),
    "Decimal('sNaN')": lambda: Decimal("sNaN"),
    "Enum": lambda: Colour.RED,
    "IntEnum": lambda: Level.LOW,
    **{
        f"np.{kind}": array(kind, *([] if kind == "void" else [1]))
        for kind in (
            *("bool_", "int8", "uint64", "int64", "float16", "float32", "float64", "longdouble"),
            *("complex64", "complex128", "str_", "bytes_", "object_"),
        )
    },
    "np.datetime64": array("datetime64", "2020-01-01"),
    "np.timedelta64": array("timedelta64", 1, "D"),
    "NaT": array("datetime64", "NaT", "D"),
    "array(1.0)": array("array", 1.0),
    "array(1)": array("array", 1),
    "array('x')": array("array", "x"),
    "array(None)": array("array", None),
    "array(Value)": of_value,
    "array([])": array("zeros", 0),
    "array (0, 2)": array("zeros", (0, 2)),
    "array of 2": array("ones", 2),
    "array (2, 2)": array("ones", (2, 2)),
    "array of bool": array("ones", 2, dtype=bool),
    "array of int": array("ones", 2, dtype=int),
    "array of str": array("array", ["a", "b"]),
    "array of complex": array("ones", 2, dtype=complex),
    "array of dates": array("array", ["2020-01-01", "NaT"], dtype="datetime64[D]"),
    "array of objects": array("array", [None, "x"], dtype=object),
    "array of records": array("zeros", 2, dtype=[("a", float), ("b", int)]),
    "Value": lambda: node().args[0],
    "node": node,
    "[]": list,
    "[1.0]": lambda: [1.0],
    "[1.0, 2.0]": lambda: [1.0, 2.0],
    "[None]": lambda: [None],
    "['x']": lambda: ["x"],
    "[Value]": lambda: [node()],
    "nested": lambda: [[1.0, 2.0], [3.0, 4.0]],
    "ragged": lambda: [[1.0], [2.0, 3.0]],
    "knot": knot,
    "deep": deep,
    "()": tuple,
    "(1.0,)": lambda: (1.0,),
    "{}": dict,
    "{'x': 1}": lambda: {"x": 1},
    "{1: 'x'}": lambda: {1: "x"},
    "Counter": lambda: collections.Counter("x"),
    "set": lambda: {1.0},
    "range": lambda: range(2),
    "generator": generated,
    "deque": lambda: collections.deque([1.0]),
    "raising": lambda: raising,
    "nothing": lambda: nothing,
    "class": lambda: Real,
    "Exception": lambda: ValueError("x"),
    "module": lambda: sys,
    "object": object,
    "Ellipsis": lambda: ...,
    "slice": lambda: slice(None),
    "NotImplemented": lambda: NotImplemented,
    "Refusing": Refusing,
    "Lying": Lying,
    "Path": lambda: PurePosixPath("no/such/place"),
    "date": lambda: date(2020, 1, 1),
    "timedelta": lambda: timedelta(1),
    "Module": network,
    "Series": series("Series", [1.0, 2.0], index=[3, 3]),
    "empty Series": series("Series", [], dtype=float),
    "DataFrame": series("DataFrame", {"a": [1.0, None], "b": ["x", "y"]}),
    "NA": missing,
    "StringIO": io.StringIO,
    "mappingproxy": lambda: types.MappingProxyType({"x": 1}),
}

"""Type stubs of what is made at import: the ops of `engine.ops`, the methods of `Value`, the optimisers' arguments.

`python -m tests.support.stubs` writes engine/ops.pyi, engine/value.pyi and nn/optim.pyi; tests/test_stubs.py compares them.
"""

import inspect
from pathlib import Path

import engine
import nn
from engine.ops import __all__
from engine.rule import TABLE

HEAD = '"""Generated from the table of rules by `python -m tests.support.stubs`; do not edit."""\n'
HEAD_OF_OPTIM = '"""Generated from the updates of optimisers by `python -m tests.support.stubs`; do not edit."""\n'

OPS = """
from collections.abc import Iterable
from typing import Any, overload

from .rule import Op
from .value import Value

{all}
PRIVATE: frozenset[str]

class _Unary(Op):
    @overload
    def __call__(self, x: Value, /) -> Value: ...
    @overload
    def __call__(self, x: float, /) -> float: ...

class _Binary(Op):
    @overload
    def __call__(self, a: Value, b: float | Value = ..., /) -> Value: ...
    @overload
    def __call__(self, a: float, b: Value, /) -> Value: ...
    @overload
    def __call__(self, a: float, b: float = ..., /) -> float: ...

class _List(Op):
    def __call__(self, xs: Iterable[float | Value], /) -> Any: ...

def edge(condition: Any, at_edge: Any, formula: Any) -> Any: ...

{rows}
"""

VALUE = """
from collections.abc import Callable, Iterable
from typing import Any, SupportsFloat, overload

from .context import Scope
from .rule import Node, Op

def method(op: Op) -> Callable[..., Value]: ...

class Value(Node):
    def __init__(self, data: SupportsFloat, label: str = "") -> None: ...
    @property
    def data(self) -> float: ...
    @data.setter
    def data(self, x: SupportsFloat) -> None: ...
    @property
    def label(self) -> str: ...
    @label.setter
    def label(self, text: str | None) -> None: ...
    @property
    def scope(self) -> Scope | None: ...
    @property
    def args(self) -> tuple[Value | float, ...]: ...
    @property
    def _prev(self) -> set[Value]: ...
    @property
    def _op(self) -> str: ...
    @classmethod
    def _node(cls, op: Op, args: Iterable[object]) -> Value: ...
    def backward(self, gradient: float = 1.0) -> None: ...
    def _backward(self) -> None: ...
    def zero_grad(self) -> None: ...
    def detach(self) -> Value: ...
    def item(self) -> float: ...
    def __float__(self) -> float: ...
    def __int__(self) -> int: ...
    def __trunc__(self) -> int: ...
    def __divmod__(self, other: Any, /) -> tuple[Value, Value]: ...
    def __rdivmod__(self, other: Any, /) -> tuple[Value, Value]: ...
    def __bool__(self) -> bool: ...
    def __hash__(self) -> int: ...
    def __round__(self, digits: int | None = None) -> Any: ...
    def __format__(self, spec: str) -> str: ...
    def __pos__(self) -> Value: ...
    def conjugate(self) -> Value: ...
    def degrees(self) -> Value: ...
    def fabs(self) -> Value: ...
    def radians(self) -> Value: ...
    def __copy__(self) -> Value: ...
    def __deepcopy__(self, memo: dict[int, Any]) -> Value: ...
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any: ...
    _repr_mimebundle_: Callable[..., dict[str, str]]  # set in engine, since a Value knows no pictures
{methods}
"""

OPTIM = """
from collections.abc import Callable, Iterable

from engine import Value

from .module import Module
from .optimiser import Optimiser as Optimiser

__all__ = {all}

OPTIMISERS: dict[str, Callable[..., Optimiser]]

{classes}
"""

BINARY = "add radd sub rsub mul rmul truediv rtruediv pow rpow mod rmod floordiv rfloordiv lt le gt ge".split()


def ops_stub():
    """The text of engine/ops.pyi."""
    kinds = {1: "_Unary", 2: "_Binary"}
    rows = [
        f"{name}: {'_List' if row.lists and row.arity == 1 else 'Op' if row.lists else kinds.get(row.arity, 'Op')}"
        for name, row in sorted(TABLE.items())
        if name in __all__
    ]
    names = "\n".join(f'    "{name}",' for name in __all__)
    return (HEAD + OPS).format(all=f"__all__ = [\n{names}\n]", rows="\n".join(rows))


def value_stub():
    """The text of engine/value.pyi."""
    methods = [f"    def __{name}__(self, other: Any, /) -> Value: ..." for name in BINARY]
    methods += [
        f"    @overload\n    def __{n}__(self, other: {kind}, /) -> {answer}: ..."
        for n in ("eq", "ne")
        for kind, answer in (("Value", "bool"), ("object", "Any"))  # identity; with a number a row
    ]
    methods += [f"    def __{name}__(self) -> Value: ..." for name in ("neg", "abs")]
    for name, row in sorted(TABLE.items()):
        if row.lists or name in engine._RESERVED:
            continue
        others = ["other"] if row.arity == 2 else ["second", "third"][: row.arity - 1]
        needed = len(others) - len(row.defaults)
        other = "".join(f", {o}: SupportsFloat{' = ...' * (i >= needed)}" for i, o in enumerate(others))
        methods.append(f"    def {name}(self{other}) -> Value: ...")
    return (HEAD + VALUE).format(methods="\n".join(methods))


def optim_stub():
    """The text of nn/optim.pyi."""
    classes = []
    for cls in (nn.SGD, nn.Adam, nn.AdamW, nn.RMSprop, nn.Adagrad):
        taken = [p for p in inspect.signature(cls).parameters.values() if p.name != "parameters"]
        attributes = [f"    {p.name}: {p.annotation.__name__}\n" for p in taken if p.name != "lr"]
        arguments = ["self", "parameters: Module | Iterable[Value]", *map(str, taken)]
        rows = "".join([f"        {a},\n" for a in arguments])
        written = f"    def __init__(\n{rows}    ) -> None: ...\n"
        classes.append(f"class {cls.__name__}({cls.__base__.__name__}):\n{''.join(attributes)}{written}")
    names = ", ".join([f'"{name}"' for name in nn.optim.__all__])
    return (HEAD_OF_OPTIM + OPTIM).format(all=f"[{names}]", classes="\n".join(classes)[:-1])


STUBS = {"engine/ops.pyi": ops_stub, "engine/value.pyi": value_stub, "nn/optim.pyi": optim_stub}
ROOT = Path(engine.__file__).parent.parent

if __name__ == "__main__":
    for file, text in STUBS.items():
        (ROOT / file).write_text(text(), encoding="utf-8")

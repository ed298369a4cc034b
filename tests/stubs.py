"""Type stubs of what the table makes at import: the ops of `engine.ops` and the methods of `Value`.

`python -m tests.stubs` writes engine/ops.pyi and engine/value.pyi; tests/test_stubs.py compares them.
"""

from pathlib import Path

import engine
from engine.ops import TABLE, __all__
from engine.value import RESERVED

HEAD = '"""Generated from the table of rules by `python -m tests.stubs`; do not edit."""\n'

OPS = """
from collections.abc import Callable, Iterable
from typing import Any, overload

from .value import Value

type_number = float | Value
{all}
SUM: int
PRODUCT: int
SIGN: int
POWER: int
ATOM: int
BUILT_IN: frozenset[str]
PRIVATE: frozenset[str]
TABLE: dict[str, Op]
new_row_hooks: list[Callable[[Op], object]]

class Op:
    name: str
    forward: Callable[..., float]
    partials: tuple[Any, ...]
    arity: int
    kind: int
    text: str
    tex: str
    binding: int
    domain: tuple[tuple[float, float], ...]
    kink: Callable[..., Any] | None
    reference: str | Callable[..., Any] | None
    selects: bool
    lists: int
    defaults: tuple[float, ...]
    rounding: tuple[float, float] | None
    def __init__(
        self, name: str, forward: Callable[..., float], partials: tuple[Any, ...], **facts: object
    ) -> None: ...
    def __call__(self, *args: Any) -> Any: ...

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

def row(name: str) -> Op: ...
def number(x: object, who: str, takes: str = ...) -> float: ...
def operand(x: object, who: str, takes: str = ...) -> Any: ...
def unboxed(x: Any) -> Any: ...
def operands(xs: object, who: str) -> list[Any]: ...
def op(
    name: str,
    forward: Callable[..., float],
    *partials: Callable[..., Any] | float,
{options}
) -> Op: ...
def edge(condition: Any, at_edge: Any, formula: Any) -> Any: ...
def softmax(xs: Iterable[float | Value]) -> list[Any]: ...
def log_softmax(xs: Iterable[float | Value]) -> list[Any]: ...

{rows}
"""

VALUE = """
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, SupportsFloat, overload

from .ops import Op

UNREACHED: float
RESERVED: frozenset[str]
NUMPY_NAMES: dict[str, str]
DOT: Op

def dot(
    ws: Sequence[float | Value] | Operands, xs: Sequence[float | Value] | Operands, b: float | Value = 0.0
) -> Any: ...
def new(cls: type[Value], /) -> Value: ...

class Operands:
    def __init__(self, xs: Iterable[float | Value]) -> None: ...
    def current(self, xs: Sequence[float | Value]) -> Operands: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[float | Value]: ...
    def __getitem__(self, i: int) -> float | Value: ...

class Value:
    grad: float
    op: Op | None
    _data: float
    _a: Any
    _b: Any
    _x: Any
    _y: Any
    _about: Any
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
    def scope(self) -> Any: ...
    @property
    def args(self) -> tuple[Value | float, ...]: ...
    @property
    def _prev(self) -> set[Value]: ...
    @property
    def _op(self) -> str: ...
    def _operands(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]: ...
    def _edges(self) -> list[tuple[Value | float, float]]: ...
    def _fill(self, args: Any, vals: Any) -> None: ...
    @staticmethod
    def _node(op: Op, args: Any) -> Value: ...
    def backward(self, gradient: float = 1.0) -> None: ...
    def _backward(self) -> None: ...
    def zero_grad(self) -> None: ...
    def detach(self) -> Value: ...
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

BINARY = "add radd sub rsub mul rmul truediv rtruediv pow rpow mod rmod floordiv rfloordiv lt le gt ge".split()


def ops_stub():
    """The text of engine/ops.pyi."""
    import inspect

    options = [p for p in inspect.signature(engine.op).parameters.values() if p.kind is p.KEYWORD_ONLY]
    kinds = {1: "_Unary", 2: "_Binary"}
    rows = [
        f"{name}: {'_List' if row.lists and row.arity == 1 else 'Op' if row.lists else kinds.get(row.arity, 'Op')}"
        for name, row in sorted(TABLE.items())
        if name in __all__
    ]
    names = "\n".join(f'    "{name}",' for name in __all__)
    return (
        (HEAD + OPS)
        .format(
            all=f"__all__ = [\n{names}\n]",
            options="\n".join(f"    {p.name}: Any = ...," for p in options).replace("Any = ...", "Any = ..."),
            rows="\n".join(rows),
        )
        .replace("type_number = float | Value\n", "")
    )


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
        if row.lists or name in RESERVED:
            continue
        others = ["other"] if row.arity == 2 else ["second", "third"][: row.arity - 1]
        needed = len(others) - len(row.defaults)
        other = "".join(f", {o}: SupportsFloat{' = ...' * (i >= needed)}" for i, o in enumerate(others))
        methods.append(f"    def {name}(self{other}) -> Value: ...")
    return (HEAD + VALUE).format(methods="\n".join(methods))


STUBS = {"ops.pyi": ops_stub, "value.pyi": value_stub}

if __name__ == "__main__":
    for file, text in STUBS.items():
        (Path(engine.__file__).parent / file).write_text(text(), encoding="utf-8")

"""Generated from the table of rules by `python -m tests.support.stubs`; do not edit."""

from collections.abc import Iterable
from typing import Any, overload

from .rule import Op
from .value import Value

__all__ = [
    "above",
    "abs",
    "add",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cbrt",
    "ceil",
    "clip",
    "copysign",
    "cos",
    "cosh",
    "cospi",
    "deg2rad",
    "digamma",
    "div",
    "elu",
    "equal",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "exp",
    "exp10",
    "exp2",
    "expm1",
    "floor",
    "floor_divide",
    "fma",
    "fmod",
    "gamma",
    "gauss",
    "gelu",
    "greater",
    "greater_equal",
    "hypot",
    "identity",
    "ieee_remainder",
    "inside",
    "isfinite",
    "leaky_relu",
    "less",
    "less_equal",
    "lgamma",
    "log",
    "log10",
    "log1mexp",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "logexpm1",
    "logsigmoid",
    "logsubexp",
    "logsumexp",
    "maximum",
    "mean",
    "minimum",
    "mul",
    "nan_to_num",
    "neg",
    "normal_cdf",
    "normal_pdf",
    "not_equal",
    "over",
    "power",
    "rad2deg",
    "reciprocal",
    "relu",
    "remainder",
    "rsqrt",
    "sech2",
    "selu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "sinpi",
    "softplus",
    "sqrt",
    "square",
    "step",
    "sub",
    "tan",
    "tanh",
    "total",
    "trigamma",
    "trunc",
    "unit",
    "where",
    "xlog1py",
    "xlogy",
]
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

above: _Binary
abs: _Unary
add: _Binary
arccos: _Unary
arccosh: _Unary
arcsin: _Unary
arcsinh: _Unary
arctan: _Unary
arctan2: _Binary
arctanh: _Unary
cbrt: _Unary
ceil: _Unary
clip: Op
copysign: _Binary
cos: _Unary
cosh: _Unary
cospi: _Unary
deg2rad: _Unary
digamma: _Unary
div: _Binary
elu: _Binary
equal: _Binary
erf: _Unary
erfc: _Unary
erfcinv: _Unary
erfcx: _Unary
erfinv: _Unary
exp: _Unary
exp10: _Unary
exp2: _Unary
expm1: _Unary
floor: _Unary
floor_divide: _Binary
fma: Op
fmod: _Binary
gamma: _Unary
gauss: _Unary
gelu: _Unary
greater: _Binary
greater_equal: _Binary
hypot: _Binary
identity: _Unary
ieee_remainder: _Binary
inside: Op
isfinite: _Unary
leaky_relu: _Binary
less: _Binary
less_equal: _Binary
lgamma: _Unary
log: _Unary
log10: _Unary
log1mexp: _Unary
log1p: _Unary
log2: _Unary
logaddexp: _Binary
logaddexp2: _Binary
logexpm1: _Unary
logsigmoid: _Unary
logsubexp: _Binary
logsumexp: _List
maximum: _Binary
mean: _List
minimum: _Binary
mul: _Binary
nan_to_num: _Unary
neg: _Unary
normal_cdf: _Unary
normal_pdf: _Unary
not_equal: _Binary
over: _Binary
power: _Binary
rad2deg: _Unary
reciprocal: _Unary
relu: _Unary
remainder: _Binary
rsqrt: _Unary
sech2: _Unary
selu: _Unary
sigmoid: _Unary
sign: _Unary
silu: _Unary
sin: _Unary
sinc: _Unary
sinh: _Unary
sinpi: _Unary
softplus: _Unary
sqrt: _Unary
square: _Unary
step: _Unary
sub: _Binary
tan: _Unary
tanh: _Unary
total: _List
trigamma: _Unary
trunc: _Unary
unit: _Binary
where: Op
xlog1py: _Binary
xlogy: _Binary

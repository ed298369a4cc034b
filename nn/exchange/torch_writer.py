"""Torch writer: modules of PyTorch made of the stages of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine import Value

from ..activations import ELU, STRAIGHT, LeakyReLU, Softplus, TanhGELU
from ..module import Module, frozen
from .steps import Dense, Dropping, Function, Normalization, Stage, Table

# Functions of torch.nn that make the module of an activation.
MADE: dict[Any, Callable[[Any], Any]] = {
    "relu": lambda t: t.ReLU(),
    "leaky_relu": lambda t: t.LeakyReLU(0.01),
    "elu": lambda t: t.ELU(),
    "selu": lambda t: t.SELU(),
    "sigmoid": lambda t: t.Sigmoid(),
    "tanh": lambda t: t.Tanh(),
    "softplus": lambda t: t.Softplus(threshold=STRAIGHT),
    "silu": lambda t: t.SiLU(),
    "gelu": lambda t: t.GELU(),
    "logsigmoid": lambda t: t.LogSigmoid(),
    "softmax": lambda t: t.Softmax(dim=-1),
    "log_softmax": lambda t: t.LogSoftmax(dim=-1),
}
_VARIANTS: dict[type, Callable[[Any, Any], Any]] = {
    LeakyReLU: lambda t, f: t.LeakyReLU(f.slope),
    ELU: lambda t, f: t.ELU(f.alpha),
    Softplus: lambda t, f: t.Softplus(f.beta, f.threshold),
    TanhGELU: lambda t, f: t.GELU(approximate="tanh"),
}


class Writer:
    """Makes PyTorch's modules of stages; what is one Module or one list of Values stays one."""

    def __init__(self, torch: Any, dtype: Any, net: Module) -> None:
        self._torch, self._dtype, self._net = torch, dtype, net
        self._frozen = frozen(m for _, m in net.named_modules())
        self._parameters: dict[tuple[Any, ...], Any] = {}  # by shape and Values
        self._owned: set[Value] = set()
        self._made: dict[tuple[Module, type], Any] = {}

    def parts(self, stage: Stage) -> list[Any]:
        """The modules of one stage."""
        if isinstance(stage, Function):
            return [self._function(stage)]
        assert stage.module is not None  # noqa: S101  only functions are without
        key = stage.module, type(stage)
        if key not in self._made:
            self._made[key] = self._module(stage)
            self._made[key].train(stage.module.training)
        flatten = [self._torch.nn.Flatten(-2)] if isinstance(stage, Table) else []
        return [self._made[key], *flatten]

    def _module(self, stage: Stage) -> Any:
        t, dtype = self._torch.nn, self._dtype
        if isinstance(stage, Dense):
            made = t.utils.skip_init(t.Linear, len(stage.weights[0]), len(stage.weights), dtype=dtype)
            made.weight = self._parameter(stage, [v for row in stage.weights for v in row], made.weight.shape)
            made.bias = self._parameter(stage, stage.biases, made.bias.shape)
        elif isinstance(stage, Normalization):
            made = t.LayerNorm(len(stage.gain), eps=stage.epsilon, dtype=dtype)
            made.weight = self._parameter(stage, stage.gain, made.weight.shape)
            made.bias = self._parameter(stage, stage.bias, made.bias.shape)
        elif isinstance(stage, Table):
            made = t.utils.skip_init(t.Embedding, len(stage.rows), len(stage.rows[0]), dtype=dtype)
            made.weight = self._parameter(stage, [v for row in stage.rows for v in row], made.weight.shape)
        else:
            assert isinstance(stage, Dropping)  # noqa: S101  there are no others
            made = t.Dropout(stage.rate)
        return made

    def _parameter(self, stage: Stage, values: Sequence[Value], shape: Any) -> Any:
        key = tuple(shape), *values
        if key not in self._parameters:
            if len(set(values)) < len(values) or not self._owned.isdisjoint(values):
                raise ValueError(f"to_torch takes parameters that are shared as a whole, got some of {stage.path}")
            self._owned.update(values)
            numbers = self._torch.tensor([v.data for v in values], dtype=self._dtype).reshape(shape)
            moves = self._frozen.isdisjoint(values)
            self._parameters[key] = self._torch.nn.Parameter(numbers, requires_grad=moves)
        return self._parameters[key]

    def _function(self, stage: Function) -> Any:
        function = stage.function
        if isinstance(function, str) and function in MADE:
            return MADE[function](self._torch.nn)
        if type(function) in _VARIANTS:
            return _VARIANTS[type(function)](self._torch.nn, function)
        raise ValueError(
            f"to_torch takes activations that PyTorch has too, identity, {', '.join(MADE)}, "
            f"got {function!r:.60} at {stage.path}; choose one of these, or write that module in PyTorch"
        )

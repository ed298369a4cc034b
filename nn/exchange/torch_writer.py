"""Torch writer: modules of PyTorch made of the steps of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from engine import Value

from ..activations import ELU, STRAIGHT, LeakyReLU, Softplus, TanhGELU
from ..module import Module, frozen
from .steps import Dense, Dropping, Lookup, Nonlinearity, Normalization, PlainStep, flat, without_equal

if TYPE_CHECKING:
    import torch

# Functions of torch.nn that make the module of an activation.
MADE: dict[str, Callable[[ModuleType], torch.nn.Module]] = {
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
_VARIANTS: dict[type, Callable[[ModuleType, Any], torch.nn.Module]] = {
    LeakyReLU: lambda t, f: t.LeakyReLU(f.slope),
    ELU: lambda t, f: t.ELU(f.alpha),
    Softplus: lambda t, f: t.Softplus(f.beta, f.threshold),
    TanhGELU: lambda t, f: t.GELU(approximate="tanh"),
}


class Writer:
    """Makes PyTorch's modules of steps; what is one Module or one list of Values stays one."""

    def __init__(self, framework: ModuleType, dtype: torch.dtype, net: Module) -> None:
        self._torch, self._dtype = framework, dtype
        self._frozen = frozen(m for _, m in net.named_modules())
        self._parameters: dict[tuple[object, ...], torch.nn.Parameter] = {}  # by shape and Values
        self._owned: set[Value] = set()
        self._made: dict[tuple[Module, type], torch.nn.Module] = {}

    def parts(self, step: PlainStep) -> list[torch.nn.Module]:
        """The modules of one step."""
        if isinstance(step, Nonlinearity):
            return [self._function(step)]
        assert step.module is not None  # noqa: S101  only functions are without
        key = step.module, type(step)
        if key not in self._made:
            self._made[key] = self._module(step)
            self._made[key].train(step.module.training)
        flatten = [self._torch.nn.Flatten(-2)] if isinstance(step, Lookup) else []
        return [self._made[key], *flatten]

    def _module(self, step: PlainStep) -> torch.nn.Module:
        t, dtype = self._torch.nn, self._dtype
        if isinstance(step, Dense):
            made = t.utils.skip_init(t.Linear, len(step.weights[0]), len(step.weights), dtype=dtype)
            made.weight = self._parameter(step, flat(step.weights), made.weight.shape)
            made.bias = self._parameter(step, step.biases, made.bias.shape)
        elif isinstance(step, Normalization):
            made = t.LayerNorm(len(step.gain), eps=step.epsilon, dtype=dtype)
            made.weight = self._parameter(step, step.gain, made.weight.shape)
            made.bias = self._parameter(step, step.bias, made.bias.shape)
        elif isinstance(step, Lookup):
            made = t.utils.skip_init(t.Embedding, len(step.rows), len(step.rows[0]), dtype=dtype)
            made.weight = self._parameter(step, flat(step.rows), made.weight.shape)
        else:
            assert isinstance(step, Dropping)  # noqa: S101  there are no others
            made = t.Dropout(step.rate)
        return made

    def _parameter(self, step: PlainStep, values: Sequence[Value], shape: Sequence[int]) -> torch.nn.Parameter:
        key = tuple(shape), *values
        if key not in self._parameters:
            if len(set(values)) < len(values) or not self._owned.isdisjoint(values):
                raise ValueError(f"to_torch takes parameters that are shared as a whole, got some of {step.path}")
            self._owned.update(values)
            numbers = self._torch.tensor([v.data for v in values], dtype=self._dtype).reshape(shape)
            moves = self._frozen.isdisjoint(values)
            self._parameters[key] = self._torch.nn.Parameter(numbers, requires_grad=moves)
        return self._parameters[key]

    def _function(self, step: Nonlinearity) -> torch.nn.Module:
        function = step.function
        if isinstance(function, str) and function in MADE:
            return MADE[function](self._torch.nn)
        if type(function) in _VARIANTS:
            return _VARIANTS[type(function)](self._torch.nn, function)
        raise without_equal("to_torch", "PyTorch", MADE, step, ", or write that module in PyTorch")

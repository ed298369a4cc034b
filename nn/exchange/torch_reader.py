"""Torch reader: Modules made of those of PyTorch, or a refusal that names the one that has no equal here."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from engine import Value, logsigmoid
from engine.arguments import shown

from ..activations import ELU, STRAIGHT, ActivationLike, LeakyReLU, Softplus, TanhGELU
from ..blocks import Activation, Dropout, Embedding, LayerNorm, Part, Sequential
from ..layers import MLP, Layer
from ..module import Module
from .steps import OF_ROWS

if TYPE_CHECKING:
    import torch

_NO_NUMBERS = random.Random(0)  # nothing is drawn
_USUAL = {LeakyReLU(0.01): "leaky_relu", ELU(1.0): "elu", Softplus(1.0, STRAIGHT): "softplus"}

# The activation of a module of PyTorch, by the name of its class; what has other numbers than we is a variant.
READ: dict[str, Callable[[torch.nn.Module], ActivationLike]] = {
    "Identity": lambda m: "identity",
    "ReLU": lambda m: "relu",
    "LeakyReLU": lambda m: LeakyReLU(float(m.negative_slope)),
    "ELU": lambda m: ELU(float(m.alpha)),
    "SELU": lambda m: "selu",
    "Sigmoid": lambda m: "sigmoid",
    "Tanh": lambda m: "tanh",
    "Softplus": lambda m: Softplus(float(m.beta), float(m.threshold)),
    "SiLU": lambda m: "silu",
    "GELU": lambda m: "gelu" if m.approximate == "none" else TanhGELU(),
    "LogSigmoid": lambda m: logsigmoid,
}
_OTHERS = ("Linear", "Softmax", "LogSoftmax", "Dropout", "LayerNorm", "Embedding", "Flatten")
_HINTS = {
    "BatchNorm1d": "; fold it into the Linear before it by torch.nn.utils.fuse_linear_bn_eval, or use LayerNorm",
    "LazyLinear": "; run it once, so that it has numbers",
    "PReLU": "; LeakyReLU has a slope that does not learn",
    "RReLU": "; LeakyReLU has a slope that is not random",
    "AlphaDropout": "; use Dropout",
}


class Reader:
    """Makes Modules of PyTorch's; what is one module or one parameter stays one."""

    def __init__(self, framework: ModuleType, root: torch.nn.Module) -> None:
        self._torch, self._leaves = framework, list(_leaves(framework.nn, root))
        self._uses = Counter([id(m) for _, m in self._leaves])
        self._values: dict[int, list[Value]] = {}  # of a parameter, by its identity; the network keeps it alive
        self._made: dict[int, Module] = {}

    def network(self) -> Module:
        """An MLP where it is one, else a Sequential."""
        layers = self._layers()
        return _perceptron(layers) or Sequential(*layers)

    def _layers(self) -> list[Part]:
        """What a Sequential of ours takes."""
        found: list[Part] = []
        width: int | None = None  # of the rows at this point
        unread = ""  # an Embedding whose rows are not one row yet
        for k, (path, module) in enumerate(self._leaves):
            name = self._kind(path, module)
            if unread and name != "Flatten":
                self._refuse(path, module, f"; after {unread} put Flatten()")
            if name == "Flatten":
                if (module.start_dim, module.end_dim) not in ((1, -1), (-2, -1)):
                    self._refuse(path, module, "; write Flatten()")
                unread = ""
                continue
            takes, makes = self._widths(module, name)
            if None not in (takes, width) and takes != width:
                self._refuse(path, module, f" after one that makes {width} numbers")
            if name == "Embedding":
                if k:
                    self._refuse(path, module, "; an Embedding comes first")
                unread = repr(module)
            if name in ("Softmax", "LogSoftmax") and width == 1:
                self._refuse(path, module, f" of one number, which is always {int(name == 'Softmax')}; use Sigmoid")
            width = makes or width
            if name in READ:
                self._add_activation(found, module, name, k)
            else:
                found.append(self._module(path, module, name))
        if unread:
            self._refuse(*self._leaves[-1], "; put Flatten() after it")
        return found or [Activation("identity")]

    def _kind(self, path: str, module: torch.nn.Module) -> str:
        """The name of the class, if it is one of PyTorch's own that has an equal."""
        name = type(module).__name__
        known = name in READ or name in _OTHERS
        if known and getattr(self._torch.nn, name) is type(module):
            return name
        hint = _HINTS.get(name, "")
        if type(module).__module__.partition(".")[0] != "torch":
            hint = "; write what its forward does as a torch.nn.Sequential of these"
        legal = ", ".join([*_OTHERS, *READ])
        raise ValueError(f"from_torch takes Sequential of {legal}; got {_line(module)}{_at(path)}{hint}")

    def _refuse(self, path: str, module: torch.nn.Module, why: str) -> NoReturn:
        raise ValueError(f"from_torch takes modules that have an equal here, got {_line(module)}{_at(path)}{why}")

    def _widths(self, module: torch.nn.Module, name: str) -> tuple[int | None, int | None]:
        if name == "Linear":
            return module.in_features, module.out_features
        if name == "LayerNorm":
            return module.normalized_shape[0], module.normalized_shape[0]
        return None, None

    def _add_activation(self, found: list[Part], module: torch.nn.Module, name: str, k: int) -> None:
        """Into the Layer before it, where that has none and is used nowhere else; else as a step of its own."""
        activation = READ[name](module)
        activation = _USUAL.get(activation, activation)
        if activation == "identity":
            return
        before = self._leaves[k - 1][1] if k else None
        last = found[-1] if found else None
        if isinstance(last, Layer) and type(before) is self._torch.nn.Linear and self._uses[id(before)] == 1:
            for neuron in last.neurons:
                neuron.activation = activation
        else:
            found.append(Activation(activation))

    def _module(self, path: str, module: torch.nn.Module, name: str) -> Part:
        if name in ("Softmax", "LogSoftmax"):
            if module.dim not in (1, -1):
                self._refuse(path, module, "; write dim=-1")
            return OF_ROWS["softmax" if name == "Softmax" else "log_softmax"]
        key = id(module)
        if key not in self._made:
            make = {
                "Linear": self._layer,
                "LayerNorm": self._normalization,
                "Embedding": self._table,
                "Dropout": self._dropout,
            }
            made = self._made[key] = make[name](path, module).train(module.training)
            made.trainable = self._trainable(path, module)
        return self._made[key]

    def _layer(self, path: str, module: torch.nn.Module) -> Layer:
        if module.bias is None:
            self._refuse(
                path, module, "; layers here have biases: module.bias = torch.nn.Parameter(torch.zeros(count))"
            )
        layer = Layer(module.in_features, module.out_features, activation="identity", init="zeros", rng=_NO_NUMBERS)
        weights, biases = self._parameter(path, module, "weight"), self._parameter(path, module, "bias")
        for k, (neuron, b) in enumerate(zip(layer.neurons, biases)):
            neuron.w, neuron.b = weights[k * layer.nin : (k + 1) * layer.nin], b
        return layer

    def _normalization(self, path: str, module: torch.nn.Module) -> LayerNorm:
        if len(module.normalized_shape) != 1 or module.weight is None or module.bias is None:
            self._refuse(path, module, "; one dimension, with weight and bias, has")
        norm = LayerNorm(module.normalized_shape[0], float(module.eps))
        norm.gain, norm.bias = self._parameter(path, module, "weight"), self._parameter(path, module, "bias")
        return norm

    def _table(self, path: str, module: torch.nn.Module) -> Embedding:
        if module.padding_idx is not None or module.max_norm is not None or module.scale_grad_by_freq or module.sparse:
            self._refuse(path, module, "; one of count and dimension only has")
        width = module.embedding_dim
        table = Embedding(module.num_embeddings, width, init="zeros", rng=_NO_NUMBERS)
        values = self._parameter(path, module, "weight")
        table.weight = [values[k : k + width] for k in range(0, len(values), width)]
        return table

    def _dropout(self, path: str, module: torch.nn.Module) -> Dropout:
        if module.p == 1.0:
            self._refuse(path, module, ", which leaves nothing")
        return Dropout(module.p)

    def _parameter(self, path: str, module: torch.nn.Module, name: str) -> list[Value]:
        """The Values of a parameter, row after row."""
        tensor = getattr(module, name)
        if id(tensor) not in self._values:
            if tensor.is_meta or tensor.is_complex():
                self._refuse(
                    path, module, f" whose {name} is " + ("complex" if tensor.is_complex() else "without numbers")
                )
            numbers = tensor.detach().to("cpu", self._torch.float64).reshape(-1).tolist()
            self._values[id(tensor)] = [Value(x) for x in numbers]
        return self._values[id(tensor)]

    def _trainable(self, path: str, module: torch.nn.Module) -> bool:
        moving = {p.requires_grad for p in module._parameters.values() if p is not None}
        if len(moving) > 1:
            self._refuse(path, module, " with one of weight and bias frozen; freeze both or none")
        return moving != {False}


def _leaves(nn: ModuleType, root: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """(index, module) for what runs one after the other."""
    stack = [("", root)]
    while stack:
        path, module = stack.pop()
        if (module._forward_hooks or module._forward_pre_hooks) and not hasattr(module, "initialize_parameters"):
            raise ValueError(f"from_torch takes modules without hooks, got {shown(module)}{_at(path)} with one")
        if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
            start = path + "." if path else ""
            stack += reversed([(f"{start}{name}", m) for name, m in module._modules.items()])
        else:
            yield path, module


def _perceptron(layers: Sequence[Part]) -> MLP | None:
    """The MLP that these layers are, if they are one."""
    dense = [layer for layer in layers if isinstance(layer, Layer)]
    if len(dense) < len(layers) or len({id(layer) for layer in layers}) < len(layers):
        return None
    hidden = [layer.neurons[0].activation for layer in dense[:-1]]
    if any(a != b for a, b in pairwise(hidden)) or dense[-1].neurons[0].activation != "identity":
        return None
    widths = [len(layer.neurons) for layer in dense]
    activation = hidden[0] if hidden else "relu"
    net = MLP(dense[0].nin, widths, activation=activation, init="zeros", rng=_NO_NUMBERS)
    net.layers = dense
    return net


def _at(path: str) -> str:
    return f" at index {path}" if path else ""


def _line(module: torch.nn.Module) -> str:
    """A module as it prints itself, on one line."""
    return " ".join(repr(module).split())[:100]

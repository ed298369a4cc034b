"""PyTorch: networks to and from torch.nn.Sequential, numbers copied.

What has no equal on the other side is refused, never approximated: outputs and gradients in float64 are the same.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any

from engine import Value, logsigmoid

from .blocks import Activation, Dropout, Embedding, LayerNorm, Sequential
from .layers import MLP, Layer
from .module import Module
from .recipes import module_of
from .stages import OF_ROWS, Dense, Dropping, Function, Normalization, Stage, Table, stages
from .variants import ELU, LeakyReLU, Softplus, TanhGELU

STRAIGHT = 40.0  # from here on softplus(x) is x to the last bit
USUAL = {LeakyReLU(0.01): "leaky_relu", ELU(1.0): "elu", Softplus(1.0, STRAIGHT): "softplus"}


def to_torch(net: Any, *, dtype: Any = None) -> Any:
    """The same network as a torch.nn.Sequential, which shares nothing with it.

    Args:
        net: a Module of nn's own classes, or a NeuralNetwork, whose output function comes last, as in `predict`.
        dtype: torch.float32 or another real type of the parameters; torch.float64 by default.

    Returns:
        A torch.nn.Sequential in the mode of the network; what is not trainable needs no gradient in it. Inputs are
        (nin,) or (count, nin), outputs (nout,) or (count, nout), also where there is one output; of an Embedding inputs
        are whole numbers, (count, how many).

    Raises:
        ImportError: PyTorch is not installed.
        TypeError: net is no network, or not of nn's own classes.
        ValueError: PyTorch has no such activation; or parameters are shared in a way that it does not know.

    >>> import nn
    >>> net = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    >>> import torch  # doctest: +SKIP
    >>> twin = nn.to_torch(net)  # doctest: +SKIP
    >>> abs(twin(torch.tensor([1.0, 2.0]).double()).item() - net([1.0, 2.0]).data) < 1e-12  # doctest: +SKIP
    True
    """
    who = "to_torch"
    torch = _torch(who)
    found = stages(who, net)
    dtype = torch.float64 if dtype is None else dtype
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"{who} takes a real dtype of PyTorch, such as torch.float64, got {dtype!r:.60}")
    module = module_of(net)
    writer = _Writer(torch, dtype, module)
    twin = torch.nn.Sequential(*[part for stage in found for part in writer.parts(stage)])
    twin.training = module.training
    return twin


def from_torch(sequential: Any) -> Module:
    """The same network on scalars, of a torch.nn.Sequential; numbers are copied.

    Args:
        sequential: a torch.nn.Sequential, of such too, of Linear with bias, activations, Softmax and LogSoftmax along
            the last dimension, Dropout, LayerNorm of one dimension with weight and bias, Flatten; and Embedding as the
            first, followed by Flatten. One such module alone will do.

    Returns:
        An MLP where it is one: Linears with one activation between them; else a Sequential. It takes one example at a
        time, as a flat row, and where there is one output returns its Value alone.

    Raises:
        ImportError: PyTorch is not installed.
        TypeError: it is no torch.nn.Sequential.
        ValueError: a module in it has no equal here: the message names the module and its index.

    >>> import nn
    >>> import torch  # doctest: +SKIP
    >>> twin = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))  # doctest: +SKIP
    >>> nn.from_torch(twin)  # doctest: +SKIP
    MLP(2, [3, 1], activation='relu')
    """
    who = "from_torch"
    torch = _torch(who)
    if not isinstance(sequential, torch.nn.Module):
        hint = "; load_state_dict it into a Sequential first" if hasattr(sequential, "keys") else ""
        raise TypeError(f"{who} takes a torch.nn.Sequential, got {sequential!r:.60}{hint}")
    layers = _Reader(torch, list(_leaves(torch, sequential))).layers()
    net = _perceptron(layers) or Sequential(*layers)
    net.training = sequential.training
    return net


def _torch(who: str) -> Any:
    try:
        return import_module("torch")
    except ImportError as error:
        raise ImportError(f"{who} takes PyTorch, which is not installed; pip install torch") from error


# To PyTorch ----------------------------------------------------------------------------------------------------------

# Functions of torch.nn that make the module of an activation.
_MADE: dict[Any, Callable[[Any], Any]] = {
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


class _Writer:
    """Makes PyTorch's modules of stages; what is one Module or one list of Values stays one."""

    def __init__(self, torch: Any, dtype: Any, net: Module) -> None:
        self._torch, self._dtype, self._net = torch, dtype, net
        self._frozen = {p for _, m in net.named_modules() if not m.trainable for p in m.parameters()}
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
        if isinstance(function, str) and function in _MADE:
            return _MADE[function](self._torch.nn)
        if type(function) in _VARIANTS:
            return _VARIANTS[type(function)](self._torch.nn, function)
        raise ValueError(
            f"to_torch takes activations that PyTorch has too, identity, {', '.join(_MADE)}, "
            f"got {function!r:.60} at {stage.path}; choose one of these, or write that module in PyTorch"
        )


# From PyTorch --------------------------------------------------------------------------------------------------------


def _leaves(torch: Any, root: Any) -> Iterator[tuple[str, Any]]:
    """(index, module) for what runs one after the other."""
    stack = [("", root)]
    while stack:
        path, module = stack.pop()
        if (module._forward_hooks or module._forward_pre_hooks) and not hasattr(module, "initialize_parameters"):
            raise ValueError(f"from_torch takes modules without hooks, got {module!r:.60}{_at(path)} with one")
        if isinstance(module, torch.nn.Sequential) and type(module).forward is torch.nn.Sequential.forward:
            start = path + "." if path else ""
            stack += reversed([(f"{start}{name}", m) for name, m in module._modules.items()])
        else:
            yield path, module


def _at(path: str) -> str:
    return f" at index {path}" if path else ""


def _perceptron(layers: Sequence[Any]) -> MLP | None:
    """The MLP that these layers are, if they are one."""
    if not all(type(layer) is Layer for layer in layers) or len({id(layer) for layer in layers}) < len(layers):
        return None
    hidden = [layer.neurons[0].activation for layer in layers[:-1]]
    if any(a != b for a, b in pairwise(hidden)) or layers[-1].neurons[0].activation != "identity":
        return None
    widths = [len(layer.neurons) for layer in layers]
    activation = hidden[0] if hidden else "relu"
    net = MLP(layers[0].nin, widths, activation=activation, init="zeros", rng=random.Random(0))
    net.layers = list(layers)
    return net


# The activation of a module of PyTorch, by the name of its class; what has other numbers than we is a variant.
_READ: dict[str, Callable[[Any], Any]] = {
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


class _Reader:
    """Makes Modules of PyTorch's; what is one module or one parameter stays one."""

    def __init__(self, torch: Any, leaves: list[tuple[str, Any]]) -> None:
        self._torch, self._leaves = torch, leaves
        self._uses = Counter([id(m) for _, m in leaves])
        self._values: dict[int, list[Value]] = {}  # of a parameter, by its identity; the network keeps it alive
        self._made: dict[int, Module] = {}

    def layers(self) -> list[Any]:
        """What a Sequential of ours takes."""
        found: list[Any] = []
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
            if name in _READ:
                self._add_activation(found, module, name, k)
            else:
                found.append(self._module(path, module, name))
        if unread:
            self._refuse(*self._leaves[-1], "; put Flatten() after it")
        return found or [Activation("identity")]

    def _kind(self, path: str, module: Any) -> str:
        """The name of the class, if it is one of PyTorch's own that has an equal."""
        name = type(module).__name__
        known = name in _READ or name in _OTHERS
        if known and getattr(self._torch.nn, name) is type(module):
            return name
        hint = _HINTS.get(name, "")
        if type(module).__module__.partition(".")[0] != "torch":
            hint = "; write what its forward does as a torch.nn.Sequential of these"
        legal = ", ".join([*_OTHERS, *_READ])
        raise ValueError(f"from_torch takes Sequential of {legal}; got {_line(module)}{_at(path)}{hint}")

    def _refuse(self, path: str, module: Any, why: str) -> None:
        raise ValueError(f"from_torch takes modules that have an equal here, got {_line(module)}{_at(path)}{why}")

    def _widths(self, module: Any, name: str) -> tuple[int | None, int | None]:
        if name == "Linear":
            return module.in_features, module.out_features
        if name == "LayerNorm":
            return module.normalized_shape[0], module.normalized_shape[0]
        return None, None

    def _add_activation(self, found: list[Any], module: Any, name: str, k: int) -> None:
        """Into the Layer before it, where that has none and is used nowhere else; else as a step of its own."""
        activation = _READ[name](module)
        activation = USUAL.get(activation, activation)
        if activation == "identity":
            return
        before = self._leaves[k - 1][1] if k else None
        if found and type(before) is self._torch.nn.Linear and self._uses[id(before)] == 1:
            for neuron in found[-1].neurons:
                neuron.activation = activation
        else:
            found.append(Activation(activation))

    def _module(self, path: str, module: Any, name: str) -> Any:
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

    def _layer(self, path: str, module: Any) -> Layer:
        if module.bias is None:
            self._refuse(
                path, module, "; layers here have biases: module.bias = torch.nn.Parameter(torch.zeros(count))"
            )
        layer = Layer(module.in_features, module.out_features, activation="identity", init="zeros", rng=_NO_NUMBERS)
        weights, biases = self._parameter(path, module, "weight"), self._parameter(path, module, "bias")
        for k, (neuron, b) in enumerate(zip(layer.neurons, biases)):
            neuron.w, neuron.b = weights[k * layer.nin : (k + 1) * layer.nin], b
        return layer

    def _normalization(self, path: str, module: Any) -> LayerNorm:
        if len(module.normalized_shape) != 1 or module.weight is None or module.bias is None:
            self._refuse(path, module, "; one dimension, with weight and bias, has")
        norm = LayerNorm(module.normalized_shape[0], float(module.eps))
        norm.gain, norm.bias = self._parameter(path, module, "weight"), self._parameter(path, module, "bias")
        return norm

    def _table(self, path: str, module: Any) -> Embedding:
        if module.padding_idx is not None or module.max_norm is not None or module.scale_grad_by_freq or module.sparse:
            self._refuse(path, module, "; one of count and dimension only has")
        width = module.embedding_dim
        table = Embedding(module.num_embeddings, width, init="zeros", rng=_NO_NUMBERS)
        values = self._parameter(path, module, "weight")
        table.weight = [values[k : k + width] for k in range(0, len(values), width)]
        return table

    def _dropout(self, path: str, module: Any) -> Dropout:
        if module.p == 1.0:
            self._refuse(path, module, ", which leaves nothing")
        return Dropout(module.p)

    def _parameter(self, path: str, module: Any, name: str) -> list[Value]:
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

    def _trainable(self, path: str, module: Any) -> bool:
        moving = {p.requires_grad for p in module._parameters.values() if p is not None}
        if len(moving) > 1:
            self._refuse(path, module, " with one of weight and bias frozen; freeze both or none")
        return moving != {False}


_NO_NUMBERS = random.Random(0)  # nothing is drawn


def _line(module: Any) -> str:
    """A module as it prints itself, on one line."""
    return " ".join(repr(module).split())[:100]

"""ONNX: a network as a file that other runtimes run.

In float64 where onnxruntime has kernels for it, so that outputs agree with ours to 1e-10; else in float32.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING

from engine import Value
from engine.arguments import install_line, named, package, shown
from engine.arguments import path as of_file
from engine.writing import write_whole

from ..activations import BETA, ELU, KAPPA, ActivationLike, LeakyReLU, Softplus, TanhGELU
from ..module import Module
from ..network import NeuralNetwork
from .steps import (
    Dense,
    Lookup,
    Nonlinearity,
    Normalization,
    PlainStep,
    flat,
    inputs_of,
    outputs_of,
    steps,
    without_equal,
)  # fmt: skip

if TYPE_CHECKING:
    import onnx

OPSET, IR = 17, 8  # of ONNX 1.12 (2022): what every later runtime reads
LARGEST = 3.4028234663852886e38  # in float32


def to_onnx(net: Module | NeuralNetwork, path: str | os.PathLike[str], *, dtype: str | None = None) -> None:
    """Write a network as an ONNX file, whole or not at all. Dropout hands on its inputs.

    The graph's input is `x`, (batch, nin), its output `y`, (batch, nout), for any number of examples; of an Embedding
    `x` holds whole numbers, int64.

    Args:
        net: a Module of nn's own classes, or a NeuralNetwork, whose output function comes last, as in `predict`.
        path: where to; an existing file is replaced in one step.
        dtype: "float64" or "float32", of numbers and inputs; by default float64, but float32 where there is one of elu,
            selu, softplus, gelu and logsigmoid, for which onnxruntime has no other kernels.

    Raises:
        ImportError: onnx is not installed.
        TypeError: net is no network, or not of nn's own classes.
        ValueError: ONNX has no such activation, or dtype is not for this network.
        OSError: the file cannot be written; what was there stays.

    >>> import nn
    >>> net = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    >>> nn.to_onnx(net, "net.onnx")  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("net.onnx")  # doctest: +SKIP
    >>> import numpy as np  # doctest: +SKIP
    >>> (y,) = session.run(None, {"x": np.array([[1.0, 2.0]])})  # doctest: +SKIP
    >>> bool(abs(y[0, 0] - net([1.0, 2.0]).data) < 1e-12)  # doctest: +SKIP
    True
    """
    who = "to_onnx"
    framework = package(who, "onnx", "onnx", install_line("onnx"))
    name = of_file(who, "path", path)
    found = steps(who, net)
    graph = _GrowingGraph(framework, _double(who, found, dtype))
    for step in found:
        graph.add(step)
    model = graph.model(found, type(net).__name__, f"{net!r:.2000}")
    framework.checker.check_model(model, full_check=True)
    write_whole(who, name, model.SerializeToString(deterministic=True))


# In float32 only, since onnxruntime has no other kernels for Elu, Selu, Softplus and Erf.
_SINGLE = ("elu", "selu", "softplus", "gelu", "logsigmoid", ELU, Softplus)
_DOUBLE = ("relu", "leaky_relu", "sigmoid", "tanh", "silu", "softmax", "log_softmax", LeakyReLU, TanhGELU)


def _double(who: str, found: Sequence[PlainStep], dtype: str | None) -> bool:
    """Whether numbers are to be float64."""
    single = ""
    for step in found:
        if isinstance(step, Nonlinearity):
            kind = step.function if isinstance(step.function, str) else type(step.function)
            if kind in _SINGLE:
                single = single or f"{shown(step.function)} at {step.path}"
            elif kind not in _DOUBLE:
                names = [name for name in (*_DOUBLE, *_SINGLE) if isinstance(name, str)]
                raise without_equal(who, "ONNX", names, step)
    if dtype is not None:
        named(who, "dtype", dtype, ("float64", "float32"))
    if dtype == "float64" and single:
        raise ValueError(
            f"{who} takes dtype='float64' where onnxruntime has kernels for it, got {single}; leave dtype out"
        )
    return not single if dtype is None else dtype == "float64"


class _GrowingGraph:
    """An ONNX graph that grows by steps, in float64 or float32."""

    def __init__(self, framework: ModuleType, double: bool) -> None:
        self._onnx, self._double = framework, double
        self._type = framework.TensorProto.DOUBLE if double else framework.TensorProto.FLOAT
        self._nodes: list[onnx.NodeProto] = []
        self._held: dict[str, onnx.TensorProto] = {}  # tensors by name
        self._names: dict[tuple[object, ...], str] = {}  # of tensors, by shape and Values
        self._at = "x"  # what the next node reads

    def model(self, found: Sequence[PlainStep], name: str, about: str) -> onnx.ModelProto:
        """All of it as a model."""
        helper, proto = self._onnx.helper, self._onnx.TensorProto
        if not self._nodes:
            self._node("Identity", "x")
        self._nodes[-1].output[0] = "y"
        whole = bool(found) and isinstance(found[0], Lookup)
        nin, nout = inputs_of(list(found)) or "inputs", outputs_of(list(found))
        read = helper.make_tensor_value_info("x", proto.INT64 if whole else self._type, ["batch", nin])
        made = helper.make_tensor_value_info("y", self._type, ["batch", nout or ("outputs" if whole else nin)])
        graph = helper.make_graph(self._nodes, name, [read], [made], list(self._held.values()))
        try:
            version = metadata.version("chainrule")
        except metadata.PackageNotFoundError:
            version = ""
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR,
            producer_name="chainrule",
            producer_version=version,
            doc_string=about,
        )

    def add(self, step: PlainStep) -> None:
        """The nodes of one step, after those that are there; Dropping hands on."""
        x, path = self._at, step.path or "net"
        if isinstance(step, Dense):
            shape = len(step.weights), len(step.weights[0])
            weights = self._tensor(f"{path}.W", flat(step.weights), shape)
            self._at = self._node("Gemm", x, weights, self._tensor(f"{path}.b", step.biases, shape[:1]), transB=1)
        elif isinstance(step, Lookup):
            shape = len(step.rows), len(step.rows[0])
            rows = self._tensor(f"{path}.weight", flat(step.rows), shape)
            self._at = self._node("Flatten", self._node("Gather", rows, x), axis=1)
        elif isinstance(step, Normalization):
            self._at = self._normalized(step, path)
        elif isinstance(step, Nonlinearity):
            self._at = self._activated(step.function)

    def _normalized(self, step: Normalization, path: str) -> str:
        x, count = self._at, (len(step.gain),)
        gain, bias = self._tensor(f"{path}.gain", step.gain, count), self._tensor(f"{path}.bias", step.bias, count)
        if not self._double:
            return self._node("LayerNormalization", x, gain, bias, axis=-1, epsilon=step.epsilon)
        centred = self._node("Sub", x, self._node("ReduceMean", x, axes=[-1]))  # an attribute epsilon is a float32
        variance = self._node("ReduceMean", self._node("Mul", centred, centred), axes=[-1])
        spread = self._node("Sqrt", self._node("Add", variance, self._number(step.epsilon)))
        return self._node("Add", self._node("Mul", self._node("Div", centred, spread), gain), bias)

    def _activated(self, function: ActivationLike) -> str:
        x = self._at
        if function in ("relu", "sigmoid", "tanh", "elu", "selu", "softplus"):
            return self._node(function.capitalize(), x)
        if function in ("softmax", "log_softmax"):
            return self._node("Softmax" if function == "softmax" else "LogSoftmax", x, axis=-1)
        if function == "silu":
            return self._node("Mul", x, self._node("Sigmoid", x))
        if function == "logsigmoid":
            return self._node("Neg", self._node("Softplus", self._node("Neg", x)))
        if function == "gelu":
            return self._half(x, self._node("Erf", self._node("Mul", x, self._number(0.5**0.5))))
        if isinstance(function, TanhGELU):
            cube = self._node("Mul", self._node("Mul", x, x), x)
            inner = self._node("Add", x, self._node("Mul", cube, self._number(KAPPA)))
            return self._half(x, self._node("Tanh", self._node("Mul", inner, self._number(BETA))))
        if isinstance(function, ELU):
            return self._node("Elu", x, alpha=function.alpha)
        if isinstance(function, Softplus):
            return self._cut_softplus(function)
        slope = function.slope if isinstance(function, LeakyReLU) else 0.01
        if not self._double:
            return self._node("LeakyRelu", x, alpha=slope)
        zero = self._number(0.0)  # an attribute alpha is a float32
        return self._node(
            "Add", self._node("Max", x, zero), self._node("Mul", self._node("Min", x, zero), self._number(slope))
        )

    def _half(self, x: str, y: str) -> str:
        """x/2 · (1 + y)."""
        return self._node("Mul", self._node("Mul", x, self._number(0.5)), self._node("Add", y, self._number(1.0)))

    def _cut_softplus(self, function: Softplus) -> str:
        x = self._at
        z = self._node("Mul", x, self._number(function.beta))
        smooth = self._node("Div", self._node("Softplus", z), self._number(function.beta))
        return self._node("Where", self._node("Greater", z, self._number(function.threshold)), x, smooth)

    # Nodes and tensors -----------------------------------------------------------------------------------------------

    def _node(self, op: str, *inputs: str, **attributes: float | list[int]) -> str:
        """A new node; returns the name of its output."""
        name = f"{op}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(op, inputs, [f"{name}.y"], name, **attributes))
        return f"{name}.y"

    def _tensor(self, name: str, values: Sequence[Value], shape: tuple[int, ...]) -> str:
        key = shape, *values
        if key not in self._names:
            numbers = [v.data for v in values]
            if not self._double and any(LARGEST < abs(x) < float("inf") for x in numbers):
                raise ValueError(f"to_onnx takes parameters that fit float32, up to 3.4e38, got a larger one in {name}")
            self._names[key] = name
            self._held[name] = self._onnx.helper.make_tensor(name, self._type, shape, numbers)
        return self._names[key]

    def _number(self, x: float) -> str:
        name = repr(x)
        if name not in self._held:
            self._held[name] = self._onnx.helper.make_tensor(name, self._type, [], [x])
        return name

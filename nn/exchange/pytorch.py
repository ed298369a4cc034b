"""PyTorch: networks to and from torch.nn.Sequential, numbers copied.

What has no equal on the other side is refused, never approximated: outputs and gradients in float64 are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.arguments import package, shown

from ..module import Module, module_of
from ..network import NeuralNetwork
from .steps import steps
from .torch_reader import Reader
from .torch_writer import Writer

if TYPE_CHECKING:
    import torch


def to_torch(net: Module | NeuralNetwork, *, dtype: torch.dtype | None = None) -> torch.nn.Sequential:
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
    framework = package(who, "torch", "PyTorch", "pip install torch")
    found = steps(who, net)
    dtype = framework.float64 if dtype is None else dtype
    if not isinstance(dtype, framework.dtype) or not dtype.is_floating_point:
        raise TypeError(f"{who} takes a real dtype of PyTorch, such as torch.float64, got {shown(dtype)}")
    module = module_of(who, net)
    writer = Writer(framework, dtype, module)
    twin = framework.nn.Sequential(*[part for step in found for part in writer.parts(step)])
    twin.training = module.training
    return twin


def from_torch(sequential: torch.nn.Module) -> Module:
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
    framework = package(who, "torch", "PyTorch", "pip install torch")
    if not isinstance(sequential, framework.nn.Module):
        hint = "; load_state_dict it into a Sequential first" if hasattr(sequential, "keys") else ""
        raise TypeError(f"{who} takes a torch.nn.Sequential, got {shown(sequential)}{hint}")
    net = Reader(framework, sequential).network()
    net.training = sequential.training
    return net

"""Files of networks: parameters, and if wanted a whole training run, in one safetensors file.

The format is safetensors (a JSON header, then plain numbers: nothing in it can run), readable by every framework. Each
list of parameters is a one-dimensional F64 tensor named by its path, such as `layers.0.neurons.0.w`; lists of numbers in
a trainer's state are tensors named `trainer:0`, `trainer:1`, … The header's `__metadata__` holds text:

    format    "chainrule"
    version   "1", of this layout
    model     how to build the network, as JSON: {"class": "MLP", "arguments": {"nin": 2, …}}; of classes that nn does
              not know, the class name alone
    trainer   the trainer's state as JSON, without its "net": {"$tensor": name} for a list of numbers (with "columns"
              for a list of lists, "whole" for whole numbers), {"$float": "nan"} where JSON has no such number; missing without a trainer
    sha256    of all the rest

The bytes are made and checked in `container`; `writing` puts them on the disk, whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from engine import Value
from engine.arguments import path as of_file
from engine.arguments import shown
from engine.writing import write_whole

from ..module import Module, module_of
from .container import packed, parsed
from .encoding import Tensors, decoded, encoded
from .recipes import Arguments, Network, network, recipe


class Resumable(Protocol):
    """A Trainer, or what can be resumed as one."""

    @property
    def net(self) -> Module:
        """The network that is trained."""

    def state(self) -> dict[str, Any]:
        """All but the network's numbers, as dicts, lists, numbers, text and None."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


LARGEST = 2**30  # bytes; as Values so many numbers would need more than 20 GB


def save(path: str | os.PathLike[str], model: object, trainer: Resumable | None = None) -> None:
    """Write a network, and the state of its training, to a file, whole or not at all.

    Later versions read it, where a pickle is for the version that made it.

    Args:
        path: where to; an existing file is replaced in one step.
        model: a Module or a NeuralNetwork.
        trainer: the Trainer of this network (anything with `net`, and a `state()` of dicts, lists, numbers, text and
            None), to resume from; of a training in several processes the first one writes.

    Raises:
        TypeError: path is none, model is no network, trainer no Trainer, or its state holds something else.
        ValueError: the trainer is another network's.
        OSError: the file cannot be written; what was there stays.

    >>> import os, tempfile
    >>> import nn
    >>> path = os.path.join(tempfile.mkdtemp(), "net.safetensors")
    >>> net = nn.MLP(2, [3, 1], seed=0)
    >>> nn.save(path, net)
    >>> nn.load(path).state() == net.state()
    True
    """
    name, module = of_file("save", "path", path), module_of("save", model)
    if trainer is not None:
        _check_trainer("save", trainer)
        if trainer.net is not module:
            got = f"{shown(model)} and one of {shown(trainer.net)}"
            raise ValueError(f"save takes a network and its own trainer, got {got}")
        if not getattr(trainer, "writes", True):
            return
    tensors = _grouped("save", module.checked_parameters())
    said = {"model": json.dumps(recipe(model) or {"class": type(model).__name__})}
    if trainer is not None:
        state = {key: x for key, x in trainer.state().items() if key != "net"}  # the parameters are there already
        said["trainer"] = json.dumps(encoded(state, tensors, "state"), allow_nan=False)
    write_whole("save", name, packed(said, tensors))


def load(path: str | os.PathLike[str], into: Any = None, *, trainer: Resumable | None = None) -> Any:
    """Read what `save` wrote. Nothing in a file is run, whoever made it.

    Args:
        path: the file.
        into: a Module or NeuralNetwork of the same shape to fill; without one, the network is built as saved, where it
            is of nn's own classes and activations.
        trainer: a Trainer to fill with the state that was saved of one; where `into` is missing, its `net` is filled.

    Returns:
        The network. If anything is wrong, neither `into` nor `trainer` has changed.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: path is none, into is no network, or trainer no Trainer.
        ValueError: it is damaged, not one of `save`, of another shape, or holds no trainer's state though one is wanted.

    >>> import os, tempfile
    >>> import nn
    >>> path = os.path.join(tempfile.mkdtemp(), "net.safetensors")
    >>> nn.save(path, nn.MLP(2, [3, 1], activation="tanh", seed=0))
    >>> nn.load(path)
    MLP(2, [3, 1], activation='tanh')
    """
    if trainer is not None:
        _check_trainer("load", trainer)
        into = trainer.net if into is None else into
    if into is not None:
        module_of("load", into)
    name = of_file("load", "path", path)
    blob = _read(name)
    try:
        metadata, tensors = parsed(blob, lambda name: trainer is not None or not name.startswith("trainer:"))
        said = _json(metadata, "model")
        wanted = trainer is not None and "trainer" in metadata
        state = decoded(_json(metadata, "trainer"), tensors) if wanted else None
        model = _built(said, tensors) if into is None else into
        numbers = _ungrouped(module_of("load", model), tensors)
    except ValueError as why:
        raise ValueError(f"load takes a file that save wrote, got {name!r}: {why}") from None
    except RecursionError:
        raise ValueError(f"load takes a file that save wrote, got {name!r}: its header is nested too deep") from None
    module = module_of("load", model)
    if trainer is None:
        module.load_state(numbers)
    elif isinstance(state, dict):
        _fill(name, module, numbers, trainer, state)
    else:
        raise ValueError(
            f"load takes a file saved with a trainer, got {name!r} without one; write save(path, model, trainer)"
        )
    return model


# Parameters and tensors ----------------------------------------------------------------------------------------------


def _grouped(who: str, named: Iterable[tuple[str, Value]]) -> Tensors:
    """The parameters' numbers; those of one list together, under the path of the list."""
    tensors: Tensors = {}
    seen: set[str] = set()
    for path, p in named:
        if path in seen or path.startswith("trainer:"):
            raise ValueError(f"{who} takes parameters with paths of their own, got {path!r} twice; rename a key")
        seen.add(path)
        tensors.setdefault(_stem(path), []).append(p.data)
    return tensors


def _stem(path: str) -> str:
    stem, dot, last = path.rpartition(".")
    return stem if dot and last.isdigit() else path


def _ungrouped(module: Module, tensors: Tensors) -> dict[str, float]:
    """A state for the Module, of the same paths and lengths."""
    expected, held = _grouped("load", module.named_parameters()), _of_parameters(tensors)
    for name in [*expected, *held]:
        want, got = len(expected.get(name, ())), len(held.get(name, ()))
        if want != got:
            raise ValueError(f"it has {got} numbers for {name!r:.100}, and {module!r:.200} takes {want}")
    numbers = {name: iter(xs) for name, xs in held.items()}
    return {path: next(numbers[_stem(path)]) for path, _ in module.named_parameters()}


def _of_parameters(tensors: Tensors) -> Tensors:
    return {name: xs for name, xs in tensors.items() if not name.startswith("trainer:")}


def _built(said: Arguments, tensors: Tensors) -> Network:
    """The network that a file describes."""
    if isinstance(said, dict) and said.keys() == {"class"}:
        raise ValueError(
            f"it holds the numbers of the class {said['class']!s:.60}, which only your code can build; "
            "build it, then load(path, into=model)"
        )
    try:
        return network(said, sum(map(len, _of_parameters(tensors).values())))
    except ValueError as why:
        raise ValueError(f"its network cannot be built: {why}") from None


def _fill(path: str, module: Module, numbers: dict[str, float], trainer: Resumable, state: dict[str, object]) -> None:
    """Set everything or nothing."""
    before = module.state(), trainer.state()
    try:
        trainer.load_state({"net": numbers, **state})
        module.load_state(numbers)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as why:
        module.load_state(before[0])
        trainer.load_state(before[1])
        raise ValueError(f"load takes a file of the same kind of trainer, got {path!r}: {why}") from why


def _check_trainer(who: str, trainer: object) -> None:
    if isinstance(trainer, type) or not all(hasattr(trainer, name) for name in ("net", "state", "load_state")):
        raise TypeError(f"{who} takes a Trainer as trainer, got {shown(trainer)}")


def _read(path: str) -> bytes:
    if not os.path.exists(path):
        raise FileNotFoundError(f"load takes the path of a file, got {path!r}, where there is none")
    if not os.path.isfile(path):  # a pipe would wait, a device never end
        raise ValueError(f"load takes the path of a file, got {path!r}, which is no plain file")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        blob = b"" if size > LARGEST else file.read(size)  # so much is set aside
    if size > LARGEST:
        raise ValueError(f"load takes a file of up to {LARGEST} bytes, got {path!r} of {size}")
    return blob


def _json(metadata: Mapping[str, str], key: str) -> Any:
    try:
        return json.loads(metadata[key])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"its {key} is no JSON") from None

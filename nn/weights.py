"""Weights: the parameters of a network as a list of arrays, in Keras' order and shapes; and as a dict of numbers.

A layer is a kernel, (inputs, outputs), and a bias, (outputs,); a LayerNorm its gain and its bias; an Embedding its
table, (count, dimension). What a Module of one's own holds is an array for each attribute, before the Modules inside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf, isinf
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from engine import Value
from engine.arguments import real, shown
from engine.assignment import assign

from .arguments import is_row
from .matrices import array, numbers_and_shape
from .structure import children, is_array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Slot(NamedTuple):
    """An array and the parameters that it is about."""

    name: str  # what it is, for messages: "the kernel of layers.0"
    shape: tuple[int, ...]
    values: list[Value]  # in the order of the array


class HasArrays(Protocol):
    """What a Module says of itself, and of those inside it."""

    def named_modules(self) -> Iterator[tuple[str, Self]]:
        """(path, Module) for this one and all inside it."""

    def checked_parameters(self) -> list[tuple[str, Value]]:
        """(path, Value) for each parameter."""

    def _slots(self, path: str) -> list[Slot]: ...


def slots(net: HasArrays) -> list[Slot]:
    """The arrays of a network; parameters that several Modules share are in the first one only."""
    found: list[Slot] = []
    seen: set[Value] = set()
    for path, module in net.named_modules():
        for slot in module._slots(path or repr(module)):
            if not seen.issuperset(slot.values):
                seen.update(slot.values)
                found.append(slot)
    rest = [(path, p) for path, p in net.checked_parameters() if p not in seen]
    return found + [Slot(path, (), [p]) for path, p in rest]


def arrays(net: HasArrays) -> list[NDArray[np.float64]]:
    """The parameters as a list of new NumPy arrays; as nested lists where there is no NumPy."""
    return [array([v.data for v in slot.values], slot.shape) for slot in slots(net)]


def fill(who: str, net: HasArrays, given: object) -> None:
    """Set all parameters to the numbers of arrays or nested lists, of the shapes that `arrays` gives; or none."""
    wanted = slots(net)
    if not is_row(given) or hasattr(given, "shape"):
        raise TypeError(f"{who} takes a list of arrays such as get_weights() returns, got {shown(given)}")
    listed = list(given)
    if len(listed) != len(wanted):
        shapes = ", ".join([f"{slot.name} {slot.shape}" for slot in wanted[len(listed) :]])
        what = f"; {shapes} missing" if shapes else f"; array {len(wanted)} is one too many"
        raise ValueError(f"{who} takes {len(wanted)} arrays, got {len(listed)}{what}"[:500])
    numbers: dict[Value, float] = {}
    for k, (slot, one) in enumerate(zip(wanted, listed)):
        for v, x in zip(slot.values, _flat(who, slot, k, one)):
            if numbers.setdefault(v, x) != x and x == x:
                raise ValueError(
                    f"{who} takes one number for a shared parameter, got {numbers[v]} and {x} in {slot.name}"
                )
    assign(numbers, numbers.values())


def numbers_of(who: str, paths: Sequence[str], state: object) -> list[float]:
    """The numbers of a state, in the order of the paths, if it has one for each and no others."""
    if not isinstance(state, Mapping):
        raise TypeError(f"{who} takes a dict such as state() returns, got {state!r:.60}")
    known = set(paths)
    for what, wrong in (
        ("misses", [k for k in paths if k not in state]),
        ("has the unknown", [k for k in state if k not in known]),
    ):
        if wrong:
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise ValueError(
                f"{who} takes one number for each of its {len(paths)} parameters, got a state of {len(state)} "
                f"that {what} {wrong[0]!r}{more}; was it saved from a network of another shape?"
            )
    numbers = []
    for path in paths:
        x = real(state[path])
        if x is None or (isinf(x) and state[path] not in (inf, -inf)):
            raise TypeError(f"{who} takes numbers that fit a float, got {shown(state[path])} for {path!r}")
        numbers.append(x)
    return numbers


# One Module, one array -----------------------------------------------------------------------------------------------


def kernel_and_bias(path: str, ws: Sequence[Sequence[Value]], bs: Sequence[Value]) -> list[Slot]:
    """The two arrays of neurons side by side; none where these have different numbers of inputs."""
    if len({len(w) for w in ws}) != 1:
        return []
    kernel = [v for inputs in zip(*ws) for v in inputs]
    return [
        Slot(f"the kernel of {path}", (len(ws[0]), len(ws)), kernel),
        Slot(f"the bias of {path}", (len(bs),), [*bs]),
    ]


def of_attributes(path: str, held: Mapping[str, object]) -> list[Slot]:
    """An array for each attribute, or where what is there has no shape one for each part that has."""
    return [slot for name, x in held.items() for slot in _split(f"{name} of {path}", x)]


def _split(name: str, x: object) -> Iterator[Slot]:
    shape = _shape(x)
    if shape is not None:
        yield Slot(name, shape, list(_leaves(x)))
    elif isinstance(x, (list, tuple, dict)):
        for key, y in children(x):
            yield from _split(f"{key} in {name}", y)


def _shape(x: object) -> tuple[int, ...] | None:
    if x.__class__ is Value:
        return ()
    if is_array(x) and all(y.__class__ is Value for y in x.flat):
        return tuple(x.shape)
    if not isinstance(x, (list, tuple)) or not x:
        return None
    inner = {_shape(y) for y in x}
    (shape,) = inner if len(inner) == 1 else (None,)
    return None if shape is None else (len(x), *shape)


def _leaves(x: object) -> Iterator[Value]:
    if x.__class__ is Value:
        yield x
    else:
        for _, y in children(x):
            yield from _leaves(y)


def _flat(who: str, slot: Slot, k: int, given: Any) -> list[float]:
    what = f"{who} takes an array of shape {slot.shape} as {slot.name}"
    if callable(getattr(given, "cpu", None)):  # PyTorch's tensors
        given = given.detach().cpu()
    try:
        numbers, shape = numbers_and_shape(given)
    except (ArithmeticError, TypeError, ValueError):
        raise TypeError(f"{what}, array {k}, got what is no array of real numbers: {shown(given)}") from None
    if shape != slot.shape:
        turned = len(slot.shape) == 2 and shape == slot.shape[::-1]
        hint = "; a kernel has a row for each input: transpose it, as PyTorch's weight.T" if turned else ""
        raise ValueError(f"{what}, array {k}, got one of shape {shape}{hint}")
    return numbers

"""What a `TrainingLoop` is given, as arrays, or an error in the user's terms."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, SupportsIndex, cast

from ..arguments import real, shown, whole
from .llvm.native_code import Numbers
from .mesh import Mesh
from .training_functions import WHO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike, NDArray


def numbers(name: str, x: ArrayLike, dtype: DTypeLike) -> Numbers:
    """A new array of real numbers; None, text and complex numbers are none."""
    import numpy as np

    try:
        read = np.asarray(x)
        if read.dtype.kind == "O":
            found = [real(e) for e in read.ravel().tolist()]
            if None not in found:
                return np.array(found, dtype).reshape(read.shape)
        elif read.dtype.kind in "biuf":
            return np.array(read, dtype, order="C")
    except (ArithmeticError, TypeError, ValueError):  # lists of different lengths, and what is no list
        pass
    raise TypeError(f"{WHO} takes numbers as {name}, got {shown(x)}")


def first_parameters(x: Sequence[float]) -> Sequence[float]:
    """Those to start from; of hundreds of thousands no floats are made."""
    found = numbers("parameters", x, float)
    if found.ndim != 1:
        raise ValueError(f"{WHO} takes a list of numbers as parameters, got an array of shape {found.shape}")
    return array("d", found.tobytes())


def first_slots(x: int | ArrayLike, count: int) -> Numbers:
    """The slots of so many parameters to start from, an array (slots, parameters)."""
    import numpy as np

    counted = not isinstance(x, bool) and isinstance(x, SupportsIndex) and not hasattr(x, "__len__")
    found = np.zeros((whole(WHO, "slots", x), count)) if counted else numbers("slots", x, np.float64)
    if not found.ndim:
        raise TypeError(f"{WHO} takes a whole number or an array (slots, parameters) as slots, got {shown(x)}")
    if not len(found):
        return np.zeros((0, count))
    if found.shape[1:] != (count,):
        raise ValueError(f"{WHO} takes slots of shape (slots, {count}), got {found.shape}")
    return found


def rows_of(examples: ArrayLike, dtype: DTypeLike, mesh: Mesh | None) -> Numbers:
    """The examples: for a mesh as they are, where they have a shape."""
    as_they_are = mesh is not None and isinstance(getattr(examples, "shape", None), tuple)
    rows = cast("Numbers", examples) if as_they_are else numbers("examples", examples, dtype)
    if len(rows.shape) != 2 or not len(rows):
        raise ValueError(f"{WHO} takes examples as a table of at least one row, got shape {rows.shape}")
    return rows


def order_of(order: ArrayLike | None, count: int, epochs: int) -> tuple[NDArray[np.int64], int]:
    """(which of so many examples in which order, how many epochs)."""
    import numpy as np

    try:
        given = np.asarray(np.arange(count) if order is None else order)
    except ValueError:
        raise TypeError(f"{WHO} takes row numbers as order, got {shown(order)}") from None
    if given.size and given.dtype.kind not in "iu":
        raise TypeError(f"{WHO} takes row numbers, whole numbers, as order, got an array of {given.dtype}")
    if given.ndim not in (1, 2):
        raise ValueError(f"{WHO} takes (examples,) or (epochs, examples) as order, got an array of shape {given.shape}")
    rows = np.ascontiguousarray(given, np.int64)
    if rows.size and (rows.min() < 0 or rows.max() >= count):
        wrong = rows.min() if rows.min() < 0 else rows.max()
        raise IndexError(f"{WHO} takes row numbers from 0 to {count - 1}, got {wrong}")
    return rows, len(rows) if rows.ndim == 2 else epochs


def devices(mesh: object, backend: str) -> Mesh:
    """Those that a mesh names."""
    if backend != "xla":
        raise ValueError(f'{WHO} takes a mesh with backend="xla", got it with {backend!r}')
    return mesh if isinstance(mesh, Mesh) else Mesh(WHO, mesh)

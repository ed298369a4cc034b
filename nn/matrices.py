"""Matrices: a layer's weights as NumPy sees them, and the same numbers as Values, in one object.

The tutorial's formula `O = σ(WX + b)` and the scalar picture are the same thing shown twice: what is written into a
matrix stands in the Values, and what an optimiser writes into the Values is read from the matrix.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from engine import Value
from engine.arguments import number, package, real, shown
from engine.assignment import assign

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray


DEEPEST = 32  # axes of an array


def array(numbers: list[Any], shape: tuple[int, ...] | None = None) -> NDArray[np.float64]:
    """Nested lists, or numbers and a shape, as NumPy's array; where there is no NumPy, as in a web page, as nested lists.

    >>> from nn.matrices import array
    >>> array([[1, 2], [3, 4]]).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    try:
        import numpy as np
    except ImportError:
        for n in reversed(() if shape is None else shape):
            numbers = [numbers[i : i + n] for i in range(0, len(numbers), n or 1)]
        return cast("NDArray[np.float64]", numbers if shape is None else numbers[0])
    made = np.array(numbers, float)
    return made if shape is None else made.reshape(shape)


def numbers_and_shape(given: Any) -> tuple[list[float], tuple[int, ...]]:
    """What an array or nested lists hold; a TypeError or ValueError where that is no array of real numbers.

    >>> from nn.matrices import numbers_and_shape
    >>> numbers_and_shape([[1, 2, 3], [4, 5, 6]])
    ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (2, 3))
    """
    try:
        import numpy as np
    except ImportError:
        return _listed(given)
    read = np.asarray(given)
    if read.dtype.kind in "SUcMm" or np.ma.is_masked(given):
        raise TypeError
    numbers: list[float] = read.astype(float).ravel().tolist()
    return numbers, read.shape


def _listed(given: object) -> tuple[list[float], tuple[int, ...]]:
    shape, level = list[int](), [given]
    while level and all(isinstance(x, (list, tuple)) for x in level) and len(shape) < DEEPEST:
        (width,) = {len(x) for x in level if isinstance(x, (list, tuple))}
        shape.append(width)
        level = [y for x in level if isinstance(x, (list, tuple)) for y in x]
    numbers = [x for x in map(real, level) if x is not None]
    if len(numbers) < len(level):
        raise TypeError
    return numbers, tuple(shape)


class Matrix:
    """A view of Values as an array: of one row of Values a vector, of a list of rows a matrix.

    Read, sliced and calculated with like a NumPy array; `view[...] = numbers` writes into the Values.

    Args:
        name: what it is called in messages.
        values: a list of Values, or of lists of them of one length.

    Attributes:
        values: as given.
        grad: the gradients, a new array of the same shape.

    >>> from nn import Layer
    >>> layer = Layer(2, 3, init="zeros", seed=0)
    >>> layer.W[1, 0] = 5.0
    >>> layer.neurons[1].w[0].data, layer.W.shape
    (5.0, (3, 2))
    >>> layer.neurons[2].b.data = 7.0
    >>> (layer.W @ [1.0, 1.0] + layer.b).tolist()
    [0.0, 5.0, 7.0]
    """

    __slots__ = ("_name", "values")
    __hash__ = None  # type: ignore[assignment]  # == is elementwise, as NumPy's

    def __init__(self, name: str, values: Sequence[Value] | Sequence[list[Value]]) -> None:
        self._name, self.values = name, values

    def _array(self, number: Callable[[Value], float]) -> NDArray[np.float64]:
        return array([[number(v) for v in row] if isinstance(row, list) else number(row) for row in self.values])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        package(self._name, "numpy", "NumPy", "pip install numpy; its Values, without it, are .values")
        if copy is False:
            raise ValueError(f"{self._name} takes no copy=False: its numbers are in Values, not in an array")
        array = self._array(lambda v: v.data)
        return array if dtype is None else array.astype(dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **named: object) -> Any:
        return getattr(ufunc, method)(*[x.__array__() if isinstance(x, Matrix) else x for x in inputs], **named)

    @property
    def grad(self) -> NDArray[np.float64]:
        """dL/dW of the latest backward, a new array."""
        return self._array(lambda v: v.grad)

    def __setitem__(self, place: Any, numbers: object) -> None:
        array = self.__array__()
        import numpy as np

        try:
            given = np.asarray(numbers)
            if given.dtype.kind == "O":
                given = np.vectorize(lambda x: number(self._name, "an element", x), [float])(given)
            if given.dtype.kind not in "biuf":
                raise TypeError(f"its elements are {given.dtype}")
            array[place] = given
        except (ArithmeticError, TypeError, ValueError, IndexError) as e:
            wrong = type(e) if isinstance(e, (TypeError, ValueError, IndexError)) else ValueError
            raise wrong(
                f"{self._name} takes real numbers that fit its shape {array.shape}, got {shown(numbers)}: {e}"
            ) from None
        flat = [v for row in self.values for v in (row if isinstance(row, list) else [row])]
        assign(flat, array.ravel().tolist())

    def __getitem__(self, place: Any) -> Any:
        return self.__array__()[place]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.__array__(), name)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[object]:
        return iter(self.__array__())

    def __repr__(self) -> str:
        return f"{self._name}({repr(self._array(lambda v: v.data)).removeprefix('array(').removesuffix(')')})"


def _forwarded(function: Callable[..., Any], reflected: bool) -> Callable[..., Any]:
    def method(self: Matrix, *others: object) -> object:
        ours = self.__array__()
        import numpy as np

        arrays = [np.asarray(other) for other in others]
        return function(*arrays, ours) if reflected else function(ours, *arrays)

    return method


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul"):
    _function = getattr(operator, _name)
    setattr(Matrix, f"__{_name}__", _forwarded(_function, False))
    setattr(Matrix, f"__r{_name}__", _forwarded(_function, True))
for _name in ("neg", "abs", "lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Matrix, f"__{_name}__", _forwarded(getattr(operator, _name), False))

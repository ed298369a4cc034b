"""Images: the weights of a layer, and what an output hangs on, as matplotlib Axes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import product
from math import ceil, isqrt, nan, sqrt
from typing import TYPE_CHECKING

from engine import Value, gradients
from engine.arguments import real, shown, whole

from ..canvas import FAINT, INK, MUTED, NEGATIVE, POSITIVE, axes_for, colour_bar, signs
from ..data import rows
from ..layers import Layer
from ..module import Module, module_of
from ..network import NeuralNetwork

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_weights(
    net: Module | NeuralNetwork, layer: int | str = 0, *, shape: tuple[int, int] | None = None, ax: Axes | None = None
) -> Axes:
    """The weights of a layer as images, one for each neuron: what it looks for in its inputs.

    Blue weights are positive, orange ones negative, white is 0.

    Args:
        net: a Module or a NeuralNetwork.
        layer: which Layer, by its place in the network or its path.
        shape: height and width of the inputs as an image; by default square where their number is a square from 9 up,
            else the weights are drawn as one matrix, a row for each neuron.
        ax: matplotlib Axes to draw into; new ones if left out.

    Returns:
        The Axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no such layer, or shape does not fit its inputs.

    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from nn import MLP
    >>> from nn import plot_weights
    >>> plot_weights(MLP(64, [10], seed=0)).get_title(loc="left")
    'Weights of layers.0'
    """
    who = "plot_weights"
    path, chosen = _layer(who, module_of(who, net), layer)
    weights = [[w.data for w in neuron.w] for neuron in chosen.neurons]
    count, size = len(weights), len(weights[0])
    shape = _image_shape(who, size, shape)
    limit = max([abs(w) for ws in weights for w in ws]) or 1.0
    if shape is None:
        ax = axes_for(who, ax, (min(10.0, 2.6 + 0.3 * size), min(8.0, 1.6 + 0.3 * count)))
        image = ax.imshow(weights, cmap=signs(), vmin=-limit, vmax=limit, aspect="auto")
        ax.set_xlabel("input")
        ax.set_ylabel("neuron")
        from matplotlib.ticker import MaxNLocator

        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
    else:
        height, width = shape
        columns = ceil(sqrt(count * height / width))
        ax = axes_for(who, ax, (6.4, 5.6 * max(0.3, ceil(count / columns) * height / (columns * width))))
        mosaic = [[nan] * (columns * (width + 1) - 1) for _ in range(ceil(count / columns) * (height + 1) - 1)]
        for k, ws in enumerate(weights):
            top, left = k // columns * (height + 1), k % columns * (width + 1)
            for i in range(height):
                mosaic[top + i][left : left + width] = ws[i * width : (i + 1) * width]
        image = ax.imshow(mosaic, cmap=signs(), vmin=-limit, vmax=limit, interpolation="nearest")
        for k in range(count):
            _frame(ax, k // columns * (height + 1), k % columns * (width + 1), height, width)
        _hide_scales(ax)
        ax.set_xlabel(f"{count} neuron{'s' * (count != 1)}, {height} × {width} inputs each")
    ax.set_title(f"Weights of {path}", loc="left", color=INK, fontweight="bold")
    colour_bar(ax, image, "weight")
    return ax


def plot_saliency(
    net: Module | NeuralNetwork, x: object, *, output: int | None = None, shape: tuple[int, int] | None = None,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Which inputs an output of the network hangs on: the derivative of the output by each input, at one example.

    Simonyan, Vedaldi & Zisserman, Deep inside convolutional networks (2014), section 3, with signs: blue inputs raise
    the output when they grow, orange ones lower it.

    Args:
        net: a Module or a NeuralNetwork; it is not changed.
        x: one example, a list of numbers.
        output: which output, from 0; by default the largest.
        shape: height and width of the example as an image; by default square where it has a square number of inputs,
            from 9 up, else bars are drawn.
        ax: matplotlib Axes to draw into; new ones if left out.

    Returns:
        The Axes.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError, ValueError: an argument is not one of these.

    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from nn import MLP
    >>> from nn import plot_saliency
    >>> plot_saliency(MLP(3, [2], seed=0), [1.0, 0.0, 2.0], output=1).get_title(loc="left")
    'Saliency: doutput[1]/dinput'
    """
    who = "plot_saliency"
    model = copy.deepcopy(module_of(who, net)).eval()
    (numbers,) = rows(who, [x], "[x]")
    if isinstance(numbers[0], list):
        if len(numbers) > 1:
            raise ValueError(f"{who} takes one example, got {len(numbers)} rows; choose one of them")
        (numbers,) = numbers
    inputs = [Value(e) for e in numbers]
    outputs = model(inputs)
    listed = outputs if isinstance(outputs, list) else [outputs]
    if output is None:
        output = max(range(len(listed)), key=lambda k: listed[k].data)
    else:
        output = whole(who, "output", output, most=len(listed) - 1)
    slopes = [g.data for g in gradients(listed[output], inputs)]
    shape = _image_shape(who, len(numbers), shape)
    limit = max(map(abs, slopes)) or 1.0
    if shape is None:
        ax = axes_for(who, ax, (5.6, max(2.4, min(9.0, 1.2 + 0.32 * len(slopes)))))
        colours = [POSITIVE if s >= 0.0 else NEGATIVE for s in slopes]
        ax.barh(range(len(slopes)), slopes, color=colours, height=0.7)
        ax.axvline(0.0, color=MUTED, linewidth=1)
        names = [f"x[{k}] = {e:.3g}" for k, e in enumerate(numbers)]
        if len(names) <= 40:
            ax.set_yticks(range(len(slopes)), names)
        ax.invert_yaxis()
        ax.set_xlabel("derivative")
    else:
        height, width = shape
        ax = axes_for(who, ax, (5.6, 4.6))
        grid = [slopes[i * width : (i + 1) * width] for i in range(height)]
        image = ax.imshow(grid, cmap=signs(), vmin=-limit, vmax=limit, interpolation="nearest")
        _draw_outline(ax, numbers, height, width)
        _hide_scales(ax)
        ax.set_xlabel("the line surrounds the bright half of the input")
        colour_bar(ax, image, "derivative")
    which = f"output[{output}]" if len(listed) > 1 else "output"
    ax.set_title(f"Saliency: d{which}/dinput", loc="left", color=INK, fontweight="bold")
    return ax


def _frame(ax: Axes, top: int, left: int, height: int, width: int) -> None:
    xs = [left - 0.5, left + width - 0.5, left + width - 0.5, left - 0.5, left - 0.5]
    ys = [top - 0.5, top - 0.5, top + height - 0.5, top + height - 0.5, top - 0.5]
    ax.plot(xs, ys, color=FAINT, linewidth=0.8)


def _hide_scales(ax: Axes) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _draw_outline(ax: Axes, numbers: Sequence[float], height: int, width: int) -> None:
    """A line around the bright half of the input, so that the eye finds it under the colours."""
    middle = (min(numbers) + max(numbers)) / 2.0
    bright = [[numbers[i * width + j] > middle for j in range(width)] for i in range(height)]
    corners = (-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)
    segments = []
    for i, j in product(range(height), range(width)):
        for (x, y), (u, v), (down, right) in zip(
            corners, corners[1:] + corners[:1], ((-1, 0), (0, 1), (1, 0), (0, -1))
        ):
            beside = 0 <= i + down < height and 0 <= j + right < width and bright[i + down][j + right]
            if bright[i][j] and not beside:
                segments.append([(j + x, i + y), (j + u, i + v)])
    from matplotlib.collections import LineCollection

    ax.add_collection(LineCollection(segments, colors=INK, linewidths=1.6, capstyle="round"))


def _layer(who: str, model: Module, layer: int | str) -> tuple[str, Layer]:
    layers = [(path, m) for path, m in model.named_modules() if isinstance(m, Layer)]
    if not layers:
        raise ValueError(f"{who} takes a network with Layers, got {type(model).__name__} without")
    place = None if isinstance(layer, bool) else real(layer)
    for k, (path, found) in enumerate(layers):
        if place in (k, k - len(layers)) or (isinstance(layer, str) and layer == path):
            return path or "the layer", found
    names = ", ".join([path for path, _ in layers])
    raise ValueError(f"{who} takes a layer from 0 to {len(layers) - 1}, or one of {names}, got {shown(layer)}")


def _image_shape(who: str, size: int, shape: tuple[int, int] | None) -> tuple[int, int] | None:
    if shape is None:
        side = isqrt(size)
        return (side, side) if side >= 3 and side * side == size else None
    height, width = shape if isinstance(shape, (tuple, list)) and len(shape) == 2 else (0, 0)
    if not (isinstance(height, int) and isinstance(width, int) and height > 0 and height * width == size):
        raise ValueError(f"{who} takes (height, width) as shape, {size} pixels in all, got {shown(shape)}")
    return height, width

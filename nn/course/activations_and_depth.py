"""The exercises of 07_activations_and_depth."""

from collections.abc import Iterable

from engine.arguments import shown
from nn.layers import Layer

from .answers import WrongAnswerError, called, close, exercise, number


@exercise("07.1")
def standard_deviation_for_relu(answer: object) -> str | None:
    """A function spread(n): the standard deviation of the weights of a relu layer with n inputs."""
    stds = {n: number(called(answer, n, what=f"spread({n})"), f"spread({n})") for n in (8, 50, 200)}
    if all(close(std * std, 2.0 / n, 1e-3) for n, std in stds.items()):
        return None
    if any(not std > 0.0 for std in stds.values()):
        return "a standard deviation is positive."
    if close(stds[8], stds[50]) and close(stds[50], stds[200]):
        return "it is the same for 8 inputs and for 200, but the sum of more products spreads wider."
    if all(close(std, 2.0 / n, 1e-3) for n, std in stds.items()):
        return "that is the variance that the weights should have; the standard deviation is asked for."
    if all(close(std * std, 1.0 / n, 1e-3) for n, std in stds.items()):
        return "that keeps the size of the weighted sums, but relu then cuts away half of their mean square."
    n, std = next((n, std) for n, std in stds.items() if not close(std * std, 2.0 / n, 1e-3))
    size = (n * std * std / 2.0) ** 0.5
    return (
        f"with weights of size {std:.3g}, each relu layer with {n} inputs makes its outputs {size:.3g} times as large."
    )


@exercise("07.2")
def dead_units_of_a_layer(answer: object) -> str | None:
    """A function dead(layer, X): the units that put out 0 on all examples."""
    layer = Layer(2, 5, init="zeros", seed=0)  # relu
    layer.W = [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [-1.0, -1.0], [1.0, 1.0]]
    layer.b = [0.0, 0.0, -1.0, -9.0, 1.0]
    examples = [[1.0, -1.0], [-1.0, 2.0], [0.5, 0.5]]  # 2 and 3 are dead; 0 and 1 are 0 on one example each
    found = called(answer, layer, examples, what="dead(layer, X)")
    if isinstance(found, (str, bytes, dict)) or not isinstance(found, Iterable):
        raise WrongAnswerError(
            f"dead(layer, X) returns a list of the numbers of units, and got {shown(found)} instead."
        )
    units = [number(k, "an entry of dead(layer, X)") for k in found]
    if len(units) == 5 and set(units) == {0.0, 1.0}:
        return "it returns a list of yes and no; the numbers of the dead units are asked for."
    if len(set(units)) < len(units):
        return (
            f"the answer {units} has a unit more than once: one example after the other? Each unit is asked about once."
        )
    told = set(map(int, units))
    if told == {2, 3}:
        return None
    if told == {0, 1, 4}:
        return "these are the units that live."
    if told >= {2, 3} and told <= {0, 1, 2, 3}:
        return "it counts units that are 0 on one of the examples; a dead one is 0 on all of them."
    if told == {3, 4}:
        return "it counts from 1: the first unit has the number 0."
    if told <= {2, 3}:
        return "it misses a dead unit: on a test layer with two of them it finds fewer."
    return f"on a test layer it says that {sorted(told)} are dead, and on some example one of them is not 0."

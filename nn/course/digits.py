"""The exercises of 08_digits."""

from collections.abc import Iterable

from engine import Value, gradients
from engine.arguments import shown
from nn.layers import MLP
from nn.losses import cross_entropy

from .answers import WrongAnswerError, all_close, called, close, exercise, numbers


@exercise("08.1")
def confusion_matrix(answer: object) -> str | None:
    """A function confusion(is_, read_as, classes): counts by label and reading."""
    is_, read_as, right = [0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 2, 2], [[1.0, 2.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
    call = "confusion([0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 2, 2], 3)"
    table = called(answer, is_, read_as, 3, what=call)
    if isinstance(table, (str, bytes, dict)) or not isinstance(table, Iterable):
        raise WrongAnswerError(f"a confusion matrix is a list of rows, and {call} returns {shown(table)}.")
    rows = [numbers(row, 3, f"row {i} of it") for i, row in enumerate(table)]
    if len(rows) != 3:
        return f"with 3 classes there are 3 rows, and here are {len(rows)}."
    if rows == right:
        return None
    flat, sums = [x for row in rows for x in row], [sum(row) for row in rows]
    if [list(column) for column in zip(*rows)] == right:
        return "rows and columns are exchanged: a row belongs to what a digit is, a column to what it was read as."
    if rows[0] == rows[1] == rows[2] and sum(flat) > 0.0:
        return "all rows are the same: `[[0] * n] * n` is one row, n times; make a new list for each."
    if any(x % 1.0 for x in flat):
        return "these are shares; counts are asked for."
    if all(rows[i][i] == 0.0 for i in range(3)):
        return "the diagonal is empty: what was read right is counted too."
    if not any(flat):
        return "every count is 0."
    if max(flat) == 1.0:
        return "two images with the same label and the same reading count 2, not 1."
    return f"{call} has {len(is_)} images, of which {call[10:28]} are the labels; the rows add up to {sums}."


@exercise("08.2")
def derivatives_by_inputs(answer: object) -> str | None:
    """A function saliency(net, x, output): the derivatives of one output by the inputs."""
    net, x = MLP(4, [3, 3], activation="tanh", seed=5), [0.5, -1.0, 0.25, 2.0]
    inputs = [Value(e) for e in x]
    outputs = net(inputs)
    slopes = [[g.data for g in gradients(z, inputs)] for z in outputs]
    for output in (1, 1, 2):  # the same one again: gradients must not add up
        call = f"saliency(net, x, {output})"
        found = numbers(called(answer, net, list(x), output, what=call), 4, call)
        right = slopes[output]
        if all_close(found, right):
            continue
        if all_close(found, [abs(s) for s in right]):
            return "the sizes are right; the signs are asked for too."
        if all_close(found, [-s for s in right]):
            return "all signs are turned round."
        if all_close(found, [sum(column) for column in zip(*slopes)]):
            return "these are the derivatives of the sum of all outputs; one of them is asked about."
        if all_close(found, [g.data for g in gradients(cross_entropy(outputs, output), inputs)]):
            return "these are the derivatives of the loss; those of the output are asked for."
        if all_close(found, [2.0 * s for s in right]):
            return "each number is twice what it should be: is backward called twice, or on Values used before?"
        if not any(found):
            return "all derivatives are 0: does the network get the Values that you read the gradients of?"
        if any(all_close(found, [w.data for w in neuron.w]) for neuron in net.layers[0].neurons):
            return "these are weights of a neuron; derivatives by the inputs are asked for."
        if not all(close(a, a) for a in found):
            return "a derivative is not a number."
        return f"{call} gives {found[0]:.4f} for input 0; a nudge of that input moves the output by something else."
    return None

"""The exercises of 05_neuron_to_mlp."""

from engine import sigmoid

from .answers import WrongAnswerError, close, exercise, number, numbers


@exercise("05.1")
def both(answer: object) -> str | None:
    """Weights and bias of a neuron that says yes at (1, 1) only."""
    w1, w2, b = numbers(answer, 3)
    outputs = {x: float(sigmoid(w1 * x[0] + w2 * x[1] + b)) for x in ((0, 0), (0, 1), (1, 0), (1, 1))}
    if not all(0.0 <= o <= 1.0 for o in outputs.values()):
        raise WrongAnswerError("three finite numbers are wanted.")
    wrong = [x for x, o in outputs.items() if (o < 0.9 if x == (1, 1) else o > 0.1)]
    if not wrong:
        return None
    if len({o > 0.5 for o in outputs.values()}) == 1:
        said = "yes" if outputs[0, 0] > 0.5 else "no"
        return f"it says {said} at all four points; the line passes beside them: move it by the bias."
    if all((o > 0.5) == (x == (1, 1)) for x, o in outputs.items()):
        return (
            f"the line lies right, but at {wrong[0]} the answer is {outputs[wrong[0]]:.3g}: "
            "the neuron is not sure enough, or the line lies too close to that point."
        )
    if all((o > 0.5) == (x != (0, 0)) for x, o in outputs.items()):
        return "that is 'at least one': the line lies between (0, 0) and the others."
    if all((o > 0.5) == (x != (1, 1)) for x, o in outputs.items()):
        return "that is 'not both': the line lies right, and looks the other way."
    return f"at {wrong[0]} the output is {outputs[wrong[0]]:.3g}."


@exercise("05.2")
def parameters_of_an_mlp(answer: object) -> str | None:
    """The number of parameters of MLP(3, [4, 4, 1])."""
    count = number(answer)
    if close(count, 41.0):
        return None
    if close(count, 32.0):
        return "that counts the weights; every neuron has a bias too."
    if close(count, 9.0):
        return "that counts the neurons (or the biases); how many weights has each?"
    if close(count, 12.0):
        return "that adds up the widths; a neuron has a weight for each of its inputs."
    if close(count, 35.0):
        return "a layer of four neurons has four biases, not one."
    if close(count, 57.0) or close(count, 44.0):
        return "the three inputs have no weights and biases of their own; they are numbers."
    return f"{count:g} is not the sum over the neurons of its inputs and one; take the layers one by one."

"""The exercises of 06_train_moons."""

from math import isfinite

from engine import Value

from .answers import WrongAnswerError, close, exercise, given, number


@exercise("06.1")
def one_update(answer: object) -> str | None:
    """A function update(parameters, lr): a step against the gradients, which are 0 then."""
    given(answer)
    if not callable(answer):
        return "the answer is a function, update, without calling it."
    values, slopes = [1.0, -2.0, 0.5], [4.0, 3.0, -10.0]
    parameters = [Value(x) for x in values]
    for p, g in zip(parameters, slopes):
        p.grad = g
    try:
        returned = answer(parameters, 0.1)
    except Exception as error:  # whatever a student's code may raise
        raise WrongAnswerError(f"update(parameters, 0.1) stops with {type(error).__name__}: {error}.") from error
    given(returned)  # apart from that, what is done counts, not what is returned
    moves = [p.data - x for p, x in zip(parameters, values)]
    along = [-0.1 * g for g in slopes]
    if not all(isfinite(p.data) for p in parameters):
        return "a parameter is not finite after the step."
    if all(move == 0.0 for move in moves):
        return "no parameter has moved: `p = p - …` makes a new Value and leaves the old one; change `p.data`."
    if all(close(m, -a) for m, a in zip(moves, along)):
        return "each parameter moved along its gradient, to where the loss is larger."
    if all(close(m, 10.0 * a) for m, a in zip(moves, along)):
        return "each parameter moved by its whole gradient; where is the learning rate?"
    if not all(close(m, a) for m, a in zip(moves, along)):
        wrong = next(k for k in range(3) if not close(moves[k], along[k]))
        return (
            f"with lr = 0.1, a parameter at {values[wrong]:g} with gradient {slopes[wrong]:g} "
            f"moved to {parameters[wrong].data:.6g}."
        )
    if any(p.grad != 0.0 for p in parameters):
        return (
            "the parameters moved as they should, and their gradients still stand: the next backward would add to them."
        )
    return None


@exercise("06.2")
def largest_learning_rate(answer: object) -> str | None:
    """The learning rate below which descent on 3w² converges."""
    lr = number(answer)
    if close(lr, 1.0 / 3.0, 2e-3):
        return None
    if close(lr, 1.0 / 6.0, 2e-3):
        return "with 1/6 the first step lands on the bottom exactly: the best rate, and not yet the largest one."
    if close(lr, 2.0 / 3.0, 2e-3):
        return "with 2/3 each step multiplies w by −3: the derivative of 3w² is 6w, not 3w."
    if lr <= 0.0:
        return "a learning rate is positive: with a negative one each step goes uphill."
    factor = 1.0 - 6.0 * lr
    if abs(factor) < 1.0:
        return f"with {lr:.4g} each step multiplies w by {factor:.3g}: that converges, and a larger rate does too."
    return f"with {lr:.4g} w does not converge: after one step from w = 1 it is at {factor:.3g}."

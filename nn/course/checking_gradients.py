"""The exercises of 11_checking_gradients."""

import math

from engine import Value

from .answers import WrongAnswerError, called, close, exercise, function_of, number


@exercise("11.1")
def best_nudge(answer: object) -> str | None:
    """The h at which h²/6 + 1e-16/h is least."""
    h = number(answer)
    if not h > 0.0:
        return "a nudge is a positive number."
    best = (3e-16) ** (1.0 / 3.0)
    if best / 2.2 <= h <= best * 2.2:
        return None
    truncation, rounding = h * h / 6.0, 1e-16 / h
    if h <= 2.3e-16:
        return "1 + h is 1 in floats, or nearly so: nothing of the difference is left but rounding."
    if 4e-9 <= h <= 4e-8:
        return "that is the best for a nudge to one side, whose truncation error is in proportion to h and not to h²."
    larger = "truncation" if truncation > rounding else "rounding"
    way = "smaller" if truncation > rounding else "larger"
    return f"there the truncation error is {truncation:.1g} and the rounding error {rounding:.1g}: a {way} h has less {larger}."


@exercise("11.2")
def rule_of_swish(answer: object) -> str | None:
    """A function slope(x, y): the derivative of x·σ(x)."""
    for x in (0.0, 2.0, -2.0, 3.5):
        s = 1.0 / (1.0 + math.exp(-x))
        y, call = x * s, f"slope({x}, {x * s:.4f})"
        told = number(called(answer, x, y, what=call), call)
        right = s + y * (1.0 - s)
        if close(told, right, 1e-9):
            continue
        wrong = {
            "that is still σ(x), the part from the first factor; the second factor depends on x too.": s,
            "that is the part from the second factor alone; the first factor is x, whose derivative is 1.": y
            * (1.0 - s),
            "that is σ′(x), the derivative of the second factor alone; the product rule has two parts.": s * (1.0 - s),
            "the derivative of σ is σ(x)·σ(−x), which is not σ(x).": s + x * s,
            "the second part has the wrong sign.": s - y * (1.0 - s),
            "the second part is the derivative of σ times the other factor, x.": s + s * (1.0 - s),
        }
        for why, value in wrong.items():
            if x != 0.0 and close(told, value, 1e-9):
                return why
        if x:
            return f"{call} gives {told:.4f}, and a small nudge of x at {x:g} moves x·σ(x) by another factor."
    node = Value(1.0)
    try:
        graph = function_of(answer)(node, node * 0.7310585786300049)
    except Exception as error:  # whatever a student's code may raise
        raise WrongAnswerError(
            f"right on floats; on Values it stops with {type(error).__name__}: use engine.sigmoid, which takes both."
        ) from error
    if not isinstance(graph, Value):
        return "right on floats; on Values it must give a Value, so that it can be differentiated once more."
    return None

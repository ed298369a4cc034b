"""The exercises of 01_derivatives."""

import math

from .answers import called, close, exercise, number


@exercise("01.1")
def difference_on_both_sides(answer: object) -> str | None:
    """A function slope(f, x): the central difference, good to six digits."""
    line = number(called(answer, lambda x: 3.0 * x + 1.0, 2.0, what="slope(f, 2.0)"), "slope(f, 2.0)")
    if not close(line, 3.0, 1e-4):
        if close(line, 6.0, 1e-4):
            return "on the line 3x + 1 it says 6 and not 3: from x − h to x + h the step is not h long."
        if close(line, -3.0, 1e-4):
            return "on the line 3x + 1 it says −3 and not 3: one of the two differences has its ends swapped."
        if abs(line) < 0.1:
            return f"on the line 3x + 1 it says {line:.3g}: a rise is not a slope until it is divided by the step."
        return f"on the line 3x + 1, whose slope is 3 everywhere, it says {line:.6g}."
    cubic = number(called(answer, lambda x: x**3, 2.0, what="slope(f, 2.0)"), "slope(f, 2.0)")
    error = abs(cubic - 12.0)
    if error < 1e-5:
        sine = number(called(answer, math.sin, 1.0, what="slope(math.sin, 1.0)"), "slope(math.sin, 1.0)")
        return None if close(sine, math.cos(1.0), 1e-5) else "it is right at x = 2 only: is x used where it should be?"
    if error < 0.1:
        return (
            f"on x³ at 2 it is wrong by {error:.1e}: a nudge to one side leaves an error in proportion to h, "
            "and a very small h leaves rounding; nudge to both sides, with an h of about 1e-5."
        )
    return f"on x³ at 2 it says {cubic:.6g}, which is wrong by {error:.2g}: is h small enough?"


@exercise("01.2")
def step_along_the_tangent(answer: object) -> str | None:
    """f(2.01) of x³ − 3x, from f(2) = 2 and the slope 9."""
    value = number(answer)
    if abs(value - 2.09) < 1.5e-3:
        return None
    if close(value, 0.09, 2e-3):
        return "that is how far f moves; where does it start from?"
    if close(value, 11.0) or close(value, 11.01):
        return "a slope of 9 is a move of 9 for a step of 1; this step is 0.01."
    if close(value, 2.01):
        return "that is x after the step; f moves more than x does."
    if close(value, 2.9):
        return "the step is 0.01, and a tenth of that slope is more than it brings."
    if close(value, 18.09, 1e-2):
        return "multiply the slope by the step, not by x."
    return f"from 2, a step of 0.01 at slope 9 does not lead to {value:g}: the move is slope times step."

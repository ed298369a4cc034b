"""The exercises of 12_second_derivatives_and_jit."""

from collections.abc import Sequence

import engine
from nn.arguments import Number

from .answers import called, close, exercise, number


@exercise("12.1")
def newton_to_a_minimum(answer: object) -> str | None:
    """A function newton(f, x, steps): x after so many Newton steps to a minimum."""

    def parabola(x: Number) -> Number:
        return 2.0 * (x - 3.0) ** 2 + 1.0

    def hill(x: Number) -> Number:
        return engine.cosh(x) + 0.5 * x

    call = "newton(f, 5.0, 1)"
    told = number(called(answer, parabola, 5.0, 1, what=call), call)
    if not close(told, 3.0):
        if close(told, 7.0):
            return "on a parabola it jumps away from the bottom, as far as it should jump towards it: the sign."
        if close(told, 5.0 - 9.0 / 8.0):
            return "it divides f by f′, which leads to where f is 0; at a minimum it is f′ that is 0."
        if close(told, 5.0 - 8.0):
            return "it steps by the whole slope; divided by the second derivative it would land on the bottom."
        if close(told, 5.0 - 8.0 * 4.0) or close(told, 5.0 - 4.0 / 8.0):
            return "slope and second derivative have changed places: a strong bend makes the step short."
        if close(told, 5.0):
            return "after one step x is where it was; is the new x returned?"
        return f"on a parabola one step leads to the bottom, from any point; this one leads from 5 to {told:.4g}."
    x = 2.0
    for steps in (1, 2, 4):
        x_before, x = x, 2.0
        for _ in range(steps):
            x -= engine.derivative(hill, 1)(x) / engine.derivative(hill, 2)(x)
        call = f"newton(f, 2.0, {steps})"
        told = number(called(answer, hill, 2.0, steps, what=call), call)
        if not close(told, x):
            if steps > 1 and close(told, x_before):
                return f"it makes fewer steps than asked for: {call} is where fewer steps lead."
            if steps > 1 and not close(told, x, 1e-3):
                return f"{call} gives {told:.5g}: are slope and bend computed anew at each step?"
            return f"{call} gives {told:.8g}, which is near and not exact: are the derivatives those of `derivative`?"
    return None


@exercise("12.2")
def curvature_along_a_direction(answer: object) -> str | None:
    """A function curvature(f, x, v): the second derivative along v."""

    def f(p: Sequence[Number]) -> Number:
        return p[0] ** 3 + 2.0 * p[0] * p[1] + engine.sin(p[1])

    x, v = [1.0, 0.5], [2.0, -1.0]
    table = engine.hessian(f)(x)
    product = [sum(h * b for h, b in zip(row, v)) for row in table]
    bend = sum(a * b for a, b in zip(v, product))
    slope = sum(a * b for a, b in zip(v, engine.grad(f)(x)))
    call = f"curvature(f, {x}, {v})"
    result = called(answer, f, list(x), list(v), what=call)
    if isinstance(result, (list, tuple)):
        return f"{call} returns {len(result)} numbers; one is asked for: what is Hv, multiplied by v once more?"
    told = number(result, call)
    if close(told, bend):
        again = number(called(answer, f, [0.0, 1.0], [1.0, 1.0], what="curvature(f, [0, 1], [1, 1])"))
        other = sum(sum(row) for row in engine.hessian(f)([0.0, 1.0]))
        return None if close(again, other) else "at one point it is right, at another not: is x used everywhere?"
    if close(told, slope):
        return "that is the first derivative along v, the slope; how does it change along v?"
    if close(told, bend / 5.0):
        return "that is the bend for v made to length 1; v is to be taken as it is."
    if close(told, bend / 2.0):
        return "that is half of it: the coefficient of t² in the series, and not the second derivative."
    if close(told, table[0][0] + table[1][1]):
        return "that is the sum of the bends along the axes; v does not play a part."
    if close(told, sum(v[i] ** 2 * table[i][i] for i in range(2))):
        return "the mixed derivatives are missing: the entries of the Hessian beside the diagonal."
    if close(told, sum(product)):
        return "that is the sum of the entries of Hv; each is to be multiplied by the entry of v."
    end = engine.derivative(lambda t: f([a + t * b for a, b in zip(x, v)]), 2)(1.0)
    if close(told, end):
        return "that is the bend at x + v; take the derivative at t = 0."
    return f"{call} gives {told:.6g}; three heights along v, at t = −0.01, 0 and 0.01, tell another bend."

"""12_second_derivatives_and_jit: what people answer first, and what they must be told."""

from engine import derivative, grad, hessian, hvp


def stepping(step):
    """A Newton's method that takes the step from f, f′, f″ and x."""

    def newton(f, x, steps):
        for _ in range(steps):
            x = x - step(f(x), derivative(f, 1)(x), derivative(f, 2)(x))
        return x

    return newton


def once(f, x, steps):
    return x - derivative(f, 1)(x) / derivative(f, 2)(x)


def frozen(f, x, steps):
    step = derivative(f, 1)(x) / derivative(f, 2)(x)
    for _ in range(steps):
        x -= step
    return x


def not_returned(f, x, steps):
    stepping(lambda y, d, dd: d / dd)(f, x, steps)
    return x


def by_nudges(f, x, steps, h=1e-3):
    for _ in range(steps):
        x -= (f(x + h) - f(x)) / h / ((f(x + h) - 2 * f(x) + f(x - h)) / h**2)
    return x


def along(f, x, v, order=2, at=0.0):
    return derivative(lambda t: f([a + t * b for a, b in zip(x, v)]), order)(at)


def from_table(f, x, v):
    table = hessian(f)(x)
    return sum(v[i] * table[i][j] * v[j] for i in range(2) for j in range(2))


def product(f, x, v):
    return hvp(f, (x,), (v,))


def diagonal(f, x, v):
    return sum(v[i] ** 2 * hessian(f)(x)[i][i] for i in range(2))


RIGHT = {
    "12.1": [
        stepping(lambda y, d, dd: d / dd),
        lambda f, x, n: x if n == 0 else RIGHT["12.1"][1](f, once(f, x, 1), n - 1),
    ],
    "12.2": [along, from_table, lambda f, x, v: sum(a * b for a, b in zip(v, product(f, x, v)))],
}
WRONG = {
    "12.1": [
        (stepping(lambda y, d, dd: y / d), "where f is 0"),
        (stepping(lambda y, d, dd: -d / dd), "the sign"),
        (stepping(lambda y, d, dd: d), "by the whole slope"),
        (stepping(lambda y, d, dd: dd / d), "changed places"),
        (stepping(lambda y, d, dd: 0.1 * d), "from any point"),
        (once, "fewer steps"),
        (frozen, "computed anew"),
        (not_returned, "where it was"),
        (by_nudges, "from any point"),
    ],
    "12.2": [
        (lambda f, x, v: along(f, x, v, order=1), "the slope"),
        (lambda f, x, v: along(f, x, v, at=1.0), "at t = 0"),
        (lambda f, x, v: along(f, x, v) / 2, "half of it"),
        (lambda f, x, v: along(f, x, v) / sum(a * a for a in v), "length 1"),
        (product, "multiplied by v once more"),
        (lambda f, x, v: sum(product(f, x, v)), "the entries of Hv"),
        (diagonal, "the mixed derivatives"),
        (lambda f, x, v: hessian(f)(x)[0][0] + hessian(f)(x)[1][1], "along the axes"),
        (lambda f, x, v: sum(a * b for a, b in zip(grad(f)(x), v)), "the slope"),
        (lambda f, x, v: along(f, [1.0, 0.5], v), "is x used everywhere"),
    ],
}

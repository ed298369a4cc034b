"""03_chain_rule: what people answer first, and what they must be told."""

from engine import Value, grad

RIGHT = {
    "03.1": [28, 9.0 + 18.0 + 1.0, grad(lambda a: a * a**2 + a)(3.0)],
    "03.2": [["L", "p", "u", "v"], ("L", "p", "v", "u"), "L, p, u, v", ["L", "p", "u", "v", "a", "b"]],
}
WRONG = {
    "03.1": [
        (10.0, "missing: the one through b"),
        (19.0, "missing: the one through the factor a"),
        (27.0, "missing: the one through `+ a`"),
        (30.0, "L itself"),
        (16.0, "one of two factors"),
        (162.0, "over paths they are added"),
        (6.0, "not the sum"),
    ],
    "03.2": [
        (["L", "u", "p", "v"], "when u passes its gradient on, p, which uses it, has not paid in yet"),
        (["u", "v", "p", "L"], "when u passes its gradient on, p"),
        (["p", "u", "v"], "when p passes its gradient on, L"),
        (["L", "p", "u"], "v never has its turn"),
        (["L", "p", "u", "v", "u"], "pay twice"),
        (["a", "b", "L", "p", "u", "v"], "an input has nothing"),
        (["L", "q"], "not one of the names"),
        ({"L": 1}, "a list of names"),
        ([Value(1.0)], "not one of the names"),
    ],
}

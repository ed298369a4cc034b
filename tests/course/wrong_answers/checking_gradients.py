"""11_checking_gradients: what people answer first, and what they must be told."""

import math

import engine
from engine import sigmoid


def by_float(x, y):
    s = 1 / (1 + math.exp(-float(x)))
    return s + float(x) * s * (1 - s)


def by_math(x, y):
    s = 1 / (1 + math.exp(-x if isinstance(x, float) else x.nothing))
    return s + x * s * (1 - s)


RIGHT = {
    "11.1": [6.7e-6, 1e-5, 5e-6],
    "11.2": [
        lambda x, y: sigmoid(x) + y * sigmoid(-x),
        lambda x, y: engine.sigmoid(x) * (1 + x * (1 - engine.sigmoid(x))),
        lambda x, y: y + sigmoid(x) * (1 - y),
    ],
}
WRONG = {
    "11.1": [
        (1e-8, "to one side"),
        (1e-16, "nothing of the difference"),
        (1e-3, "less truncation"),
        (1e-10, "less rounding"),
        (0.0, "positive"),
    ],
    "11.2": [
        (lambda x, y: sigmoid(x), "still σ(x)"),
        (lambda x, y: sigmoid(x) * sigmoid(-x), "that is σ′(x)"),
        (lambda x, y: x * sigmoid(x) * sigmoid(-x), "second factor alone"),
        (lambda x, y: sigmoid(x) + x * sigmoid(x), "not σ(x)"),
        (lambda x, y: sigmoid(x) - y * sigmoid(-x), "wrong sign"),
        (lambda x, y: sigmoid(x) + sigmoid(x) * sigmoid(-x), "the other factor, x"),
        (lambda x, y: 1.0, "another factor"),
        (by_float, "must give a Value"),
        (by_math, "on Values it stops"),
    ],
}

"""00_coming_from_micrograd: what people answer first, and what they must be told."""

import math

import engine
from engine import Value

RIGHT = {
    "00.1": [32, 12.0 + 20.0],
    "00.2": [
        lambda x: 1 / (1 + (-x).exp()),
        lambda x: x.exp() / (1 + x.exp()),
        lambda x: (1 + engine.exp(-x)) ** -1,
    ],
}
WRONG = {
    "00.1": [
        (44.0, "counted again"),
        (20.0, "one of the two losses"),
        (12.0, "one of the two losses"),
        (8.0, "one more factor"),
        (240.0, "not multiplied"),
        (16.0, "dh/dp is 2p"),
        (1.0, "as a function of p"),
    ],
    "00.2": [
        (lambda x: 1 / (1 + x.exp()), "which sign has the exponent?"),
        (lambda x: 1 / (1 + math.exp(-x.data)), "forgets x"),
        (lambda x: Value(1 / (1 + math.exp(-x.data))), "does every step go through Values?"),
        (lambda x: (-x).exp(), "between 0 and 1"),
        (engine.sigmoid, "it uses sigmoid"),
        (lambda x: (engine.tanh(x / 2) + 1) / 2, "it uses tanh"),
        (lambda x: 1 / (1 + math.exp(-x)), "forgets x"),
        (0.5, "a function, without calling it"),
    ],
}

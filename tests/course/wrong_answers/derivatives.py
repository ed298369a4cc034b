"""01_derivatives: what people answer first, and what they must be told."""

import math

from engine import Value

RIGHT = {
    "01.2": [2.09, 2 + 9 * 0.01, 2.01**3 - 3 * 2.01, Value(2.09)],
    "01.1": [lambda f, x: (f(x + 1e-5) - f(x - 1e-5)) / 2e-5, lambda f, x: (f(x + 1e-4) - f(x - 1e-4)) / (2 * 1e-4)],
}
WRONG = {
    "01.1": [
        (lambda f, x: f(x + 1e-5) - f(x - 1e-5), "a rise is not a slope"),
        (lambda f, x: (f(x + 1e-5) - f(x - 1e-5)) / 1e-5, "the step is not h long"),
        (lambda f, x: (f(x + 1e-5) - f(x)) / 1e-5, "a nudge to one side"),
        (lambda f, x: (f(x + 1e-14) - f(x - 1e-14)) / 2e-14, "slope is 3 everywhere"),
        (lambda f, x: (f(x - 1e-5) - f(x + 1e-5)) / 2e-5, "ends swapped"),
        (lambda f, x: None, "returns None"),
        (lambda f, x: (f(2.0 + 1e-5) - f(2.0 - 1e-5)) / 2e-5, "at x = 2 only"),
        (lambda f, x: (f(x + 0.1) - f(x - 0.1)) / 0.2, "a nudge to one side"),
        (lambda f, x: (f(x + 1.0) - f(x)) / 1.0, "is h small enough?"),
        (lambda f, x: f(x) * math.nan, "slope is 3 everywhere"),
        (12.0, "a function"),
    ],
    "01.2": [
        (0.09, "where does it start from?"),
        (11.0, "this step is 0.01"),
        (2.01, "f moves more than x does"),
        (2.9, "more than it brings"),
        (18.09, "not by x"),
        (2.5, "slope times step"),
        ("2.09", "is a number"),
    ],
}

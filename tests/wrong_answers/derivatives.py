"""01_derivatives: what people answer first, and what they must be told."""

RIGHT = {
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
        (12.0, "a function"),
    ],
}

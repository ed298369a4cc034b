"""06_train_moons: what people answer first, and what they must be told."""


def right(parameters, lr):
    for p in parameters:
        p.data -= lr * p.grad
        p.zero_grad()


def right_too(parameters, lr):
    for p in parameters:
        p.data = p.data - lr * p.grad
        p.grad = 0.0
    return parameters


def uphill(parameters, lr):
    for p in parameters:
        p.data += lr * p.grad
        p.zero_grad()


def a_new_value(parameters, lr):
    for p in parameters:
        p = p - lr * p.grad


def without_rate(parameters, lr):
    for p in parameters:
        p.data -= p.grad
        p.zero_grad()


def kept(parameters, lr):
    for p in parameters:
        p.data -= lr * p.grad


def zeroed_first(parameters, lr):
    for p in parameters:
        p.zero_grad()
        p.data -= lr * p.grad


def the_first_only(parameters, lr):
    parameters[0].data -= lr * parameters[0].grad


RIGHT = {"06.1": [right, right_too], "06.2": [1 / 3, 0.3333]}
WRONG = {
    "06.1": [
        (uphill, "along its gradient"),
        (a_new_value, "no parameter has moved"),
        (without_rate, "where is the learning rate"),
        (kept, "still stand"),
        (zeroed_first, "no parameter has moved"),
        (the_first_only, "gradient 3"),
        (lambda parameters, lr: parameters[7], "stops with IndexError"),
    ],
    "06.2": [
        (1 / 6, "best rate"),
        (2 / 3, "6w, not 3w"),
        (0.1, "a larger rate does too"),
        (1.0, "does not converge"),
        (-0.1, "uphill"),
    ],
}

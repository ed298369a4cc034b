"""10_overfitting: what people answer first, and what they must be told."""


def right(losses, patience):
    best = 0
    for k, loss in enumerate(losses):
        if loss < losses[best]:
            best = k
        if k - best == patience:
            break
    return k + 1, best + 1


def by_waiting(losses, patience):
    lowest, waited, at = float("inf"), 0, 0
    for epoch, loss in enumerate(losses, 1):
        if loss < lowest:
            lowest, waited, at = loss, 0, epoch
        else:
            waited += 1
        if waited == patience:
            return [epoch, at]
    return [len(losses), at]


def at_the_first_rise(losses, patience):
    for k in range(1, len(losses)):
        if losses[k] > losses[k - 1]:
            return k + 1, k
    return len(losses), len(losses)


def never_anew(losses, patience):
    waited, best = 0, 0
    for k in range(1, len(losses)):
        if losses[k] < losses[best]:
            best = k
        else:
            waited += 1
        if waited == patience:
            break
    return k + 1, best + 1


def rises_in_a_row(losses, patience):
    row = 0
    for k in range(1, len(losses)):
        row = row + 1 if losses[k] > losses[k - 1] else 0
        if row == patience:
            break
    return k + 1, losses.index(min(losses[: k + 1])) + 1


def kept(scale):
    return lambda xs, kept, rate: [x * scale(rate) if k else 0.0 for x, k in zip(xs, kept)]


RIGHT = {
    "10.1": [right, by_waiting],
    "10.2": [kept(lambda r: 1 / (1 - r)), lambda xs, kept, rate: [x * k / (1 - rate) for x, k in zip(xs, kept)]],
}
WRONG = {
    "10.1": [
        (at_the_first_rise, "at the first rise"),
        (never_anew, "too early"),
        (lambda losses, patience: (right(losses, patience)[0],) * 2, "not the best ones"),
        (lambda losses, patience: right(losses, patience)[::-1], "comes first"),
        (lambda losses, patience: [k - 1 for k in right(losses, patience)], "count from 0"),
        (lambda losses, patience: (losses.index(min(losses)) + 1,) * 2, "never seen"),
        (rises_in_a_row, "never seen"),
    ],
    "10.2": [
        (kept(lambda r: 1.0), "as large as before"),
        (kept(lambda r: 1 - r), "become larger"),
        (kept(lambda r: 1 / r), "what part is kept"),
        (lambda xs, kept, rate: [0.0 if k else x / (1 - rate) for x, k in zip(xs, kept)], "what is kept has become 0"),
        (lambda xs, kept, rate: [x / (1 - rate) for x in xs], "is not kept"),
        (lambda xs, kept, rate: [x / (1 - rate) for x, k in zip(xs, kept) if k], "this one has 3"),
        (kept(lambda r: 1.25), "nothing changes"),
    ],
}

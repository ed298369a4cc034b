"""The exercises of 10_overfitting."""

from .answers import all_close, called, exercise, numbers


@exercise("10.1")
def early_stopping(answer: object) -> str | None:
    """A function stop(losses, patience): (the last epoch, the best epoch)."""
    for losses, patience, last, best in (
        ([0.9, 0.7, 0.6, 0.65, 0.5, 0.55, 0.6, 0.58, 0.4], 3, 8, 5),  # a rise, then a better one; the end is not seen
        ([0.9, 0.7, 0.6, 0.5, 0.55], 3, 5, 4),  # it ends before the patience does
        ([0.9, 0.5, 0.6, 0.4, 0.45, 0.46], 2, 6, 4),
    ):
        call = f"stop({losses}, {patience})"
        told = numbers(called(answer, list(losses), patience, what=call), 2, call)
        if told == [last, best]:
            continue
        if told == [best, last]:
            return f"{call}: the epoch after which it stops comes first, then the one whose weights are put back."
        if told == [last - 1, best - 1]:
            return "epochs count from 1, and these count from 0."
        if told[0] == last and told[1] == last:
            return f"{call}: training stops at the right epoch; the weights of that last epoch are not the best ones."
        if told[0] == losses.index(min(losses)) + 1 and told[0] > last:
            return f"{call}: at the best epoch of all, training would have been over; later losses are never seen."
        first_rise = next(k for k in range(1, len(losses)) if losses[k] > losses[k - 1]) + 1
        if told[0] == first_rise < last:
            return f"{call} stops at the first rise; patience means to wait and see whether a better epoch follows."
        if told[0] < last:
            return f"{call} stops after epoch {told[0]:g}, too early: each improvement starts the patience anew."
        if told[0] > last:
            return f"{call} stops after epoch {told[0]:g}, too late: count the epochs since the best one."
        return f"{call} puts back the weights of epoch {told[1]:g}, and another epoch before the stop was better."
    return None


@exercise("10.2")
def inverted_dropout(answer: object) -> str | None:
    """A function dropped(xs, kept, rate): 0 or x/(1 - rate)."""
    xs, kept, rate = [1.0, -2.0, 4.0, 8.0], [True, False, True, True], 0.2
    call = f"dropped({xs}, {kept}, {rate})"
    told = numbers(called(answer, list(xs), list(kept), rate, what=call), 4, call)
    by = {name: [x * f * k for x, k in zip(xs, kept)] for name, f in SCALES.items()}
    if all_close(told, by["right"]):
        again = numbers(called(answer, [3.0], [True], 0.0, what="dropped([3.0], [True], 0.0)"), 1)
        return None if all_close(again, [3.0]) else "with a rate of 0 nothing is dropped and nothing changes."
    if all_close(told, [x - y for x, y in zip([x * 1.25 for x in xs], by["right"])]) or (told[1] and not told[0]):
        return "what is kept has become 0, and what is not kept has stayed."
    if told[1] != 0.0:
        return f"the second output is not kept, and it became {told[1]:g} instead of 0."
    if all_close(told, by["none"]):
        return "what is kept is as large as before: over many draws, the mean of an output is then 0.8 of what it was."
    if all_close(told, by["shrunk"]):
        return "what is kept has become smaller; it must make up for what is dropped, and become larger."
    if all_close(told, by["rate"]):
        return "it is divided by the rate, the part that is dropped; what part is kept?"
    return f"with a rate of 0.2, an output of 1 that is kept becomes {told[0]:.4g}: what is its mean over many draws?"


SCALES = {"right": 1.25, "none": 1.0, "shrunk": 0.8, "rate": 5.0}

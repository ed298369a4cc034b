"""The exercises of 09_words_and_films."""

import math

from .answers import called, close, exercise, number


@exercise("09.1")
def bits_for_each_letter(answer: object) -> str | None:
    """A function bits_per_letter(probabilities): the mean of −log₂."""
    call = "bits_per_letter([0.5, 0.25, 0.125])"
    told = number(called(answer, [0.5, 0.25, 0.125], what=call), call)
    if not close(told, 2.0):
        if close(told, -2.0):
            return f"{call} is negative; a number of bits is positive."
        if close(told, 6.0):
            return f"{call} gives the bits of all three letters together; per letter is asked for."
        if close(told, 2.0 * math.log(2.0)):
            return "that is in nats, by the natural logarithm; bits take the logarithm with base 2."
        if close(told, -math.log2(0.875 / 3.0)):
            return "that is the logarithm of the mean probability; take the mean of the logarithms."
        return f"{call} gives {told:.4g}. How many bits is each of the three letters, one by one?"
    again = number(called(answer, [1.0, 1.0, 0.5, 0.5], what="bits_per_letter([1, 1, 0.5, 0.5])"))
    if not close(again, 0.5):
        return f"for four letters, two of them certain and two at one half, it gives {again:.4g}."
    return None


@exercise("09.2")
def most_similar_direction(answer: object) -> str | None:
    """A function most_similar(embeddings, k): the row with the largest cosine, but for k itself."""
    rows = [[1.0, 0.2], [9.0, 9.0], [0.5, 0.11], [-1.0, -0.2], [0.9, -0.1]]
    call = "most_similar(embeddings, 0)"
    told = number(called(answer, [list(row) for row in rows], 0, what=call), call)
    if told == 0.0:
        return "everything is most similar to itself; leave thing k out."
    if told == 1.0:
        return "it is taken in by length: a long row has a large dot product with everything; divide by the lengths."
    if told == 3.0:
        return "that is the least similar one, which points the opposite way."
    if told == 4.0:
        return "that is the one at the smallest distance; another one points more nearly the same way."
    if told != 2.0:
        return f"{call} gives {told:g}, and on a test list of 5 another row points more nearly the same way."
    opposite = [[1.0, 0.0], [-5.0, 1.0], [0.1, 1.0], [-1.0, 0.0]]
    told = number(called(answer, opposite, 0, what=call), call)
    if told != 2.0:
        return "on rows of which some point the opposite way it takes one of those: a cosine of −1 is not similar."
    told = number(called(answer, rows, 2, what="most_similar(embeddings, 2)"))
    return None if told == 0.0 else "for thing 0 it is right, for thing 2 it is not: is k used everywhere?"

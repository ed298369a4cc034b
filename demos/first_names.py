"""First names letter by letter: the data, samples, and what counts of pairs of letters make of them.

5,163 names of the US census of 1990 (data/first_names.md), each once.
"""

import functools
import itertools
import random
from collections.abc import Callable
from math import log2
from pathlib import Path

LETTERS = ".abcdefghijklmnopqrstuvwxyz"  # the full stop ends a name, and stands before it

Guess = Callable[[str], list[float]]  # the beginning of a name → how probable each letter is to follow


def shuffled(rng: random.Random) -> list[str]:
    """All names in small letters, in an order that is drawn."""
    lines = Path(__file__).with_name("data").joinpath("first_names.tsv").read_text("utf-8").splitlines()[1:]
    return sorted([line.split("\t")[0].lower() for line in lines], key=lambda _: rng.random())


def drawn(guess: Guess, most: int, draw: random.Random) -> str:
    """A new name of so many letters at most, drawn letter by letter; – where it ended before its first."""
    name = ""
    while not name.endswith(".") and len(name) < most:
        name += draw.choices(LETTERS, guess(name))[0]
    return name.rstrip(".").capitalize() or "–"


def best_smoothing(learn: list[str], validation: list[str]) -> float:
    """The smoothing with which counted pairs guess other names best."""
    return min([1.2**k for k in range(-24, 16)], key=lambda s: bits(pairs(learn, s), validation))


def pairs(names: list[str], smoothing: float) -> Guess:
    """The guess that counts make: what followed the last letter how often, each count raised by the smoothing."""
    counts = {a: dict.fromkeys(LETTERS, smoothing) for a in LETTERS}
    for a, b in itertools.chain.from_iterable(itertools.pairwise(f".{name}.") for name in names):
        counts[a][b] += 1.0
    shares = {a: [n / sum(row.values()) for n in row.values()] for a, row in counts.items()}
    return lambda before: shares[before[-1:] or "."]


def bits(guess: Guess, names: list[str]) -> float:
    """The mean over letters and ends of names of -log2 of how probable the guess held them."""
    guess = functools.cache(guess)  # many names begin alike
    costs = [-log2(guess(n[:k])[LETTERS.index(c)]) for n in names for k, c in enumerate(n + ".")]
    return sum(costs) / len(costs)

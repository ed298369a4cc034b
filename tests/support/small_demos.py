"""Demos on less than --quick, where no figure of theirs counts; as a program, each that is asked for on stdin.

    PYTHONPATH=.:tests/support python -m small_demos FOLDER --quick --epochs 1 --out

reads names and prints exit statuses; FOLDER gets what each wrote on its streams, and its files.
"""

import os
import sys
import traceback

import pytest
from compiling import leave_passes_out
from sklearn.datasets import load_digits

from demos import drawings, first_names, phrases
from demos.__main__ import main
from demos.translate import Translator


def eager():
    """In the place of `backend`: these compile longer than they train, and their own tests train them natively."""
    return "eager"


def narrow(tokens, places, dimension, hidden, rng):
    """A translator whose states are three numbers."""
    return Translator(tokens, places, 2, 3, rng)


def few_digits(**options):
    """200 images to learn from, and 200 to judge by."""
    X, y = load_digits(**options)
    return X[:400], y[:400]


def coarse_digits(**options):
    """A fourth of the pixels of 200 images to learn from, and of 100 to judge by."""
    X, y = load_digits(**options)
    return X[:300, ::4], y[:300]


def few_names(rng, shuffled=first_names.shuffled):
    """Some 70 of them are short enough."""
    return shuffled(rng)[:250]


def few_numbers(*arguments, numbers=phrases.numbers):
    """100 numbers to learn from, and what the demo holds out."""
    return numbers(*arguments)[:400]


SMALLER = {
    "digits": {"digits.COPIES": 1},
    "gpt": {"gpt.backend": eager, "gpt.WIDTH": 4, "gpt.WIDE": 3, "gpt.SIZE": 2, "gpt.shuffled": few_names},
    "overfit": {"overfit.backend": eager, "overfit.HIDDEN": 6},
    "privacy": {"privacy.backend": eager, "overfit.HIDDEN": 6},
    "search": {"search.backend": eager, "search.NEURONS": (2, 3), "search.load_digits": coarse_digits},
    "sentiment": {"sentiment.NEUTRAL": 2.0},
    "translate": {"translate.backend": eager, "translate.Translator": narrow, "phrases.numbers": few_numbers},
    "vanishing": {"vanishing.backend": eager, "vanishing.WIDTH": 4, "vanishing.SEEN": 5},
}


def make_small(name, put):
    leave_passes_out(put)
    put(drawings, "MOST", 4)  # mistakes on a page
    for attribute, x in SMALLER.get(name, {}).items():
        put(f"demos.{attribute}", x)


def run_each(folder, *arguments):
    answers = os.fdopen(os.dup(1), "w")
    for name in map(str.strip, sys.stdin):
        for stream in (1, 2):
            os.dup2(os.open(f"{folder}/{name}.{stream}", os.O_CREAT | os.O_WRONLY), stream)
        try:
            with pytest.MonkeyPatch.context() as patch:  # another demo may read what is small here
                make_small(name, patch.setattr)
                status = main([name, *arguments, f"{folder}/{name}/new"])
        except BaseException:
            traceback.print_exc()
            status = 1
        print(status, file=answers, flush=True)


if __name__ == "__main__":
    run_each(*sys.argv[1:])

"""Demos on less than --quick, where no figure of theirs counts; as a program, each that is asked for on stdin.

    PYTHONPATH=.:tests/support python -m small_demos FOLDER --quick --epochs 1 --out

reads names and prints exit statuses; FOLDER gets what each wrote on its streams, and its files.
"""

import os
import sys
import traceback
from importlib import import_module

import pytest
from compiling import leave_passes_out
from sklearn.datasets import load_digits

from demos import drawings
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


SMALLER = {
    "digits": {"COPIES": 1},
    "gpt": {"backend": eager, "WIDTH": 4, "WIDE": 3, "SIZE": 2},
    "overfit": {"backend": eager, "HIDDEN": 6},
    "privacy": {"backend": eager},
    "search": {"backend": eager, "NEURONS": (4, 6), "load_digits": few_digits},
    "sentiment": {"NEUTRAL": 2.0},
    "translate": {"backend": eager, "Translator": narrow},
    "vanishing": {"backend": eager, "WIDTH": 4, "SEEN": 5},
}


def make_small(name, put):
    leave_passes_out(put)
    put(drawings, "MOST", 4)  # mistakes on a page
    module = import_module(f"demos.{name}")
    for attribute, x in SMALLER.get(name, {}).items():
        put(module, attribute, x)


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

"""Phrases: numbers in words and dates in three forms, each with what it is in digits, and all of them as arrays.

The rules of English here make the pairs that `demos.translate` learns from and is judged by; its network sees the pairs.
"""

import csv
import datetime
import random
import re
from pathlib import Path
from typing import Any

import numpy as np

ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
]  # fmt: skip

FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)

CHARACTERS = " 0123456789-"  # of answers; blanks fill them up to one length

Pair = tuple[str, str]  # a phrase, and what it is in digits


def number(n: int) -> str:
    """A whole number from 0 to 999,999 in words.

    >>> number(310_042)
    'three hundred ten thousand forty-two'
    """
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10 - 2] + (f"-{ONES[n % 10]}" if n % 10 else "")
    unit, name = (100, "hundred") if n < 1000 else (1000, "thousand")
    return f"{number(n // unit)} {name}" + (f" {number(n % unit)}" if n % unit else "")


def date(day: datetime.date, form: int) -> str:
    """A date in one of three written forms.

    >>> [date(datetime.date(1998, 5, 3), form) for form in range(3)]
    ['3 May 1998', 'May 3, 1998', '03/05/1998']
    """
    month = MONTHS[day.month - 1]
    return (f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}", f"{day:%d/%m/%Y}")[form]


def tokens(phrase: str) -> list[str]:
    """A phrase as words, and single characters where it has none.

    >>> tokens("May 3, 1998")
    ['May', '3', ',', '1', '9', '9', '8']
    """
    return re.findall(r"[A-Za-z]+|\S", phrase)


def numbers(count: int, digits: int, rng: random.Random) -> list[Pair]:
    """Pairs of as many different numbers of up to so many digits, short ones drawn as often as long ones."""
    found: set[int] = set()
    while len(found) < count:
        found.add(rng.randrange(10 ** rng.randint(1, digits)))
    return [(number(n), str(n)) for n in rng.sample(sorted(found), count)]


def dates(count: int, rng: random.Random) -> list[Pair]:
    """Pairs of as many different days from 1900 to 2099, in random order, each in a form chosen at random."""
    days = rng.sample(range(FIRST.toordinal(), LAST.toordinal() + 1), count)
    return [(date(day, rng.randrange(3)), day.isoformat()) for day in map(datetime.date.fromordinal, days)]


class Text:
    """Phrases and answers as arrays, by the tokens that occur in some pairs."""

    def __init__(self, pairs: list[Pair]) -> None:
        phrases = [tokens(phrase) for phrase, _ in pairs]
        self.tokens = ["", *sorted({token for phrase in phrases for token in phrase})]  # "" fills up, and is unknown
        self.length, self.places = max(map(len, phrases)), max(len(answer) for _, answer in pairs)

    def numbered(self, pairs: list[Pair]) -> Any:
        """The tokens of phrases by number: an array (phrases, length)."""
        number = {token: k for k, token in enumerate(self.tokens)}
        rows = [[number.get(token, 0) for token in tokens(phrase)] for phrase, _ in pairs]
        return np.array([row[: self.length] + [0] * (self.length - len(row)) for row in rows])

    def inputs(self, pairs: list[Pair]) -> Any:
        """Phrases one-hot: an array (phrases, length, tokens)."""
        return np.eye(len(self.tokens))[self.numbered(pairs)]

    def targets(self, pairs: list[Pair]) -> Any:
        """Answers one-hot, in one row: an array (answers, places · characters)."""
        rows = [[CHARACTERS.index(c) for c in answer.ljust(self.places)] for _, answer in pairs]
        return np.eye(len(CHARACTERS))[rows].reshape(len(rows), -1)

    def answers(self, scores: Any) -> list[str]:
        """What scores (answers, places · characters) say."""
        best = np.reshape(scores, (len(scores), self.places, -1)).argmax(-1)
        return ["".join([CHARACTERS[k] for k in row]).rstrip() for row in best]

    def nearest(self, pairs: list[Pair], learned: list[Pair]) -> list[str]:
        """For each pair the answer of the learned phrase that has most tokens in the same places."""
        known, answers = self.numbered(learned), [answer for _, answer in learned]
        return [answers[int((known == row).sum(1).argmax())] for row in self.numbered(pairs)]


def by_place(row: list[Any]) -> list[list[Any]]:
    """The scores (or probabilities) of all characters, for each place of an answer."""
    return [row[k : k + len(CHARACTERS)] for k in range(0, len(row), len(CHARACTERS))]


def exact(answers: list[str], pairs: list[Pair]) -> float:
    """The share of answers without a mistake."""
    return sum(answer == right for answer, (_, right) in zip(answers, pairs)) / len(pairs)


def write_table(path: Path, pairs: list[Pair], columns: dict[str, list[str]]) -> None:
    """A CSV file of pairs beside what was answered; mistakes of the first column of answers come first."""
    first = next(iter(columns.values()))
    order = sorted(range(len(pairs)), key=lambda k: first[k] == pairs[k][1])
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["phrase", "right", *columns])
        table.writerows([[*pairs[k], *[answers[k] for answers in columns.values()]] for k in order])

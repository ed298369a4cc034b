"""Drills: a small graph with empty fields, to be filled in by head; a wrong answer is told which idea would give it."""

from __future__ import annotations

from fractions import Fraction
from html import escape

from engine import Value, draw, steps
from engine.arguments import named
from engine.picture import Picture, Player

from .misconceptions import Misconception, edge_name, misconceptions, operand
from .problems import LEVELS, Field, Problem, exact, problem
from .typed import DIGITS, agrees, nearly, typed, written

ASKS = {"partials": "local derivatives", "grads": "gradients", "both": "local derivatives and gradients"}


class Mark:
    """What is said of an answer.

    Attributes:
        right: whether it is.
        nearly: it is right but for too few digits, and asked for again.
        says: in words.
        line: the chain-rule line of the step to look at, "" for a right answer.
        step: which step of the player that is.
    """

    def __init__(
        self, right: bool, says: str, nearly: bool = False, line: str = "", step: int = 0, root: Value | None = None
    ) -> None:
        self.right, self.says, self.nearly, self.line, self.step, self._root = right, says, nearly, line, step, root

    @property
    def player(self) -> Player | None:
        """The player, open at the step where the answer went wrong; None for an answer that did not."""
        return draw(self._root, names={}).player(self.step) if self._root is not None else None

    def __repr__(self) -> str:
        return f"{self.says}\n  {self.line}" if self.line else self.says

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        page = self.player._repr_mimebundle_()["text/html"] if self.player is not None else ""
        return {"text/html": f"<p>{escape(self.says)}</p>{page}", "text/plain": repr(self)}


class Drill:
    """A problem with its empty fields, and what has been answered: what `drill` returns.

    Attributes:
        level, seed: what the problem is made of; the same two give the same problem everywhere.
        fields: the names of what is asked for, in order: "∂u/∂a" along one edge, "dL/da" through all paths.
        answers: what has been answered rightly, by field.
        score: how many fields were right at the first answer, over all problems so far.
        streak: how many in a row.
    """

    def __init__(self, asked: Problem, score: int = 0, streak: int = 0) -> None:
        self.problem, self.level, self.seed = asked, asked.level, asked.seed
        self.score, self.streak = score, streak
        self.answers: dict[str, Fraction] = {}
        self._missed = set[str]()
        self._asked = {field.name: field for field in fields(asked)}
        self.fields = list(self._asked)

    @property
    def now(self) -> str:
        """The field that the next answer is for; "" when all are filled in."""
        return next((name for name in self.fields if name not in self.answers), "")

    def answer(self, number: object, of: str = "") -> Mark:
        """Answer the field that is asked for now.

        Args:
            number: a number, or text: "1/3", "0.333", "−.5".
            of: another field to answer, by its name.

        Returns:
            A Mark: it says whether the answer is right, and of a wrong one which idea gives that number.

        Raises:
            TypeError, ValueError: that is no number, or no field.

        >>> from nn.course import drill
        >>> asked = drill(level=1, seed=7)
        >>> asked.answer("1")
        Not yet: along ∂L/∂a, that is the rule of a sum, and L is a product.
          ∂L/∂a = b = 3.0
        """
        if not of and not self.now:
            raise ValueError("drill takes answers while a field is empty; for another problem: next()")
        name = named("drill", "of", of, self.fields) if of else self.now
        given = mark(self.problem, self._asked[name], number)
        if given.right and name not in self.answers:
            first = name not in self._missed
            self.answers[name] = self._asked[name].right
            self.score, self.streak = self.score + first, self.streak + first
        elif not given.right and not given.nearly and name not in self.answers:
            self._missed.add(name)
            self.streak = 0
        if given.right:
            given.says += f" {self._next_words()}"
        return given

    def next(self) -> Drill:
        """The problem of the next seed, with score and streak as they are."""
        return Drill(problem(self.level, self.seed + 1), self.score, self.streak)

    @property
    def picture(self) -> Picture:
        """The graph, ? in its empty fields."""
        return self.shown("?", "?")

    def shown(self, partial: str, grad: str, uid: str | None = None) -> Picture:
        """The graph, with other words in its empty fields on arrows and in boxes, and ids that begin as they are to."""
        partials, grads = {}, {self.problem.root: "1.0"} if self.problem.about.asks != "partials" else {}
        for name, field in self._asked.items():
            word = written(self.answers[name]) if name in self.answers else ""
            if field.path is not None:
                partials[field.path.user, field.path.edge] = word or partial
            else:
                grads[field.node] = word or grad
        found: Picture = draw(self.problem.root, names={}, uid=uid).asking(partials, grads)
        return found

    def _next_words(self) -> str:
        if self.now:
            return f"Now {self.now}."
        return f"All is filled in: score {self.score}, streak {self.streak}. next() gives another."

    def __repr__(self) -> str:
        about, shown = self.problem.about, self.picture
        asked = {(p.user, p.edge) for p in self.problem.asked_edges}
        known = [e.line for e in shown.model.arrows if (e.paths[0].user, e.paths[0].edge) not in asked]
        given = [f"{n} = {written(self.answers[n]) if n in self.answers else '?'}" for n in self.fields]
        lines = [f"Level {self.level}, seed {self.seed}: {about.title}; {ASKS[about.asks]}.", "", str(shown), ""]
        for words in (known, given):
            lines += ["   ".join(words[i : i + 4]) for i in range(0, len(words), 4)]
        return "\n".join([*lines, "", self._next_words() + " Answer with answer(…)." * bool(self.now)])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        about = self.problem.about
        head = f"<b>Level {self.level}, seed {self.seed}</b>: {escape(about.title)}; {ASKS[about.asks]}"
        foot = escape(self._next_words()) + " Answer with <code>answer(…)</code>." * bool(self.now)
        return {"text/html": f"<p>{head}</p>{self.picture.html}<p>{foot}</p>", "text/plain": repr(self)}


def drill(level: int = 1, seed: int = 0) -> Drill:
    """A small graph with empty fields, to be filled in by head: local derivatives, then gradients, then both.

    Args:
        level: 1 to 10, from a product to a softmax with its loss.
        seed: a whole number; a class that takes the same one has the same problem, on every machine.

    Returns:
        A Drill: it shows the graph, takes answers by `.answer(number)`, and gives another problem by `.next()`.

    Raises:
        TypeError, ValueError: there is no such level, or the seed is no whole number.

    >>> from nn.course import drill
    >>> asked = drill(level=3, seed=7)
    >>> print(asked.picture)
    L = u − c                                       data        1.0  grad        1.0
      u = a − b                                     data       −1.0  grad          ?
        a (input)                                   data       −3.0  grad          ?
        b (input)                                   data       −2.0  grad          ?
      c (input)                                     data       −2.0  grad          ?
    >>> asked.now
    'dL/dc'
    """
    return Drill(problem(level, seed))


def fields(asked: Problem) -> list[Field]:
    """What is asked for: local derivatives, arguments first, then gradients, users first."""
    along = [Field(edge_name(p), p, operand(p), exact(p.local)) for p in asked.asked_edges]
    root, chains = asked.root.label, asked.chains
    return along + [Field(f"d{root}/d{v.label}", None, v, exact(chains[v].sum)) for v in asked.asked_nodes]


def cells(asked: Problem) -> list[str]:
    """Where in the picture each field is: what the ids of its numbers end with."""
    model = draw(asked.root, names={}).model
    arrows = {(e.paths[0].user, e.paths[0].edge): e.id for e in model.arrows}
    boxes = {b.value: b.id for b in model.boxes if b.kind != "tag"}
    along, through = asked.asked_edges, asked.asked_nodes
    return [f"{arrows[p.user, p.edge]}_l1" for p in along] + [f"{boxes[v]}_g" for v in through]


# An answer -----------------------------------------------------------------------------------------------------------


def mark(asked: Problem, field: Field, number: object) -> Mark:
    """What there is to say about an answer.

    Raises:
        TypeError, ValueError: that is no number.
    """
    given, digits = typed(number)
    if agrees(given, digits, field.right):
        return Mark(True, "Right.")
    if nearly(given, digits, field.right):
        return Mark(False, f"Nearly: {field.name} takes a fraction, or {DIGITS} digits of it.", nearly=True)
    alike = [m for m in misconceptions(asked, field) if agrees(given, digits, m.gives)]
    at = alike[0].at if alike else field.node if field.path is None else field.path.user
    step, line = _step(asked.root, at, field)
    return Mark(False, f"Not yet: {_reasons(alike, field)}.", line=line, step=step, root=asked.root)


def _reasons(alike: list[Misconception], field: Field) -> str:
    if not alike:
        return f"no usual mistake gives this number for {field.name}; step through it"
    return "; or: ".join([m.says for m in alike[:2]])


def _step(root: Value, at: Value, field: Field) -> tuple[int, str]:
    """Which step of the player a node's is, and its line: forward for a local derivative, backward for a gradient."""
    run, phase = steps(root, names={}), "forward" if field.path is not None else "backward"
    place = next(i for i, s in enumerate(run) if s.phase == phase and s.node is at)
    if field.path is None:
        return place + 1, run[place].equation  # a player starts before the first
    arrows = draw(root, names={}).model.arrows
    return place + 1, next(e.line for e in arrows if (e.paths[0].user, e.paths[0].edge) == (at, field.path.edge))


__all__ = ["ASKS", "LEVELS", "Drill", "Mark", "cells", "drill", "fields", "mark"]

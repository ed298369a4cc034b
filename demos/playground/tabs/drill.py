"""A drill: a small graph with a field for each number that is asked for; a wrong answer is told which idea would give it."""

import re

from demos.playground.answers import Said
from nn.course.drills import ASKS, LEVELS, Drill, cells, drill, fields, mark

ARROW, BOX = "\u00a0" * 19, "\u00a0" * 8  # room in the picture for a field to stand on: 58 pixels of either font


def problem(given: Said) -> Said:
    """The problem of {level, seed}: its picture, and where in it the fields are."""
    asked = _asked(given)
    shown = asked.shown(ARROW, BOX, uid="d")
    svg, drawing = shown.svg, shown.drawing
    places = [
        {"name": field.name, "kind": "gradient" if field.path is None else "local derivative", **_place(svg, cell)}
        for field, cell in zip(fields(asked.problem), cells(asked.problem))
    ]
    about = asked.problem.about
    return {
        "level": asked.level, "seed": asked.seed, "title": f"{about.title}: {ASKS[about.asks]}", "svg": svg,
        "width": drawing.whole[0], "height": drawing.whole[1], "alt": f"{drawing.title}. {drawing.text}", "fields": places,
    }  # fmt: skip


def check(given: Said) -> Said:
    """What is said of {level, seed, field, number}: whether it is right, and if not, why, and the player at that step."""
    asked = _asked(given)
    try:
        found = mark(asked.problem, fields(asked.problem)[int(str(given["field"]))], str(given["number"]))
    except ValueError as error:
        return {"right": False, "nearly": True, "says": str(error), "line": "", "player": ""}
    player = found.player
    return {
        "right": found.right, "nearly": found.nearly, "says": found.says, "line": found.line,
        "player": player.html if player is not None else "",
    }  # fmt: skip


def _asked(given: Said) -> Drill:
    return drill(int(str(given["level"])), int(str(given["seed"])))


def _place(svg: str, cell: str) -> dict[str, float]:
    """Where a number of the picture stands: its baseline, and where it begins on an arrow, or ends in a box."""
    found = re.search(rf'x="([\d.]+)" y="([\d.]+)"><tspan class="v" id="a_d_{cell}"', svg)
    found = found or re.search(rf'id="a_d_{cell}" x="([\d.]+)" y="([\d.]+)"', svg)
    if found is None:
        raise ValueError(f"a drill's picture shows what is asked for, got none with {cell}")
    return {"x": float(found[1]), "y": float(found[2])}


def built() -> Said:
    """What the page has of this tab before Python is there: the levels, and a first problem."""
    levels = [
        f"{i}. {level.title[0].upper()}{level.title[1:]}: {ASKS[level.asks]}" for i, level in enumerate(LEVELS, 1)
    ]
    return {"levels": levels, "first": problem({"level": 1, "seed": 0})}


ASKED = [problem, check]

"""The playground's tab "A drill", without a browser: fields stand on the picture, and answers are marked."""

import json

import pytest

from demos.playground.answers import answer
from demos.playground.tabs.drill import built, check, problem
from nn.course.drills import LEVELS, drill, fields
from nn.course.typed import written


def asked(level, seed, field, number):
    return json.loads(
        answer("drill.check", json.dumps({"level": level, "seed": seed, "field": field, "number": number}))
    )


@pytest.mark.parametrize("level", range(1, len(LEVELS) + 1))
def test_each_field_stands_on_the_picture_beside_no_other(level):
    told = problem({"level": level, "seed": 4})
    places = {(field["x"], field["y"]) for field in told["fields"]}
    assert len(places) == len(told["fields"]) == len(fields(drill(level, 4).problem))
    for field in told["fields"]:
        left = field["x"] - 56 if field["kind"] == "gradient" else field["x"] + 13
        assert left > 0 and left + 58 < told["width"] and 13 < field["y"] < told["height"] - 7
    assert "?" not in told["svg"]
    json.dumps(told, allow_nan=False)


def test_right_nearly_and_wrong_answers_are_told_apart():
    right = [f for f in fields(drill(9, 2).problem) if f.right.denominator % 3 == 0][0]
    place = [f.name for f in fields(drill(9, 2).problem)].index(right.name)
    assert asked(9, 2, place, written(right.right))["right"]
    assert asked(9, 2, place, f"{float(right.right):.2f}")["nearly"]
    wrong = asked(9, 2, place, written(-right.right))
    assert "the sign is the other way round" in wrong["says"]
    assert wrong["line"].startswith(right.name)
    assert wrong["player"].startswith("<!doctype html>")
    unread = asked(9, 2, place, "a third")
    assert unread["nearly"] and "takes a number such as" in unread["says"]


def test_what_is_built_has_every_level_and_the_picture_of_the_first_problem():
    told = built()
    assert len(told["levels"]) == len(LEVELS)
    assert told["first"] == built()["first"] == problem({"level": 1, "seed": 0})
    assert told["first"]["svg"].startswith("<svg")


def test_a_link_to_no_level_is_told():
    with pytest.raises(ValueError, match="drill takes a whole number from 1 to 10 as level, got 11"):
        check({"level": 11, "seed": 0, "field": 0, "number": "1"})

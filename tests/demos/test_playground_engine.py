"""The playground's tab "Your own engine", without a browser: its examples are what they say."""

import json

import pytest

from demos.playground.answers import answer
from demos.playground.tabs.engine import built
from demos.playground.tabs.engines import ENGINES

SAYS = {
    "A small engine": "All gradients are right, proved on",
    "The same, = in place of +=": "= in place of +=",
    "The same, tanh's slope half remembered": "The rule of tanh is wrong for operand 1.",
    "The same, nodes in the order in which they are met": "Every rule is right on its own:",
    "A rule added to chainrule": "your rule has 6.0 as ∂y/∂x0, and 12.0 is right",
}


def test_each_example_differs_from_the_others():
    assert [engine["name"] for engine in built()["engines"]] == list(SAYS)
    assert len({code for _, code in ENGINES}) == len(ENGINES)


@pytest.mark.parametrize(("name", "code"), ENGINES, ids=list(SAYS))
def test_an_example_is_what_it_says(name, code):
    told = []
    found = json.loads(answer("engine.check", json.dumps({"code": code}), told.append))
    assert SAYS[name] in found["says"]
    assert found["ok"] == (name == "A small engine") == (found["svg"] == "")
    assert (found["line"] is None) == found["ok"]
    if found["ok"]:
        assert json.loads(told[-1])["checked"] >= 200


def test_what_an_engine_prints_is_told_and_what_it_raises_is_in_its_line():
    told = []
    found = json.loads(answer("engine.check", json.dumps({"code": "print('here')\nclass Value(:"}), told.append))
    assert found["says"].startswith("Line 2 of your engine: this is no Python")
    found = json.loads(answer("engine.check", json.dumps({"code": "print('here')\nvalue"}), told.append))
    assert found["line"] == 2 and [json.loads(said) for said in told] == [{"printed": "here\n"}]

"""The checks of the course's exercises say what is wrong with the commonest wrong answers, and never what is right."""

import importlib
import re
from pathlib import Path

import pytest

from nn.course import answers, check_answer, verdict

TABLES = sorted(path.stem for path in Path(__file__).with_name("wrong_answers").glob("*.py"))
ANSWERS = {name: importlib.import_module(f"tests.course.wrong_answers.{name}") for name in TABLES}
WRONG = [(name, a, says) for table in ANSWERS.values() for name, rows in table.WRONG.items() for a, says in rows]
RIGHT = [(name, a) for table in ANSWERS.values() for name, rows in table.RIGHT.items() for a in rows]
NAMES = sorted({name for table in ANSWERS.values() for name in table.RIGHT})


def ids(rows):
    return [f"{row[0]}-{k}" for k, row in enumerate(rows)]


@pytest.mark.parametrize("row", WRONG, ids=ids(WRONG))
def test_a_wrong_answer_is_told_why(row):
    name, answer, says = row
    right, said = verdict(name, answer)
    assert not right
    assert said.startswith("Not yet: ")
    assert says in said, said
    assert said.endswith((".", "?"))


@pytest.mark.parametrize("row", RIGHT, ids=ids(RIGHT))
def test_a_right_answer_is_right(row):
    name, answer = row
    assert verdict(name, answer) == (True, "Right.")


@pytest.mark.parametrize("name", NAMES)
def test_three_dots_are_no_answer_yet(name, capsys):
    check_answer(name, ...)
    assert capsys.readouterr().out == "No answer yet: put yours in place of the three dots.\n"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", [None, "nothing", [], {}, object(), lambda: None, lambda *_: 1 / 0, float("nan")])
def test_any_other_answer_is_refused_in_words(name, answer):
    right, said = verdict(name, answer)
    assert not right
    assert said.startswith("Not yet: ")


def test_each_exercise_of_a_table_has_three_wrong_answers_and_a_right_one():
    for table in ANSWERS.values():
        assert table.WRONG.keys() == table.RIGHT.keys()
        assert min(map(len, table.WRONG.values())) >= 3
        assert min(map(len, table.RIGHT.values())) >= 1


def test_each_check_that_there_is_has_its_wrong_answers():
    written = {path.stem for path in Path(answers.__file__).parent.glob("*.py")} & set(answers.NOTEBOOKS)
    assert set(TABLES) == written
    for module in written:
        importlib.import_module(f"nn.course.{module}")
        number = f"{answers.NOTEBOOKS.index(module):02}"
        assert {name for name in answers.CHECKS if name.startswith(number)} == set(ANSWERS[module].WRONG)


@pytest.mark.parametrize("name", ["99.1", "01.9", "exercise", 3, None])
def test_a_name_of_no_exercise_is_refused(name):
    with pytest.raises(ValueError, match=re.escape("check_answer takes the name of an exercise, such as '03.1', got")):
        check_answer(name, 1.0)

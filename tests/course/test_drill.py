"""A drill has the same problems everywhere, asks for what the engine gives, and knows which idea gives a wrong number."""

import os
import re
from fractions import Fraction

import pytest
from checks.scalar import Node, postorder

from engine import draw, topological_order
from engine.formulas.formula import to_text
from nn.course import drill
from nn.course.drills import cells, fields, mark
from nn.course.misconceptions import OVERWRITTEN, OWN, RULE, SIGN, SWEEP, edge_name, misconceptions
from nn.course.problems import LEVELS, problem
from nn.course.typed import agrees, typed, written

SEEDS = int(os.environ.get("CHAINRULE_DRILLS", "12"))  # 1,000 where .ci/run has time for it
EVERY = range(1, len(LEVELS) + 1)
KEPT = {  # a class has the same problem whatever it runs: graph, leaves, answers
    1: ("a · b", [9.0, 3.0], "3 9"),
    2: ("a − b − c", [4.0, -3.0, -3.0], "1 −1 1 −1"),
    3: ("a − b − c", [-3.0, -2.0, -2.0], "−1 1 −1 1"),
    4: ("(a + b)² + b", [-2.0, 5.0], "1 6 7 6"),
    5: ("u = a + a; u · u + b", [-2.0, -4.0], "−4 −4 1 1 −8 −16"),
    6: ("relu(a − 0.5) − a − b", [-2.0, 3.0], "0 −1 1 1 0 −1"),
    7: ("tanh(a − b)²", [-0.5493, -1.0986], "0.75 1 1 0.75 −0.75 0.75"),
    8: (
        "tanh(w1 · x1 + w2 · x2 + b)",
        [0.5, 3.0, 2.0, 3.0, -8.1931],
        "3 0.5 3 2 0.64 0.64 0.64 0.64 0.64 1.28 1.92 0.64 0.32 1.92",
    ),
    9: (
        "e1 = exp(z1); e1/(e1 + exp(z2) + exp(z3))",
        [-1.3863, -1.3863, 0.6931],
        "0.25 0.25 2 0.4 −0.04 −0.04 −0.04 −0.08 −0.04 −0.04 −0.01 0.36 0.09",
    ),
    10: ("e2 = exp(z2); −ln(e2/(exp(z1) + e2))", [1.3863, 0.0], "−1 −1.25 0.2 0.2 0.2 −0.05 −0.2"),
}


@pytest.mark.parametrize("level", EVERY)
def test_a_level_and_a_seed_are_one_problem_on_every_machine(level):
    asked = problem(level, 7)
    answers = " ".join(written(field.right) for field in fields(asked))
    graph = "; ".join(to_text(asked.root, "unicode").splitlines())
    assert (graph, [round(v.data, 4) for v in asked.inputs], answers) == KEPT[level]


@pytest.mark.parametrize("level", EVERY)
def test_no_misconception_gives_the_right_number_and_each_names_its_edge(level):
    for seed in range(SEEDS):
        asked = problem(level, seed)
        known = {edge_name(p) for chain in asked.chains.values() for p in chain.paths}
        named = fields(asked)
        assert len({field.name for field in named}) == len(named) > 1
        for field in named:
            found = misconceptions(asked, field)
            assert found, (level, seed, field)
            for wrong in found:
                assert wrong.gives != field.right
                for text in (written(wrong.gives), f"{float(wrong.gives):.3f}"):
                    assert not agrees(*typed(text), field.right), (level, seed, field, wrong)
                assert any(edge in wrong.says for edge in known), wrong


@pytest.mark.parametrize("level", [1, 9, 10])
def test_a_class_has_problems_enough(level):
    """Of 60 seeds in a row few give what another gave, where all graphs are alike, too."""
    asked = [problem(level, seed) for seed in range(60)]
    assert len({(to_text(p.root, "unicode"), *(v.data for v in p.inputs)) for p in asked}) >= 48


@pytest.mark.parametrize("level", [8, 9, 10])
def test_what_is_always_the_same_bears_its_names(level):
    for seed in range(12):
        for v in topological_order(problem(level, seed).root):
            if v.op is not None and v.op.name == "exp":
                assert v.label[1:] == v.args[0].label[1:] and (v.label[0], v.args[0].label[0]) == ("e", "z")
            assert v.op is None or v.op.name != "div" or v.label[1:] == v.args[0].label[1:]
            assert v.op is None or v.op.name != "tanh" or v.label == "n"


@pytest.mark.parametrize("level", EVERY)
def test_the_answers_are_what_backward_gives(level):
    asked = problem(level, 3)
    right = fields(asked)
    asked.root.backward()
    for field in right:
        assert float(field.right) == pytest.approx(field.path.local if field.path else field.node.grad, abs=1e-9)


@pytest.mark.parametrize("level", EVERY)
def test_the_picture_shows_no_answer(level):
    asked = drill(level, 5)
    shown = asked.picture
    for cell in cells(asked.problem):
        assert re.search(rf'id="a_{shown.uid}_{cell}"[^>]*>(= )?\?<', shown.svg), cell
    arrows = {(e.paths[0].user, e.paths[0].edge): e for e in shown.model.arrows}
    for path in asked.problem.asked_edges:
        arrow = arrows[path.user, path.edge]
        assert arrow.line == f"{edge_name(path)} = ?"
        assert f"<title>{arrow.line}</title>" in shown.svg


@pytest.mark.parametrize("level", EVERY)
def test_edges_are_called_as_the_picture_calls_them(level):
    for seed in range(8):
        asked = problem(level, seed)
        paths = {edge_name(p) for chain in asked.chains.values() for p in chain.paths}
        assert paths == {e.symbol for e in draw(asked.root, names={}).model.arrows}


# What a learner with one wrong idea answers, found by running that idea --------------------------------------------------


class Learner(Node):
    """A scalar engine that does as a learner does."""

    slip = ""

    def __mul__(self, other):
        made = Learner(self.data * other.data, (self, other), (other.data, self.data))
        if self.slip == "own":
            made.partials = made.partials[::-1]
        return made

    def __add__(self, other):
        return Learner(self.data + other.data, (self, other), (1.0, 1.0))

    def __sub__(self, other):
        return Learner(self.data - other.data, (self, other), (1.0, 1.0 if self.slip == "sign" else -1.0))

    def __truediv__(self, other):
        y = self.data / other.data
        return Learner(y, (self, other), (1.0 / other.data, -y / other.data))

    def square(self):
        return Learner(self.data**2, (self,), (self.data if self.slip == "factor" else 2.0 * self.data,))


def slipped(asked, slip, sweep):
    """The learner's number for each node of a problem."""
    twins = {}
    for v in topological_order(asked.root):
        args = [a if isinstance(a, float) else twins[a] for a, x in v._edges()]
        args = [Learner(a) if isinstance(a, float) else a for a in args]
        if v.op is None:
            twins[v] = Learner(v.data)
        else:
            name = {"mul": "__mul__", "add": "__add__", "sub": "__sub__", "div": "__truediv__"}.get(
                v.op.name, v.op.name
            )
            Learner.slip = slip
            twins[v] = getattr(args[0], name)(*args[1:])
    root = twins[asked.root]
    root.grad = 1.0
    for node in reversed(postorder(root)):
        for parent, partial in zip(node.parents, node.partials):
            share = node.grad * partial
            parent.grad = share if sweep == "=" else parent.grad + share
    return {v: twin.grad for v, twin in twins.items()}


@pytest.mark.parametrize(
    ("level", "slip", "sweep", "ideas"),
    [
        (3, "own", "+=", {OWN}),
        (3, "sign", "+=", {SIGN}),
        (4, "own", "+=", {OWN}),
        (4, "sign", "+=", {SIGN}),
        (4, "factor", "+=", {RULE}),
        (4, "", "=", {OVERWRITTEN, SWEEP}),
        (5, "", "=", {OVERWRITTEN, SWEEP}),
    ],
)
def test_a_learner_with_one_wrong_idea_is_told_that_idea(level, slip, sweep, ideas):
    met = 0
    for seed in range(24):
        asked = problem(level, seed)
        given = slipped(asked, slip, sweep)
        wrong = [f for f in fields(asked) if f.path is None and given[f.node] != pytest.approx(float(f.right))]
        for field in wrong[:1]:  # what follows from it may be two mistakes
            gives = [m for m in misconceptions(asked, field) if float(m.gives) == pytest.approx(given[field.node])]
            assert ideas & {m.idea for m in gives}, (seed, field.name, given[field.node], gives)
            met += 1
    assert met > 2


# What people type ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["1/3", "0.333", ".333", "0,333", "0.3333", " 1 / 3 ", "2/6", 1 / 3, Fraction(1, 3), "+.333", "333e-3"]
)
def test_a_third_is_taken_as_people_write_it(text):
    assert agrees(*typed(text), Fraction(1, 3))


@pytest.mark.parametrize("text", ["−.5", "-0.5", "–1/2", "-.500", "−,5", "-1/2", -0.5, "- 0.5", "﹣0.5", "−٠.٥"])
def test_minus_a_half_is_taken_as_people_write_it(text):
    assert agrees(*typed(text), Fraction(-1, 2))


@pytest.mark.parametrize(
    ("text", "exact"), [("0.667", "2/3"), ("0.666", "2/3"), ("-0.0833", "-1/12"), ("2", "2"), ("2.0", "2")]
)
def test_decimals_are_taken_rounded_or_cut(text, exact):
    assert agrees(*typed(text), Fraction(exact))


@pytest.mark.parametrize(
    ("text", "exact"),
    [("0.33", "1/3"), ("0.334", "1/3"), ("0", "1/3"), ("0.3334", "1/3"), ("0.51", "1/2"), ("-1/3", "1/3")],
)
def test_other_numbers_are_not(text, exact):
    assert not agrees(*typed(text), Fraction(exact))


@pytest.mark.parametrize(
    "text", ["", "a third", "1/0", "1//2", "1.2.3", "--1", "nan", "1e999", "0x1", "1/2/3", "9" * 50]
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match="drill takes a number such as 2, −0.5 or 1/3 as answer, got"):
        drill().answer(text)


def test_too_few_digits_are_nearly_right_and_cost_nothing():
    asked = problem(9, 2)
    third = next(f for f in fields(asked) if f.right.denominator % 3 == 0)
    given = mark(asked, third, f"{float(third.right):.2f}")
    assert (given.right, given.nearly) == (False, True)
    assert "a fraction, or 3 digits" in given.says


# Score, streak, and what is shown ------------------------------------------------------------------------------------------


def test_score_and_streak_count_first_answers_over_problems():
    asked = drill(level=1, seed=7)
    right = [field.right for field in fields(asked.problem)]
    assert asked.answer(right[0]).right
    assert (asked.score, asked.streak, asked.now) == (1, 1, asked.fields[1])
    assert not asked.answer(right[1] + 50).right
    assert (asked.score, asked.streak) == (1, 0)
    assert "All is filled in: score 1, streak 0" in asked.answer(right[1]).says
    assert asked.now == ""
    with pytest.raises(ValueError, match="next()"):
        asked.answer(1)
    after = asked.next()
    assert (after.level, after.seed, after.score, after.streak) == (1, 8, 1, 0)
    assert after.answer(fields(after.problem)[1].right, of=after.fields[1]).right
    assert (after.score, after.streak, after.now) == (2, 1, after.fields[0])


def test_a_wrong_answer_names_the_idea_and_opens_the_player_at_its_step():
    asked = drill(level=4, seed=7)
    shared = next(f for f in fields(asked.problem) if len(asked.problem.chains[f.node].paths) > 1)
    lost = asked.problem.chains[shared.node].paths[0]
    given = asked.answer(float(shared.right) - lost.product, of=shared.name)
    assert not given.right
    assert f"a path is forgotten, the one along {edge_name(lost)}" in given.says
    assert given.line.startswith(shared.name + " = ")
    assert f'"first":{given.step}' in given.player.html.replace(" ", "")
    shown = given._repr_mimebundle_()
    assert shown["text/plain"] == f"{given.says}\n  {given.line}"
    assert "<iframe" in shown["text/html"]


def test_a_right_answer_is_seen_in_the_picture_and_in_the_terminal():
    asked = drill(level=1, seed=7)
    field = fields(asked.problem)[0]
    assert f"{field.name} = ?" in repr(asked)
    asked.answer(field.right)
    assert f"{field.name} = {written(field.right)}" in repr(asked)
    assert f"= {written(field.right)}<" in asked.picture.svg
    assert "Now <b>" not in asked._repr_mimebundle_()["text/html"]
    assert "<img" in asked._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    ("arguments", "told"), [((0, 1), "level"), ((11, 1), "level"), ((1, -1), "seed"), ((1.5, 1), "level")]
)
def test_a_drill_takes_a_level_and_a_seed(arguments, told):
    with pytest.raises((TypeError, ValueError), match=f"drill takes a whole number .*as {told}"):
        drill(*arguments)

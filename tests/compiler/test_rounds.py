"""A gradient over many examples is differentiated for a few of them: the program is that of all, to the last operand."""

import math
import random
import threading
from functools import reduce
from itertools import accumulate, chain
from math import inf

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from llvmlite.binding.newpassmanagers import ModulePassManager
from reference import run_program
from strategies import hexes
from test_balls import MANY
from test_graphs import plus_zero

import nn
from engine import (
    Value,
    cos,
    dot,
    exp,
    grad,
    gradients,
    hessian,
    hvp,
    jit,
    jvp,
    logsumexp,
    maximum,
    mean,
    minimum,
    relu,
    sin,
    square,
    tanh,
    total,
    value_and_grad,
    vjp,
    where,
)
from engine.compiler.compilation import Compilation
from engine.compiler.front.flattening import Flat
from engine.compiler.front.order import Dot, Products, Sums, flat, positions
from engine.compiler.front.recorder import Recorder
from engine.compiler.llvm.native_code import PROGRAMS
from engine.compiler.llvm.processor import Target, processor
from engine.compiler.loops import extension, flat_code, members, prediction, reach, rounds
from engine.compiler.loops.numbers import renew
from engine.compiler.loops.program import size, unrolled
from engine.compiler.recording import Recording
from engine.rule import TABLE
from engine.transforms.trees import flatten

pytestmark = pytest.mark.usefixtures("unoptimised")  # which rounds there are is known before LLVM's passes

# The law: what is read off programs of a few examples is the program of all -------------------------------------------------

TERMS = {
    "neuron": lambda ws, d, e: relu(dot(ws[:3], [d, e, ws[3]], ws[4])) * ws[5],
    "net": lambda ws, d, e: dot(ws[:3], [tanh(d * w + e) for w in ws[1:4]], ws[5]),
    "largest": lambda ws, d, e: maximum(ws[0] * d, ws[1] * e) / (ws[2] * ws[2] + 1.0),
    "chosen": lambda ws, d, e: where(d * ws[0], exp(ws[1] * e), ws[2] * d),
    "softmax": lambda ws, d, e: logsumexp([w * d + e for w in ws[:4]]) - ws[4] * e,
    "average": lambda ws, d, e: (mean([w * d for w in ws]) - e) ** 2,
}


def recurrence(term, ws, rows):
    state, before = ws[0], ws[1]
    for d, e in rows:
        state, before = tanh(state * before + term(ws, d, e)), state
    return state * before


def running(term, ws, rows):
    largest = term(ws, *rows[0])
    for d, e in rows[1:]:
        largest = maximum(largest, term(ws, d, e))
    return largest


def neighbours(term, ws, rows):
    return total([term(ws, a, d) * b - e for (a, b), (d, e) in zip(rows, rows[1:])])


def two_lists(term, ws, rows):
    losses = [term(ws, d, e) for d, e in rows]
    return mean(losses) + 0.5 * total([x * x for x in losses]) + sum(w * w for w in ws)


WAYS = {
    "total": lambda term, ws, rows: total([term(ws, d, e) for d, e in rows]),
    "mean": lambda term, ws, rows: mean([term(ws, d, e) for d, e in rows]),
    "sum": lambda term, ws, rows: sum(term(ws, d, e) for d, e in rows) / len(rows),
    "dot": lambda term, ws, rows: dot([d for d, _ in rows], [term(ws, d, e) for d, e in rows], ws[0]),
    "softmax": lambda term, ws, rows: logsumexp([term(ws, d, e) for d, e in rows]),
    "recurrence": recurrence, "running": running, "neighbours": neighbours, "two lists": two_lists,
}  # fmt: skip


# What is made of the gradients, that is compiled with them.
FORMS = {
    "value_and_grad": value_and_grad,
    "by every argument": lambda f: value_and_grad(f, argnums=(0, 1)),
    "by the examples": lambda f: grad(f, argnums=1),
    "in a step": lambda f: (
        lambda ws, rows: (lambda value, slopes: (value * 2.0, [w - 0.1 * s for w, s in zip(ws, slopes)]))(
            *value_and_grad(f)(ws, rows)
        )
    ),
    "at what is computed": lambda f: (
        lambda ws, rows: (lambda norm: [norm, *grad(f)([w * norm for w in ws], rows), total(ws)])(tanh(dot(ws, ws)))
    ),
    "hvp": lambda f: lambda ws, rows: hvp(lambda xs: f(xs, rows), (ws,), (ws[::-1],)),
    "jvp of grad": lambda f: lambda ws, rows: jvp(lambda xs: grad(f)(xs, rows), (ws,), (ws[::-1],)),
    "grad of grad": lambda f: lambda ws, rows: grad(lambda xs: total([s * s for s in grad(f)(xs, rows)]))(ws),
    "grad of grad, alone": lambda f: grad(lambda ws, rows: dot(ws, grad(f)(ws, rows))),
    "hessian": lambda f: lambda ws, rows: hessian(f)(ws, rows),
    "with aux": lambda f: (
        lambda ws, rows: (lambda slopes, aux: [*slopes, aux])(
            *grad(lambda xs: (f(xs, rows), xs[0] * 2.0), has_aux=True)(ws)
        )
    ),
    "vjp": lambda f: lambda ws, rows: vjp(lambda xs: f(xs, rows), ws)[1](ws[0]),
}


def problem(way, term, examples):
    rng = random.Random(examples)
    ws = [rng.uniform(-1, 1) for _ in range(6)]
    rows = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(examples)]
    return value_and_grad(lambda ws, rows: WAYS[way](TERMS[term], ws, rows)), (ws, rows)


def recorded(f, args, few):
    stages = Compilation(Target("float64", True, False, processor(None)))
    return Recording(f, lambda tree: f(*tree), Flat(args), stages, few)


def law(way, term, examples, form="value_and_grad"):
    _, args = problem(way, term, examples)
    f = FORMS[form](lambda ws, rows: WAYS[way](TERMS[term], ws, rows))
    found, want = (recorded(f, args, few) for few in (True, False))
    same = list(unrolled(found.rolled.body, found.rolled.table)) == list(unrolled(want.rolled.body, want.rolled.table))
    assert same  # pytest would look for what is not the same in thousands of lines
    assert found.rolled.length == want.rolled.length
    return found, want


@pytest.mark.parametrize("way", sorted(WAYS))
@settings(max_examples=2 * MANY, deadline=None)
@given(st.sampled_from(sorted(TERMS)), st.integers(18, 24))
@example("neuron", 20)
def test_the_program_for_a_few_examples_goes_on_to_that_of_all(way, term, examples):
    law(way, term, examples)


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"grad of grad, alone"}))  # of which sums come in another order
@settings(max_examples=MANY, deadline=None)
@given(st.sampled_from(sorted(WAYS)), st.sampled_from(sorted(TERMS)), st.integers(18, 24))
@example("total", "neuron", 20)
def test_a_function_goes_on_to_that_of_all_whatever_it_makes_of_a_gradient(form, way, term, examples):
    law(way, term, examples, form)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_few_examples_tell_inside_of_a_function(form):
    _, args = problem("total", "neuron", 40)
    f = FORMS[form](lambda ws, rows: WAYS["total"](TERMS["neuron"], ws, rows))
    found, want = (recorded(f, args, few) for few in (True, False))
    assert found.of_few
    assert len(found.trace.code) < len(want.trace.code) / 2
    assert flatten(jit(f)(*args), "", "").leaves == pytest.approx(flatten(f(*args), "", "").leaves, rel=1e-12)


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_few_examples_tell(way):
    found, want = law(way, "neuron", 30)
    assert found.of_few
    assert not want.of_few
    assert len(found.trace.code) < len(want.trace.code) / 2
    assert size(found.rolled.body) <= size(want.rolled.body)


PENALTIES = {
    "sum": lambda ws: 0.01 * sum(w * w for w in ws),
    "total": lambda ws: 0.01 * total([w * w for w in ws]),
    "of the last first": lambda ws: 0.01 * sum(w * w for w in ws[::-1]),
    "whole": lambda ws: sum(w * w for w in ws),
    "less": lambda ws: -total([w * w for w in ws]),
    "by one of them": lambda ws: ws[0] * sum(w * w for w in ws),
    "of some": lambda ws: 0.01 * reduce(lambda a, w: a + w * w, ws[7:], 0.5),
    "of two kinds": lambda ws: 0.01 * sum(w * w for w in ws[:20]) + 0.02 * total([w * w for w in ws[20:]]),
    "twice": lambda ws: 0.01 * sum(w * w for w in ws) + 0.02 * sum(w * w for w in ws),
    "of one twice": lambda ws: 0.01 * sum(w * w for w in [*ws, *ws[:20]]),
    "a dot": lambda ws: 0.01 * dot(ws, ws),
    "a dot, and more behind it": lambda ws: 0.3 * dot(ws, ws) + sum(w / 7.0 for w in ws),
    "a dot behind some of constants": lambda ws: (
        sum(w * dot(ws[21:24], [w, Value(0.7), w * w]) for w in ws[:5]) + 0.3 * dot(ws, ws)
    ),
    "two dots": lambda ws: 0.3 * dot(ws, ws) + 0.7 * dot(ws, ws),
    "roots": lambda ws: sum(w * w for w in ws) ** 0.5,
    "with a part": lambda ws: (lambda squares: sum(squares) + squares[3])([w * w for w in ws]),
    "with what it went through": lambda ws: (lambda sums: sums[-1] + sums[20])(list(accumulate([w * w for w in ws]))),
}  # fmt: skip


def penalized(penalty, first):
    """A net 3-4-1, whose rows of weights dots read, with a term of squares, before or after its losses."""

    def loss(ws, rows):
        before = penalty(ws) if first else 0.0
        found = []
        for d, e in rows:
            row = [relu(dot(ws[k : k + 3], [d, e, d * e], ws[k + 3])) for k in range(0, 16, 4)]
            found.append(relu(1.0 - d * dot(ws[16:20], row, ws[20])))
        losses = total(found)
        return before + losses if first else losses + penalty(ws)

    return loss, ([math.sin(7.0 * k) for k in range(30)], problem("total", "neuron", 20)[1][1])


@pytest.mark.parametrize("first", [False, True], ids=["after", "before"])
@pytest.mark.parametrize("penalty", sorted(PENALTIES))
def test_gradients_with_squares_of_weights_have_the_bits_of_eager_mode(penalty, first):
    f, args = penalized(PENALTIES[penalty], first)
    value, slopes = jit(value_and_grad(f), contract=False)(*args)
    expected, exact = value_and_grad(f)(*args)
    assert hexes(plus_zero([value, *slopes])) == hexes(plus_zero([expected, *exact]))


RETURNED = {
    "a square": lambda ws, losses: (lambda squares: (total(squares), squares[3])[1])([w * w for w in ws]),
    "a part of a sum": lambda ws, losses: [*accumulate((w * w for w in ws), initial=losses)][5],
}


@pytest.mark.parametrize("returned", sorted(RETURNED))
def test_a_function_may_return_what_a_sum_of_squares_is_of(returned):
    def f(ws, rows):
        return RETURNED[returned](ws, total([d * ws[0] for d, _ in rows]))

    _, args = penalized(PENALTIES["sum"], False)
    assert jit(value_and_grad(f), contract=False)(*args) == value_and_grad(f)(*args)


@pytest.mark.parametrize("added", [False, True], ids=["times losses", "added to losses"])
def test_squares_of_what_is_not_differentiated_are_constants(added):
    def f(ws, rows):
        losses = total([d * e for d, e in rows])
        return dot(ws, ws, losses) if added else losses * dot(ws, ws)

    _, args = penalized(PENALTIES["sum"], False)
    assert jit(value_and_grad(f, 1), contract=False)(*args) == value_and_grad(f, 1)(*args)


@pytest.mark.parametrize("first", [False, True], ids=["after", "before"])
@pytest.mark.parametrize("penalty", ["sum", "total", "of the last first", "whole", "by one of them", "a dot", "roots"])
def test_squares_of_weights_are_the_program_that_they_are_one_by_one(penalty, first):
    f, args = penalized(PENALTIES[penalty], first)
    found, want = (recorded(value_and_grad(f), args, few) for few in (True, False))
    assert found.of_few
    same = list(unrolled(found.rolled.body, found.rolled.table)) == list(unrolled(want.rolled.body, want.rolled.table))
    assert same


def test_squares_of_weights_take_few_instructions_and_no_more_for_more_of_them():
    f, (ws, rows) = penalized(PENALTIES["sum"], False)
    few, more = (len([1 for op, *_ in recorded(value_and_grad(f), (given, rows), True).trace.code if op])
                 for given in (ws, ws + ws))  # fmt: skip
    assert few + len(ws) * 2 >= more  # a sum and what writes it, of each that nothing else reads


def one_before(kept):
    """What reads the last round reads the one before."""

    def wrong(self, a, inside):
        found = kept(self, a, inside)
        place = self._round(found) if found is not a and found in self._place else None
        return found if place is None else self._nodes[self._place[found] - place[0].period]

    return wrong


def first_for_last(made):
    """What is told by the last round is told by the first."""

    def wrong(self, place):
        statement, found = made(self, place)
        return statement, {loop: 0 if 2 * i >= self._counts[loop] else i for loop, i in found.items()}

    return wrong


FAULTS = {
    "the rounds go on by one more": (extension._Growth, "number", lambda f: lambda self, ns: f(self, ns) + (ns[0] != ns[1])),
    "what reads the last round reads the one before": (members.Member, "_kept", one_before),
    "the mean is that of the few": (members, "MEAN", lambda mean: None),
    "a list keeps one more": (
        members.Member, "_shortened", lambda f: lambda self, given, found: f(self, given, found)[:-1],
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_the_law_finds_planted_faults(fault, monkeypatch):
    module, name, wrong = FAULTS[fault]
    monkeypatch.setattr(module, name, wrong(getattr(module, name)))
    for way in sorted(WAYS):
        try:
            found, _ = law(way, "neuron", 20)
        except AssertionError:
            return
        if not found.of_few:
            return
    pytest.fail("no way shows it")


PARAMETERS = [range(1 + 8 * k, 1 + 8 * k + 40, 8) for k in range(3)]  # operands, five a list

WHOLE = {
    "a dot": Dot(PARAMETERS[0], (9, 33, 17, 1, 25), (), 0),
    "a dot behind conditions": Dot(PARAMETERS[0], PARAMETERS[1], PARAMETERS[2], 11),
    "products": Products("output", 7, 16, PARAMETERS[1], None, 0),
    "products behind a condition": Products("accumulate", 0, 16, PARAMETERS[1], 8, 11),
    "sums": Sums("output", 3, (8, 16, 0), (), PARAMETERS, 3, 11),
    "sums behind conditions": Sums("accumulate", 3, (8, 16, 0), (0, 8, 16), PARAMETERS, 3, 11),
    "sums that begin with two numbers": Sums("output", 3, (8, 16, 0), (), PARAMETERS, 3, 11, (PARAMETERS[1], (9, 33, 17, 1, 25))),
    "sums behind conditions that begin so": Sums(
        "output", 3, (8, 16, 0), (0, 8, 16), PARAMETERS, 3, 11, (PARAMETERS[1], PARAMETERS[1])
    ),
}  # fmt: skip


@pytest.mark.parametrize("item", sorted(WHOLE))
def test_what_a_program_is_compared_with_are_its_instructions(item, monkeypatch):
    code = [("move", (1,), 0), ("relu", (0,), 0), ("add", (0, 8), 0), WHOLE[item], ("output", (8,), 40), WHOLE[item]]
    found = flat_code.FlatCode(code, [0.0, -0.0])
    names = list(found.numbers)
    monkeypatch.setattr(flat_code, "SHORT", 0)
    begin, end = (starts := positions(code))[1:3]
    some = found.part(begin, begin + 1)
    assert (some.first, some.end) == (begin, end)
    last = found.part(starts[-2] - 1, starts[-1])
    part = found.part(0, len(found.ops))
    assert (some.args == part.args[:, begin:end]).all() and (some.targets == part.targets[begin:end]).all()
    assert last.first == starts[-3] and (last.args == part.args[:, last.first :]).all()
    args = [tuple([a for a in column if a != flat_code.UNUSED]) for column in part.args.T.tolist()]
    assert list(zip([names[k] for k in found.ops], args, part.targets.tolist())) == list(flat(code))


PREDICTIONS = {
    "what is told by the last round is told by the first": (prediction._Layout, "made", first_for_last),
    "what is given stands where it was": (
        prediction._Prediction, "_given", lambda f: lambda self, index, around, there: index,
    ),
}  # fmt: skip


@pytest.mark.parametrize("confirmed", [False, True], ids=["not confirmed", "confirmed by nobody"])
@pytest.mark.parametrize("fault", sorted(PREDICTIONS))
@pytest.mark.parametrize("short", [0, flat_code.SHORT], ids=["part by part", "at once"])
def test_a_wrong_prediction_is_refused_by_another_program_alone(fault, confirmed, short, monkeypatch):
    monkeypatch.setattr(flat_code, "SHORT", short)
    module, name, wrong = PREDICTIONS[fault]
    monkeypatch.setattr(module, name, wrong(getattr(module, name)))
    if confirmed:
        monkeypatch.setattr(flat_code.Part, "has", lambda *given: True)
        with pytest.raises(AssertionError):
            law("total", "neuron", 20)
    else:
        found, _ = law("total", "neuron", 20)
        assert found.of_few


@pytest.mark.parametrize("way", sorted({*WAYS} - {"recurrence", "running"}))
@pytest.mark.parametrize("short", [0, flat_code.SHORT], ids=["part by part", "at once"])
def test_a_program_of_a_few_that_another_confirms_is_the_only_one_that_is_rolled(way, short, monkeypatch):
    monkeypatch.setattr(flat_code, "SHORT", short)
    traces, roll = [], Compilation.roll
    monkeypatch.setattr(Compilation, "roll", lambda self, trace: traces.append(trace) or roll(self, trace))
    f, args = problem(way, "neuron", 20)
    assert recorded(f, args, True).of_few
    assert len(traces) == 1


@pytest.mark.parametrize("fault", ["what reads the last round reads the one before", "a list keeps one more"])
def test_a_wrong_program_of_a_few_is_not_believed(fault, monkeypatch):
    cases = [problem(way, "neuron", 20) for way in sorted(WAYS)]
    module, name, wrong = FAULTS[fault]
    monkeypatch.setattr(module, name, wrong(getattr(module, name)))
    refused, agrees = [], Recording.agrees
    monkeypatch.setattr(Recording, "agrees", lambda self, found: agrees(self, found) or refused.append(self))
    for f, args in cases:
        found, want = jit(f)(*args), f(*args)
        assert [found[0], *found[1]] == pytest.approx([want[0], *want[1]], rel=1e-9)
    assert refused


def test_what_a_program_of_a_few_is_compared_with_is_computed_while_llvm_is_at_work(monkeypatch):
    (f, args), computed, threads = problem("total", "neuron", 20), threading.Event(), []
    run, expected = ModulePassManager.run, Recording._expected

    def runs(self, *given):
        threads.append(threading.get_ident())
        assert computed.wait(60)
        return run(self, *given)

    def computes(self, other):
        threads.append(threading.get_ident())
        found = expected(self, other)
        computed.set()
        return found

    monkeypatch.setattr(ModulePassManager, "run", runs)
    monkeypatch.setattr(Recording, "_expected", computes)
    PROGRAMS.clear()
    jit(f).lower(*args)
    assert threads.count(threading.get_ident()) == 2  # once to compute, once to compare
    assert len(set(threads)) == 2


def test_an_interrupt_while_llvm_is_at_work_is_one_of_the_call(monkeypatch):
    f, args = problem("total", "neuron", 20)
    step = jit(f)
    PROGRAMS.clear()

    def interrupted(self, other):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Recording, "_expected", interrupted)
        with pytest.raises(KeyboardInterrupt):
            step(*args)
    value, gradient = f(*args)
    found = step(*args)
    assert [found[0], *found[1]] == pytest.approx([value, *gradient], rel=1e-9)


def kept_elsewhere(f):
    losses = []

    def g(ws, rows):
        losses.clear()
        losses.extend([tanh(ws[0] * d - e) for d, e in rows])
        return total(losses)

    return lambda ws, rows: [*grad(g)(ws, rows), losses[0], losses[11], losses[-1]]


ELSEWHERE = {
    "what rounds made is read afterwards": kept_elsewhere,
    "another gradient of as many examples": lambda f: (
        lambda ws, rows: [a + b for a, b in zip(grad(f)(ws, rows), grad(lambda ws: f(ws, rows[::-1]) * 2.0)(ws))]
    ),
    "a sum over the slopes of the examples": lambda f: (
        lambda ws, rows: total([s * s for row in grad(f, 1)(ws, rows) for s in row])
    ),
    "what is there for the number of examples": lambda f: lambda ws, rows: [s / len(rows) for s in grad(f)(ws, rows)],
    "a function that is another one each time": lambda f: (
        lambda calls: lambda ws, rows: grad(lambda ws: f(ws, rows[len(calls) :]) + calls.append(1) * 0.0)(ws)
    )(Calls()),
}


COUNTED = {
    "the larger": lambda ws, n: maximum(n, 9.0) * ws[1],
    "the smaller": lambda ws, n: minimum(n, 9.0) * ws[1],
    "a choice": lambda ws, n: where(ws[1], where(relu(n - 9.0), ws[0], ws[2]), ws[2]),
    "a branch": lambda ws, n: ws[1] * (3.0 if n > 9.0 else 2.0),
}


@pytest.mark.parametrize("form", sorted(COUNTED))
def test_a_slope_that_counts_the_rounds_is_that_of_all(form):
    def f(ws, rows):
        n, slope, *_ = grad(lambda ws: total([ws[0] + sin(ws[1] * d) for d, _ in rows]))(ws)
        return slope + COUNTED[form](ws, n)

    _, (ws, rows) = problem("total", "neuron", 20)
    compiled = jit(f)
    compiled([ws[0], 0.0, *ws[2:]], rows)  # where nothing of it shows
    assert compiled(ws, rows) == pytest.approx(f(ws, rows), rel=1e-12)


class Calls(list):
    def append(self, x):
        super().append(x)
        return 1.0


@pytest.mark.parametrize("form", sorted(ELSEWHERE))
def test_what_is_made_of_all_examples_elsewhere_is_made_of_all(form):
    _, args = problem("total", "neuron", 40)
    f = ELSEWHERE[form](lambda ws, rows: WAYS["total"](TERMS["neuron"], ws, rows))
    if form != "a function that is another one each time":
        found, want = jit(f)(*args), f(*args)
        assert flatten(found, "", "").leaves == pytest.approx(
            [getattr(x, "data", x) for x in flatten(want, "", "").leaves], rel=1e-12
        )
    else:
        assert not recorded(f, args, True).of_few


# What is not alike in all rounds ---------------------------------------------------------------------------------------


IRREGULAR = {
    "one row is another's": lambda ws, rows: total([ws[0] * d + e for d, e in [*rows[:9], rows[3], *rows[10:]]]),
    "one is left out": lambda ws, rows: total([ws[0] * d for d, _ in rows[:7]] + [ws[1] * d for d, _ in rows[7:]]),
    "one in the middle counts twice": lambda ws, rows: (lambda losses: total(losses) + losses[11])(
        [relu(ws[0] * d - e) for d, e in rows]
    ),
    "from both ends": lambda ws, rows: (lambda losses: total([a * b for a, b in zip(losses, losses[::-1])]))(
        [tanh(ws[0] * d - e) for d, e in rows]
    ),
    "by rows that are differentiated": lambda ws, rows: total([tanh(w * d) for w in ws for d, _ in rows]),
}


@pytest.mark.parametrize("form", sorted(IRREGULAR))
def test_what_is_not_alike_has_the_program_that_it_had(form):
    _, (ws, rows) = problem("total", "net", 24)
    f = value_and_grad(IRREGULAR[form])
    found, want = (recorded(f, (ws, rows), few) for few in (True, False))
    assert list(unrolled(found.rolled.body, found.rolled.table)) == list(unrolled(want.rolled.body, want.rolled.table))


FAR = {
    "what is twelve rounds further": lambda x, y: total([x[i] * tanh(x[i + 12]) for i in range(20)]),
    "the last of the twenty": lambda x, y: total([x[i] * x[19] for i in range(20)]),
    "twelve of them once more": lambda x, y: total([tanh(a) for a in x[:20]]) + total([a * a for a in x[:12]]),
    "every second, and those between": lambda x, y: total([tanh(x[2 * i]) * x[2 * i + 11] for i in range(20)]),
    "what is not differentiated": lambda x, y: total([tanh(a) for a in x[:12] + y[:12]]),
    "what is made of others": lambda x, y: (lambda p: total([p[i] * p[i + 12] for i in range(20)]))(
        [tanh(a) for a in x]
    ),
    "data": lambda x, y: total([relu(y[i]) * relu(y[i + 12]) * x[0] for i in range(20)]),
    "what the slope of another is, too": lambda x, y: total(
        [sin(y[i] * x[0]) * x[0] + cos(y[i + 12] * x[0]) for i in range(20)]
    ),
    "sums of what all rounds read": lambda x, y: (lambda a, b: total([tanh(t) * u for t, u in zip(a, b[3:])]))(
        *[list(accumulate([x[0]] + n * [x[1]])) for n in (20, 23)]
    ),
    "what is the same outside but for one": lambda x, y: reduce(
        lambda state, a: tanh(state * x[1] + a), [y[1] * (y[0] if i == 12 else x[2]) for i in range(20)], x[0]
    ),
    "a number that only one of them has, in a list": lambda x, y: total(
        [total([tanh(x[0] * y[i]), 5.0 if i == 12 else 1.0]) for i in range(20)]
    ),
}


@pytest.mark.parametrize("read", sorted(FAR))
def test_rounds_that_have_to_do_with_others_far_away_are_not_read_off_a_few(read):
    rng = random.Random(4)
    args = [rng.uniform(-1, 1) for _ in range(50)], [rng.uniform(-1, 1) for _ in range(50)]
    f = value_and_grad(FAR[read])
    found, want = (recorded(f, args, few) for few in (True, False))
    assert list(unrolled(found.rolled.body, found.rolled.table)) == list(unrolled(want.rolled.body, want.rolled.table))


# What Python makes of an index ------------------------------------------------------------------------------------------

ORDER = sorted(range(20), key=lambda i: i * 7 % 20)
LISTED = {
    "the last with another weight": lambda ws, x: [ws[1]] * 19 + [ws[2]],
    "the last with data": lambda ws, x: [ws[1]] * 19 + [x[20]],
    "one in the middle with another": lambda ws, x: x[:9] + [x[24]] + x[10:20],
    "nodes of which one is a leaf": lambda ws, x: [ws[1] * x[3], x[4], *[ws[1] * (k % 3) for k in range(18)]],
    "ends with half": lambda ws, x: [0.5] + [1.0] * 18 + [0.5],
}


BETWEEN = {"another in the middle": 9, "another before the last": 18}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("form", sorted(LISTED) + sorted(BETWEEN))
def test_a_list_beside_that_of_all_rounds_goes_on_evenly_or_no_few_tell(form, turned):
    def f(ws, x):
        losses = [relu(a * ws[0]) for a in x[: 19 if form in BETWEEN else 20]]
        if form in BETWEEN:
            losses.insert(BETWEEN[form], ws[1])
        return dot(losses[::-1] if turned else losses, LISTED[form](ws, x) if form in LISTED else x[:20])

    rng = random.Random(form)
    ws, x = ([rng.uniform(0.1, 1) for _ in range(n)] for n in (3, 25))
    for slopes_of in value_and_grad(f), lambda *given: value_and_grad(f)(*given):
        compiled = jit(slopes_of)
        compiled([-0.5, *ws[1:]], x)  # where nothing of the rounds shows
        (value, slopes), (want, others) = compiled(ws, x), slopes_of(ws, x)
        assert [value, *slopes] == pytest.approx([want, *others], rel=1e-12)


INDEXED = {
    "every seventh is another": lambda w, x, y: total([(relu if i % 7 == 3 else tanh)(w[0] * x[i]) for i in range(20)]),
    "weights that fall": lambda w, x, y: total([relu(w[0] * x[i] - w[1]) / (i + 1) for i in range(20)]),
    "weights that are squares": lambda w, x, y: mean([i * i * relu(w[0] * x[i]) * y[i] for i in range(20)]),
    "a weight for the last": lambda w, x, y: total([(0.5 if i == 19 else 2.0) * relu(w[0] * x[i]) for i in range(20)]),
    "the one before": lambda w, x, y: total([relu(w[0] * x[i]) * x[i - 1] for i in range(20)]),
    "the one as far from the end": lambda w, x, y: total([relu(w[0] * x[i]) * x[19 - i] for i in range(20)]),
    "two lists, one shorter": lambda w, x, y: total([relu(w[0] * a) for a in x]) + total([w[1] * b for b in y[:18]]),
    "as long as a list": lambda w, x, y: total([w[len(x) > 15] * relu(w[2] * a) for a in x]) / len(x),
    "in another order": lambda w, x, y: total([relu(w[0] * x[i]) * y[i] for i in ORDER]),
    "by a dictionary": lambda w, x, y: total([{0: 0.5, 1: w[1], 2: 2.0}[i % 3] * relu(w[0] * x[i]) for i in range(20)]),
    "each with those before": lambda w, x, y: total([relu(w[0] * a) * b for a, b in zip(accumulate(x), y)]),
    "rounds in rounds": lambda w, x, y: total([total([(j + 1) * relu(v * a) for j, v in enumerate(w)]) for a in x]),
    "shorter and shorter": lambda w, x, y: total([relu(w[0] * total(x[i:])) * y[i] for i in range(20)]),
    "numbers that add up": lambda w, x, y: (lambda a: total([relu(w[0] * b) * y[0] for b in x]) * a[-1])(
        list(accumulate([w[1] ** 0.0 for _ in x]))
    ),
    "one behind a condition": lambda w, x, y: total(
        [where(w[1] > 0.0, x[3], a) * relu(w[0] * b) for a, b in zip(x, y)]
    ),
}


TOLD = {
    "weights that fall", "weights that are squares", "a weight for the last", "two lists, one shorter",
    "as long as a list", "each with those before", "rounds in rounds",
}  # fmt: skip


@pytest.mark.parametrize("form", sorted(INDEXED))
def test_a_program_of_a_few_is_right_where_no_example_led_when_it_was_made(form):
    rng = random.Random(form)
    rows = [rng.uniform(0.1, 1) for _ in range(20)], [rng.uniform(0.1, 1) for _ in range(20)]
    f = value_and_grad(INDEXED[form])
    found = recorded(f, ([-0.5, -0.25, -0.75], *rows), True)  # relu is flat everywhere
    assert found.of_few == (form in TOLD)
    for _ in range(3):
        args = [[rng.uniform(-1, 1) for _ in given] for given in ([0, 0, 0], *rows)]
        numbers = [*chain(*args), *[v.data for v in found.recorder.captured]]
        have = run_program(found.rolled.body, found.rolled.table, {**TABLE, **found.trace.rows}, numbers)
        value, slopes = f(*args)
        want = [value, *slopes]
        assert [have[k] for k in range(len(want))] == pytest.approx(want, rel=1e-9, abs=1e-12)


COUNTS = {
    "powers of 0": lambda x, y, a: a**0.0,
    "powers of what is 0": lambda x, y, a: a ** (x[1] ** 0.0 - 1.0),
    "choices between equals": lambda x, y, a: where(a, 1.0, 1.0),
    "choices by a number": lambda x, y, a: where(y[41] ** 0.0, 1.0, a),
    "totals of numbers": lambda x, y, a: total([a**0.0, y[41] ** 0.0]),
}


@pytest.mark.parametrize("term", sorted(COUNTS))
def test_sums_that_are_numbers_in_the_end_are_those_of_all_rounds(term):
    def f(x, y):
        count, other, losses = total([cos(Value(0.0)), 1.0]), maximum(exp(x[1]), y[41]), []
        for a in y[:20]:
            count = count + COUNTS[term](x, y, a)
            losses.append(sin(x[0] * a))
        return total(losses) + other + where(y[40], maximum(count, 9.0) * x[1], 0.0)

    args = [0.1] * 50, [0.2] * 50
    found, want = (recorded(value_and_grad(f), args, few) for few in (True, False))
    assert list(unrolled(found.rolled.body, found.rolled.table)) == list(unrolled(want.rolled.body, want.rolled.table))


SURE = [("total", "softmax"), ("mean", "largest"), ("softmax", "net"), ("sum", "neuron"), ("two lists", "average")]


@pytest.mark.parametrize("form", [*sorted(FAR), *SURE], ids=str)
def test_how_far_apart_rounds_are_at_most_is_told_without_a_look_at_each(form, monkeypatch):
    told, distance, whole = [], reach.distance, reach.reach
    monkeypatch.setattr(reach, "distance", lambda *given: told.append(distance(*given)))
    monkeypatch.setattr(rounds, "reach", lambda *given: told.append(whole(*given)) or told[-1])
    f, args = problem(*form, 20) if form in SURE else (value_and_grad(FAR[form]), ([0.1] * 50, [0.2] * 50))
    recorded(f, args, True)
    assert told[0] is not None and told[1] <= told[0] if form in SURE else not told or told[0] is None


def test_rounds_in_which_a_loop_grows_and_another_shrinks_are_not_alike():
    def spread(ws, x):
        losses = [x[3] - sin(tanh(ws[0])) for _ in x]
        return total([(loss - mean(losses)) ** 2 for loss in losses])

    f, args = grad(lambda ws, x: dot(ws, grad(spread)(ws, x))), ([0.5, 0.25], [0.1 * k for k in range(22)])
    assert jit(f)(*args) == pytest.approx(f(*args), rel=1e-9, abs=1e-12)


def test_windows_of_a_few_rounds_are_read_off_a_few():
    x = [0.1 * k for k in range(40)]
    f = value_and_grad(lambda x: total([tanh(total(x[i : i + 3])) for i in range(30)]))
    found, want = (recorded(f, (x,), few) for few in (True, False))
    assert found.of_few
    assert list(unrolled(found.rolled.body, found.rolled.table)) == list(unrolled(want.rolled.body, want.rolled.table))


def test_data_of_a_form_that_does_not_go_on_is_no_argument():
    rows = [0.1 * k for k in range(24)]
    found = recorded(
        value_and_grad(lambda ws: IRREGULAR["from both ends"](ws, [(d, 1.0) for d in rows])), ([0.5],), True
    )
    assert not found.of_few
    assert not found.recorder.captured


def test_rows_that_are_differentiated_have_their_gradients():
    _, (ws, rows) = problem("total", "net", 20)
    f = value_and_grad(lambda ws, rows: total([relu(ws[0] * d) * e for d, e in rows]), (0, 1))
    value, slopes = jit(f, contract=False)(ws, rows)
    want, others = f(ws, rows)
    assert hexes([value]) == hexes([want])
    assert hexes(slopes[0]) == hexes(others[0])
    assert [hexes(row) for row in slopes[1]] == [hexes(row) for row in others[1]]


# Numbers that the function brings along, Modules, and what is read from outside -------------------------------------------


@pytest.mark.parametrize("odd", [1.0, 0.0, inf])
def test_examples_closed_over_have_the_bits_of_eager_mode(odd):
    rng = random.Random(3)
    rows, ys = [[rng.random(), odd if k % 3 else 2.0] for k in range(20)], [rng.choice([-1.0, 1.0]) for _ in range(20)]
    net, shift = nn.MLP(2, [4, 1], seed=0), Value(0.25)

    def loss(net):
        return mean([relu(1.0 - y * net(x) - shift) for x, y in zip(rows, ys)])

    assert recorded(value_and_grad(loss), (net,), True).of_few
    step = jit(value_and_grad(loss), contract=False)
    for number in (0.25, -0.5):
        shift.data = number
        value, slopes = step(net)
        want = loss(net)
        for p in net.parameters():
            p.zero_grad()
        want.backward()
        assert hexes([value]) == hexes([want.data])
        found = [p.data for p in slopes.parameters()]
        assert hexes(plus_zero(found)) == hexes(plus_zero([p.grad for p in net.parameters()]))


def test_rounds_may_have_lists_of_nothing():
    def loss(w, rows):  # the first row of a triangle has no numbers below its diagonal
        below = [[tanh(dot(w[:k], row[:k], w[k] * row[k])) for k in range(2)] for row in rows]
        return total([dot(found, found) for found in below])

    rows = [[0.1 * k, 1.0 - 0.05 * k] for k in range(40)]
    assert recorded(value_and_grad(loss), ([0.3, -0.2], rows), True).of_few
    value, slopes = jit(value_and_grad(loss))([0.3, -0.2], rows)
    want, expected = value_and_grad(loss)([0.3, -0.2], rows)
    assert [value, *slopes] == pytest.approx([want, *expected], rel=1e-12)


def test_what_a_weight_of_0_hides_at_the_first_call_is_looked_at_with_others():
    def loss(w, xs):  # the slope of q[0] counts the examples, which the trace alone finds out
        g = grad(lambda q: total([q[0] * x**0.0 + sin(q[1] * x) for x in xs]))(w)
        return w[2] * maximum(g[0], 9.0) + g[1]

    xs = [0.5 + 0.004 * k for k in range(100)]
    step = jit(loss)
    step([0.5, 0.3, 0.0], xs)
    assert step([0.3, 0.2, 1.0], xs) == pytest.approx(loss([0.3, 0.2, 1.0], xs), rel=1e-12)


def test_a_record_is_computed_anew_where_its_leaves_have_other_numbers():
    def loss(w, rows):
        inner = grad(lambda u: tanh(u * w[0]))(w[1])
        return total([square(dot(w, r)) + inner * r[0] for r in rows])

    def made(w):
        recorder = Recorder()
        leaves = recorder.row(w)
        return recorder, leaves, recorder.run(lambda: loss(leaves, [[0.1 * k, 1.0] for k in range(20)]))

    recorder, leaves, root = made([0.3, -0.2])
    for v, x in zip(leaves, (1.5, 0.7)):
        v._data = x
    renew(recorder.nodes)
    _, others, want = made([1.5, 0.7])
    assert root.data.hex() == want.data.hex()
    assert hexes(gradients(root, leaves)) == hexes(gradients(want, others))


def test_a_function_of_many_examples_runs_once():
    calls = []

    def loss(w, rows):
        calls.append(len(rows))
        return total([tanh(w * x) for x in rows])

    jit(value_and_grad(loss))(0.5, [0.1 * k for k in range(50)])
    assert calls == [50]


def test_a_step_of_two_gradients_is_not_recorded_for_one_number_of_rounds_after_the_other():
    calls = []

    def loss(w, b, rows):
        calls.append(len(rows))
        losses = [abs(dot(w, r) + b - r[0]) for r in rows]
        return total(losses) + 0.1 * losses[0] + total([a * a for a in w])

    def step(w, b, rows):
        for _ in range(2):
            found, (dw, db) = value_and_grad(loss, argnums=(0, 1))(w, b, rows)
            w, b = [p - 0.1 * q for p, q in zip(w, dw)], b - 0.1 * db
        return found, w, b

    w, b, rows = [0.3, -0.2], 0.1, [[0.1 * k, math.sin(k)] for k in range(33)]
    found = jit(step)(w, b, rows)
    assert len(calls) <= 6  # two steps each: what is to be shortened, one other number of rounds, all of them
    for x, y in zip(found, step(w, b, rows)):
        assert x == pytest.approx(y, rel=1e-12)

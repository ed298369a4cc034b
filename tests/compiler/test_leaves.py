"""Leaves of which no Values are made give the program that Values give."""

import contextlib
import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
import nn
from engine import TrainingLoop, Value, dot, relu, square, total
from engine.compiler import other_numbers, recording, shortening, training_functions
from engine.compiler.compilation import Compilation
from engine.compiler.front.flattening import Flat
from engine.compiler.llvm.processor import Target
from engine.compiler.loops import numbers
from engine.compiler.loops.program import unrolled
from engine.compiler.training_functions import TrainingFunctions

COUNT, INPUTS = 60, 6
NUMBERS = [0.01 * (k * 37 % 61) - 0.303 for k in range(COUNT)]


def traced(loss, monkeypatch, many, contract=True):
    monkeypatch.setattr(training_functions, "MANY", many)
    made = TrainingFunctions(loss, lambda p, g, s, t: (p - g, s), None, None, NUMBERS, [0.5] * INPUTS, 0, 0)
    trace, kept, _ = made.traced_loss(64, contract, True)
    return trace.code, trace.lists, [np.float64(x).tobytes() for x in trace.constants], trace.bare, kept


def same(loss):
    with pytest.MonkeyPatch.context() as patch:
        assert traced(loss, patch, 1) == traced(loss, patch, 10**9)


def values_made(loss, monkeypatch):
    """How many Values of parameters a loss makes people pay for."""
    made = []
    init = Value.__init__
    monkeypatch.setattr(Value, "__init__", lambda self, *a, **k: made.append(a[0]) or init(self, *a, **k))
    traced(loss, monkeypatch, 1)
    return len([x for x in made if x in NUMBERS])


PLACES = st.tuples(st.integers(0, 20), st.integers(1, 8), st.sampled_from([1, 1, 1, 2, -1]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(PLACES, st.booleans(), st.integers(0, COUNT - 1)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=3), st.booleans(),
)  # fmt: skip
def test_leaves_make_the_program_that_values_make(slices, outer, contract):
    """Slices that overlap, with steps, on either side of a dot; hidden values whose weights stand evenly or not."""

    def loss(ps, example):
        assert isinstance(ps, list) and len(ps) == COUNT
        hidden = []
        for (at, count, step), left, bias in slices:
            row = ps[at : at + step * min(count, INPUTS) if at + step * min(count, INPUTS) >= 0 else None : step]
            xs = example[: len(row)]
            hidden.append(relu(dot(row, xs, ps[bias]) if left else dot(xs, row, ps[bias])))
        top = [
            dot(ps[at : at + gap * len(hidden) : gap], hidden[: len(ps[at : at + gap * len(hidden) : gap])])
            for at, gap in outer
        ]
        return total([square(x) for x in [*hidden, *top]])

    with pytest.MonkeyPatch.context() as patch:
        assert traced(loss, patch, 1, contract) == traced(loss, patch, 10**9, contract)


def layers(ps, example, widths=(INPUTS, 4, 3, 3)):
    at, row = 0, example
    for a, b in zip(widths, widths[1:]):
        sums = []
        for _ in range(b):
            sums.append(dot(ps[at : at + a], row, ps[at + a]))
            at += a + 1
        row = [relu(s) for s in sums]
    return total([square(y) for y in row])


@pytest.mark.parametrize("loss", [
    layers,
    lambda ps, e: layers([*ps], e),
    lambda ps, e: layers(ps + [], e) + layers([] + ps, e),
    lambda ps, e: layers(ps, e) + layers(ps, [2.0 * x for x in e]),
    lambda ps, e: layers(ps, e) + sum(p * p for p in ps),
    lambda ps, e: layers(ps, e) * total(ps) + engine.logsumexp(ps[3:9]),
    lambda ps, e: dot(ps[:5], ps[20:25]) + dot(ps[3:8], ps[3:8], ps[-1]),
    lambda ps, e: dot(engine.grad(lambda w: layers(w, e))(ps), ps),
    lambda ps, e: dot(engine.grad(lambda w: square(dot(w, e)))(ps[:INPUTS]), ps[:INPUTS]),
    lambda ps, e: total(engine.hvp(lambda w: layers(w, e), [ps], [[1.0] * COUNT])),
    lambda ps, e: total([square(dot(ps[at : at + 3], [relu(x * ps[k]) for k, x in enumerate(e[:3])])) for at in (10, 15, 21, 26)]),
    lambda ps, e: dot([engine.grad(lambda x, k=k: square(x) * ps[7] * ps[k])(ps[3]) for k in range(8, 11)], e[:3]),
    lambda ps, e: square(dot(np.array(ps)[:INPUTS], e)) + ps[0] * (ps[1:2] == [ps[1]]),
    lambda ps, e: square(dot(ps[:0] or ps[7 : 7 + INPUTS], e)) + float(ps[2] in ps) * ps[3],
], ids=range(14))  # fmt: skip
def test_whatever_a_loss_does_with_them(loss):
    same(loss)


@pytest.mark.parametrize("many", [1, 10**9], ids=["leaves", "values"])
def test_slices_that_overlap_have_the_gradients_of_eager_mode(many, monkeypatch):
    def loss(ps, e):
        sums = [dot(ps[at : at + 5], e[:5]) for at in (0, 3, 8, 12, 20, 20)]
        return total([square(s) for s in [*sums, dot(ps[30:38:2], e[:4]), dot(ps[31:35], e[:4])]])

    monkeypatch.setattr(training_functions, "MANY", many)
    example = [0.3, -1.2, 0.7, 0.1, 2.0, -0.4]
    loop = TrainingLoop(loss, lambda p, g, s, t: (p, s), NUMBERS, [example], contract=False)
    loop.run()
    leaves = [Value(x) for x in NUMBERS]
    loss(leaves, example).backward()
    assert loop.gradients.tolist() == [v.grad for v in leaves]


def is_a_list(x):
    return type(x) is list


def test_a_function_that_asks_of_which_class_a_list_is_sees_a_list(monkeypatch):
    monkeypatch.setattr(recording, "LARGE", 1)
    monkeypatch.setattr(training_functions, "MANY", 1)
    net, x = nn.MLP(3, [4, 1], seed=0), [0.3, -1.2, 0.7]

    def asked(w):
        return is_a_list(w), w.__class__ is list

    def loss(net, x):
        weights = [p for layer in net.layers for n in layer.neurons if asked(n.w) == (True, True) for p in n.w]
        return square(net(x)) + total([square(p) for p in weights])

    assert engine.jit(engine.value_and_grad(loss))(net, x)[0] == pytest.approx(loss(net, x).data, rel=1e-12)
    loop = TrainingLoop(lambda ps, e: total(ps) * float(is_a_list(ps)), lambda p, g, s, t: (p, s), NUMBERS, [[0.5]])
    loop.run()
    assert loop.gradients.tolist() == [1.0] * COUNT


def test_a_pattern_of_a_list_matches(monkeypatch):
    def loss(net, x):
        match net.layers[0].neurons[0].w:
            case [first, *rest] if len(rest) == 2:
                return square(net(x)) * first
        return square(net(x)) + 100.0

    monkeypatch.setattr(recording, "LARGE", 1)
    net, x = nn.MLP(3, [4, 1], seed=0), [0.3, -1.2, 0.7]
    assert engine.jit(engine.value_and_grad(loss))(net, x)[0] == pytest.approx(loss(net, x).data, rel=1e-12)


def caught(ask, error):
    def asked(w):
        try:
            return total(ask(w))
        except error:
            return w[0] * 100.0

    return asked


ASKED = {
    "== []": lambda w: w[0] * (2.0 if w == [] else 3.0),
    "!= None": lambda w: w[0] * (2.0 if w != None else 3.0),  # noqa: E711
    "== itself": lambda w: w[0] * (2.0 if [*w] == w else 3.0),
    "in a list of lists": lambda w: w[0] * (2.0 if w in [[1.0], w] else 3.0),
    "hasattr": lambda w: w[0] * (2.0 if hasattr(w, "append") else 3.0),
    "repr": lambda w: w[0] * float(len(repr(w))),
    "try append": caught(lambda w: w.append(w[1]) or w, AttributeError),
    "try +": caught(lambda w: w + [2.0], TypeError),
    "try + behind": caught(lambda w: [2.0] + w, TypeError),
    "try *": caught(lambda w: 2 * w, TypeError),
    "try [k] =": caught(lambda w: w.__setitem__(0, w[1]) or w, TypeError),
    "try del": caught(lambda w: w.__delitem__(0) or w, TypeError),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_what_only_a_list_does_is_asked_of_a_list(asked, monkeypatch):
    """Also where the function catches the error, or goes another way where a list has no such method."""
    monkeypatch.setattr(recording, "LARGE", 1)

    def loss(net, x):
        return square(net(x)) + asked(net.layers[0].neurons[0].w)

    nets = [nn.MLP(3, [2, 1], seed=0) for _ in range(2)]
    step = engine.value_and_grad(loss)
    (value, slopes), (found, gradient) = step(nets[0], [0.3, -1.2, 0.7]), engine.jit(step)(nets[1], [0.3, -1.2, 0.7])
    assert found == pytest.approx(value, rel=1e-12)
    assert [float(g) for g in gradient.parameters()] == pytest.approx(
        [float(g) for g in slopes.parameters()], rel=1e-12
    )


@pytest.mark.parametrize("key", ["a", 1.5])
def test_what_is_wrong_with_an_index_is_said_as_of_a_list(key, monkeypatch):
    monkeypatch.setattr(recording, "LARGE", 1)
    with pytest.raises(TypeError, match="list indices must be"):
        engine.jit(engine.value_and_grad(lambda net: net.layers[0].neurons[0].w[key]))(nn.MLP(3, [2, 1], seed=0))


def test_a_list_that_a_loss_changes_is_changed():
    def loss(ps, example):
        ps[3] = ps[4] * 2.0
        ps.append(ps.pop(0))
        rows = [example[0]]
        alias = rows
        rows += ps[:2]
        return square(dot(ps[:INPUTS], example)) + total(alias)

    same(loss)


def test_dots_of_slices_make_no_values(monkeypatch):
    assert values_made(layers, monkeypatch) == 10 + 5  # biases, and what no dot reads


def test_what_is_wrong_is_said_as_of_a_list(monkeypatch):
    def text(many):
        with pytest.raises(TypeError) as error:
            traced(lambda ps, e: square(ps[0] + "2"), monkeypatch, many)
        return str(error.value)

    assert text(1) == text(10**9)


class Tied(nn.Module):
    """Weights that a Module reads twice, once as they lie and once across, and a list that changes on the way."""

    def __init__(self):
        self.rows = [[Value(0.1 * (i + 1) - 0.07 * j) for j in range(4)] for i in range(3)]
        self.norm = nn.LayerNorm(3)
        self.shared = [self.rows[0][1], Value(0.3), self.rows[2][3]]

    def forward(self, x):
        hidden = self.norm([relu(dot(row, x)) for row in self.rows])
        back = [dot([row[j] for row in self.rows], hidden) for j in range(4)]
        return total(back[:3]) + dot(self.shared, hidden) + self.shared[1:][0]


@pytest.mark.parametrize("make", [lambda: nn.MLP(4, [5, 4, 1], seed=1), Tied], ids=["MLP", "tied"])
def test_fit_trains_a_network_on_leaves_as_on_values(make, monkeypatch):
    rows = [[0.1 * (i * k % 7) for k in range(1, 5)] for i in range(12)]
    states = []
    for many in (1, 10**9):
        monkeypatch.setattr(training_functions, "MANY", many)
        net = make()
        nn.fit(
            net,
            rows,
            [row[0] for row in rows],
            loss="mse",
            epochs=2,
            batch_size=4,
            seed=0,
            backend="jit",
            progress=False,
        )
        states.append(net.state())
    assert states[0] == states[1] != make().state()


def mean_loss(net, xs, ys):
    losses = [square(y - (out[0] if isinstance(out, list) else out)) for x, y in zip(xs, ys) for out in [net(x)]]
    return total(losses) / len(losses)


def first_row(net):
    return net.rows[0] if isinstance(net, Tied) else net.layers[0].neurons[0].w


def recording_of(loss, args, monkeypatch, large, few=True):
    monkeypatch.setattr(recording, "LARGE", large)
    step = engine.value_and_grad(loss)
    stages = Compilation(Target("float64", False, False, ""))
    return recording.Recording(step, lambda tree: step(*tree), Flat(args), stages, few)


def recorded(loss, args, monkeypatch, large):
    made = recording_of(loss, args, monkeypatch, large)
    trace = made.trace
    constants = np.array(trace.constants).tobytes()
    return trace.code, trace.lists, constants, made.results.key, made.results.pieces, made.recorder.unmade != []


@pytest.mark.parametrize("make", [lambda: nn.MLP(4, [5, 4, 1], seed=1), Tied], ids=["MLP", "tied"])
@pytest.mark.parametrize("loss", [
    mean_loss,
    lambda net, xs, ys: mean_loss(net, xs, ys) + 0.01 * sum(p * p for p in net.parameters()),
    lambda net, xs, ys: mean_loss(net, xs, ys) + dot(net.parameters()[:5], net.parameters()[3:8]),
    lambda net, xs, ys: mean_loss(net, xs, ys) * mean_loss(net, xs[:2], ys),
    lambda net, xs, ys: mean_loss(copy.deepcopy(net), xs, ys) + total(copy.copy(first_row(net))),
    lambda net, xs, ys: setattr(net, "last", net(xs[0])) or mean_loss(net.eval(), xs, ys) + total([net.last]),
    lambda net, xs, ys: dot(first_row(net)[::-1], xs[1]) * total(first_row(net)) + first_row(net)[0],
    lambda net, xs, ys: dot(engine.grad(lambda x: square(mean_loss(net, [x], ys)))(xs[0]), xs[1]),
    lambda net, xs, ys: total(engine.grad(lambda n: mean_loss(n, xs, ys))(net).parameters()),
    lambda net, xs, ys: square(xs[0][0]) + 2.0,
    lambda net, xs, ys: first_row(net).append(first_row(net).pop(0)) or mean_loss(net, xs, ys),
], ids=range(11))  # fmt: skip
def test_the_gradient_of_a_module_is_the_program_that_values_give(loss, make, monkeypatch):
    """Also where it may be read off a few examples."""
    for count, many in (2, 1e-9), (9, 4):
        args = make(), [[0.1 * (i * k % 7) for k in range(1, 5)] for i in range(count)], [0.5 * i for i in range(count)]
        monkeypatch.setattr(shortening, "MANY", many)
        *leaves, unmade = recorded(loss, args, monkeypatch, 1)
        *values, _ = recorded(loss, args, monkeypatch, 10**9)
        assert leaves == values
        assert unmade == ("append" not in loss.__code__.co_names)


def examples(count):
    rows = [[0.1 * (i * k % 7) + 0.01 * i for k in range(1, 5)] for i in range(count)]
    return rows, [0.5 * i for i in range(count)]


OF_ROUNDS = {
    "mean": mean_loss,
    "decay": lambda net, xs, ys: mean_loss(net, xs, ys) + 0.01 * sum(p * p for p in net.parameters()),
    "dot": lambda net, xs, ys: mean_loss(net, xs, ys) + dot(first_row(net)[:3], first_row(net)[1:4]),
    "across": lambda net, xs, ys: total([dot(first_row(net)[:2], [p * x[0] for p in first_row(net)[2:]]) for x in xs]),
}


@pytest.mark.parametrize("make", [lambda: nn.MLP(4, [5, 4, 1], seed=1), Tied], ids=["MLP", "tied"])
@pytest.mark.parametrize("loss", sorted(OF_ROUNDS))
def test_a_few_rounds_on_leaves_tell_the_program_of_all_on_values(loss, make, monkeypatch):
    args = make(), *examples(20)
    found = recording_of(OF_ROUNDS[loss], args, monkeypatch, 1)
    want = recording_of(OF_ROUNDS[loss], args, monkeypatch, 10**9, few=False)
    assert found.recorder.unmade and not want.recorder.unmade
    assert found.of_few or (loss, make) == ("decay", Tied)
    assert found.rolled.length == want.rolled.length
    assert list(unrolled(found.rolled.body, found.rolled.table)) == list(unrolled(want.rolled.body, want.rolled.table))
    assert found.results.key == want.results.key and found.results.pieces == want.results.pieces


@pytest.mark.parametrize("make", [lambda: nn.MLP(4, [5, 4, 1], seed=1), Tied], ids=["MLP", "tied"])
@pytest.mark.parametrize("loss", sorted(OF_ROUNDS))
def test_a_record_on_leaves_says_what_eager_mode_says_at_other_numbers(loss, make, monkeypatch):
    """By which a program of a few rounds is believed."""
    net, *data = args = make(), *examples(20)
    found = recording_of(OF_ROUNDS[loss], args, monkeypatch, 1)
    if not found.of_few:
        return
    given = other_numbers.with_others(Flat(args), other_numbers.OTHERS[0], recording.LARGE)
    answers = other_numbers.results_of(found._answered(found._later, given))
    other, *data = given.rebuild([tuple(map(Value, given.leaves[0])), *given.leaves[1:]])
    assert other.state() != net.state()
    value, slopes = engine.value_and_grad(OF_ROUNDS[loss])(other, *data)
    assert answers == pytest.approx(
        [value.data if isinstance(value, Value) else value, *slopes.state().values()], rel=1e-9, abs=1e-12
    )


def test_a_program_of_a_few_rounds_that_another_gradient_contradicts_is_not_believed(monkeypatch):
    monkeypatch.setattr(recording, "LARGE", 1)
    net, (xs, ys) = nn.MLP(4, [5, 4, 1], seed=1), examples(20)
    step, agrees, believed = engine.value_and_grad(mean_loss), recording.Recording.agrees, []
    monkeypatch.setattr(
        recording.Recording, "agrees", lambda self, computed: believed.append(agrees(self, computed)) or believed[-1]
    )
    for wrong in (0.0, 1e-3):
        monkeypatch.setattr(recording, "gradient", lambda *given, w=wrong: [x + w for x in numbers.gradient(*given)])
        value, slopes = engine.jit(step)(net, xs, ys)
        want, expected = step(net, xs, ys)
        assert [value, *slopes.state().values()] == pytest.approx([want, *expected.state().values()], rel=1e-12)
    assert believed == [True, False]


def test_weights_that_dots_alone_read_are_no_values(monkeypatch):
    made, init, net = [], Value.__init__, nn.MLP(30, [20, 1], seed=0)
    args = net, [[0.1] * 30, [0.2] * 30, [0.3] * 30], [1.0, 2.0, 3.0]
    weights = {v.data for layer in net.layers for neuron in layer.neurons for v in neuron.w}
    monkeypatch.setattr(Value, "__init__", lambda self, *a, **k: made.append(a[0]) or init(self, *a, **k))
    monkeypatch.setattr(shortening, "MANY", 1e-9)
    recorded(mean_loss, args, monkeypatch, 1)
    assert len(weights.intersection(made)) <= 2 * 21  # a few a neuron, of 620


def test_a_wide_net_has_the_gradient_of_eager_mode():
    net = nn.MLP(80, [60, 3], seed=2)
    xs = [[0.01 * (i * k % 23) - 0.1 for k in range(80)] for i in range(3)]
    step = engine.value_and_grad(lambda net, xs: total([square(y) for x in xs for y in net(x)]))
    value, gradient = engine.jit(step, contract=False)(net, xs)
    expected, slopes = step(net, xs)
    assert value == expected and gradient.state() == slopes.state()
    assert isinstance(gradient.layers[0].neurons[0].w, list)


@pytest.mark.parametrize("count", [2, 20])
def test_argnums_of_one_position_give_a_tuple(count, monkeypatch):
    monkeypatch.setattr(recording, "LARGE", 1)
    args = nn.MLP(4, [5, 1], seed=1), *examples(count)
    (slopes,) = engine.jit(engine.grad(mean_loss, argnums=(0,)))(*args)
    value, (alike,) = engine.jit(engine.value_and_grad(mean_loss, argnums=[0]))(*args)
    want, expected = engine.value_and_grad(mean_loss)(*args)
    assert value == pytest.approx(float(want), rel=1e-12)
    for found in (slopes, alike):
        assert [*found.state().values()] == pytest.approx([*expected.state().values()], rel=1e-12, abs=1e-15)


def test_an_error_of_the_function_is_raised_at_once(monkeypatch):
    """The function is called again only where it wants a list that can be changed."""
    monkeypatch.setattr(recording, "LARGE", 1)
    net, calls = nn.MLP(3, [4, 1], seed=0), []

    def calls_of(wrong, error=None):
        def loss(net, x):
            calls.append(x)
            wrong(net.layers[0].neurons[0].w)
            return square(net(x))

        calls.clear()
        with pytest.raises(error) if error else contextlib.nullcontext():
            engine.jit(engine.value_and_grad(loss))(net, [0.3, -1.2, 0.7])
        return len(calls)

    assert calls_of(lambda w: 1 // 0, ZeroDivisionError) == 1
    assert calls_of(lambda w: [][len(w)], IndexError) == 1
    assert calls_of(lambda w: bool(w[0] > 0.0), TypeError) == 1
    assert calls_of(lambda w: w[0] + "2", TypeError) == 1
    assert calls_of(lambda w: w + 2, TypeError) == 2
    assert calls_of(lambda w: w.append(w.pop(0))) == 2
    assert calls_of(lambda w: list.copy(w)) == 2
    assert calls_of(lambda w: None) == 1

"""Optimisers: known answers, updates as pure functions that also run recorded, states, and bad input."""

import copy
import inspect
import json
import math
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
import nn
from engine import Value, no_grad, replay
from nn import MLP, OPTIMISERS, SGD, Adam, Optimiser, fit, schedules

moderate = st.floats(-10, 10)


def walked(optimiser, parameters, gradients):
    """Where the parameters are after each step."""
    trail = []
    for gs in gradients:
        for p, g in zip(parameters, gs):
            p.grad = g
        optimiser.step()
        trail.append([p.data for p in parameters])
    return trail


def made(name, parameters, lr=0.1):
    optimiser = OPTIMISERS[name](parameters)
    optimiser.lr = lr
    return optimiser


def update_of(name):
    """The class of an optimiser, and its hyperparameters."""
    optimiser = made(name, [Value(0.0)])
    return type(optimiser), optimiser.hyperparameters


def test_sgd_is_a_step_against_the_gradient():
    p = Value(1.0)
    assert walked(SGD([p], lr=0.1), [p], [[0.5], [-1.0]]) == [[0.95], [1.05]]


def test_momentum_and_nesterov_are_their_recurrences():
    for nesterov in (False, True):
        p, v, x = Value(1.0), 0.0, 1.0
        gs = [0.5, -0.25, 2.0, 0.0]
        trail = walked(SGD([p], lr=0.1, momentum=0.9, nesterov=nesterov, weight_decay=0.01), [p], [[g] for g in gs])
        for g, (got,) in zip(gs, trail):
            g = g + 0.01 * x
            v = 0.9 * v + g
            x = x - 0.1 * (g + 0.9 * v if nesterov else v)
            assert got == x


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "adagrad"])
def test_a_gradient_of_0_over_an_epsilon_of_0_is_nan_as_in_pytorch(name):
    cls, _ = update_of(name)
    net = MLP(1, [1], seed=0)
    (w, b) = net.parameters()
    trail = walked(cls([w, b], lr=0.1, epsilon=0.0), [w, b], [[0.0, 0.5]])
    assert math.isnan(trail[0][0]) and math.isfinite(trail[0][1])
    found = []
    for backend in ("eager", "jit"):  # the input is 0, and so is the gradient of the weight
        net = MLP(1, [1], seed=0)
        fit(net, [[0.0]], [1.0], loss="mse", optimizer=cls(net, lr=0.1, epsilon=0.0), epochs=1, backend=backend)
        found.append([p.data for p in net.parameters()])
    assert found[0] == pytest.approx(found[1], nan_ok=True) and math.isnan(found[0][0])


@given(st.floats(1e-6, 1e6), st.sampled_from([-1.0, 1.0]))
def test_the_first_step_of_adam_is_lr_whatever_the_size_of_the_gradient(g, sign):
    p = Value(0.0)
    assert walked(Adam([p], lr=0.01), [p], [[sign * g]])[0][0] == pytest.approx(-sign * 0.01, rel=2e-2)


def test_adam_is_algorithm_1_of_the_paper():
    p, m, v, x = Value(0.5), 0.0, 0.0, 0.5
    gs = [0.5, -0.25, 2.0, 1e-3]
    for t, (g, (got,)) in enumerate(zip(gs, walked(Adam([p], lr=0.1), [p], [[g] for g in gs])), 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - 0.1 * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        assert got == pytest.approx(x, rel=1e-14)


@pytest.mark.parametrize("name", OPTIMISERS)
@given(st.lists(st.tuples(moderate, moderate), min_size=1, max_size=4))
def test_an_update_gives_the_same_bits_on_floats_and_recorded(name, steps):
    cls, fixed = update_of(name)
    x = recorded = 1.5
    state = recorded_state = cls.initial
    for t, (g, _) in enumerate(steps, 1):
        x, state = cls.update(x, g, state, step=t, **fixed)
        recorded, recorded_state = cls.update(
            Value(float(recorded)), Value(g), tuple(Value(float(s)) for s in recorded_state), step=t, **fixed
        )
        assert float(recorded) == x
        assert tuple(map(float, recorded_state)) == state


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_recorded_update_holds_for_other_numbers(name):
    cls, fixed = update_of(name)
    p, g, s = Value(1.0), Value(0.5), tuple(Value(0.25) for _ in cls.initial)
    new, _ = cls.update(p, g, s, step=3, **fixed)
    other, _ = cls.update(2.0, -1.0, tuple(0.5 for _ in s), step=3, **fixed)
    assert replay(new, {p: 2.0, g: -1.0, **dict.fromkeys(s, 0.5)}) == other


@pytest.mark.parametrize("name", OPTIMISERS)
@given(st.lists(st.tuples(moderate, moderate), min_size=4, max_size=8))
def test_a_state_goes_on_to_the_last_bit(name, gradients):
    straight = [Value(1.0), Value(-2.0)]
    trail = walked(made(name, straight), straight, gradients)
    first = [Value(1.0), Value(-2.0)]
    optimiser = made(name, first)
    walked(optimiser, first, gradients[:2])
    again = [Value(p.data) for p in first]
    resumed = made(name, again, 7.0)
    resumed.load_state(json.loads(json.dumps(optimiser.state())))
    assert walked(resumed, again, gradients[2:]) == trail[2:]
    assert (resumed.steps, resumed.lr) == (len(gradients), 0.1)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_finds_the_bottom_of_a_bowl(name):
    p, q = Value(2.0), Value(-1.5)
    optimiser = made(name, [p, q])
    for k in range(300):
        optimiser.lr = 0.1 * (1.0 - k / 300) if name != "adagrad" else 0.5
        optimiser.zero_grad()
        ((p - 0.5) ** 2 + 2.0 * (q - 0.25) ** 2).backward()
        optimiser.step()
    assert (p.data, q.data) == (pytest.approx(0.5, abs=0.02), pytest.approx(0.25, abs=0.02))


def test_a_parameter_without_a_gradient_stays_and_decays():
    p, q = Value(1.0), Value(1.0)
    (q * 1.0).backward()
    SGD([p, q], lr=0.1).step()
    assert (p.data, q.data) == (1.0, 0.9)
    SGD([p, q], lr=0.1, weight_decay=0.5).step()
    assert p.data == 0.95


def test_a_step_where_no_backward_has_been_is_refused_and_one_of_zero_gradients_is_not():
    net = MLP(2, [3, 1], seed=0)
    optimiser = SGD(net, lr=0.1)
    before = net.state()
    for forgets in (lambda: None, optimiser.zero_grad, net.zero_grad):
        forgets()
        with pytest.raises(RuntimeError, match="step of SGD takes gradients .*, got none on any of 13; call zero_grad"):
            optimiser.step()
        assert (net.state(), optimiser.steps) == (before, 0)
        (net([1.0, 2.0]) * 0.0).backward()
        optimiser.step()
        assert net.state() == before
        optimiser.steps = 0
    net.layers[0].trainable = False  # what is frozen has gradients, and what moves has none
    for p in net.layers[1].parameters():
        p.zero_grad()
    with pytest.raises(RuntimeError, match="got none on any of 4;"):
        optimiser.step()
    net.layers[1].trainable = False  # nothing moves, and nothing is asked for
    optimiser.step()
    by_hand = Value(1.0)
    by_hand.grad = 0.0
    SGD([by_hand]).step()
    by_hand.grad = math.nan
    SGD([by_hand]).step()
    assert math.isnan(by_hand.data)


@pytest.mark.parametrize("backend", ["eager", "jit"])
def test_a_training_goes_through_batches_that_reach_no_parameter(backend):
    w = Value(1.0)

    class Weighted(nn.Module):
        def __init__(self):
            self.w = w

        def forward(self, x):
            return self.w * x[0]

    def perceptron(y, t):
        return engine.relu(-t * y)

    history = nn.fit(
        Weighted(), [[1.0], [2.0], [-1.0]], [1, 1, 1], loss=perceptron, optimizer="sgd", batch_size=1, epochs=2, seed=0,
        progress=False, backend=backend,
    )  # fmt: skip
    assert history["epoch"] == [1, 2] and w.data != 1.0


def test_an_eager_training_goes_through_losses_that_are_constant():
    net = MLP(1, [1], seed=0)
    calls = iter(range(100))

    def sometimes(y, t):
        return y * y if next(calls) % 2 == 0 else Value(0.0)

    nn.fit(net, [[1.0]] * 4, [0.0] * 4, loss=sometimes, batch_size=1, epochs=1, seed=0, progress=False)


def test_zero_grad_takes_gradients_off_and_step_leaves_them():
    p = Value(1.0)
    optimiser = SGD([p])
    (p * 3.0).backward()
    optimiser.step()
    assert p.grad == 3.0
    optimiser.zero_grad()
    assert "grad=–" in repr(p)


def test_a_module_or_its_parameters_are_the_same_to_an_optimiser():
    net = MLP(2, [3, 1], seed=0)
    assert list(map(id, SGD(net).parameters)) == list(map(id, SGD(net.parameters()).parameters))
    with no_grad():
        assert len(Adam(net).states) == 13


def test_an_interrupted_step_moves_nothing():
    class Late(SGD):
        @staticmethod
        def update(p, g, state, **fixed):
            if p == 2.0:
                raise KeyboardInterrupt
            return p - g, state

    ps = [Value(1.0), Value(2.0)]
    optimiser = Late(ps)
    ps[0].grad = 5.0
    with pytest.raises(KeyboardInterrupt):
        optimiser.step()
    assert [p.data for p in ps] == [1.0, 2.0]
    assert optimiser.steps == 0
    assert optimiser.hyperparameters == SGD(ps).hyperparameters  # what `fixed` may hold is what the class above takes


def test_the_arguments_of_an_optimiser_are_those_of_its_update():
    def update(parameter, gradient, state, *, step, lr=0.5, trust, weight_decay=0.0):
        return parameter - lr * trust * gradient, state

    made = type("Trusting", (Optimiser,), {"update": staticmethod(update), "initial": ()})
    p = Value(1.0)
    p.grad = 1.0
    optimiser = made([p], trust=0.5)
    optimiser.step()
    assert p.data == 0.75
    assert repr(optimiser) == "Trusting(1 parameters, lr=0.5, trust=0.5, weight_decay=0.0)"
    assert (
        str(inspect.signature(made)) == "(parameters: 'Module | Iterable[Value]', *, lr=0.5, trust, weight_decay=0.0)"
    )
    assert str(inspect.signature(Adam)).startswith("(parameters: 'Module | Iterable[Value]', lr: float = 0.001, beta1")
    for wrong, message in (
        (lambda: made([p]), "Trusting takes trust, got no trust"),
        (lambda: made([p], trust=0.5, rho=1.0), "Trusting takes lr, trust, weight_decay, got rho=1.0"),
        (lambda: SGD([p], 0.1, lr=0.2), r"SGD\(\) multiple values for argument 'lr'"),
    ):
        with pytest.raises(TypeError, match=f"^{message}$"):
            wrong()


NET = MLP(2, [1], seed=0)
BAD = {
    "no parameters": (lambda: SGD([]), ValueError, "SGD takes at least one parameter, got none"),
    "one Value": (lambda: Adam(Value(1.0)), TypeError, "Adam takes a Module or a list of Values, got Value(data=1.0"),
    "numbers": (lambda: SGD([1.0]), TypeError, "SGD takes Values as parameters, got 1.0"),
    "a result": (lambda: SGD([Value(1.0) * 2.0]), ValueError, "SGD takes leaves as parameters, got the result of mul"),
    "twice the same": (lambda: SGD([NET.parameters()[0]] * 2), ValueError, "SGD takes each parameter once, got 1 of them again"),
    "a method": (lambda: SGD(NET.parameters), TypeError, "SGD takes a Module or a list of Values, got <bound method"),
    "no lr": (lambda: SGD(NET, lr=0), ValueError, "SGD takes a positive number as lr, got 0"),
    "a negative lr": (lambda: Adam(NET, lr=-0.1), ValueError, "Adam takes a positive number as lr, got -0.1"),
    "an lr of nan": (lambda: Adam(NET, lr=math.nan), ValueError, "Adam takes a positive number as lr, got nan"),
    "an infinite lr": (lambda: Adam(NET, lr=math.inf), ValueError, "Adam takes a positive number as lr, got inf"),
    "text as lr": (lambda: Adam(NET, lr="0.1"), TypeError, "Adam takes a positive number as lr, got '0.1'"),
    "momentum of 1": (lambda: SGD(NET, momentum=1.0), ValueError, "SGD takes a number from 0 to below 1 as momentum, got 1.0"),
    "nesterov alone": (lambda: SGD(NET, nesterov=True), ValueError, "SGD takes nesterov only with momentum, got momentum 0; try momentum=0.9"),
    "nesterov of 2": (lambda: SGD(NET, momentum=0.9, nesterov=2), ValueError, "SGD takes True or False as nesterov, got 2"),
    "weight decay below 0": (lambda: SGD(NET, weight_decay=-1), ValueError, "SGD takes a number from 0 as weight_decay, got -1"),
    "beta of 1": (lambda: Adam(NET, beta2=1.0), ValueError, "Adam takes a number from 0 to below 1 as beta2, got 1.0"),
    "epsilon below 0": (lambda: Adam(NET, epsilon=-1e-8), ValueError, "Adam takes a number from 0 as epsilon, got -1e-08"),
    "a state of another kind": (lambda: Adam(NET).load_state(SGD(NET).state()), ValueError, "load_state of Adam takes the keys"),
    "a state of another network": (lambda: SGD(NET).load_state(SGD(MLP(3, [1], seed=0)).state()), ValueError, "load_state of SGD takes 1 numbers for each of its 3 parameters, got 4 states"),
    "no state": (lambda: SGD(NET).load_state(None), TypeError, "load_state of SGD takes a dict such as state() returns, got None"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_the_users_terms(case):
    act, error, says = BAD[case]
    with pytest.raises(error, match=re.escape(says)):
        act()


@pytest.mark.parametrize(
    "schedule",
    [
        schedules.constant(), schedules.step(2.0), schedules.cosine(3.0), schedules.one_cycle(4.0),
        schedules.warmup(1.0, schedules.cosine(3.0)),
    ],
)  # fmt: skip
def test_schedules_can_be_copied_and_pickled(schedule):
    for twin in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert [twin(t) for t in (0.0, 0.5, 3.5)] == [schedule(t) for t in (0.0, 0.5, 3.5)]

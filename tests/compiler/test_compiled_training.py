"""Native training against eager training: any widths, lanes, tails, number types; the same bits on every run."""

import itertools
import math
import os
import signal
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine import Value, dot, gradients, logsumexp, mean, relu, sigmoid, sqrt, square, tanh, total
from engine.compiler.training_loop import TrainingLoop

MANY = int(os.environ.get("MANY", "1"))


def count(widths):
    return sum((a + 1) * b for a, b in itertools.pairwise(widths))


def network(widths, act):
    """An MLP as a function (parameters, inputs) -> outputs."""

    def forward(ps, xs):
        row, at = list(xs), 0
        for layer, (a, b) in enumerate(itertools.pairwise(widths)):
            sums = []
            for _ in range(b):
                sums.append(dot(ps[at : at + a], row, ps[at + a]))
                at += a + 1
            row = sums if layer == len(widths) - 2 else [act(s) for s in sums]
        return row

    return forward


def squared_error(widths, act):
    forward = network(widths, act)

    def loss(ps, example):
        outputs = forward(ps, example[: widths[0]])
        errors = [square(o - y) for o, y in zip(outputs, example[widths[0] :])]
        total = errors[0]
        for e in errors[1:]:
            total = total + e
        return total

    return loss


def sgd(p, g, slots, settings):
    return p - settings[0] * g, slots


def momentum(p, g, slots, settings):
    v = 0.9 * slots[0] + g
    return p - settings[0] * v, [v]


def adam(p, g, slots, settings):
    rate, steps = settings
    m = 0.9 * slots[0] + 0.1 * g
    v = 0.999 * slots[1] + 0.001 * (g * g)
    m_hat = m / (1.0 - 0.9**steps)
    v_hat = v / (1.0 - 0.999**steps)
    return p - rate * m_hat / (sqrt(v_hat) + 1e-8), [m, v]


def eager_training(loss, update, parameters, rows, batch, order, settings, slots):
    """The same training on floats and Values, a step at a time."""
    ps, state, losses = list(parameters), [[0.0] * slots for _ in parameters], []
    for start in range(0, len(order), batch):
        leaves = [Value(p) for p in ps]
        value = mean([loss(leaves, rows[i].tolist()) for i in order[start : start + batch]])
        losses.append(value.data)
        value.backward()
        for k, v in enumerate(leaves):
            ps[k], state[k] = update(v.data, v.grad, state[k], settings[len(losses) - 1])
    return ps, losses


def problem(widths, examples, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(examples, widths[0] + widths[-1]))
    return rows, rng.normal(size=count(widths)) * 0.7


def bits(numbers):
    return [x.hex() for x in numbers]


def swapped(p, g, slots, settings):
    return p - settings[0] * g, [slots[1], slots[0], *slots[2:]]


def delayed(p, g, slots, settings):
    return slots[0], [p - settings[0] * g, slots[0] + slots[1], *slots[2:]]


def dotted(p, g, slots, settings):
    return p - settings[0] * dot(slots, slots[::-1]), [g, *slots[:-1]]


def of_a_thousand_steps(p, g, slots, settings):
    x = p
    for k in range(560):
        x = x * 0.9995 + slots[k % 2] * (settings[0] * 0.001 * k)
    return slots[1], [x - settings[0] * g, slots[0] * 0.5, *slots[2:]]


@pytest.mark.parametrize(("update", "batch"), [(swapped, 1), (delayed, 4), (dotted, 1), (of_a_thousand_steps, 4)])
def test_an_update_reads_what_was_there_before_it_wrote(update, batch):
    rows, ps = problem([3, 2], 5, 0)
    slots, loss = np.random.default_rng(1).normal(size=(6, len(ps))), squared_error([3, 2], tanh)
    loop = TrainingLoop(loss, update, ps, rows, slots=slots, settings=1, batch=batch, threads=2, checked=True)
    loop.run(range(5), epochs=2, settings=[0.03])
    want, state = ps.tolist(), [[*s] for s in slots.T.tolist()]
    for start in [*range(0, 5, batch)] * 2:
        leaves = [Value(p) for p in want]
        mean([loss(leaves, row.tolist()) for row in rows[start : min(5, start + batch)]]).backward()
        steps = [update(v.data, v.grad, s, [0.03]) for v, s in zip(leaves, state)]
        want, state = [float(p) for p, _ in steps], [[float(x) for x in s] for _, s in steps]
    np.testing.assert_allclose(loop.parameters, want, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(loop.slots, np.transpose(state), rtol=1e-11, atol=1e-13)


shapes = st.lists(st.integers(1, 9), min_size=2, max_size=4)


random_networks = given(
    shapes,
    st.integers(1, 37),
    st.integers(1, 40),
    st.sampled_from([relu, tanh, sigmoid]),
    st.integers(0, 99),
    st.booleans(),
)


@pytest.mark.usefixtures("unoptimised")
@settings(max_examples=25 * MANY)
@random_networks
def test_training_a_random_network_agrees_with_eager_training(widths, examples, batch, act, seed, contract):
    law(widths, examples, batch, act, seed, contract, checked=True)


@settings(max_examples=8 * MANY)
@random_networks
def test_so_it_does_as_llvm_makes_it_fast(widths, examples, batch, act, seed, contract):
    law(widths, examples, batch, act, seed, contract, checked=False)


def law(widths, examples, batch, act, seed, contract, checked):
    rows, ps = problem(widths, examples, seed)
    loss = squared_error(widths, act)
    loop = TrainingLoop(loss, momentum, ps, rows, slots=1, settings=1, batch=batch, contract=contract, checked=checked)
    order = np.random.default_rng(seed).permutation(examples)
    losses = loop.run(order, settings=[0.01])
    want, want_losses = eager_training(loss, momentum, ps, rows, batch, order, [[0.01]] * len(losses[0]), 1)
    np.testing.assert_allclose(loop.parameters, want, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(losses[0], want_losses, rtol=1e-11)


@settings(max_examples=12 * MANY)
@given(shapes, st.integers(1, 37), st.integers(1, 40), st.integers(0, 99))
def test_without_contraction_training_has_the_bits_of_eager_training(widths, examples, batch, seed):
    rows, ps = problem(widths, examples, seed)
    loss = squared_error(widths, relu)
    loop = TrainingLoop(loss, sgd, ps, rows, settings=1, batch=batch, contract=False)
    order = np.random.default_rng(seed).permutation(examples)
    losses = loop.run(order, settings=[0.125])
    want, want_losses = eager_training(loss, sgd, ps, rows, batch, order, [[0.125]] * len(losses[0]), 0)
    assert bits(loop.parameters.tolist()) == bits(want)  # nan, where a step was too large, in the same places
    assert bits(losses[0].tolist()) == bits(want_losses)


@pytest.mark.usefixtures("unoptimised")
@settings(max_examples=8 * MANY)
@given(shapes, st.integers(1, 37), st.integers(0, 99))
def test_float32_training_agrees_to_float32(widths, examples, seed):
    rows, ps = problem(widths, examples, seed)
    loss = squared_error(widths, tanh)
    loop = TrainingLoop(loss, sgd, ps, rows, settings=1, batch=16, dtype="float32", checked=True)
    loop.run(settings=[0.01])
    want, _ = eager_training(loss, sgd, ps, rows, 16, range(examples), [[0.01]] * 9, 0)
    np.testing.assert_allclose(loop.parameters, want, rtol=2e-4, atol=2e-4)


def test_adam_for_many_steps_agrees_with_eager_training():
    rows, ps = problem([3, 6, 2], 20, 1)
    loss = squared_error([3, 6, 2], tanh)
    steps = [[0.01, float(t)] for t in range(1, 61)]
    loop = TrainingLoop(loss, adam, ps, rows, slots=2, settings=2, batch=7)
    loop.run(np.tile(np.arange(20), (20, 1)), settings=steps)
    want = eager_training_epochs(loss, ps, rows, steps)
    np.testing.assert_allclose(loop.parameters, want, rtol=1e-9, atol=1e-11)


def eager_training_epochs(loss, ps, rows, steps):
    state, t = [[0.0, 0.0] for _ in ps], 0
    ps = list(ps)
    for _ in range(20):
        for start in range(0, 20, 7):
            leaves = [Value(p) for p in ps]
            mean([loss(leaves, r.tolist()) for r in rows[start : start + 7]]).backward()
            for k, v in enumerate(leaves):
                ps[k], state[k] = adam(v.data, v.grad, state[k], steps[t])
            t += 1
    return ps


def test_softmax_regression_agrees_and_wide_nets_sum_lanes_at_once():
    widths = [5, 40, 3]
    forward = network(widths, relu)

    def loss(ps, example):
        outputs = forward(ps, example[:5])
        return logsumexp(outputs) - dot(outputs, example[5:])

    rng = np.random.default_rng(3)
    rows = np.column_stack([rng.normal(size=(70, 5)), np.eye(3)[rng.integers(0, 3, 70)]])
    ps = rng.normal(size=count(widths)) * 0.3
    want, _ = eager_training(loss, sgd, ps, rows, 70, range(70), [[0.1]], 0)
    for batch_module_limit in (2**20, 0):
        from engine.compiler.llvm import batch

        before, batch.WIDE = batch.WIDE, batch_module_limit
        try:
            loop = TrainingLoop(loss, sgd, ps, rows, settings=1, checked=True)
        finally:
            batch.WIDE = before
        loop.run(settings=[0.1])
        np.testing.assert_allclose(loop.parameters, want, rtol=1e-12, atol=1e-13)


def test_a_training_run_gives_the_same_bits_every_time():
    rows, ps = problem([4, 8, 8, 1], 100, 0)
    results = []
    for _ in range(2):
        loop = TrainingLoop(squared_error([4, 8, 8, 1], tanh), sgd, ps, rows, settings=1, batch=48)
        for _ in range(5):
            loop.run(np.random.default_rng(5).permutation(100), settings=[0.01])
        results.append(loop.parameters.tolist())
    assert results[0] == results[1]


def test_nan_in_one_example_stays_out_of_the_padding_and_reaches_the_gradient():
    rows, ps = problem([2, 3, 1], 9, 0)
    rows[8] = math.nan
    loop = TrainingLoop(squared_error([2, 3, 1], tanh), sgd, ps, rows, settings=1)
    losses = loop.run(np.arange(8), settings=[0.01])
    assert np.isfinite(loop.parameters).all()
    assert np.isfinite(losses).all()
    loop.run(settings=[0.01])
    assert np.isnan(loop.parameters).any()


def test_parameters_can_be_written_and_training_goes_on_from_there():
    rows, ps = problem([2, 3, 1], 10, 0)
    loop = TrainingLoop(squared_error([2, 3, 1], tanh), sgd, ps, rows, settings=1)
    loop.run(settings=[0.01])
    once = loop.parameters.tolist()
    loop.parameters[:] = ps
    loop.run(settings=[0.01])
    assert loop.parameters.tolist() == once


def test_a_penalty_has_the_bits_of_eager_training_too():
    rows, ps = problem([3, 4, 2], 11, 2)
    loss = squared_error([3, 4, 2], relu)

    def penalty(values):
        return 0.125 * total([square(v) for v in values[:-2]]) + 0.25 * total([engine.abs(v) for v in values])

    for contract in (True, False):
        loop = TrainingLoop(loss, sgd, ps, rows, penalty=penalty, settings=1, batch=4, contract=contract, checked=True)
        loop.run(settings=[0.125])
        values = list(ps)
        for start in range(0, 11, 4):
            leaves = [Value(v) for v in values]
            cost = mean([loss(leaves, r.tolist()) for r in rows[start : start + 4]]) + penalty(leaves)
            cost.backward()
            values = [v.data - 0.125 * v.grad for v in leaves]
        if contract:
            np.testing.assert_allclose(loop.parameters, values, rtol=1e-12)
        else:
            assert loop.parameters.tolist() == values


def test_what_runs_between_steps_can_end_the_run():
    rows, ps = problem([2, 3, 1], 8, 0)
    loop = TrainingLoop(squared_error([2, 3, 1], tanh), sgd, ps, rows, settings=1, batch=2)
    seen = []
    losses = loop.run(settings=[0.01], between=lambda done: seen.append(done) or True)
    assert seen == [1]
    assert losses[0, 0] > 0.0
    assert losses[0, 1:].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("contract", [True, False])
def test_outputs_are_kept_as_they_were_before_each_update(contract):
    widths = [3, 4, 2]
    rows, ps = problem(widths, 21, 4)
    forward, loss = network(widths, tanh), squared_error(widths, tanh)

    def with_outputs(p, example):
        return loss(p, example), forward(p, example[:3])

    loop = TrainingLoop(with_outputs, sgd, ps, rows, settings=1, batch=10, contract=contract, checked=True)
    order = np.random.default_rng(0).permutation(21)[:19]
    loop.run(order, settings=[0.1])
    assert loop.outputs.shape == (1, 19, 2)
    before = [float(y) for y in forward([Value(p) for p in ps], rows[order[3]][:3])]
    np.testing.assert_allclose(loop.outputs[0, 3], before, rtol=1e-13)
    twin = TrainingLoop(loss, sgd, ps, rows, settings=1, batch=10, contract=contract)
    twin.run(order[:10], settings=[0.1])
    later = [float(y) for y in forward([Value(p) for p in twin.parameters.tolist()], rows[order[12]][:3])]
    np.testing.assert_allclose(loop.outputs[0, 12], later, rtol=1e-12)
    twin.run(order[10:], settings=[0.1])
    np.testing.assert_allclose(loop.parameters, twin.parameters, rtol=1e-13)


def test_new_examples_are_used():
    rows, ps = problem([2, 3, 1], 8, 0)
    loop = TrainingLoop(squared_error([2, 3, 1], tanh), sgd, ps, rows, settings=1)
    loop.examples[:] = rows[::-1] * 2.0
    other = TrainingLoop(squared_error([2, 3, 1], tanh), sgd, ps, rows[::-1] * 2.0, settings=1)
    assert loop.run(settings=[0.1]).tolist() == other.run(settings=[0.1]).tolist()
    assert loop.parameters.tolist() == other.parameters.tolist()


def test_an_interrupt_is_heard_in_time():
    rows, ps = problem([8, 16, 1], 64, 0)
    loop = TrainingLoop(squared_error([8, 16, 1], tanh), sgd, ps, rows, settings=1)
    main = threading.get_ident()
    sent = []

    def interrupt():
        time.sleep(0.3)
        sent.append(time.perf_counter())
        signal.pthread_kill(main, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored in the background
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            loop.run(epochs=100_000_000 // 64, settings=[1e-9])
    finally:
        signal.signal(signal.SIGINT, before)
    assert sent
    assert np.isfinite(loop.parameters).all()
    assert loop.parameters.tolist() != list(ps)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"examples": np.zeros((0, 3))}, "at least one row"),
        ({"examples": np.zeros(3)}, "shape"),
        ({"batch": 0}, "a whole number from 1 as batch"),
        ({"dtype": "float16"}, "float64.*float32"),
        ({"slots": np.zeros((1, 2))}, "slots of shape"),
    ],
)
def test_faults_are_told_in_the_users_terms(change, message):
    rows, ps = problem([2, 1], 4, 0)
    given_ = {"examples": rows, **change}
    with pytest.raises(ValueError, match=message):
        TrainingLoop(squared_error([2, 1], tanh), sgd, ps, settings=1, **given_)


def test_wrong_orders_and_settings_are_refused():
    rows, ps = problem([2, 1], 4, 0)
    loop = TrainingLoop(squared_error([2, 1], tanh), sgd, ps, rows, settings=1)
    with pytest.raises(IndexError, match="0 to 3"):
        loop.run([0, 4], settings=[0.1])
    with pytest.raises(ValueError, match="settings of shape"):
        loop.run(settings=[0.1, 0.2])


def test_a_loss_that_reads_a_value_from_outside_is_refused():
    rows, ps = problem([2, 1], 4, 0)
    outside = Value(2.0)
    with pytest.raises(TypeError, match="reads its arguments only"):
        TrainingLoop(lambda p, e: p[0] * outside, sgd, ps, rows, settings=1)


def test_a_checked_training_says_when_its_buffers_are_overrun(monkeypatch):
    from engine.compiler import training_code

    rows, ps = problem([3, 2], 9, 0)
    loss, options = squared_error([3, 2], tanh), {"slots": 1, "settings": 1, "checked": True}
    TrainingLoop(loss, momentum, ps, rows, **options).run(settings=[0.1])
    right = training_code.gathered

    def further(vectors, examples, x, columns, stride, *rest):  # code without bounds checks of its own
        b = vectors.builder
        beyond = b.gep(x, [b.mul(stride, training_code.I64(2))], source_etype=vectors.real)
        right(vectors, examples, beyond, columns, stride, *rest)

    monkeypatch.setattr(training_code, "gathered", further)
    with pytest.raises(AssertionError, match="outside its buffers"):
        TrainingLoop(loss, momentum, ps, rows, **options).run(settings=[0.1])


def test_the_environment_asks_for_a_checked_build(monkeypatch):
    rows, ps = problem([3, 2], 9, 0)
    for asked, found in (("1", True), ("", False)):
        monkeypatch.setenv("CHAINRULE_JIT_CHECKED", asked)
        loop = TrainingLoop(squared_error([3, 2], tanh), sgd, ps, rows, settings=1)
        step = engine.jit(lambda x: x * 2.0).lower(1.0)
        assert [('load i64, i64* @"faults"' in ir) for ir in (loop.stages.ir, step.ir)] == [found, found]


def test_a_lost_mask_is_caught(monkeypatch):
    """Without the mask the padding of the last group counts twice."""
    from engine.compiler.llvm import batch

    monkeypatch.setattr(batch.Batch, "_mask", lambda self, b, left: None)
    with pytest.raises(AssertionError):
        test_training_a_random_network_agrees_with_eager_training.hypothesis.inner_test([2, 3], 5, 5, relu, 0, True)
    assert gradients


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("examples", [1, 7, 8, 9, 33, 40, 41, 63, 72, 100, 129, 300])
def test_batches_of_any_size_cut_into_blocks_give_numpys_gradient(examples, dtype):
    rng = np.random.default_rng(examples)
    x, y, p = rng.normal(size=examples), rng.normal(size=examples), np.array([0.5, -0.25])
    loop = TrainingLoop(
        lambda p, e: relu(p[0] * e[0] + p[1] - e[1]), lambda p, g, slots, settings: (p - g, slots), p,
        np.column_stack([x, y]), dtype=dtype, checked=True)  # fmt: skip
    assert loop.run()[0, 0] == pytest.approx(np.maximum(p[0] * x + p[1] - y, 0).mean(), rel=1e-5, abs=1e-7)
    positive = p[0] * x + p[1] - y > 0
    want = [(x * positive).mean(), positive.mean()]
    np.testing.assert_allclose(p - loop.parameters, want, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-6)


def test_what_an_earlier_batch_left_behind_counts_for_nothing_in_a_smaller_one():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100, 2))
    rows[40:] = np.nan  # a whole chunk is computed, whatever stands behind the examples of a smaller one

    def fresh():
        return TrainingLoop(squared_error([1, 3, 1], relu), sgd, np.linspace(-1, 1, 10), rows, settings=1)

    loop, clean = fresh(), fresh()
    loop.run(settings=[0.0])
    assert np.isnan(loop.parameters).all()
    loop.parameters[:] = clean.parameters
    for order in ([3], list(range(13)), list(range(40))):
        want, got = clean.run(order, settings=[0.1]), loop.run(order, settings=[0.1])
        assert got.tobytes() == want.tobytes()
        assert loop.parameters.tobytes() == clean.parameters.tobytes()


def recurrent(steps, width, hidden):
    """tanh of a sum of inputs and of what it was before, as a function (parameters, example) -> loss."""

    def loss(ps, example):
        row = width + hidden + 1
        h = [0.0] * hidden
        for t in range(steps):
            xs = [*example[t * width : (t + 1) * width], *h]
            h = [tanh(dot(ps[i * row : (i + 1) * row - 1], xs, ps[(i + 1) * row - 1])) for i in range(hidden)]
        return total([square(v) for v in h])

    return loss


@pytest.mark.parametrize(("steps", "width", "hidden"), [(4, 2, 3), (5, 3, 5), (6, 4, 4)])
def test_a_recurrent_network_trains_as_in_eager_mode(steps, width, hidden):
    loss, rng = recurrent(steps, width, hidden), np.random.default_rng(0)
    parameters = rng.normal(size=hidden * (width + hidden + 1)).tolist()
    rows = rng.normal(size=(11, steps * width))
    loop = TrainingLoop(loss, sgd, parameters, rows, settings=1)
    found = loop.run(settings=[0.1])
    leaves = [Value(p) for p in parameters]
    expected = mean([loss(leaves, row) for row in rows.tolist()])
    slopes = gradients(expected, leaves)
    assert found[0, 0] == pytest.approx(expected.data, rel=1e-12)
    assert loop.parameters == pytest.approx([p - 0.1 * g.data for p, g in zip(parameters, slopes)], rel=1e-11)


@pytest.mark.parametrize("order, error, got", [
    ([0.5, 1.7], TypeError, "float64"), ([True, False, True], TypeError, "bool"), ([-1, 0], IndexError, "got -1"),
])  # fmt: skip
def test_an_order_is_of_row_numbers(order, error, got):
    loop = TrainingLoop(lambda p, e: p[0] * e[0], sgd, [1.0], [[1.0], [2.0], [3.0]], settings=1)
    with pytest.raises(error, match=got):
        loop.run(order, settings=[0.1])


def stepped(loss=lambda p, e: p[0] * e[0], update=lambda p, g, slots, settings: (p - g, slots), **options):
    return TrainingLoop(loss, update, [1.0], [[3.0]], **options).run().tolist()


@pytest.mark.parametrize(
    "loss",
    [lambda p, e: None, lambda p, e: (p[0],), lambda p, e: (p[0], p[0]), lambda p, e: (p[0], [None]), lambda p, e: 1.0],
)
def test_what_a_loss_returns_is_checked(loss):
    with pytest.raises(TypeError, match="TrainingLoop takes .*, got"):
        stepped(loss)


@pytest.mark.parametrize("wrong", [None, [], "text", [1.0]], ids=repr)
def test_a_penalty_or_an_update_that_returns_no_number_is_refused(wrong):
    with pytest.raises(TypeError, match="TrainingLoop takes a penalty that returns a Value, got"):
        stepped(penalty=lambda p: wrong)
    with pytest.raises(TypeError, match="TrainingLoop takes numbers that update returns, got"):
        stepped(update=lambda p, g, slots, settings: (wrong, slots))


@pytest.mark.parametrize("constant", [2, 1.0, Value(3.0)], ids=repr)
def test_a_constant_penalty_has_no_gradient(constant):
    assert stepped(penalty=lambda p: constant) == stepped() == [[3.0]]

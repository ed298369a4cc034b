"""Threads that share the loops of a step: the same bits for any number of them, each round once, no thread left behind."""

import ctypes
import gc
import os
import pickle
import signal
import threading
import time
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_memory_and_forks import run

import nn
from engine import TrainingLoop, dot, exp, jit, relu, softplus, square, tanh, total, value_and_grad, vmap
from engine.compiler import compilation
from engine.compiler.llvm import phases, team
from engine.compiler.llvm.team import DIVIDE, FUNCTION, Team, team_code
from engine.compiler.loops.placement import Placement

WRONG = (0, -1, 257, "many", True, 2.5, None)


@pytest.fixture
def small(monkeypatch):
    """Every loop of every net is worth sharing."""
    share_all(monkeypatch)


def share_all(patch):
    patch.setattr(compilation, "LEAST", 0)
    patch.setattr(compilation, "SHARED", 1)
    patch.setattr(phases, "TOGETHER", 64)


class Order(Team):
    """A team of nobody but the caller, who begins with a share of another number."""

    def __init__(self, threads, first):
        super().__init__(threads)
        self._start()
        self._words[FUNCTION + 4] = first

    def _start(self):
        self._words = (ctypes.c_int64 * (team.SHARES + team.LINE * (self._threads + 1)))()
        self._words[FUNCTION + 3] = self._threads
        self._at, self._asleep, self._process = ctypes.addressof(self._words), [], os.getpid()


def net(widths, act):
    """A loss of a dense net: parameters by neuron, weights first, and an example of inputs and targets."""

    def loss(ps, example):
        xs, at = example[: widths[0]], 0
        for k, (inputs, neurons) in enumerate(zip(widths, widths[1:])):
            rows = [ps[at + j * (inputs + 1) : at + (j + 1) * (inputs + 1)] for j in range(neurons)]
            sums = [dot(row[:-1], xs, row[-1]) for row in rows]
            xs = [act(s) for s in sums] if k < len(widths) - 2 else sums
            at += neurons * (inputs + 1)
        return total([square(s - y) for s, y in zip(xs, example[widths[0] :])]), xs

    return loss


def momentum(p, g, slots, settings):
    v = 0.5 * slots[0] + g
    return p - settings[0] * v / (1.0 + settings[1]), [v]


def made(widths, act, examples, batch, **options):
    rng = np.random.default_rng(len(widths) + examples)
    count = sum((i + 1) * n for i, n in zip(widths, widths[1:]))
    rows = rng.normal(size=(examples, widths[0] + widths[-1]))
    start = rng.normal(size=count) / 8.0
    loop = TrainingLoop(net(widths, act), momentum, start, rows, slots=1, settings=1, batch=batch,
                        penalty=lambda ps: 0.01 * total([square(p) for p in ps]), measure=square, **options)  # fmt: skip
    return loop, start, rng


def trained(loop, start, who, order):
    """The bits of a training."""
    loop._team = who
    loop.parameters[:], loop.slots[:] = start, 0.0
    losses = loop.run(order, epochs=2, settings=[0.01])
    return [x.tobytes() for x in (losses, loop.parameters, loop.gradients, loop.slots, loop.outputs)]


@pytest.mark.usefixtures("unoptimised")  # one program, whoever runs it
@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=3), st.integers(1, 70), st.sampled_from([tanh, relu, softplus]),
    st.sampled_from([1, 3, 99, 101]), st.booleans(), st.booleans(), st.sampled_from(["float64", "float32"]),
)  # fmt: skip
@settings(max_examples=10)
def test_bits_are_the_same_for_any_number_of_threads(neurons, inputs, act, batch, contract, checked, dtype):
    with pytest.MonkeyPatch.context() as patch:
        share_all(patch)
        examples = batch + batch // 2
        loop, start, rng = made(
            [inputs, *neurons], act, examples, batch, contract=contract, checked=checked, dtype=dtype
        )
        order = rng.permutation(examples)
        alone = trained(loop, start, None, order)
        assert np.isfinite(loop.parameters).all()
        for who in (Team.of(2), Team.of(3), Team.of(4), Order(3, 2), Order(5, 1)):
            assert trained(loop, start, who, order) == alone


def test_shared_loops_compute_what_loops_that_are_not_shared_compute(small, monkeypatch):
    loop, start, rng = made([40, 12, 3], tanh, 45, 30, threads=2)
    assert loop._code.share
    order = rng.permutation(45)
    trained(loop, start, loop._team, order)
    monkeypatch.undo()
    plain, *_ = made([40, 12, 3], tanh, 45, 30, threads=2)
    assert not plain._code.share
    trained(plain, start, None, order)
    np.testing.assert_allclose(loop.parameters, plain.parameters, rtol=1e-12)


@given(st.integers(2, 30), st.integers(1, 40), st.booleans())
@settings(max_examples=6)
def test_a_function_has_the_same_bits_for_any_number_of_threads(neurons, inputs, contract):
    rng = np.random.default_rng(neurons)
    w, x = rng.normal(size=(neurons, inputs)).tolist(), rng.normal(size=inputs).tolist()

    def loss(w, x):
        return total([square(relu(dot(row, x))) * (1.5 - row[0]) for row in w])

    with pytest.MonkeyPatch.context() as patch:
        share_all(patch)
        found = [jit(value_and_grad(loss), contract=contract, threads=n)(w, x) for n in (1, 2, 4)]
        assert all(y == found[0] for y in found)
        if not contract:
            assert found[0] == value_and_grad(loss)(w, x)


@pytest.mark.usefixtures("unoptimised")  # one program, whoever runs it
@given(st.integers(8, 90), st.booleans())
@settings(max_examples=6)
def test_rounds_in_lanes_have_the_same_bits_whoever_does_them(count, contract):
    xs = np.random.default_rng(count).normal(size=count)
    with pytest.MonkeyPatch.context() as patch:
        share_all(patch)
        f = jit(lambda xs: [exp(x) * 0.3 + x * x for x in xs], contract=contract, checked=True)
        alone = f(xs.tolist())
        np.testing.assert_allclose(alone, np.exp(xs) * 0.3 + xs * xs, rtol=1e-14)
        (program,) = f._programs.values()
        run, share, _ = program._run.args
        for who in (Order(3, 2), Order(7, 4), Team.of(2)):
            program._run = partial(program._run.func, run, share, who)
            assert f(xs.tolist()) == alone


def recurrent(ps, example):
    """A loss of which each step needs the one before."""
    h = 0.0
    for x in example[:60]:
        h = tanh(ps[0] * h + ps[1] * x + ps[2])
    return square(h - example[60])


def step_by_step(who):
    rows = np.random.default_rng(0).normal(size=(40, 61))
    loop = TrainingLoop(recurrent, lambda p, g, s, t: (p - 0.01 * g, s), [0.9, 0.7, -0.3], rows)
    loop._team = who
    loop.run(epochs=2)
    return loop.gradients.tobytes()


@pytest.mark.usefixtures("unoptimised")
def test_rounds_that_need_each_other_are_not_shared(small):
    assert step_by_step(Order(4, 3)) == step_by_step(None)


@pytest.mark.usefixtures("unoptimised")
def test_a_loop_whose_rounds_are_wrongly_taken_for_independent_is_found(small, monkeypatch):
    def all_parallel(self):
        for facts in self.facts.values():
            facts.parallel = True

    monkeypatch.setattr(Placement, "_find_parallel", all_parallel)
    assert step_by_step(Order(4, 3)) != step_by_step(None)


# The team -------------------------------------------------------------------------------------------------------------

ROUND = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


def divided(who, count, act, phases=1):
    """Call act(begin, end), a Python function, as native code does, by a team; what it did in all phases."""
    body = ROUND(lambda _, begin, end: act(begin, end))
    divide = team_code().function(DIVIDE, *[ctypes.c_void_p] * 3, ctypes.c_int64)

    def native(_, at):
        for _ in range(phases):
            divide(at, body, None, count)

    called = CALL(native)
    who.call(ctypes.cast(called, ctypes.c_void_p).value, None)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100, 1000])
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_each_round_is_done_once(threads, count):
    found = []
    divided(Team(threads), count, lambda begin, end: found.extend(range(begin, end)), phases=5)
    assert sorted(found) == sorted([*range(count)] * 5)


def slow_helper(who):
    """Who did which rounds, as the caller sees it when the phase is over, where a helper is slow."""
    caller, came, done = threading.get_ident(), threading.Event(), []

    def act(begin, end):
        if threading.get_ident() == caller:
            assert came.wait(60)
        elif not came.is_set():
            came.set()
            time.sleep(0.1)
        done.extend(range(begin, end))

    divided(who, 64, act)
    return sorted(done)


def test_a_phase_ends_when_the_last_helper_is_done():
    assert slow_helper(Team(2)) == [*range(64)]


def test_a_missing_barrier_is_found(monkeypatch):
    right = "br i1 %alone, label %done, label %again"
    assert right in team.CODE
    monkeypatch.setattr(team, "CODE", team.CODE.replace(right, "br label %done"))
    wrong = team._code.__wrapped__()
    monkeypatch.setattr(team, "team_code", lambda: wrong)
    monkeypatch.setitem(globals(), "team_code", lambda: wrong)
    try:
        assert slow_helper(Team(2)) != [*range(64)]
        time.sleep(0.5)  # until the helper is done with what is gone
    finally:
        monkeypatch.undo()
        team.llvm().add_symbol(DIVIDE, team_code().address(DIVIDE))


def test_helpers_that_are_asleep_delay_nobody():
    who = Team(4)
    who._start()
    who._asleep = []  # and nobody wakes them
    found = []
    divided(who, 50, lambda begin, end: found.extend(range(begin, end)))
    assert found == [*range(50)]


def test_of_two_callers_at_once_one_works_alone():
    who, both, found = Team(2), threading.Barrier(2), []

    def caller():
        mine = []
        both.wait(60)
        for _ in range(50):
            divided(who, 20, lambda begin, end: mine.extend(range(begin, end)))
        found.append(sorted(mine) == sorted([*range(20)] * 50))

    threads = [threading.Thread(target=caller) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True, True]


@pytest.fixture
def helpers():
    """The helpers of teams that a test made, when it asks; what tests before left may still be there."""
    before = set(threading.enumerate())
    return lambda: [t for t in threading.enumerate() if t.name.startswith("chainrule-") and t not in before]


@pytest.mark.usefixtures("unoptimised")
def test_a_hundred_functions_that_are_dropped_leave_no_thread(small, helpers):
    gc.collect()
    for k in range(100):
        f = jit(lambda xs: [exp(x) for x in xs], threads=3)
        assert f([0.0] * 8) == [1.0] * 8
        if k % 10 == 0:
            assert len(helpers()) >= 2
        del f
    gc.collect()
    late = time.monotonic() + 60
    while helpers() and time.monotonic() < late:
        time.sleep(0.01)
    assert not helpers()


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize("stop", [KeyboardInterrupt, ZeroDivisionError])
def test_a_training_that_was_broken_off_goes_on_with_its_team(stop, small):
    loop, start, rng = made([9, 8, 2], relu, 40, 10, threads=3)
    order = rng.permutation(40)
    right = trained(loop, start, loop._team, order)

    def between(steps):
        if stop is KeyboardInterrupt:
            signal.raise_signal(signal.SIGINT)
        raise stop

    with pytest.raises(stop):
        loop.run(order, epochs=100, settings=[0.01], between=between)
    assert trained(loop, start, loop._team, order) == right


def test_a_child_process_has_a_team_of_its_own():
    program = """
        import os, threading
        import numpy as np
        from engine import TrainingLoop, dot, square
        from engine.compiler import compilation
        compilation.LEAST, compilation.SHARED = 0, 1
        rows = np.random.default_rng(0).normal(size=(64, 21))
        loop = TrainingLoop(lambda p, e: square(dot(p, e[:20]) - e[20]), lambda p, g, s, t: (p - 0.01 * g, s),
                            [0.0] * 20, rows, batch=16, threads=3)
        assert loop._code.share

        def bits():
            loop.parameters[:] = 0.0
            loop.run(epochs=20)
            return loop.parameters.tobytes()

        right = bits()
        stopped = threading.Event()

        def busy():
            while not stopped.is_set():
                other.run(epochs=50)

        other = TrainingLoop(lambda p, e: square(dot(p, e[:20]) - e[20]), lambda p, g, s, t: (p - 0.01 * g, s),
                             [0.0] * 20, rows, batch=16, threads=3)
        beside = threading.Thread(target=busy)
        beside.start()
        for _ in range(10):
            child = os.fork()
            if child == 0:
                same = bits() == right
                helpers = sum(t.name.startswith("chainrule-") for t in threading.enumerate())
                os._exit(0 if same and helpers == 2 else 1)
            assert os.waitpid(child, 0)[1] == 0
        stopped.set()
        beside.join()
        assert bits() == right
        print("right")
    """
    assert run(program) == "right\n"


# What people ask for --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unoptimised")
def test_a_small_step_stays_with_one_thread(helpers):
    model = nn.MLP(2, [16, 16, 1], seed=0)
    X, y = np.random.default_rng(0).normal(size=(100, 2)), [1, -1] * 50
    nn.fit(model, X, y, loss="hinge", epochs=1, batch_size=100, backend="jit", threads=2, progress=False)
    assert not helpers()


@pytest.mark.parametrize("checked", [False, True])
def test_examples_of_vmap_have_the_same_bits_for_any_number_of_threads(checked, small, helpers):
    rows = np.random.default_rng(0).normal(size=(1000, 3))

    def f(ws, x):
        return [tanh(dot(ws, x)), exp(x[0]) * x[1]]

    compiled = [jit(vmap(f, in_axes=(None, 0)), threads=n, checked=checked) for n in (1, 2, 5)]
    for count in (1, 33, 67, 1000):  # less than a group of lanes; groups and a part of one
        one, *more = [g([0.5, 1.5, -2.5], rows[:count].tolist()) for g in compiled]
        assert [x == one for x in more] == [True, True]
    assert helpers()


@pytest.mark.parametrize("threads", [2, "auto"])
def test_fit_trains_the_same_net_with_threads(threads, small):
    def weights(**options):
        model = nn.MLP(30, [20, 4], seed=0)
        X = np.random.default_rng(0).normal(size=(50, 30))
        y = [k % 4 for k in range(50)]
        history = nn.fit(model, X, y, loss="cross_entropy", epochs=2, backend="jit", progress=False, seed=0,
                         validation=(X, y), **options)  # fmt: skip
        return [p.data for p in model.parameters()], history

    assert weights(threads=threads) == weights()


def test_a_copy_of_a_compiled_function_has_as_many_threads():
    assert pickle.loads(pickle.dumps(jit(square, threads=3)))._threads == 3


@pytest.mark.parametrize("threads", WRONG)
def test_wrong_numbers_of_threads_are_refused(threads):
    message = r"takes a whole number from 1 to 256, or 'auto', as threads, got "
    asked = [
        ("jit", lambda: jit(square, threads=threads)),
        ("TrainingLoop", lambda: TrainingLoop(recurrent, momentum, [0.0] * 3, np.zeros((2, 61)), threads=threads)),
        ("fit", lambda: nn.fit(nn.MLP(1, [1]), [[0.0]], [0.0], loss="mse", threads=threads)),
    ]
    for who, ask in asked:
        with pytest.raises((TypeError, ValueError), match=f"^{who} {message}"):
            ask()

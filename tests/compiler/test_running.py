"""While native code runs: other threads go on, several may call one object, and Ctrl-C is heard in time."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import nn
from engine import TrainingLoop, jit, square, tanh, total, vmap
from engine.compiler import training_loop
from engine.compiler.llvm import native_code
from engine.compiler.llvm.native_code import Compiled


def descent(rows=4, **options):
    """A training of one parameter towards 3 that takes as many steps as it is asked for."""
    examples = [[float(i), 3.0 * i] for i in range(1, rows + 1)]
    loss, update = (
        (lambda p, e: square(p[0] * e[0] - e[1])),
        (lambda p, g, slots, settings: (p - settings[0] * g, slots)),
    )
    return TrainingLoop(loss, update, [0.0], examples, settings=1, **{"batch": 1, **options})


WAITS_FOR_AN_ANSWER = """
define void @run(ptr %said, i64 %rounds) {
entry:
  store volatile i64 1, ptr %said
  br label %wait
wait:
  %k = phi i64 [0, %entry], [%next, %wait]
  %heard = load volatile i64, ptr %said
  %answered = icmp eq i64 %heard, 2
  %next = add i64 %k, 1
  %late = icmp sge i64 %next, %rounds
  %done = or i1 %answered, %late
  br i1 %done, label %over, label %wait
over:
  %code = select i1 %answered, i64 3, i64 4
  store volatile i64 %code, ptr %said
  ret void
}
"""


def is_answered(rounds):
    """Does this thread answer native code that waits for it in another, at most so many rounds?"""
    said = np.zeros(1, np.int64)
    wait = Compiled(WAITS_FOR_AN_ANSWER).function("run", ctypes.c_void_p, ctypes.c_int64)
    worker = threading.Thread(target=wait, args=(said.ctypes.data, rounds))
    worker.start()
    while said[0] == 0:
        time.sleep(0)
    if said[0] == 1:
        said[0] = 2
    worker.join()
    return said[0] == 3


def test_other_threads_go_on_while_native_code_runs():
    assert is_answered(2**40)


def test_a_native_call_that_holds_the_interpreter_is_caught(monkeypatch):
    monkeypatch.setattr(native_code.ctypes, "CFUNCTYPE", ctypes.PYFUNCTYPE)
    assert not is_answered(2**24)


def in_threads(work, count=6):
    """Run a function of a number in as many threads; what they raise is raised here."""
    errors = []

    def guarded(k):
        try:
            work(k)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(k,)) for k in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


def test_many_threads_share_one_mapped_function():
    f = jit(vmap(lambda x: [tanh(x[0]) * x[1], total(x)]))
    rows = [np.random.default_rng(k).normal(size=(5 + 7 * k, 3)) for k in range(6)]
    wanted = [np.array(f(r)) for r in rows]

    def work(k):
        for _ in range(100):
            np.testing.assert_array_equal(np.array(f(rows[k])), wanted[k])

    in_threads(work)


def test_threads_that_train_one_loop_take_turns():
    alone, shared = descent(), descent()
    for _ in range(6):
        alone.run(epochs=100_000, settings=[1e-9])
    in_threads(lambda k: shared.run(epochs=100_000, settings=[1e-9]))
    assert shared.parameters.tolist() == alone.parameters.tolist()


def test_threads_that_do_not_take_turns_are_caught(monkeypatch):
    monkeypatch.setattr(training_loop.Turn, "taken", lambda self: contextlib.nullcontext())
    with pytest.raises(AssertionError):
        for _ in range(100):  # on a busy machine threads may take turns by chance
            test_threads_that_train_one_loop_take_turns()


def test_a_run_may_be_read_and_run_again_from_between():
    loop, inner = descent(), []

    def between(done):
        if not inner:
            inner.append(loop.run(settings=[1e-5]))

    loop.run(settings=[1e-5], between=between)
    assert len(inner) == 1


def test_trainings_in_several_threads_are_what_they_are_alone():
    X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]

    def trained(seed):
        net = nn.MLP(2, [4, 1], activation="tanh", seed=seed)
        nn.fit(net, X, y, loss="mse", epochs=20, batch_size=3, seed=seed, progress=False, backend="jit")
        return [p.data for p in net.parameters()]

    wanted = [trained(k) for k in range(3)]

    def work(k):
        assert trained(k) == wanted[k]

    in_threads(work, 3)


@pytest.mark.parametrize("step", [1e-7, 1e-5, 3e-3, 0.02, 0.2])
def test_a_run_comes_back_every_tenth_of_a_second_or_after_each_step(step, monkeypatch):
    """By a clock that native code moves on by so many seconds a step."""
    now, slices = [0.0], []

    def call(first, last):
        slices.append((last - first) * step)
        now[0] += slices[-1]

    loop = descent()
    monkeypatch.setattr(training_loop.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(loop, "_call", lambda *args: (call, np.zeros((1, 100_000))))
    loop.run(settings=[0.1], between=lambda done: now[0] > 3.0)
    assert max(slices) <= max(0.1, step)
    assert now[0] > 0.0 if step < 1e-5 else now[0] > 0.9
    assert len(slices) < 200


def test_ctrl_c_ends_a_native_fit_and_keeps_what_it_learned(capsys):
    X, y = [[i / 50.0, 1.0 - i / 70.0] for i in range(50)], [float(i % 2) for i in range(50)]
    net = nn.MLP(2, [8, 1], activation="tanh", seed=0)
    before = [p.data for p in net.parameters()]
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def press(trainer):
        if trainer.epoch == 1:
            threading.Timer(0.2, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()

    try:
        history = nn.fit(net, X, y, loss="mse", epochs=10_000_000, batch_size=1, seed=0, progress=False, backend="jit", callbacks=press)  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, handler)
    assert len(history["loss"]) < 10_000_000
    assert "interrupted after update" in capsys.readouterr().err
    assert [p.data for p in net.parameters()] != before


def test_every_process_makes_the_same_code_and_bits_whatever_the_seed_of_hashes():
    def printed(seed):
        command, env = (
            [sys.executable, Path(__file__).with_name("compiled_bits.py")],
            {**os.environ, "PYTHONHASHSEED": seed},
        )
        env["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), env.get("PYTHONPATH", "")])
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout

    first = printed("1")
    assert "0x1." in first
    assert printed("2") == first

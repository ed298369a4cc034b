"""Compiled code takes the memory it needs, and a child of a process that compiles in a thread compiles, too."""

import gc
import subprocess
import sys
import textwrap

import pytest

import nn
from engine import TrainingLoop, Value, dot, jit, relu, total, value_and_grad
from engine.compiler.front.recorder import uncollected

CHILDREN = 10


def run(program, seconds=900):
    """What a program in a process of its own writes."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=seconds,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("forget", "kept", "most"),
    [("", 301, 33.0), ("PROGRAMS.clear()", 0, 10.0)],  # 46 and 29 where LLVM's passes live on
    ids=["while they are kept", "when they are dropped"],
)
def test_three_hundred_small_functions_take_the_memory_of_their_code_and_give_it_back(forget, kept, most):
    program = f"""
        import resource, sys
        from engine import jit, sin
        from engine.compiler.llvm.native_code import PROGRAMS

        def most():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)

        def compiled(k):
            jit(lambda x, y: sin(x) * y + k)(1.0, 2.0)
            {forget}

        compiled(0.5)
        before = most()
        for k in range(300):
            compiled(float(k))
        print(most() - before, len(PROGRAMS))
    """
    megabytes, programs = run(program).split()
    assert int(programs) == kept
    assert float(megabytes) < most


def test_what_was_recorded_and_written_goes_when_it_is_compiled_and_the_collector_has_nothing_to_look_for():
    rows = [[0.5] * 60, [1.5] * 60]

    def loss(p, x):
        hidden = [relu(dot(p[k * 60 : k * 60 + 60], x)) for k in range(80)]
        return dot(p[4800:4880], hidden)

    gc.collect()
    with uncollected():
        TrainingLoop(loss, lambda p, g, slots, rates: (p - g, slots), [0.1] * 4880, rows, batch=2)
        assert gc.collect() < 1000  # 9,000 without


def test_what_a_gradient_was_made_of_goes_without_the_collector_too():
    def loss(net, xs):
        return total([relu(1.0 - net(x)) for x in xs]) + 1e-4 * sum(p * p for p in net.parameters())

    compiled = jit(value_and_grad(loss)), jit(value_and_grad(loss))
    arguments = nn.MLP(2, [8, 8, 1], seed=1), [[0.1 * k, 0.5] for k in range(20)]
    compiled[0].lower(*arguments)  # imports
    gc.collect()
    with uncollected():
        compiled[1].lower(*arguments)
        assert gc.collect() < 200  # 18,000 with cycles among them


def test_of_the_graph_of_a_function_nothing_is_kept_when_it_is_compiled():
    def loss(p, xs):
        return total([relu(dot(p[:3], x, p[3])) for x in xs]) + sum(w * w for w in p)

    def nodes():
        return sum(x.__class__ is Value and x.op is not None for x in gc.get_objects())

    step, arguments = jit(value_and_grad(loss)), ([0.1] * 4, [[0.5, 1.5, 0.1 * k] for k in range(40)])
    gc.collect()
    with uncollected():
        before = nodes()
        step(*arguments)
        assert nodes() == before


FORKING = """
    import os, sys, threading, time
    from engine import TrainingLoop, jit, sin

    class Slow:  # to be imported, in a thread
        begun = threading.Event()

        def find_spec(self, name, *rest):
            if name == {slow!r} and threading.current_thread() is not threading.main_thread():
                self.begun.set()
                time.sleep(1.0)

    sys.meta_path.insert(0, Slow())

    def compiled(k):
        return jit(lambda x, y: sin(x) * y + k)(1.0, 2.0)

    shared = jit(lambda xs: sum(sin(x) * x for x in xs))
    rows = [[0.1 * i, 1.0] for i in range(50)]
    loop = TrainingLoop(
        lambda p, e: (p[0] * e[0] - e[1]) ** 2, lambda p, g, s, settings: (p - settings[0] * g, s), [0.0], rows, settings=1
    )
    stop = threading.Event()

    def work():
        k = 0
        while not stop.is_set():
            k += 1
            {busy}

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    answers = []
    if {slow!r}:
        Slow.begun.wait()
    for child in range({children}):
        time.sleep(0.03 * (1 + child % 5))
        pid = os.fork()
        if pid == 0:
            {asked}
            os._exit(7)
        end = time.monotonic() + 60.0
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done or time.monotonic() > end:
                break
            time.sleep(0.01)
        if not done:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        answers.append(os.waitstatus_to_exitcode(status) if done else None)
        if answers[-1] != 7:
            break
    stop.set()
    thread.join()
    print(answers)
"""


@pytest.mark.parametrize(
    ("busy", "asked"),
    [
        ("compiled(float(k))", "compiled(0.25)"),
        ("shared([0.5] * k)", "shared([0.5] * 1000)"),
        ("loop.run(epochs=10000, settings=[0.1])", "loop.run(settings=[0.1])"),
    ],
    ids=["while another function compiles", "while this function compiles", "while this loop runs"],
)
def test_a_child_forked_while_a_thread_compiles_or_trains_does_so_too(busy, asked):
    assert run(FORKING.format(busy=busy, asked=asked, slow=None, children=CHILDREN)) == f"{[7] * CHILDREN}\n"


@pytest.mark.parametrize("slow", ["engine.compiler.specialization", "engine.compiler.loops.rounds"])
def test_a_child_forked_while_a_thread_imports_the_compiler_compiles_too(slow):
    program = FORKING.format(busy="compiled(1.0)", asked="compiled(0.25)", slow=slow, children=1)
    assert run(program) == "[7]\n"

"""no_grad, scope and detect_anomaly hold where they were opened and nowhere else: interrupts, tasks, generators, threads."""

import asyncio
import contextlib
import copy
import signal
import sys
import threading
import time

import pytest
from ctrl_c import pressed_at_each_call
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import AnomalyError, Scope, Value, detect_anomaly, log, no_grad, scope

A = Value(2.0)
FILES = engine.context.__file__, engine.open_blocks.__file__


def in_force():
    """What a node made here meets: (is it recorded, its path, does an infinity raise)."""
    y = A * A
    try:
        log(Value(0.0))
        raises = False
    except AnomalyError:
        raises = True
    return y.op is not None, None if y.scope is None else y.scope.path, raises


NOTHING = True, None, False
SETTINGS = {"no_grad": no_grad, "scope": lambda: scope("a"), "detect_anomaly": detect_anomaly}


@pytest.fixture(autouse=True)
def _nothing_stays_in_force():
    yield
    assert in_force() == NOTHING
    assert not engine.context.active


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_nothing_stays_in_force_wherever_ctrl_c_is_pressed(setting):
    def block():
        with setting(), setting():
            A * A

    kept = []  # as a notebook keeps the latest traceback
    for error in pressed_at_each_call(block, *FILES, __file__):
        kept.append(error)
        assert in_force() == NOTHING
        assert not engine.context.active
    assert len(kept) > 8


@pytest.fixture
def timer():
    """Calling it raises a TimeoutError soon, out of whatever runs then, as Ctrl-C raises KeyboardInterrupt."""

    def raises(number, frame):
        raise TimeoutError

    old = signal.signal(signal.SIGALRM, raises)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 1e-6)
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, old)


def test_a_signal_anywhere_leaves_nothing_in_force(timer):
    kept, heard = [], 0
    for k in range(300):
        try:
            timer()
            for _ in range(k):
                with no_grad():
                    pass
            time.sleep(0.01)
        except TimeoutError as error:
            heard += 1
            kept[:] = [error]  # as a notebook does
            assert in_force() == NOTHING
    assert heard == 300


def test_a_call_of_a_module_interrupted_anywhere_leaves_no_place():
    import nn

    class Two(nn.Module):
        def __init__(self):
            self.layer = nn.Layer(1, 2, seed=0)

        def forward(self, x, factor):
            return self.layer([x * factor])

    net = Two()
    for _ in pressed_at_each_call(lambda: net(1.0, 2.0), *FILES):
        assert in_force() == NOTHING


def test_asyncio_tasks_that_overlap_do_not_see_each_others_settings():
    seen = {}

    async def inside(name, setting, first, second):
        with setting():
            first.set()
            await second.wait()
            seen[name] = in_force()
        await asyncio.sleep(0)
        seen[name, "after"] = in_force()

    async def main():
        one, two = asyncio.Event(), asyncio.Event()
        tasks = [inside("no_grad", no_grad, one, two), inside("scope", lambda: scope("a"), two, one)]
        await asyncio.gather(*tasks, inside("anomaly", detect_anomaly, asyncio.Event(), two))
        seen["main"] = in_force()

    asyncio.run(main())
    assert seen == {
        "no_grad": (False, None, False), "scope": (True, "a", False), "anomaly": (True, None, True),
        ("no_grad", "after"): NOTHING, ("scope", "after"): NOTHING, ("anomaly", "after"): NOTHING, "main": NOTHING,
    }  # fmt: skip


def test_a_task_begun_in_a_block_is_under_it_only_while_it_is_open():
    async def main():
        opened = asyncio.Event()

        async def task():
            early = in_force()
            await opened.wait()
            return early, in_force()

        with no_grad():
            running = asyncio.create_task(task())
            await asyncio.sleep(0)
        opened.set()
        return await running

    assert asyncio.run(main()) == ((False, None, False), NOTHING)


@given(st.lists(st.tuples(st.sampled_from(sorted(SETTINGS)), st.integers(0, 9)), max_size=8))
def test_blocks_may_end_in_any_order(steps):
    """Generators that suspend inside a block, closed in any order: those open are in force, the latest scope first."""

    def block(name):
        with scope(name) if name.isdigit() else SETTINGS[name]():
            yield

    open_ = []
    for k, (name, closed) in enumerate(steps):
        name = str(k) if name == "scope" else name
        generator = block(name)
        next(generator)
        open_.append((name, generator))
        if closed < len(open_):
            open_.pop(closed)[1].close()
        names = [name for name, _ in open_]
        scopes = [name for name in names if name.isdigit()]
        recorded, path, raises = in_force()
        assert recorded is ("no_grad" not in names)
        assert raises is ("detect_anomaly" in names)
        assert not recorded or (path or "").rpartition(".")[2] == (scopes or [""])[-1]
    for _, generator in open_:
        generator.close()
    assert in_force() == NOTHING
    assert not engine.context.active


def test_a_thread_starts_with_no_setting_and_its_own_ends_with_it():
    seen = []
    shared = no_grad()

    def other():
        seen.append(in_force())
        with shared:
            seen.append(in_force())
        seen.append(in_force())

    with shared, scope("a"), detect_anomaly():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert in_force() == (False, None, True)
    assert seen == [NOTHING, (False, None, False), NOTHING]


def test_one_setting_opened_by_many_threads_at_once_ends_in_each():
    shared, wrong = no_grad(), []

    def other():
        for _ in range(300):
            with shared, shared:
                wrong.extend([] if (A * A).op is None else ["inside"])
            wrong.extend([] if (A * A).op is not None else ["after"])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=other) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_a_setting_is_opened_by_hand_and_by_an_exit_stack():
    setting = no_grad()
    setting.__enter__()
    with setting:
        assert (A * A).op is None
    with contextlib.ExitStack() as stack:
        stack.enter_context(setting)
        setting.__exit__(None, None, None)
        assert (A * A).op is None
        place = stack.enter_context(scope("a"))
        assert place.path == "a"
    assert in_force() == NOTHING


def test_a_decorated_generator_and_coroutine_are_under_no_grad_while_they_run():
    @no_grad()
    def steps(x):
        """Made of a and b."""
        try:
            x = yield (x * x).op
        except KeyError as error:
            x = error.args[0]
        yield (x * x).op
        return "the end"

    generator = steps(A)
    assert next(generator) is None
    assert (A * A).op is not None
    assert generator.throw(KeyError(A)) is None
    with pytest.raises(StopIteration, match="the end"):
        next(generator)
    closed = steps(A)
    next(closed)
    closed.close()
    assert steps.__doc__ == "Made of a and b."

    @no_grad()
    async def task():
        await asyncio.sleep(0)
        return (A * A).op

    assert asyncio.run(task()) is None
    with pytest.raises(TypeError, match="async generator"):

        @no_grad()
        async def both():
            yield 1


def test_a_scope_entered_in_itself_has_a_path_that_ends():
    place = scope("a")
    with place, place:
        assert (A * A).scope.path == "a.a"
    assert place.path == "a"
    assert copy.copy(place).path == "a"


def test_a_scope_takes_a_name_and_a_scope():
    from pathlib import PurePosixPath

    for wrong in [(PurePosixPath("/"),), ("a", PurePosixPath("/")), (None,), ("a", "b"), (b"a",)]:
        with pytest.raises(TypeError, match="Scope takes a name and the Scope around it"):
            Scope(*wrong)

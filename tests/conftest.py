"""How tests run here: Hypothesis never by the clock, and in CI always the same examples; Ctrl-C is heard."""

import gc
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from engine import TABLE, Value

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a worker has a core: threads of BLAS would spin for it, and wait

if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):  # each worker, and hundreds of children, would compile all again
    sys.dont_write_bytecode = False

slow_is_fine = [HealthCheck.too_slow, HealthCheck.data_too_large]
phases = [phase for phase in Phase if phase is not Phase.explain]  # of a failure; --hypothesis-explain asks for it
settings.register_profile("default", deadline=None, phases=phases, suppress_health_check=slow_is_fine)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile(
    "nightly", settings.get_profile("default"), max_examples=10_000
)  # --hypothesis-profile=nightly
usual = "ci" if os.environ.get("CI") else "default"
settings.register_profile("quick", settings.get_profile(usual), max_examples=10)
settings.load_profile(usual)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background would ignore Ctrl-C, tests of it too

TESTS = Path(__file__).parent
QUICK = {  # the laws of the engine, and what a change in another room would break first
    "test_imports", "test_stubs", "checks/test_check_laws", "checks/test_rounding", "compiler/test_graphs",
    "compiler/test_jit", "compiler/test_trace", "engine/test_anomaly", "engine/test_backward", "engine/test_bad_input",
    "engine/test_edges", "engine/test_explanation", "engine/test_formula", "engine/test_gradient_graphs",
    "engine/test_nested_transforms", "engine/test_partial_formulas", "engine/test_pickles", "engine/test_rules",
    "engine/test_transforms", "engine/test_trees", "engine/test_value", "engine/test_value_in_numpy", "nn/test_blocks",
    "nn/test_init", "nn/test_losses", "nn/test_module_trees", "nn/test_nn", "nn/test_optim",
    "picture/test_picture_safety", "picture/test_picture_truth",
}  # fmt: skip
LONG = {  # in these files, what takes more than a second
    "test_a_chain_of_100_000_nodes_has_a_gradient_and_a_tangent", "test_replay_of_100_000_nodes_needs_no_recursion",
    "test_the_table_of_accuracy_is_of_these_rows", "test_work_grows_with_the_graph_and_not_faster",
    "test_the_agreement_of_modes_finds_a_wrong_partial_of_one_mode", "test_trace_order_and_rolling_keep_every_bit",
    "test_matplotlib_reads_the_latex_of_every_row", "test_native_code_agrees_with_eager_mode",
    "test_a_long_chain_is_differentiated_twice_and_through_a_value",
}  # fmt: skip
FIRST = ("test_odd_values.py", "test_scale.py")  # ten seconds a test: at the end one worker would wait


def pytest_configure(config):
    if config.option.markexpr == "quick":
        settings.load_profile("quick")


def pytest_collection_modifyitems(items):
    quick = {TESTS / f"{file}.py" for file in QUICK}
    for item in items:
        if item.path in quick and getattr(item, "originalname", item.name) not in LONG:
            item.add_marker(pytest.mark.quick)
    items.sort(key=lambda item: item.path.name not in FIRST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from scheduling import Neighbours

    return Neighbours(config, log, alone=FIRST) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Thousands of tests are no garbage: no collection looks at them, now or in a test."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def no_ops_of_other_tests():
    """Ops that a test adds are gone after it: what comes next on the same worker sees those of the library alone."""
    before = set(TABLE)
    yield
    for name in TABLE.keys() - before:
        del TABLE[name]
        if hasattr(Value, name):
            delattr(Value, name)


@pytest.fixture
def outlined(monkeypatch):
    """For laws of many small programs: all of LLVM's passes, on half as much code."""
    import compiling

    compiling.outline(monkeypatch.setattr)


@pytest.fixture
def unoptimised(monkeypatch):
    """For what is decided before LLVM's own passes. They take most of the time, and laws of compiled code run them all."""
    import compiling

    compiling.leave_passes_out(monkeypatch.setattr)


@pytest.fixture
def empty_pages(monkeypatch):
    """For demos: what is on a page is looked at in a test of it, and elsewhere it matters that it is written, and said."""
    from demos import drawings
    from demos.folder import Folder

    def draw(folder, name, *_):
        with folder.new(name) as path:
            path.write_bytes(b"")

    monkeypatch.setattr(Folder, "draw", draw)
    monkeypatch.setattr(drawings.Boundary, "animate", lambda self, shown, path: path.write_bytes(b""))

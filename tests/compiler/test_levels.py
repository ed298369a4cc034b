"""Every width of vectors that this processor has: the same numbers, odd numbers of examples, and errors that say which."""

import numpy as np
import pytest
from test_compiled_training import bits, eager_training, momentum, problem, sgd, squared_error

import engine
from engine import dot, exp, hvp, jit, relu, sin, sqrt, tanh, total, vmap
from engine.compiler.llvm import native_code, processor
from engine.compiler.llvm.native_code import PROGRAMS
from engine.compiler.training_loop import TrainingLoop


def is_here(level):
    try:
        return processor.processor(level) == level
    except ValueError:
        return False


HERE = ["native", *filter(is_here, processor.LEVELS)]  # on another architecture "native" alone
WIDTHS = list({processor.vector_bytes(processor.processor(cpu)): cpu for cpu in reversed(HERE)}.values())


@pytest.mark.parametrize("cpu", WIDTHS)
def test_what_llvm_made_wrong_numbers_of_side_by_side_is_right(cpu):
    def loss(w, b):
        h = [abs(total([u * 0.7]) - c) for (u,), c in zip(w[0], b[0])]
        h = [0.5 * dot(row, h, c) for row, c in zip(w[1], b[1])]
        mean = sum(h) / len(h)
        variance = sum((v - mean) ** 2 for v in h) / len(h)
        h = [(v - mean) / sqrt(variance + 0.01) for v in h]
        return dot(h, h)

    def product(w, b):
        return hvp(loss, (w, b), (w, tangent))

    rng = np.random.default_rng(0)
    w = [rng.normal(size=(3, 1)).tolist(), rng.normal(size=(8, 3)).tolist()]
    b, tangent = ([rng.normal(size=n).tolist() for n in (3, 8)] for _ in range(2))
    for got, want in zip(jit(product, cpu=cpu)(w, b), product(w, b)):
        for a, e in zip(got, want):
            np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("examples", [1, 3, 99, 101])
@pytest.mark.parametrize("cpu", WIDTHS)
def test_a_training_agrees_with_eager_training_at_each_width(cpu, examples):
    rows, ps = problem([3, 5, 2], examples, 7)
    loss = squared_error([3, 5, 2], tanh)
    for contract in (True, False):
        loop = TrainingLoop(
            loss, momentum, ps, rows, slots=1, settings=1, batch=67, contract=contract, checked=True, cpu=cpu
        )
        losses = loop.run(settings=[0.01])
        steps = len(losses[0])
        want, want_losses = eager_training(loss, momentum, ps, rows, 67, list(range(examples)), [[0.01]] * steps, 1)
        np.testing.assert_allclose(loop.parameters, want, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(losses[0], want_losses, rtol=1e-12)


@pytest.mark.parametrize("examples", [1, 3, 99, 101])
@pytest.mark.parametrize("cpu", WIDTHS)
def test_a_float32_training_agrees_with_eager_training_at_each_width(cpu, examples):
    rows, ps = problem([3, 5, 2], examples, 7)
    loss = squared_error([3, 5, 2], tanh)
    loop = TrainingLoop(loss, sgd, ps, rows, settings=1, batch=67, dtype="float32", checked=True, cpu=cpu)
    steps = len(loop.run(settings=[0.01])[0])
    want, _ = eager_training(loss, sgd, ps, rows, 67, list(range(examples)), [[0.01]] * steps, 0)
    np.testing.assert_allclose(loop.parameters, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cpu", HERE)
def test_without_contraction_a_training_has_eager_bits_at_each_width(cpu):
    rows, ps = problem([3, 5, 2], 101, 7)
    loss = squared_error([3, 5, 2], relu)
    loop = TrainingLoop(loss, momentum, ps, rows, slots=1, settings=1, batch=67, contract=False, cpu=cpu)
    losses = loop.run(settings=[0.125])
    want, want_losses = eager_training(loss, momentum, ps, rows, 67, list(range(101)), [[0.125]] * 2, 1)
    assert bits(loop.parameters.tolist()) == bits(want)
    assert bits(losses[0].tolist()) == bits(want_losses)


@pytest.mark.parametrize("examples", [1, 3, 99, 101])
@pytest.mark.parametrize("cpu", HERE)
def test_examples_in_lanes_agree_with_eager_mode_at_each_width(cpu, examples):
    def f(x, y):
        return exp(-x * x) * tanh(y) + sin(x * y)

    x, y = np.random.default_rng(3).normal(size=(2, examples))
    mapped = jit(vmap(engine.grad(f, (0, 1))), checked=True, cpu=cpu)
    np.testing.assert_allclose(mapped(x, y), vmap(engine.grad(f, (0, 1)))(x, y), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("cpu", HERE)
def test_code_uses_vectors_of_the_width_it_was_made_for(cpu):
    cpu = processor.processor(cpu)
    assembly = jit(vmap(lambda x: x * x + 1.0), cpu=cpu or "native").lower([1.0, 2.0]).assembly
    used = 64 if "zmm" in assembly else 32 if "ymm" in assembly else 16
    assert used == processor.vector_bytes(cpu)


def test_code_of_one_level_is_not_that_of_another():
    lowered = {cpu: jit(lambda x: x * x - 3.0, cpu=cpu).lower(2.0) for cpu in HERE}
    assert [stages.shared for stages in lowered.values()] == [False] * len(HERE)


@pytest.mark.parametrize("cpu", ["sse9", "x86-64-v5", "haswell", "", 3])
def test_an_unknown_level_is_refused_with_those_there_are(cpu):
    says = "takes 'native' or one of 'x86-64', 'x86-64-v2', 'x86-64-v3', 'x86-64-v4' as cpu, got"
    with pytest.raises(ValueError, match=says):
        jit(lambda x: x, cpu=cpu)
    with pytest.raises(ValueError, match=says):
        TrainingLoop(lambda p, e: p[0] * e[0], lambda p, g, slots, settings: (p, slots), [0.0], [[1.0]], cpu=cpu)


def test_a_level_above_the_processor_is_refused(monkeypatch):
    monkeypatch.setattr(processor, "features", lambda: "+sse2,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+avx")
    assert processor.processor("x86-64-v2") == "x86-64-v2"
    with pytest.raises(ValueError, match=r"'x86-64-v4' as cpu where the processor has avx2, and this one has not"):
        jit(lambda x: x, cpu="x86-64-v4")
    assert processor.vector_bytes() == 32


def test_the_environment_sets_the_level_where_nobody_says(monkeypatch):
    monkeypatch.setenv("CHAINRULE_JIT_CPU", "sse9")
    with pytest.raises(ValueError, match="as CHAINRULE_JIT_CPU, got 'sse9'"):
        jit(lambda x: x)
    assert jit(lambda x: x + 1.0, cpu="native")(1.0) == 2.0
    monkeypatch.setenv("CHAINRULE_JIT_CPU", HERE[-1])
    assert processor.processor(None) == processor.processor(HERE[-1])
    monkeypatch.delenv("CHAINRULE_JIT_CPU")
    assert processor.processor(None) == ""


@pytest.mark.parametrize(
    ("found", "wide"),
    [("+neon,+fp-armv8", 16), ("+sse2,+sse4.2", 16), ("+sse4.2,+avx,-avx2,-fma", 32), ("+avx2,+fma,+avx512f", 64)],
)
def test_a_vector_is_as_wide_as_the_processor_says(found, wide, monkeypatch):
    monkeypatch.setattr(processor, "features", lambda: found)
    assert processor.vector_bytes() == wide


@pytest.mark.parametrize("contract", [True, False])
def test_a_processor_with_avx_and_no_fused_multiply_adds_agrees_too(contract, monkeypatch):
    whole = processor.features()
    if "+avx" in whole.split(","):  # as Sandy Bridge has it, between two levels
        lacks = ",".join(
            f"-{name[1:]}" for name in whole.split(",") if name.startswith(("+avx", "+fma")) and name != "+avx"
        )
        for module in (processor, native_code):
            monkeypatch.setattr(module, "features", lambda: f"{whole},{lacks}")
        monkeypatch.setattr(processor, "vector_bytes", lambda cpu="": 32)
    PROGRAMS.clear()
    try:
        rows, ps = problem([3, 5, 2], 101, 7)
        loss = squared_error([3, 5, 2], tanh)
        loop = TrainingLoop(
            loss, momentum, ps, rows, slots=1, settings=1, batch=67, contract=contract, checked=True, cpu="native"
        )
        loop.run(settings=[0.01])
        assert "vfmadd" not in loop.stages.assembly
    finally:
        PROGRAMS.clear()
    want, _ = eager_training(loss, momentum, ps, rows, 67, list(range(101)), [[0.01]] * 2, 1)
    np.testing.assert_allclose(loop.parameters, want, rtol=1e-12, atol=1e-12)

"""Code in the shapes of AVX-512 on every processor: LLVM makes several instructions of a vector that is too wide for one."""

import numpy as np
import pytest
from test_compiled_training import bits, eager_training, momentum, problem, squared_error
from test_teams import share_all
from test_tiles import FAULTS, descent, layer, two_layers, two_layers_of_whole_numbers, whole_numbers
from test_wide import exactly, weighed

from engine import jit, relu
from engine.compiler.llvm import dots, processor
from engine.compiler.llvm.batch import Tiling
from engine.compiler.training_loop import TrainingLoop

pytestmark = pytest.mark.usefixtures("wide_shapes", "unoptimised")


@pytest.fixture
def wide_shapes(monkeypatch):
    """Vectors of 64 bytes, and as many registers as AVX-512 has; instructions stay those of this processor."""
    here = processor.features()
    monkeypatch.setattr(processor, "features", lambda: f"{here},+avx512f")
    monkeypatch.setenv("CHAINRULE_JIT_CPU", "native")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_shape_is_that_of_64_bytes(dtype):
    target = processor.Target(dtype, True, True, processor.processor(None))
    tiling = Tiling(target, 100)
    assert (tiling.lanes * target.bytes, tiling.blocks * tiling.jam) == (64, 16)
    for high, wide in (tiling.tile, tiling.sums_tile):
        assert high * wide + wide + 1 <= 32  # registers
    high, wide = tiling.tile
    assert 128 * (high + wide * tiling.lanes) * target.bytes <= 2**15  # a panel, and the rows that pass it
    loop = TrainingLoop(layer(100, 3), descent, *whole_numbers(100, 3, 40)[1::-1], dtype=dtype)
    assert f"<{tiling.lanes} x {'double' if dtype == 'float64' else 'float'}>" in loop.stages.ir


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("inputs", "neurons", "examples"), [(71, 7, 1), (100, 13, 128), (143, 5, 37)])
def test_whole_numbers_have_their_exact_gradient(inputs, neurons, examples, dtype):
    rows, start, gradient = whole_numbers(inputs, neurons, examples)
    found = []
    for cache in (dots.CACHE, 1):  # inputs in one block, and in several
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dots, "CACHE", cache)
            loop = TrainingLoop(layer(inputs, neurons, relu), descent, start, rows, dtype=dtype, checked=True)
            loop.run()
        tolerance = 1e-11 if dtype == "float64" else 1e-4  # a mean of 37 is rounded
        np.testing.assert_allclose(loop.gradients, gradient / examples, rtol=0, atol=tolerance if examples == 37 else 0)
        found.append(loop.gradients.tobytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("contract", [True, False])
def test_a_training_with_a_smaller_last_batch_agrees_with_eager_training(contract):
    widths, examples, batch = [3, 9, 2], 101, 67
    rows, ps = problem(widths, examples, 7)
    loss = squared_error(widths, relu)
    loop = TrainingLoop(loss, momentum, ps, rows, slots=1, settings=1, batch=batch, contract=contract, checked=True)
    losses = loop.run(settings=[0.125])
    want, want_losses = eager_training(loss, momentum, ps, rows, batch, list(range(examples)), [[0.125]] * 2, 1)
    np.testing.assert_allclose(loop.parameters, want, rtol=1e-12, atol=1e-12)
    if not contract:
        assert bits(loop.parameters.tolist()) == bits(want)
        assert bits(losses[0].tolist()) == bits(want_losses)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_two_threads_have_the_bits_of_one(dtype, monkeypatch):
    share_all(monkeypatch)
    rows, start, gradient = two_layers_of_whole_numbers(65, 5, 256)
    for scale in (1.0, 7.0):
        found = []
        for threads in (1, 2):
            loop = TrainingLoop(two_layers(65, 5), descent, start / scale, rows / scale, dtype=dtype, checked=True,
                                threads=threads)  # fmt: skip
            loop.run()
            found.append((loop.parameters.tobytes(), loop.gradients.tobytes()))
            assert scale != 1.0 or (loop.gradients == (gradient / 256).astype(dtype)).all()
        assert found[0] == found[1]


@pytest.mark.parametrize(("rows", "long"), [(5, 8), (19, 23), (9, 64)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_of_rows_are_right_however_many_rounds_are_left(dtype, rows, long):
    rng = np.random.default_rng(rows)
    w, x, bias = rng.uniform(0.5, 1.5, (rows, long)), rng.uniform(0.5, 1.5, long), rng.uniform(-1.0, 1.0, rows)
    given = [a.astype(dtype).astype(float).tolist() for a in (w, x, bias)]
    got = jit(weighed, dtype=dtype, checked=True)(*given)
    np.testing.assert_allclose(got, exactly(*given), rtol=1e-14 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_tile_is_found(fault, monkeypatch):
    monkeypatch.setattr(dots, "CACHE", 1)
    rows, start, gradient = two_layers_of_whole_numbers(65, 5, 256)

    def is_right():
        loop = TrainingLoop(two_layers(65, 5), descent, start, rows)
        for _ in range(2):
            loop.parameters[:] = start
            loop.run()
        return bool((loop.gradients == gradient / 256).all())

    assert is_right()
    fault(monkeypatch)
    assert not is_right()

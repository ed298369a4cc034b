"""The gradient of wide layers in tiles: any shape, any batch, whole numbers exactly; and a wrong tile is found."""

import re
from dataclasses import replace

import numpy as np
import pytest

from engine import Value, dot, mean, relu, sqrt, square, total
from engine.compiler import TrainingLoop
from engine.compiler.llvm import batch, dots, emission, tiles
from engine.compiler.llvm.batch import Batch, Tiling
from engine.compiler.llvm.memory import Copy
from engine.compiler.llvm.native_code import Compiled
from engine.compiler.llvm.native_functions import Rounds, native, stored
from engine.compiler.llvm.processor import Target, processor, vector_bytes
from engine.compiler.llvm.update import Update
from engine.compiler.llvm.vectors import DOUBLE, I1, I64, ir


def layer(inputs, neurons, act=lambda s: s):
    """The squared error of one layer: parameters by neuron, weights first, and an example of inputs and targets."""

    def loss(ps, example):
        row = inputs + 1
        sums = [
            act(dot(ps[j * row : j * row + inputs], example[:inputs], ps[j * row + inputs])) for j in range(neurons)
        ]
        return total([square(s - y) for s, y in zip(sums, example[inputs:])])

    return loss


def descent(p, g, slots, settings):
    return p - g, slots


def whole_numbers(inputs, neurons, examples, seed=0):
    """(rows, parameters, the gradient of the mean): small whole numbers, so that every order of a sum has one result."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(-4, 5, (examples, inputs)), rng.integers(-9, 10, (examples, neurons))
    w = rng.integers(-3, 4, (neurons, inputs + 1))
    sums = x @ w[:, :-1].T + w[:, -1]
    delta = 2 * (np.maximum(sums, 0) - y) * (sums > 0)
    gradient = np.column_stack([delta.T @ x, delta.sum(0)])
    return np.column_stack([x, y]).astype(float), w.ravel().astype(float), gradient.ravel()


HIDDEN = 67


def two_layers(inputs, neurons):
    """As `layer`, behind a hidden layer."""
    second = HIDDEN * (inputs + 1)

    def loss(ps, example):
        row = inputs + 1
        hidden = [
            relu(dot(ps[j * row : j * row + inputs], example[:inputs], ps[j * row + inputs])) for j in range(HIDDEN)
        ]
        return layer(HIDDEN, neurons)(ps[second:], [*hidden, *example[inputs:]])

    return loss


def two_layers_of_whole_numbers(inputs, neurons, examples):
    """As `whole_numbers`, for two layers."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(-2, 3, (examples, inputs)), rng.integers(-9, 10, (examples, neurons))
    v, w = rng.integers(-1, 2, (HIDDEN, inputs + 1)), rng.integers(-1, 2, (neurons, HIDDEN + 1))
    h = np.maximum(x @ v[:, :-1].T + v[:, -1], 0)
    delta = 2 * (h @ w[:, :-1].T + w[:, -1] - y)
    behind = (delta @ w[:, :-1]) * (h > 0)
    gradients = [np.column_stack([d.T @ i, d.sum(0)]).ravel() for d, i in ((behind, x), (delta, h))]
    start = np.concatenate([v.ravel(), w.ravel()]).astype(float)
    return np.column_stack([x, y]).astype(float), start, np.concatenate(gradients)


def trained(inputs, neurons, rows, start, **options):
    loop = TrainingLoop(layer(inputs, neurons, relu), descent, start, rows, checked=True, **options)
    loop.run(range(len(rows)))
    return loop


@pytest.mark.parametrize(
    ("inputs", "neurons", "examples", "dtype"),
    [(64, 12, 32, "float64"), (65, 5, 8, "float64"), (71, 7, 1, "float32"), (96, 13, 256, "float64"),
     (100, 3, 128, "float32"), (127, 9, 16, "float64")],
)  # fmt: skip
def test_whole_numbers_have_their_exact_gradient(inputs, neurons, examples, dtype):
    rows, start, gradient = whole_numbers(inputs, neurons, examples)
    loop = trained(inputs, neurons, rows, start, dtype=dtype)
    assert (loop.gradients == gradient / examples).all()
    assert (loop.parameters == start - loop.gradients).all()


@pytest.mark.usefixtures("unoptimised")  # its passes meet the tiles above
@pytest.mark.parametrize(("inputs", "neurons", "examples"), [(66, 5, 32), (64, 12, 256), (3, 7, 8)])
def test_two_layers_of_whole_numbers_have_their_exact_gradient(inputs, neurons, examples):
    rows, start, gradient = two_layers_of_whole_numbers(inputs, neurons, examples)
    for penalty in (None, lambda ps: 0.5 * total([square(p) for p in ps])):
        loop = TrainingLoop(two_layers(inputs, neurons), descent, start, rows, checked=True, penalty=penalty)
        for _ in range(2):  # what is there from before does not count
            loop.parameters[:] = start
            loop.run()
            assert (loop.gradients == gradient / examples + (0.0 if penalty is None else start)).all()


@pytest.mark.usefixtures("unoptimised")  # its passes meet the tiles above
@pytest.mark.parametrize("examples", [3, 13, 33, 70, 131])
def test_of_batches_of_any_size_each_example_counts_once(examples):
    rows, start, gradient = whole_numbers(71, 7, examples)
    loop = trained(71, 7, rows, start)
    np.testing.assert_allclose(loop.gradients, gradient / examples, rtol=1e-13, atol=1e-11)


@pytest.mark.usefixtures("unoptimised")  # its passes meet the tiles above
@pytest.mark.parametrize("examples", [99, 131])
def test_where_gradients_fill_the_cache_chunks_are_longer_and_each_example_counts_once(examples, monkeypatch):
    _in_small_tiles(monkeypatch)
    monkeypatch.setattr(batch, "LARGE", 2**11)  # bytes
    target = Target("float64", True, False, processor(None))
    assert Tiling(target, examples, gradients=257).chunk >= min(examples, 66) > Tiling(target, examples, 1, 256).chunk
    rows, start, gradient = whole_numbers(71, 7, examples)
    loop = trained(71, 7, rows, start)
    np.testing.assert_allclose(loop.gradients, gradient / examples, rtol=1e-13, atol=1e-11)


@pytest.mark.usefixtures("unoptimised")  # its passes meet the tiles above
def test_a_smaller_last_batch_counts_its_own_examples():
    rows, start, _ = whole_numbers(66, 5, 45)
    loop = trained(66, 5, rows, start * 0.01, batch=32)
    before = TrainingLoop(layer(66, 5, relu), descent, start * 0.01, rows[:32])
    before.run()
    after = TrainingLoop(layer(66, 5, relu), descent, before.parameters, rows[32:])
    after.run()
    np.testing.assert_allclose(loop.gradients, after.gradients, rtol=1e-11)


def test_without_contraction_the_sums_of_a_wide_layer_run_in_eagers_order():
    rows, start, _ = whole_numbers(65, 5, 9)
    rows, start = rows / 7.0, start / 3.0
    loop = TrainingLoop(layer(65, 5), descent, start, rows, contract=False, checked=True)
    loop.run()
    leaves = [Value(p) for p in start.tolist()]
    mean([layer(65, 5)(leaves, row) for row in rows.tolist()]).backward()
    assert loop.gradients.tolist() == [v.grad for v in leaves]


@pytest.mark.parametrize("contract", [True, False])
@pytest.mark.parametrize(("neurons", "examples"), [(13, 3), (16, 9), (25, 70)])
def test_bits_are_the_same_however_many_rounds_go_together(neurons, examples, contract, monkeypatch):
    rows, start, _ = whole_numbers(64, neurons, examples)
    found = []
    for long in (1, 10**6):
        monkeypatch.setattr(emission, "LONG", long)
        loop = trained(64, neurons, rows / 7.0, start / 3.0, contract=contract)
        found.append((loop.stages.ir, loop.gradients.tobytes()))
    assert found[0][1] == found[1][1]
    assert found[0][0] != found[1][0] or examples > 3


def test_a_wide_layer_is_compiled_to_tiles_where_vectors_are_wide(monkeypatch):
    written = []
    right = tiles.Tiles._tile
    monkeypatch.setattr(tiles.Tiles, "_tile", lambda *a: (written.append(a), right(*a)))
    trained(100, 3, *whole_numbers(100, 3, 8)[:2])
    assert bool(written) == (vector_bytes(processor(None)) >= 32)


def test_rounds_that_fill_the_registers_are_not_written_twice():
    def stores(unrolls):
        module = ir.Module("rounds")
        b, a = native(module, "run", ["x"], ["count"])
        for count in (a["count"], 6):
            with Rounds(b, count, unrolls=unrolls) as rounds:
                stored(b, DOUBLE, b.sitofp(rounds.i, DOUBLE), a["x"], rounds.i)
        b.ret_void()
        text = str(module)
        return str(Compiled(text, vectorise=False)._optimised(text)[1]).count("store double")

    assert stores(False) == 2 < stores(True)
    loop = trained(100, 3, *whole_numbers(100, 3, 8)[:2])
    names, blocks = (re.split(r'^"(\S+)":$', loop.stages.ir, flags=re.M)[k::2] for k in (1, 2))
    filled = {name.split(".")[0] for name, block in zip(names, blocks) if "!llvm.loop" in block}
    assert filled == ({"examples", "one"} if vector_bytes(processor(None)) >= 32 else {"examples"})


def _first_row_for_all(monkeypatch):
    """A tile of one row of numbers: a[j] of its first row for each of them."""
    right = tiles.Tiles._splat
    monkeypatch.setattr(
        tiles.Tiles,
        "_splat",
        lambda self, copy: right(self, Copy({v: (i, 0) for v, (i, _) in copy.index.items()})),
    )


def _of_another_width(monkeypatch, change):
    right = tiles.Tiles._tile
    monkeypatch.setattr(
        tiles.Tiles,
        "_tile",
        lambda self, rows, panel, width: right(self, rows, panel, change(width, self._e.lanes)),
    )


def _last_vector_missing(monkeypatch):
    """A tile that leaves out the columns that fill no vector."""
    _of_another_width(monkeypatch, lambda width, lanes: width - width % lanes)


def _of_another_example(monkeypatch):
    """Panels in which pairs of examples have changed places."""
    right = tiles.Tiles._copy_row
    monkeypatch.setattr(
        tiles.Tiles,
        "_copy_row",
        lambda self, row, panel, example, width: right(self, row, panel, self._b.xor(example, I64(1)), width),
    )


def _panel_as_it_stands(monkeypatch):
    """Panels whose squares are not turned round: examples where neurons should be."""
    monkeypatch.setattr(tiles, "transposed", lambda vectors, rows: list(rows))


def _added_to_the_step_before(monkeypatch):
    """Gradients that are not begun anew, and not set to 0 either."""
    right = tiles.Tiles._with_those_before
    monkeypatch.setattr(tiles.Tiles, "_with_those_before", lambda self, *a: right(_Adding(self), *a))


class _Adding:
    def __init__(self, tiles):
        self.__dict__.update(tiles.__dict__, overwrites=False)


def _without_the_chunk_before(monkeypatch):
    """Gradients that each chunk begins anew."""
    right = Batch.emit
    monkeypatch.setattr(
        Batch, "emit", lambda self, b, buffers, count: right(self, b, replace(buffers, more=None), count)
    )


def _nothing_between_rows(monkeypatch):
    """Gradients of biases that are not set to 0."""
    right = tiles.Tiles.gaps
    monkeypatch.setattr(tiles.Tiles, "gaps", lambda self, size: [g for g in right(self, size) if g[2] == 1])


def _weights_of_the_first_inputs(monkeypatch):
    """Weighted sums that take the weights of the first block of inputs for all blocks."""
    right = dots.Dots._tile
    monkeypatch.setattr(
        dots.Dots, "_tile", lambda self, sums, rows, inputs, *a: right(self, sums, rows, (I64(0), inputs[1]), *a)
    )


def _sums_of_the_neuron_before(monkeypatch):
    """Weighted sums of which all but the first of a tile are stored where the one before belongs."""
    right = dots.Dots._tile

    def tile(self, sums, rows, *a):
        right(self, sums, [(i, max(0, u - 1)) for i, u in rows], *a)

    monkeypatch.setattr(dots.Dots, "_tile", tile)


def _without_the_last_neurons(monkeypatch):
    """Weighted sums of those neurons alone that fill a tile."""
    right = dots.Dots._tile

    def tile(self, sums, rows, *a):
        if len(rows) == self._high:
            right(self, sums, rows, *a)

    monkeypatch.setattr(dots.Dots, "_tile", tile)


def _without_the_last_input_of_a_block(monkeypatch):
    """Weighted sums that leave out an input between one block and the next."""
    right = dots.Dots._tile

    def tile(self, sums, rows, inputs, *a):
        right(self, sums, rows, (inputs[0], self._e.b.sub(inputs[1], I64(1))), *a)

    monkeypatch.setattr(dots.Dots, "_tile", tile)


FAULTS = [_first_row_for_all, _last_vector_missing, _of_another_example, _panel_as_it_stands, _added_to_the_step_before,
          _without_the_chunk_before, _nothing_between_rows, _weights_of_the_first_inputs,
          _sums_of_the_neuron_before, _without_the_last_neurons, _without_the_last_input_of_a_block]  # fmt: skip


def _in_small_tiles(monkeypatch):
    """The same tiles on every processor, and inputs in several blocks."""
    for name in ("tile", "sums_tile"):
        monkeypatch.setattr(Tiling, name, property(lambda self: (4, 3), lambda self, shape: None), raising=False)
    monkeypatch.setattr(dots, "CACHE", 1)


@pytest.mark.usefixtures("unoptimised")
def test_a_last_block_of_fewer_inputs_than_lanes_and_a_last_batch_of_fewer_examples_count_once(monkeypatch):
    _in_small_tiles(monkeypatch)
    inputs, examples = 73, 45  # one more than blocks of vectors of 2, 4 and 8 numbers
    rows, start, gradient = whole_numbers(inputs, 5, examples)
    loop = trained(inputs, 5, rows, start)
    assert np.abs(loop.gradients - gradient / examples).max() < 1e-11
    loop = trained(inputs, 5, rows[:32], start)
    again = TrainingLoop(layer(inputs, 5, relu), descent, loop.parameters, rows[32:])
    again.run(range(13))
    both = trained(inputs, 5, rows, start, batch=32)
    np.testing.assert_allclose(both.gradients, again.gradients, rtol=1e-11)


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_tile_is_found(fault, monkeypatch):
    _in_small_tiles(monkeypatch)
    examples = 256  # two chunks and more
    rows, start, gradient = two_layers_of_whole_numbers(65, 5, examples)

    def is_right():
        loop = TrainingLoop(two_layers(65, 5), descent, start, rows)
        for _ in range(2):
            loop.parameters[:] = start
            loop.run()
        return bool((loop.gradients == gradient / examples).all())

    assert is_right()
    fault(monkeypatch)
    assert not is_right()


def momentum(p, g, slots, settings):
    velocity = settings[1] * slots[0] + g
    return p - settings[0] * velocity, [velocity]


def adam(p, g, slots, settings):
    m, v = 0.9 * slots[0] + 0.1 * g, 0.99 * slots[1] + 0.01 * g * g
    return p - settings[0] * (m / 0.3) / (sqrt(v / 0.2) + settings[1]), [m, v]


def steps_of_numpy(update, rows, start, neurons, slots, settings, steps):
    """(parameters, slots, gradients of the last step) of one linear layer."""
    inputs = rows.shape[1] - neurons
    x, y = np.column_stack([rows[:, :inputs], np.ones(len(rows))]), rows[:, inputs:]
    p, state = start.copy(), np.zeros((slots, len(start)))
    for _ in range(steps):
        g = (2 * (x @ p.reshape(neurons, -1).T - y).T @ x / len(rows)).ravel()
        p, found = update(p, g, list(state), settings)
        state = np.array(found).reshape(state.shape)
    return p, state, g


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize(
    ("update", "slots", "inputs", "neurons", "examples"),
    [(momentum, 1, 65, 3, 3), (momentum, 1, 101, 17, 99), (adam, 2, 65, 3, 101), (adam, 2, 64, 13, 32)],
)
def test_parameters_that_are_updated_where_their_gradients_are_stored_are_those_of_numpy(
    update, slots, inputs, neurons, examples, monkeypatch
):
    _in_small_tiles(monkeypatch)
    rows, start, _ = whole_numbers(inputs, neurons, examples)
    settings, written, right = [1e-3, 0.5], [], Update.at
    monkeypatch.setattr(Update, "at", lambda *a: (written.append(a), right(*a)))
    loop = TrainingLoop(layer(inputs, neurons), update, start, rows, slots=slots, settings=2, checked=True)
    loop.run(epochs=3, settings=settings)
    assert written
    monkeypatch.setitem(adam.__globals__, "sqrt", np.sqrt)
    for found, wanted in zip(
        (loop.parameters, loop.slots, loop.gradients),
        steps_of_numpy(update, rows, start, neurons, slots, settings, 3),
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def _gradients_of_no_step(monkeypatch):
    """Gradients that are not there after the last step."""
    right = tiles.Tiles._tile

    def tile(self, *a):
        self._buffers = replace(self._buffers, keep=I1(0))
        right(self, *a)

    monkeypatch.setattr(tiles.Tiles, "_tile", tile)


def _slots_as_they_were(monkeypatch):
    """Slots that are not stored."""
    right = Update.write
    monkeypatch.setattr(
        Update, "write", lambda self, space, p, *a: right(self, space, p, *a) if p.number() is None else None
    )


def _of_the_parameter_before(monkeypatch):
    """Gradients that update the parameters one before their own."""
    right = Update.at
    monkeypatch.setattr(
        Update, "at", lambda self, b, buffers, index, *a: right(self, b, buffers, b.and_(index, I64(~1)), *a)
    )


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize("fault", [_gradients_of_no_step, _slots_as_they_were, _of_the_parameter_before])
def test_a_wrong_update_where_gradients_are_stored_is_found(fault, monkeypatch):
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        test_parameters_that_are_updated_where_their_gradients_are_stored_are_those_of_numpy(
            momentum, 1, 65, 4, 8, monkeypatch
        )


@pytest.mark.usefixtures("unoptimised")
def test_a_tile_that_is_too_wide_breaks_the_bounds(monkeypatch):
    rows, start, _ = whole_numbers(65, 4, 8)
    _in_small_tiles(monkeypatch)
    _of_another_width(monkeypatch, lambda width, lanes: width + (2 * lanes if width % lanes else 0))
    with pytest.raises(AssertionError, match="outside its buffers"):
        trained(65, 4, rows, start)

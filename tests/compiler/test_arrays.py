"""Arrays: the matrices found in scalar loops, as text and on NumPy."""

import itertools
import random
from math import inf, nan

import numpy as np
import pytest

import engine
import nn
from engine import TABLE, dot, jit, log_softmax, relu, tanh, value_and_grad, vmap
from engine.compiler.arrays import producers, program, raising
from engine.ops import PRIVATE

RNG = random.Random(0)


def numbers(*shape):
    return [numbers(*shape[1:]) for _ in range(shape[0])] if shape else RNG.gauss(0.0, 1.0)


def hinge(net, x, y):
    return sum(relu(1 - b * net(a)) for a, b in zip(x, y)) / len(x)


def cross_entropy(net, x, y):
    return sum(-dot(t, log_softmax(net(a))) for a, t in zip(x, y)) / len(x)


def lines(f, *args):
    """The text of an array program, without the line that tells the shapes."""
    return str(jit(f, backend="numpy").lower(*args).arrays).splitlines()[1:]


def test_a_training_step_of_a_hinge_loss_is_the_textbooks():
    net, x, y = nn.MLP(2, [16, 16, 1], seed=0), numbers(20, 2), [1.0, -1.0] * 10
    assert lines(value_and_grad(hinge), net, x, y) == [
        "h0 = relu(x @ W0.T + b0)",
        "h1 = relu(h0 @ W1.T + b1)",
        "h2 = relu(1 - y * (h1 @ W2 + b2))",
        "hinge = sum(h2) / 20",
        "d2 = -where(h2 > 0, 0.05, h2) * y",
        "d1 = where(h1 > 0, d2[:, None] * W2, h1)",
        "d0 = where(h0 > 0, d1 @ W1, h0)",
        "dW0 = d0.T @ x",
        "db0 = sum(d0, axis=0)",
        "dW1 = d1.T @ h0",
        "db1 = sum(d1, axis=0)",
        "dW2 = h1.T @ d2",
        "db2 = sum(d2)",
    ]


def test_softmax_and_cross_entropy_are_words():
    net, x = nn.MLP(8, [16, 5], seed=0), numbers(20, 8)
    y = [[float(k == i % 5) for k in range(5)] for i in range(20)]
    assert lines(value_and_grad(cross_entropy), net, x, y) == [
        "h0 = relu(x @ W0.T + b0)",
        "z0 = h0 @ W1.T + b1",
        "cross_entropy = sum(-sum(y * log_softmax(z0, axis=1), axis=1)) / 20",
        "t0 = -0.05 * y",
        "d1 = t0 + sum(-t0, axis=1)[:, None] * softmax(z0, axis=1)",
        "d0 = where(h0 > 0, d1 @ W1, h0)",
        "dW0 = d0.T @ x",
        "db0 = sum(d0, axis=0)",
        "dW1 = d1.T @ h0",
        "db1 = sum(d1, axis=0)",
    ]


def squared_errors(net, x, y):
    return sum((o - t) ** 2 for a, b in zip(x, y) for o, t in zip(net(a), b)) / len(x)


def errors_by_example(net, x, y):
    return sum(sum((o - t) ** 2 for o, t in zip(net(a), b)) for a, b in zip(x, y)) / len(x)


def total_of_errors(net, x, y):
    return engine.total([(o - t) ** 2 for a, b in zip(x, y) for o, t in zip(net(a), b)]) / len(x)


@pytest.mark.parametrize("outputs", [2, 3])
@pytest.mark.parametrize("loss", [squared_errors, errors_by_example, total_of_errors])
def test_a_sum_over_examples_and_outputs_is_over_both_axes(loss, outputs):
    found = lines(value_and_grad(loss), nn.MLP(3, [4, outputs], seed=0), numbers(5, 3), numbers(5, outputs))
    assert found == [
        "h0 = relu(x @ W0.T + b0)",
        "t0 = h0 @ W1.T + b1 - y",
        f"{loss.__name__} = sum(t0 * t0) / 5",
        "d1 = 0.4 * t0",
        "d0 = where(h0 > 0, d1 @ W1, h0)",
        "dW0 = d0.T @ x",
        "db0 = sum(d0, axis=0)",
        "dW1 = d1.T @ h0",
        "db1 = sum(d1, axis=0)",
    ]


def test_sums_of_what_repeats_count_it():
    for f in (
        lambda v: engine.total([a * a for a in [*v, *v, *v]]),
        lambda v: engine.dot([2.0 * a for a in v + v], [3.0 * a for a in v + v]),
        lambda v: sum(engine.minimum(a, b) for a in v for b in v),
        lambda v: engine.logsumexp([a + 0.5 for a in [*v, *v]]) * engine.mean([a * a for a in [*v, *v]]),
        lambda v: engine.softmax([2.0 * a for a in [*v, *v]])[1] * v[0],
    ):
        v, slopes = numbers(3), value_and_grad(f)
        assert flat(jit(slopes, backend="numpy")(v)) == pytest.approx(flat(slopes(v)), rel=1e-12)


def test_examples_of_vmap_are_one_axis():
    net = nn.MLP(8, [16, 5], seed=0)

    def loss(net, x, y):
        return -dot(y, log_softmax(net(x)))

    f = vmap(value_and_grad(loss), in_axes=(None, 0, 0))
    assert lines(f, net, np.ones((7, 8)), np.ones((7, 5)))[-4:] == [
        "dW0 = d0[:, :, None] * x[:, None, :]",
        "db0 = d0",
        "dW1 = d1[:, :, None] * h0[:, None, :]",
        "db1 = d1",
    ]


def test_a_list_that_vmap_hands_on_whole_is_an_argument_of_its_own():
    def loss(rows, v):
        return sum(sum(row) for row in rows) + dot(v, v)

    f, given = vmap(value_and_grad(loss, argnums=(0, 1)), in_axes=(0, None)), (numbers(3, 1, 2), [1.0, 2.0])
    assert flat(jit(f, backend="numpy")(*given)) == pytest.approx(flat(f(*given)), rel=1e-12)


def layer(W, b, x):
    return [tanh(sum(w * a for w, a in zip(row, x)) + c) for row, c in zip(W, b)]


def recurrent(W, U, xs):
    h = [0.0] * 4
    for x in xs:
        h = [tanh(dot(w, x) + dot(u, h)) for w, u in zip(W, U)]
    return h


def convolution(x, w):
    return [
        [relu(sum(x[i + u][j + v] * w[u][v] for u in range(3) for v in range(3))) for j in range(6)] for i in range(6)
    ]


def attention(q, k, v):
    rows = [engine.softmax([dot(a, b) for b in k]) for a in q]
    return [[dot(p, column) for column in zip(*v)] for p in rows]


def images(x, w):
    """Channels, then a dense layer over all of it."""
    maps = [[dot(x[i], row) for i in range(4)] for row in w]
    return dot([p for m in maps for p in m], [0.5 + 0.25 * k for k in range(12)])


PROGRAMS = {
    "a layer": (layer, [numbers(4, 3), numbers(4), numbers(3)], "layer = tanh(W @ x + b)"),
    "a recurrent net": (recurrent, [numbers(4, 3), numbers(4, 4), numbers(6, 3)], "recurrent = h[6]"),
    "a convolution": (
        convolution,
        [numbers(8, 8), numbers(3, 3)],
        "convolution = relu(sum(x[arange(6)[:, None, None, None] + arange(3)[:, None], arange(6)[:, None, None] + arange(3)] * w, "
        "axis=(2, 3)))",
    ),
    "attention": (attention, [numbers(5, 3), numbers(6, 3), numbers(6, 2)], "attention = softmax(q @ k.T, axis=1) @ v"),
    "a flattened layer": (images, [numbers(4, 5), numbers(3, 5)], None),
    "numbers of its own": (lambda x: [a * k for k, a in enumerate(x)], [numbers(6)], "out = x * c0"),
    "a sum of two": (lambda x, y: x * y + engine.sin(x), [0.5, 2.0], "out = x * y + sin(x)"),
    "rows backwards": (lambda x: [a - b for a, b in zip(x, x[::-1])], [numbers(6)], "out = x - x[::-1]"),
    "every other": (lambda x: x[1::2], [numbers(7)], "out = x[1:6:2]"),
    "the first beside others": (lambda x: [x[0], *[2.0 * a for a in x[1:]]], [numbers(7)], None),
    "a mean and a maximum": (lambda x: (engine.mean(x), engine.logsumexp(x)), [numbers(7)], None),
    "a constant": (lambda x: [1.0, x[0]], [numbers(3)], None),
    "nothing computed": (lambda x: x, [numbers(3)], "out = x"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_what_it_says_and_gives_what_it_gives(name):
    f, args, last = PROGRAMS[name]
    on_numpy = jit(f, backend="numpy")
    assert last is None or lines(f, *args)[-1] == last
    assert np.allclose(flat(on_numpy(*args)), flat(jit(f)(*args)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", PROGRAMS)
def test_so_does_its_gradient(name):
    f, args, _ = PROGRAMS[name]

    def total(*given):
        return engine.total([engine.square(y) for y in leaves(f(*given))])

    g = value_and_grad(total, argnums=tuple(range(len(args))))
    assert np.allclose(flat(jit(g, backend="numpy")(*args)), flat(jit(g)(*args)), rtol=1e-11, atol=1e-11)


def leaves(tree):
    return [y for x in tree for y in leaves(x)] if isinstance(tree, (list, tuple)) else [tree]


def flat(tree):
    return [float(x) for x in leaves(tree)]


def lstm(gates, xs):
    h, c = [0.0] * 4, [0.0] * 4
    for x in xs:
        z = [*x, *h]
        i, f, o, u = [[dot(w, z) + b for w, b in zip(W, bs)] for W, bs in gates]
        i, f, o = [[engine.sigmoid(a) for a in gate] for gate in (i, f, o)]
        c = [p * q + r * tanh(s) for p, q, r, s in zip(f, c, i, u)]
        h = [p * tanh(q) for p, q in zip(o, c)]
    return h


def newton(a):
    x = a
    for _ in range(8):
        x = 0.5 * (x + a / x)
    return x


def spring(y, k):
    """Euler's method."""
    for _ in range(12):
        y = [y[0] + 0.1 * y[1], y[1] - 0.1 * k * y[0]]
    return y


def smoothed(x, a):
    s = 0.0
    for v in x:
        s = a * v + (1.0 - a) * s
    return s


def fibonacci(a, b):
    for _ in range(9):
        a, b = b, a + b
    return b


def equilibria(W, xs):
    """A net whose state settles by a few rounds at each step."""
    h = [0.0] * len(W)
    for x in xs:
        h = [a + b for a, b in zip(h, x)]
        for _ in range(5):
            h = [tanh(dot(w, h)) for w in W]
    return h


def settled(a, b, xs):
    for x in xs:
        for _ in range(6):
            a = a + 0.1 * tanh(b * a + x)
    return a


def descent(w, rows):
    for _ in range(6):
        w = [a - 0.01 * b for a, b in zip(w, engine.grad(lambda v: sum(dot(r, v) ** 4 for r in rows))(w))]
    return w


IN_EACH_OTHER = {
    "a net that settles": (equilibria, [numbers(4, 4), numbers(9, 4)], [
        "s = empty((10, 4))", "s[0] = 0", "for t in range(9):", "    h = empty((5, 4))", "    h[0] = s[t] + xs[t]",
        "    for k in range(4):", "        h[k + 1] = tanh(W @ h[k])", "    s[t + 1] = tanh(W @ h[4])", "equilibria = s[9]"]),
    "Euler's method with steps in between": (settled, [0.2, 0.7, numbers(9)], [
        "s = empty((9, 7))", "u = empty((10,))", "u[0] = a", "for t in range(9):", "    s[t, 0] = u[t]",
        "    for k in range(6):", "        s[t, k + 1] = s[t, k] + 0.1 * tanh(b * s[t, k] + xs[t])",
        "    u[t + 1] = s[t, 6]", "settled = s[8, 6]"]),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_EACH_OTHER)
def test_a_recurrence_in_each_round_of_another_is_a_loop_in_a_loop(name):
    f, args, expected = IN_EACH_OTHER[name]
    assert lines(f, *args) == expected
    slopes = value_and_grad(
        lambda *x: engine.total([engine.square(y) for y in leaves([f(*x)])]), tuple(range(len(args)))
    )
    assert any(line.startswith("    for ") for line in lines(slopes, *args))
    for g in (f, slopes):
        assert flat([jit(g, backend="numpy")(*args)]) == pytest.approx(flat([g(*args)]), rel=1e-11, abs=1e-13)


def test_the_gradient_of_an_lstm_is_a_loop_back_over_all_its_rounds():
    found = lines(value_and_grad(lambda gates, xs: sum(h * h for h in lstm(gates, xs)), (0, 1)), GATES, numbers(9, 3))
    assert [line for line in found if line.startswith("for ")] == ["for t in range(9):"] * 2 and len(found) < 60


GATES = [(numbers(4, 7), numbers(4)) for _ in range(4)]
RECURRENCES = {
    "a recurrent net": (recurrent, [numbers(4, 3), numbers(4, 4), numbers(9, 3)], [
        "h = empty((10, 4))", "h[0] = 0", "for t in range(9):", "    h[t + 1] = tanh(W @ xs[t] + U @ h[t])", "recurrent = h[9]"]),
    "an LSTM": (lstm, [GATES, numbers(9, 3)], None),
    "Newton's method": (newton, [2.0], [
        "s = empty((9,))", "s[0] = a", "for t in range(8):", "    s[t + 1] = 0.5 * (s[t] + a / s[t])", "newton = s[8]"]),
    "Euler's method": (spring, [numbers(2), 0.5], [
        "s = empty((13,))", "u = empty((13,))", "s[0] = y[0]", "u[0] = y[1]", "for t in range(12):",
        "    s[t + 1] = s[t] + 0.1 * u[t]", "    u[t + 1] = u[t] - 0.1 * k * s[t]", "spring = array([s[12], u[12]])"]),
    "smoothing": (smoothed, [numbers(9), 0.5], None),
    "Fibonacci's numbers": (fibonacci, [1.0, 2.0], None),
    "gradient descent": (descent, [numbers(3), numbers(5, 3)], None),
}  # fmt: skip


@pytest.mark.parametrize("name", RECURRENCES)
def test_a_recurrence_is_a_loop_over_its_rounds_and_so_is_its_gradient(name):
    f, args, expected = RECURRENCES[name]
    found = lines(f, *args)
    assert (expected is None or found == expected) and sum(line.startswith("for ") for line in found) == 1
    slopes = value_and_grad(
        lambda *x: engine.total([engine.square(y) for y in leaves([f(*x)])]), tuple(range(len(args)))
    )
    for g in (f, slopes):
        assert flat([jit(g, backend="numpy")(*args)]) == pytest.approx(flat([g(*args)]), rel=1e-11, abs=1e-13)


def test_a_recurrence_of_many_examples_is_one_loop():
    W, U, rows = numbers(4, 3), numbers(4, 4), np.array(numbers(5, 6, 3))
    f = vmap(value_and_grad(lambda W, U, xs: sum(recurrent(W, U, xs)), argnums=(0, 1)), in_axes=(None, None, 0))
    found = lines(f, W, U, rows)
    assert "    h[:, t + 1] = tanh(t0[:, t])" in found
    for a, b in zip(leaves(jit(f, backend="numpy")(W, U, rows)), leaves(jit(f)(W, U, rows))):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_trees_come_back_as_they_do_from_native_code(dtype):
    net, x, y = nn.MLP(3, [4, 2], seed=0), np.array(numbers(5, 3)), np.array(numbers(5, 2))

    def f(net, data):
        outputs = [net(x) for x in data["x"]]
        return {"outputs": outputs, "net": net, "sum": data["y"] + 1.0}

    data = {"x": x, "y": y}
    found, expected = (jit(f, backend=b, dtype=dtype)(net, data) for b in ("numpy", "llvm"))
    assert type(found["net"]) is nn.MLP and type(found["sum"]) is np.ndarray and type(found["outputs"][0][0]) is float
    assert np.allclose(found["sum"], expected["sum"]) and np.allclose(found["outputs"], expected["outputs"], rtol=1e-5)


@pytest.mark.parametrize("given", [np.zeros((0, 3)), np.ones(2)])
def test_a_result_without_numbers_comes_back_as_it_is(given):
    for f in (
        lambda a: 2.0 * a,
        lambda a: None,
        lambda a: {"none": [], "some": 3.0 * a, "rest": a[:0]},
        engine.vmap(lambda row: []),
    ):
        assert repr(jit(f, backend="numpy")(given)) == repr(f(given))
        assert str(jit(f).lower(given).arrays).startswith("#")


def test_parts_lie_side_by_side_where_an_axis_before_them_has_one_entry():
    for shape in ((1, 4, 1), (1, 4, 2), (1, 1, 4, 2), (4, 1, 1), (2, 1, 4, 2), (1, 4)):
        w = np.array(numbers(*shape))
        for f in (lambda w: sum(w.reshape(-1)[:3] ** 2), lambda w: sum((3.0 * w[..., 1:, :] * w[..., :-1, :]).ravel())):
            f = engine.grad(f)
            np.testing.assert_allclose(jit(f, backend="numpy")(w), f(w), rtol=1e-12)


def test_parts_are_stacked_where_their_axis_stands_and_what_is_left_out_broadcasts():
    def f(W, x):
        a = [tanh(dot(row, x)) for row in W]
        b = [engine.sin(dot(row, a)) for row in W]
        return engine.total([engine.square(dot(row, [engine.cos(e) for e in b])) for row in W])

    slopes, args = value_and_grad(f, (0, 1)), (numbers(3, 3), numbers(3))
    assert flat([jit(slopes, backend="numpy")(*args)]) == pytest.approx(flat([slopes(*args)]), rel=1e-12)


def test_what_a_round_lays_flat_and_puts_side_by_side_is_of_that_round_alone():
    def f(W, x, v):
        for _ in range(5):
            flat = [x[0], *[w * e for row in W for w, e in zip(row, x)], x[1]]
            x = [tanh(e + engine.maximum(flat[2], flat[3]) + dot(flat, v)) for e in x]
        return x

    args = numbers(4, 3), numbers(3), numbers(14)
    assert "reshape" in str(jit(f, backend="numpy").lower(*args).arrays)
    assert jit(f, backend="numpy")(*args) == pytest.approx(f(*args), rel=1e-12)


def test_a_state_whose_first_round_is_one_of_another_loop_reads_no_round_that_is_not_there():
    def f(x, v):
        for _ in range(5):
            p = [x[0], *[e for _ in range(4) for e in x], x[0]]
            x = [tanh(e + dot(p, v)) for e in x]
        return engine.total(x)

    slopes, args = value_and_grad(f, (0, 1)), (numbers(3), numbers(14))
    assert flat([jit(slopes, backend="numpy")(*args)]) == pytest.approx(flat([slopes(*args)]), rel=1e-12)


def test_a_sum_of_products_by_numbers_takes_in_no_term_that_is_no_product():
    for numbers_of in ([1.0], [2.0, 2.0]):
        args = [numbers(len(numbers_of) + 1)]
        f = jit(lambda x, n=numbers_of: dot(x[:-1], n) + x[-1], backend="numpy")
        assert f(*args) == pytest.approx(dot(args[0][:-1], numbers_of) + args[0][-1], rel=1e-12)


def test_a_loop_of_which_some_has_no_rounds_is_taken_round_by_round():
    def f(U, xs, h, c):
        for x in xs:
            z = [tanh(dot(h, x) + e) for e in c]
            s = h
            for _ in range(4):
                s = [tanh(dot(s, s) + e) for e in z]
            h = [tanh(dot(row, s) + e) for row, e in zip(U, z)]
            c = [tanh(dot(row, c) + e) for row, e in zip(U, s)]
        return [*h, *c]

    args = numbers(3, 3), numbers(4, 3), numbers(3), numbers(3)
    assert jit(f, backend="numpy")(*args) == pytest.approx(f(*args), rel=1e-12)


def test_rounds_of_a_loop_that_gets_shorter_end_where_they_end():
    def differences(rows):
        every = [a for row in rows for a in row]
        return engine.dot(every, every) + sum(engine.sin(a - b) for a in every for b in every)

    slopes, rows = engine.grad(differences), numbers(5, 2)
    np.testing.assert_allclose(jit(slopes, backend="numpy")(rows), slopes(rows), rtol=1e-12)


def test_some_of_what_is_laid_flat_need_be_no_whole_rows():
    def loss(rows):
        every = [a for row in rows for a in row]
        least = [[engine.minimum(a, b) / (2.0 + engine.abs(a)) for b in every] for a in every]
        return sum(engine.sin(a) for column in zip(*least) for a in column)

    slopes, rows = value_and_grad(loss), numbers(4, 3)
    assert flat(jit(slopes, backend="numpy")(rows)) == pytest.approx(flat(slopes(rows)), rel=1e-12)


def test_a_sum_of_what_is_the_same_everywhere_binds_as_a_product():
    for n in (1, 2, 3, 5):
        x = numbers(n)
        for f in (
            lambda x, c: [v / sum([c + 1.5] * len(x)) for v in x],
            lambda x, c: [v - sum([c * 1.5] * len(x)) / len(x) for v in x],
            lambda x, c: [v * engine.logsumexp([c + 1.5] * len(x)) for v in x],
        ):
            assert jit(f, backend="numpy")(x, 2.0) == pytest.approx(f(x, 2.0), rel=1e-12)


def test_a_guard_of_one_number_is_open_where_its_condition_is_met():
    first, second = [[0.5], [1.0], [2.0]], [[1.0, 2.0, 0.5], [0.5, 1.0, 1.0]]

    def loss(w):
        hidden = [dot(row, [0.7], 0.1) ** 2 for row in w]
        hidden = [dot(row, hidden, 0.1) for row in first]
        return sum(relu(v) for v in [dot(row, hidden, 0.1) for row in second])

    slope = engine.grad(loss)
    ((want,),), ((got,),) = slope([[1.5]]), jit(slope, backend="numpy")([[1.5]])
    assert want > 1.0 and got == pytest.approx(want, rel=1e-12)


def test_parts_that_are_parts_of_each_other_come_to_an_end():
    def loss(rows, x, c):
        start = c * dot(x, x) * engine.maximum(x[0], x[-1])
        twice = sum([start * 0.5 + 0.5] * 2) / (x[0] * x[0] + 1.1)
        return twice + sum(sum(row) for row in rows) / 2.0 - dot(x, x)

    slopes, given = value_and_grad(loss, argnums=(0, 1, 2)), ([[1.0, 2.0]], [0.3, 0.5], 0.7)
    assert flat(jit(slopes, backend="numpy")(*given)) == pytest.approx(flat(slopes(*given)), rel=1e-12)


def test_some_of_the_shares_are_no_softmax_of_some():
    x = numbers(4)
    for f in (
        lambda x: sum([a - b for a, b in zip(x, engine.softmax(x))][j] for j in (0, 3, 2, 1)),
        lambda x: dot(engine.softmax(x)[:3], x[1:]),
        lambda x: dot(log_softmax(x)[1:], x[1:]),
        lambda x: dot([a - engine.logsumexp(x) for a in x[:2]], x[2:]),
        lambda x: [a + 0.0 for a in engine.softmax(x)[:2]],
        lambda x: [engine.exp(a) * 2.0 for a in log_softmax(x)][:2],
        lambda x: [a + 0.0 for a in log_softmax(x)[:3]],
        *[engine.grad(lambda x, k=k: nn.losses.cross_entropy(x, k)) for k in range(4)],
    ):
        assert jit(f, backend="numpy")(x) == pytest.approx(f(x), rel=1e-12)


def test_where_a_guard_was_needed_numpy_says_what_native_code_says():
    def f(w, x):
        return dot([relu(a) for a in w], x)

    g = jit(engine.grad(f), backend="numpy")
    w, x = [-1.0, 2.0, -3.0, 1.0], [float("inf"), 1.0, 2.0, 3.0]
    assert g(w, x) == jit(engine.grad(f))(w, x) == [0.0, 1.0, 0.0, 3.0]


ENDS = [0.0, -0.0, 0.5, -1.0, 800.0, 1e308, -inf, inf, nan]
CALLED = [row for row in TABLE.values() if not row.lists and row.name not in PRIVATE]


@pytest.mark.parametrize("row", CALLED, ids=repr)
def test_values_and_slopes_at_zeros_infinities_and_nan_are_those_of_eager_mode(row):
    eager = value_and_grad(lambda *xs: row(*xs), tuple(range(row.arity)))
    compiled, points = jit(eager, backend="numpy"), list(itertools.product(ENDS, repeat=row.arity))
    for xs in random.Random(0).sample(points, min(len(points), 90)):
        if (row.name, xs) != ("power", (-inf, 0.5)):  # of which NumPy takes the square root
            y, slopes = compiled(*xs)
            want, wanted = eager(*xs)
            assert [y, *slopes] == pytest.approx([want, *wanted], rel=1e-9, abs=1e-300, nan_ok=True), xs


def test_an_infinity_or_nan_behind_an_activation_is_that_of_eager_mode():
    net, far = nn.MLP(2, [3, 1], activation="tanh", seed=3), [[inf, 1.0], [inf, inf], [-inf, inf], [1e308, 1.0]]
    for loss in (lambda net, x: relu(1.0 - net(x)), lambda net, x: net(x) ** 2):
        compiled = jit(value_and_grad(loss), backend="numpy")
        for x in far:
            net.zero_grad()
            loss(net, x).backward()
            _, found = compiled(net, x)
            want = [p.grad for p in net.parameters()]
            assert [float(p) for p in found.parameters()] == pytest.approx(want, rel=1e-12, nan_ok=True)


def test_an_index_gathers_and_is_checked():
    rows = np.array(numbers(6, 3))
    f = jit(lambda rows, i: engine.take(rows, i) * 2.0, backend="numpy")
    assert np.allclose(f(rows, 4), rows[4] * 2.0) and np.allclose(f(rows, -1), rows[-1] * 2.0)
    with pytest.raises(IndexError, match="from -6 to 5"):
        f(rows, 6)


def test_what_is_no_array_program_is_refused_with_its_line(monkeypatch):
    monkeypatch.setattr(raising, "MOST", 200)

    def irregular(x):
        for k in range(300):
            x = (engine.sin, engine.cos, engine.exp)[k * k * k % 17 % 3](x) * 0.1 + x if k * k % 7 < 3 else x * x
        return x

    with pytest.raises(TypeError, match=r"got irregular: it takes more than 200 arrays at .*test_arrays\.py:\d+"):
        jit(irregular, backend="numpy")(0.5)


def test_windows_that_run_both_ways_in_a_loop_are_refused_with_their_line():
    def windows(xs, hs):
        for t in range(8):
            hs = [tanh(h + xs[t + k] * xs[t + 4 - k]) for k, h in enumerate(hs)]
        return hs

    with pytest.raises(TypeError, match=r'got windows: .* no regular way at .*test_arrays\.py:\d+; backend="llvm"'):
        jit(windows, backend="numpy")(numbers(13), numbers(3))


def test_looking_arrays_up_grows_with_their_number_and_no_faster(monkeypatch):
    located, asked = program.Array.located, []

    def counted(array, index):
        asked.append(array)
        return located(array, index)

    monkeypatch.setattr(program.Array, "located", counted)

    def f(x, n):
        for k in range(n):
            x = (engine.sin, engine.cos, engine.exp)[k * k * k % 17 % 3](x) * 0.1 + x if k * k % 7 < 3 else x * x
        return x

    counts = []
    for n in (80, 160, 320):
        jit(lambda x, n=n: f(x, n), backend="numpy").lower(0.5)
        counts.append(len(asked))
        asked.clear()
    assert counts[0] > 60 and counts[2] < 2.5 * counts[1] < 6.25 * counts[0]


def test_an_array_of_too_many_pieces_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(producers, "MOST", 4)

    def irregular(x):
        return [(engine.sin, engine.cos, engine.exp)[k * k * k % 17 % 3](x[k]) for k in range(30)]

    with pytest.raises(TypeError, match=r"got irregular: an array of it is of more than 4 pieces.*backend=.llvm"):
        jit(irregular, backend="numpy")([0.5] * 30)


def test_names_that_are_none_in_code_are_replaced():
    f = jit(lambda d: d["a; b"] * d["sum"] + d["lambda"], backend="numpy")
    given = {"a; b": 2.0, "sum": 3.0, "lambda": 4.0}
    assert f(given) == 10.0
    assert str(f.lower(given).arrays).splitlines()[-1] == "out = x * sum0 + x0"


def test_numbers_of_a_program_have_names_that_nothing_else_has():
    def f(c0, c2, xs):
        return {"c1": dot(xs, [0.5, -2.0, 7.0]) * c0, "inf": dot(xs, [3.0, 1.0, 4.0]) * c2 + float("inf")}

    given = (2.0, 3.0, [1.0, 2.0, 3.0])
    assert jit(f, backend="numpy")(*given) == f(*given)


def test_a_name_of_a_backend_that_is_none_is_refused():
    with pytest.raises(ValueError, match="backend"):
        jit(lambda x: x, backend="cuda")


def test_formulas_are_the_textbooks():
    net, x, y = nn.MLP(2, [16, 16, 1], seed=0), numbers(20, 2), [1.0, -1.0] * 10
    stages = jit(value_and_grad(hinge), backend="numpy").lower(net, x, y)
    formulas = stages.latex.splitlines()
    assert r"h_{0} &= \operatorname{relu}\left(x \, W_{0}^{\top} + b_{0}\right) \\" in formulas
    assert r"\frac{\partial L}{\partial W_{1}} &= d_{1}^{\top} \, h_{0} \\" in formulas
    assert r"\left(\frac{\partial L}{\partial b_{1}}\right)_{i} &= \sum_{j} \left(d_{1}\right)_{ji} \\" in formulas
    shown = stages.arrays._repr_markdown_()
    assert str(stages.arrays) in shown and stages.latex in shown


def test_names_in_formulas_are_escaped():
    found = jit(lambda data, my_x: data * my_x, backend="numpy").lower(2.0, 3.0).latex
    assert r"\mathit{out} &= \mathit{data} \, \mathit{my\_x}" in found


def test_native_code_shows_its_arrays_and_a_training_its_step():
    W, b, x = numbers(4, 3), numbers(4), numbers(3)
    assert str(jit(layer).lower(W, b, x).arrays) == str(jit(layer, backend="numpy").lower(W, b, x).arrays)
    loop = engine.TrainingLoop(
        lambda p, e: engine.square(p[0] * e[0] + p[1] - e[1]), lambda p, g, slots, settings: (p - settings[0] * g, slots),
        [0.0, 0.0], [[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]], settings=1, backend="numpy",
    )  # fmt: skip
    loop.run(epochs=1000, settings=[0.1])
    assert np.allclose(loop.parameters, [2.0, 1.0])
    assert str(loop.update_stages.arrays).splitlines()[-1] == "p_next = p - settings[0] * g"


def test_a_training_whose_parameters_are_read_in_part_and_in_overlapping_parts_is_that_of_native_code():
    def loss(p, e):
        return engine.square(engine.dot(p[:6], [*e[:3], *e[:3]], p[2] * p[7]) - e[3])

    def moved(p, g, slots, settings):
        return p - settings[0] * g, slots

    given = loss, moved, numbers(9), numbers(4, 4)
    loops = [engine.TrainingLoop(*given, settings=1, backend=b) for b in ("numpy", "llvm")]
    for loop in loops:
        loop.run(epochs=3, settings=[0.1])
    np.testing.assert_allclose(loops[0].parameters, loops[1].parameters, rtol=1e-12)

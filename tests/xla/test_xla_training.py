"""Training on XLA is the training that eager mode and native code make: in float64 to rounding, in float32 to its digits."""

import random

import numpy as np
import pytest

import nn
from engine import TrainingLoop, dot, maximum, power, sqrt, square, tanh, total, where
from engine.compiler.training_functions import TrainingFunctions
from engine.compiler.xla_training import XlaTrainingCode, keeps_nan

RNG = random.Random(0)
X = [[RNG.gauss(0.0, 1.0) for _ in range(3)] for _ in range(22)]
NUMBERS = [[a - b, a * c] for a, b, c in X]
CLASSES = [0 if a > 0.3 else 1 if b > 0.0 else 2 for a, b, _ in X]


def loops(loss, update, parameters, rows, order=None, epochs=3, settings=(0.1,), **options):
    """(parameters, losses, gradients, slots, outputs) of a training by XLA and by LLVM."""
    found = []
    for backend in ("xla", "llvm"):
        loop = TrainingLoop(
            loss, update, parameters, rows, settings=len(settings), dtype="float64", backend=backend, **options
        )
        losses = loop.run(order, epochs=epochs, settings=settings)
        found.append([loop.parameters.copy(), losses, loop.gradients.copy(), loop.slots.copy(), loop.outputs])
    return found


def layers(p, x):
    hidden = [tanh(dot(p[4 * k : 4 * k + 3], x, p[4 * k + 3])) for k in range(5)]
    return dot(p[20:25], hidden, p[25])


def error(p, e):
    y = layers(p, e[:3])
    return square(y - e[3]), [y, e[0]]


def adam(p, g, slots, settings):
    m, v = 0.9 * slots[0] + 0.1 * g, 0.99 * slots[1] + 0.01 * g * g
    return p - settings[0] * m / (sqrt(v) + 1e-8), [m, v]


START = [RNG.gauss(0.0, 0.5) for _ in range(26)]
ROWS = [[*x, y[0]] for x, y in zip(X, NUMBERS)]


def test_every_number_of_a_training_is_that_of_native_code():
    orders = np.array([np.random.default_rng(k).permutation(22) for k in range(3)])
    for theirs, ours in zip(*loops(error, adam, START, ROWS, orders, slots=2, batch=4)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def test_a_penalty_and_a_measure_count_as_in_native_code():
    def update(p, g, slots, settings):
        return p - settings[0] * g / maximum(1.0, sqrt(settings[1])), slots

    def penalty(p):
        return 0.1 * total([square(x) for x in p[:7]]) + 0.01 * p[3] * p[25]

    for theirs, ours in zip(*loops(error, update, START, ROWS, batch=5, penalty=penalty, measure=square)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def test_parameters_that_are_read_in_part_or_twice_or_never():
    def loss(p, e):
        return square(dot(p[:6], [*e[:3], *e[:3]], p[2] * p[7]) - e[3]) + where(e[0] > 0.0, p[5] * e[1], 0.0)

    for theirs, ours in zip(*loops(loss, lambda p, g, s, r: (p - r[0] * g - 0.01 * p, s), START[:9], ROWS, batch=4)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("start", [[], [0.1, 0.2, 0.3]], ids=["no parameters", "one by index"])
def test_parameters_that_are_none_or_are_taken_by_an_index(start):
    def loss(p, e):
        return square(p[e[0]] * e[1] - 1.0) if p else square(e[1])

    rows = [[float(k % 3), 0.1 * k] for k in range(7)]
    for theirs, ours in zip(*loops(loss, lambda p, g, s, r: (p - r[0] * g, s), start, rows, batch=3)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize(
    "update",
    [lambda p, g, s, r: (p - r[0] * g, s), lambda p, g, s, r: (where(g > 0.0, p - r[0], p + r[0]), s)],
    ids=["keeps nan", "may lose it"],
)
def test_a_step_whose_gradient_needs_a_guard_is_made_with_it_and_the_others_without(update):
    def loss(p, e):  # 0·inf where e[0] is 0
        return where(e[0] > 0.0, power(p[0] * e[0], 0.5), p[0] * 2.0) * e[1] + p[1]

    rows = [[0.0 if k == 5 else 1.0 + k, 0.1 * k] for k in range(9)]
    for theirs, ours in zip(*loops(loss, update, [0.7, 0.1], rows, batch=2, settings=(0.01,))):
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize(
    ("update", "keeps"),
    [
        (adam, True),
        (lambda p, g, s, r: (p - r[0] * g, s), True),
        (lambda p, g, s, r: (where(g > 0.0, p - r[0], p + r[0]), s), False),
        (lambda p, g, s, r: (maximum(p - r[0] * g, 0.0), s), False),
        (lambda p, g, s, r: (p - r[0], [g, s[1]]), False),
        (lambda p, g, s, r: (p, [g, s[1]]), False),
        (lambda p, g, s, r: (-(r[0] * g), s), False),
        (lambda p, g, s, r: (p - power(g, 0.0), s), False),
    ],
)  # fmt: skip
def test_an_update_that_keeps_nan_is_told_from_one_that_may_not(update, keeps):
    functions = TrainingFunctions(None, update, None, None, [0.0], [0.0], 2, 1)
    assert keeps_nan(functions.traced_update()) == keeps


def trained(backend, y, outputs, **options):
    net = options.pop("net", lambda: nn.MLP(3, [5, outputs], activation="tanh", seed=0))()
    options = {"loss": "mse", "epochs": 3, "batch_size": 8, "seed": 4, "progress": False, **options}
    trainer = nn.Trainer(net, X, y, backend=backend, **options)
    return trainer.run(), [p.data for p in net.parameters()], trainer


def dropping():
    first, last = (nn.Layer(*size, activation="tanh", rng=random.Random(k)) for k, size in enumerate([(3, 6), (6, 2)]))
    return nn.Sequential(first, nn.Dropout(0.3), last)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adamw", "schedule": "cosine", "clip_norm": 0.5, "validation": 0.3, "early_stopping": 1},
        {"optimizer": "nesterov", "penalty": nn.l2(0.1), "clip_value": 0.2, "accumulate": 2, "net": dropping},
    ],
    ids=["adamw", "nesterov"],
)
def test_fit_on_xla_in_float64_is_fit_in_eager_mode(options, capsys):
    history, parameters, eager = trained("eager", NUMBERS, 2, **options)
    other_history, other, compiled = trained("xla", NUMBERS, 2, dtype="float64", **options)
    assert other == pytest.approx(parameters, rel=1e-9, abs=1e-11)
    assert {k: pytest.approx(v, rel=1e-9) for k, v in history.items()} == other_history
    assert compiled.random.getstate() == eager.random.getstate()
    for a, b in zip(compiled.optimizer.states, eager.optimizer.states):
        assert a == pytest.approx(b, rel=1e-8, abs=1e-12)
    assert capsys.readouterr().err.startswith("fit trains on XLA, in float64 on ")


def settings_of_jax():
    import jax

    return jax.config.jax_enable_x64, jax.config.jax_default_matmul_precision


def test_the_estimators_train_in_float32_and_leave_the_settings_of_jax_alone(capsys):
    from nn.sklearn import NetworkClassifier

    before = settings_of_jax()
    settings = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, "alpha": 0.0}
    ours, eager = (NetworkClassifier(backend=b, **settings).fit(X, CLASSES) for b in ("xla", "eager"))
    weights = [p.data for p in ours.network_.parameters()]
    assert weights == [float(np.float32(x)) for x in weights]
    np.testing.assert_allclose(weights, [p.data for p in eager.network_.parameters()], rtol=1e-5, atol=1e-6)
    assert settings_of_jax() == before
    assert "in float32" in capsys.readouterr().err


# The law is seen to fail -------------------------------------------------------------------------------------------------


def test_a_planted_fault_of_the_loop_is_caught(monkeypatch):
    right = XlaTrainingCode._moved

    def wrong(self, ps, gs, slots, settings):
        return right(self, ps, [g * (1.0 + 1e-7) for g in gs], slots, settings)

    monkeypatch.setattr(XlaTrainingCode, "_moved", wrong)
    (theirs, *_), (ours, *_) = loops(error, lambda p, g, s, r: (p - r[0] * g, s), START, ROWS, batch=11)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)

"""Private training: what one example can do to it, the noise, who is in a batch, what ε says, and what is refused."""

import copy
import json
import math
import random
import sys
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

import nn
from engine import Value
from nn.training import privacy

BACKENDS = ["eager", "jit", "numpy"]
PRIVATE = nn.Privacy(delta=1e-3)
rng = random.Random(0)
X = [[rng.gauss(0.0, 1.0) for _ in range(3)] for _ in range(24)]
LABELS = [int(x[0] + 0.5 * x[1] > 0.0) for x in X]


def network(seed=0, dropout=0.0):
    return nn.Sequential(
        nn.Layer(3, 4, activation="tanh", seed=seed),
        nn.Dropout(dropout, seed=seed),
        nn.Layer(4, 1, activation="identity", seed=seed + 1),
    )


def trainer(net=None, examples=X, labels=LABELS, private=PRIVATE, **options):
    """A private training of plain steps, unless something else is asked for."""
    net = network() if net is None else net
    given = {
        "loss": "binary_cross_entropy",
        "optimizer": nn.SGD(net, lr=1.0),
        "epochs": 1,
        "batch_size": None,
        "seed": 3,
    }
    return nn.Trainer(net, examples, labels, private=private, progress=False, **{**given, **options})


def numbers(net):
    return np.array([p.data for p in net.parameters()])


def moved(**options):
    """What one step without noise subtracts, times the number of examples: the sum of the clipped gradients."""
    run = trainer(**options)
    before, n = numbers(run.net), len(run.examples.trained)
    run.run()
    return (before - numbers(run.net)) * n


# One example -----------------------------------------------------------------------------------------------------------


def other_examples(count):
    """Examples and labels of which one is another one, near or far away, and what is left without it."""
    for k in range(count):
        x = [rng.gauss(0.0, 10.0 ** (k % 4)) for _ in range(3)]
        i = rng.randrange(len(X))
        yield (
            ([*X[:i], x, *X[i + 1 :]], [*LABELS[:i], k % 2, *LABELS[i + 1 :]]),
            ([*X[:i], *X[i + 1 :]], [*LABELS[:i], *LABELS[i + 1 :]]),
        )


def farthest(clip, backend, count):
    """How far one example moves the sum: (changed, taken away), at most."""
    how = {
        "private": nn.Privacy(clip, 0.0, 1e-3),
        "backend": backend,
        "loss": partial(nn.binary_cross_entropy, class_weights=[1.0, 9.0]),
    }
    before = moved(**how)
    changed, gone = [], []
    for (examples, labels), (fewer, fewer_labels) in other_examples(count):
        changed.append(np.linalg.norm(moved(examples=examples, labels=labels, **how) - before))
        gone.append(np.linalg.norm(moved(examples=fewer, labels=fewer_labels, **how) - before))
    return max(changed), max(gone)


@pytest.mark.parametrize(("backend", "count"), [("eager", 12), ("jit", 1), ("numpy", 1)])
def test_with_one_example_changed_the_sum_moves_by_at_most_twice_clip_and_without_it_by_clip(backend, count):
    for clip in (0.05,) if backend != "eager" else (0.05, 1.0):
        changed, gone = farthest(clip, backend, count)
        assert 0.01 * clip < changed <= 2.0 * clip * (1.0 + 1e-12)
        assert 0.01 * clip < gone <= clip * (1.0 + 1e-12)


@pytest.mark.parametrize(
    "wrong", [lambda private, g: g, lambda private, g: [max(-private.clip, min(private.clip, x)) for x in g]]
)
def test_planted_a_gradient_that_is_not_cut_or_cut_number_by_number_is_noticed(wrong, monkeypatch):
    monkeypatch.setattr("nn.training.private.clipped", wrong)
    changed, gone = farthest(0.05, "eager", 12)
    assert changed > 0.1
    assert gone > 0.05


def test_the_gradient_of_many_examples_is_not_cut_as_one():
    alike = [X[0]] * 24, [LABELS[0]] * 24
    with pytest.warns(UserWarning, match="examples of one class"):
        run = moved(examples=alike[0], labels=alike[1], private=nn.Privacy(0.05, 0.0, 1e-3))
    assert np.linalg.norm(run) == pytest.approx(24 * 0.05, rel=1e-4)


@pytest.mark.parametrize("backend", ["eager", "numpy"])
def test_where_nothing_is_cut_and_there_is_no_noise_it_is_the_usual_training(backend):
    trained = []
    for private in (None, nn.Privacy(1e9, 0.0, 1e-3)):
        run = trainer(
            private=private, penalty=nn.l2(0.1), epochs=5, backend=backend, optimizer="adam", metrics="accuracy"
        )
        history = run.run()
        trained.append((numbers(run.net), history["loss"], history["accuracy"]))
    for usual, private in zip(*trained):
        assert np.abs(np.subtract(usual, private)).max() < 1e-12


# The noise -------------------------------------------------------------------------------------------------------------


def test_the_noise_is_gaussian_with_the_standard_deviation_noise_times_clip():
    run = trainer(
        nn.MLP(3, [60, 20, 1], seed=0), X[:8], LABELS[:8], private=nn.Privacy(clip=0.5, noise=3.0, delta=1e-3)
    )
    start = copy.deepcopy(run.net)
    before = numbers(run.net)
    run.run()
    noise = (before - numbers(run.net)) * 8 - moved(
        net=start, examples=X[:8], labels=LABELS[:8], private=nn.Privacy(0.5, 0.0, 1e-3)
    )
    count = len(noise)
    assert count == 1481
    assert abs(noise.mean()) < 4.0 * 1.5 / math.sqrt(count)
    assert abs(noise.std() / 1.5 - 1.0) < 4.0 / math.sqrt(2.0 * count)
    assert np.mean(np.abs(noise) < 1.5) == pytest.approx(0.6827, abs=0.03)
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 4.0 / math.sqrt(count)
    assert len(set(noise.tolist())) == count


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_example_is_drawn_for_every_update_and_then_128_bits_of_noise_and_no_more(backend):
    run = trainer(batch_size=5, epochs=3, backend=backend)
    run.run()
    expected = random.Random(3)
    for _ in range(3):
        for _ in range(5 * 24):
            expected.random()
        for _ in range(5):
            expected.getrandbits(128)
    assert run.random.getstate() == expected.getstate()


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize("backend", ["jit", "numpy"])
@pytest.mark.parametrize(
    ("size", "options"), [(6, {"dropout": 0.3}), (1, {}), (10, {"accumulate": 3, "validation": 0.25})]
)
def test_compiled_and_eager_training_agree(size, options, backend):
    found = []
    for used in ("eager", backend):
        given = dict(options)
        run = trainer(
            network(dropout=given.pop("dropout", 0.0)), batch_size=size, backend=used, optimizer="adam", epochs=4,
            schedule="cosine", penalty=nn.l2(0.01), metrics="accuracy", **given,
        )  # fmt: skip
        history = run.run()
        found.append((history, numbers(run.net), [p.grad for p in run.net.parameters()]))
    (history, weights, gradients), (other, other_weights, other_gradients) = found
    assert history.keys() == other.keys()
    assert all(np.allclose(history[name], other[name], rtol=0.0, atol=1e-10) for name in history)
    assert np.abs(weights - other_weights).max() < 1e-10
    assert np.abs(np.subtract(gradients, other_gradients)).max() < 1e-10, "with their noise"


# Who is in a batch -----------------------------------------------------------------------------------------------------


def test_each_example_is_drawn_with_the_rate_whatever_the_others_do():
    draws, rate, count = 4000, 0.2, 30
    generator = random.Random(1)
    taken = np.zeros((draws, count))
    for row in taken:
        row[privacy.sampled(range(count), rate, generator)] = 1.0
    deviation = math.sqrt(rate * (1.0 - rate) / draws)
    assert np.abs(taken.mean(0) - rate).max() < 4.5 * deviation
    sizes = taken.sum(1)
    assert sizes.var() == pytest.approx(count * rate * (1.0 - rate), rel=0.1), "binomial, no fixed size"
    pairs = np.corrcoef(taken.T)[np.triu_indices(count, 1)]
    assert np.abs(pairs).max() < 5.0 / math.sqrt(draws)


@pytest.mark.parametrize(("size", "accumulate", "rate"), [(6, 1, 0.25), (None, 1, 1.0), (100, 1, 1.0), (6, 2, 0.5)])
def test_the_rate_is_the_part_of_the_examples_that_a_batch_is(size, accumulate, rate):
    run = trainer(batch_size=size, accumulate=accumulate, epochs=2)
    epsilons = run.run()["epsilon"]
    updates = math.ceil(24 / min(24, (size or 24) * accumulate))
    assert run.epsilon == epsilons[-1] == PRIVATE.epsilon(rate, 2 * updates)
    assert epsilons[0] == PRIVATE.epsilon(rate, updates)


@pytest.mark.parametrize("backend", BACKENDS)
def test_updates_and_epochs_without_any_example_are_updates_of_noise(backend):
    run = trainer(
        nn.MLP(3, [1], seed=0), X[:3], [0, 1, 1], batch_size=1, epochs=40, backend=backend, metrics="accuracy",
        private=nn.Privacy(delta=0.01), validation=(X[3:], LABELS[3:]), seed=1,
    )  # fmt: skip
    sizes = []
    begin = run._run.begin_epoch
    run._run.begin_epoch = lambda *how: (begin(*how), sizes.append(list(run._run.ends)))
    history = run.run()
    assert [0, 0, 0] in sizes, "an epoch of nobody"
    assert sum(ends[0] == 0 for ends in sizes) > 3
    assert all(math.isfinite(x) for x in history["loss"])
    assert history["epsilon"][-1] == nn.Privacy(delta=0.01).epsilon(1 / 3, 120)


# ε ----------------------------------------------------------------------------------------------------------------------


def divergence(rate, noise, order):
    """Rényi's, of the sampled Gaussian from the Gaussian, by the trapezoidal rule."""
    x, step = np.linspace(-12.0 * noise, 12.0 * noise + order, 4001, retstep=True)
    log_density = -0.5 * (x / noise) ** 2 - math.log(noise * math.sqrt(2.0 * math.pi))
    log_ratio = np.log1p(rate * np.expm1((2.0 * x - 1.0) / (2.0 * noise**2)))
    return math.log(np.exp(log_density + order * log_ratio).sum() * step) / (order - 1.0)


@pytest.mark.parametrize(
    ("rate", "noise", "updates", "delta"),
    [(256 / 60000, 1.1, 14040, 1e-5), (0.05, 2.0, 400, 1e-4), (1.0, 8.0, 50, 1e-3)],
)
def test_epsilon_is_what_the_integral_says(rate, noise, updates, delta):
    orders = [*np.arange(1.1, 11.0, 0.1), *range(11, 40)]
    found = []
    for a in orders:  # Canonne, Kamath & Steinke, The discrete Gaussian for differential privacy (2020), proposition 12
        spent = updates * divergence(rate, noise, a)
        found.append(spent + math.log1p(-1.0 / a) - math.log(delta * a) / (a - 1.0))
    assert nn.Privacy(1.0, noise, delta).epsilon(rate, updates) == pytest.approx(min(found), rel=1e-6)


def test_epsilon_grows_with_updates_and_rate_and_falls_with_noise():
    of = nn.Privacy(delta=1e-5).epsilon
    assert of(0.01, 0) == 0.0
    assert all(a < b for a, b in pairwise([of(0.01, n) for n in (0, 1, 10, 100)]))
    assert all(a < b for a, b in pairwise([of(rate, 10) for rate in (0.01, 0.1, 1.0)]))
    assert all(a > b for a, b in pairwise([nn.Privacy(noise=z).epsilon(0.01, 10) for z in (0.0, 0.5, 1.0, 2.0)]))
    assert nn.Privacy(noise=0.0).epsilon(0.01, 10) == nn.Privacy(noise=1e-300).epsilon(0.01, 10) == math.inf
    assert 0.0 <= nn.Privacy(noise=1e308).epsilon(0.01, 10) < 1e-3


def test_epsilon_is_said_after_every_epoch_and_at_an_interruption(capsys):
    def press(run):
        if run.epoch == 2:
            run._run.interrupted = True

    run = trainer(epochs=4, callbacks=press)
    assert len(run.run()["epsilon"]) == 2
    assert f"ε = {run.epsilon:.4g}" in capsys.readouterr().err
    assert trainer(private=None).epsilon == math.inf


def test_the_history_counts_updates_of_other_batch_sizes_as_they_were():
    def halve(run):
        run.batch_size = 6

    run = trainer(batch_size=12, epochs=2, callbacks=halve)
    run.run()
    assert run._run.spent == [(0.5, 1.1, 2), (0.25, 1.1, 4)]
    once = [PRIVATE.epsilon(*spent) for spent in ((0.5, 2), (0.25, 4))]
    assert max(once) < run.epsilon < sum(once)


# Going on --------------------------------------------------------------------------------------------------------------


class Keeping:
    """A callback that keeps the state after every update."""

    def __init__(self):
        self.states = []

    def on_batch_end(self, run):
        self.states.append(json.loads(json.dumps(run.state())))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_training_that_goes_on_has_the_same_numbers_and_the_same_epsilon(backend):
    how = {"batch_size": 6, "epochs": 3, "backend": backend, "optimizer": "adam", "metrics": "accuracy", "seed": None}
    keeping = Keeping()
    run = trainer(network(dropout=0.2), callbacks=[keeping], **how)
    whole = run.run()
    for state in (keeping.states[k] for k in (0, 3, 5, 11)):
        again = trainer(network(9, dropout=0.2), **how)
        again.load_state(state)
        assert again.run() == whole
        assert numbers(again.net).tolist() == numbers(run.net).tolist()
        assert again.epsilon == run.epsilon
        assert again.state() == run.state()


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("ends", [3, 2, 5, 6]), ("ends", [1]), ("ends", []), ("ends", [0, 0, 0, -1]), ("ends", "all"), ("spent", [[2.0, 1.0, 1]]),
        ("spent", [[0.5, -1.0, 1]]), ("spent", [[0.5, 1.0, 1.5]]), ("spent", [[0.5, 1.0]]), ("spent", 3), (None, []),
    ],
)  # fmt: skip
def test_a_state_that_is_none_is_refused(place, wrong):
    keeping = Keeping()
    trainer(batch_size=6, callbacks=[keeping]).run()
    state = keeping.states[1]
    if place is None:
        state["private"] = wrong
    else:
        state["private"][place] = wrong
    run = trainer(batch_size=6)
    before = run.state()
    with pytest.raises((TypeError, ValueError), match="load_state of Trainer takes"):
        run.load_state(state)
    assert run.state() == before
    with pytest.raises(ValueError, match="load_state of Trainer takes"):
        trainer(private=None, batch_size=6).load_state(keeping.states[0])


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    runs = [trainer(seed=seed) for seed in (5, 5, 6, None, None)]
    for run in runs:
        run.run()
    same, again, other, *fresh = [numbers(run.net).tolist() for run in runs]
    assert same == again
    assert len({str(found) for found in (same, other, *fresh)}) == 4
    assert runs[-1].seed.bit_length() > 100, "nobody tries them all"


def test_early_stopping_looks_at_validation_data_alone():
    with pytest.raises(ValueError, match="numbers of validation data to monitor in a private training, got 'loss'"):
        trainer(early_stopping=3)
    run = trainer(early_stopping=2, validation=0.25, epochs=40, private=nn.Privacy(noise=30.0, delta=1e-3))
    history = run.run()
    assert len(history["epsilon"]) < 40
    assert run.best["value"] == min(history["val_loss"])
    assert run.epsilon == history["epsilon"][-1], "what was spent is spent, whichever weights are kept"


def test_frozen_parameters_stay_and_have_no_noise():
    net = network()
    net.layers[0].trainable = False
    kept = numbers(net.layers[0]).tolist()
    trainer(net).run()
    assert numbers(net.layers[0]).tolist() == kept
    assert numbers(net).tolist() != numbers(network()).tolist()


def test_estimators_train_privately_and_add_up_what_they_spend():
    from sklearn.base import clone

    from nn.sklearn import NetworkClassifier, NetworkRegressor

    classifier = clone(
        NetworkClassifier((3,), private=PRIVATE, max_iter=2, batch_size=6, random_state=0, n_iter_no_change=1)
    )
    assert classifier.fit(X, LABELS).epsilon_ == PRIVATE.epsilon(0.25, 8), "no loss of its own examples ends it"
    assert classifier.partial_fit(X, LABELS).epsilon_ == PRIVATE.epsilon(0.25, 12)
    assert classifier.fit(X, LABELS).epsilon_ == PRIVATE.epsilon(0.25, 8)
    assert classifier.set_params(private=None).partial_fit(X, LABELS).set_params(private=PRIVATE)
    assert classifier.partial_fit(X, LABELS).epsilon_ == math.inf, "once it was not private"
    stopped = NetworkRegressor((3,), private=PRIVATE, early_stopping=True, validation_fraction=0.25, max_iter=1)
    assert stopped.fit(X, LABELS).epsilon_ == PRIVATE.epsilon(1.0, 1)
    weights = [numbers(NetworkRegressor((3,), private=PRIVATE, max_iter=1).fit(X, LABELS).network_) for _ in range(2)]
    assert weights[0].tolist() != weights[1].tolist()


# What is refused -------------------------------------------------------------------------------------------------------


class Batched(nn.Module):
    """A running mean that every example moves, as in a BatchNorm."""

    def __init__(self):
        self.mean = 0.0

    def forward(self, xs):
        self.mean = 0.9 * self.mean + 0.1 * sum(float(x) for x in xs)
        return [x - self.mean for x in xs]


def noisy(x):
    return [v + rng.random() for v in x]


def coupled():
    seen = []

    def loss(outputs, target):
        seen.append(float(outputs))
        return nn.mse(outputs, target) * Value(1.0 + abs(sum(seen)))

    return loss


@pytest.mark.parametrize(
    ("net", "options", "said"),
    [
        (lambda: nn.Sequential(Batched(), nn.MLP(3, [1], seed=0)), {}, "what layers.0 keeps changes with each"),
        (lambda: nn.Sequential(noisy, nn.MLP(3, [1], seed=0)), {}, "say the same of an example whatever others"),
        (network, {"loss": coupled()}, "say the same of an example whatever others they saw"),
        (network, {"clip_norm": 1.0}, "no clip_norm in a private training"),
        (network, {"clip_value": 1.0}, "no clip_value in a private training"),
        (network, {"metrics": {"epsilon": lambda true, predicted: 0.0}}, "names other than epsilon"),
    ],
    ids=["batch norm", "own noise", "coupled loss", "clip_norm", "clip_value", "epsilon"],
)
def test_what_is_no_private_training_is_refused_before_it_begins(net, options, said):
    net = net()
    before = numbers(net).tolist()
    with pytest.raises(ValueError, match=said):
        trainer(net, **options)
    assert numbers(net).tolist() == before


@pytest.mark.parametrize("given", [1.0, True, "yes", nn.Privacy, {"noise": 1.0}], ids=str)
def test_private_is_a_privacy(given):
    with pytest.raises(TypeError, match="fit takes an nn.Privacy, such as"):
        trainer(private=given)


@pytest.mark.parametrize(
    "wrong",
    [{"clip": 0.0}, {"clip": -1.0}, {"clip": math.inf}, {"noise": -0.1}, {"noise": math.nan}, {"delta": 0.0}, {"delta": 1.0},
     {"clip": "1"}, {"delta": None}],
    ids=str,
)  # fmt: skip
def test_a_privacy_is_of_legal_numbers(wrong):
    (name,) = wrong
    with pytest.raises((TypeError, ValueError), match=f"Privacy takes .* as {name}, got"):
        nn.Privacy(**wrong)


@pytest.mark.parametrize(("rate", "updates"), [(0.0, 1), (1.5, 1), ("all", 1), (0.5, -1), (0.5, 1.5)])
def test_epsilon_is_of_a_probability_and_a_number_of_updates(rate, updates):
    with pytest.raises((TypeError, ValueError), match="epsilon takes"):
        nn.Privacy().epsilon(rate, updates)


def test_a_delta_too_large_for_the_examples_is_warned_about():
    with pytest.warns(UserWarning, match="delta=0.1 for 24 examples; from 1/24 on"):
        trainer(private=nn.Privacy(delta=0.1))


def test_without_the_accountant_the_error_names_the_extra_before_anything_is_trained(monkeypatch):
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    net = network()
    before = numbers(net).tolist()
    with pytest.raises(ImportError, match=r"pip install -e \"\.\[privacy\]\""):
        trainer(net)
    assert numbers(net).tolist() == before


def test_a_training_that_diverges_is_not_told_to_cut_what_is_cut_already():
    with pytest.warns(RuntimeWarning, match="try a smaller learning rate, or scaled inputs"):
        trainer(nn.MLP(3, [1], seed=0), loss="mse", labels=[1e200] * 24, epochs=3).run()


def test_private_cannot_be_taken_away_while_it_runs():
    run = trainer()
    with pytest.raises(AttributeError):
        run.private = None
    assert run.private == PRIVATE


def test_gradients_that_a_callback_cuts_once_more_need_eager_mode():
    def cut(run):
        run.clip_norm = 1.0

    with pytest.raises(ValueError, match="a private training that cuts gradients twice needs eager mode"):
        trainer(epochs=2, callbacks=cut, backend="numpy").run()


def test_accounting_says_nothing_of_orders_that_do_not_converge(capfd):
    privacy._divergences.cache_clear()
    assert nn.Privacy(noise=1.1).epsilon(0.2, 750) == pytest.approx(47.72, abs=0.01)
    assert capfd.readouterr() == ("", "")

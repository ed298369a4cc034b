"""Each illness is found on a network built to have it, its remedy cures it, and healthy networks are left alone."""

import math
import random
from itertools import cycle, islice

import pytest

import nn
from engine import Value, log, mean, relu, sigmoid
from nn import SGD, Adam, Layer, Module, Sequential, diagnose
from nn.diagnosis import findings, symptoms
from nn.diagnosis.observation import Unit, observation
from nn.training.objective import objective


def made_up(seed, count, inputs, outputs, loss):
    """Standard normal examples, and targets for a loss: smooth functions of them."""
    rng = random.Random(seed)
    X = [[rng.gauss(0, 1) for _ in range(inputs)] for _ in range(count)]
    W = [[rng.gauss(0, 1) for _ in range(inputs)] for _ in range(outputs)]
    scores = [[math.sin(sum(a * b for a, b in zip(w, x))) + 0.5 * x[0] for w in W] for x in X]
    if loss == "cross_entropy":
        return X, [s.index(max(s)) for s in scores]
    if loss == "kl_divergence":
        return X, [[math.exp(v) / sum(map(math.exp, s)) for v in s] for s in scores]
    value = {"binary_cross_entropy": lambda v: int(v > 0), "hinge": lambda v: 1 if v > 0 else -1}.get(loss, float)
    y = [[value(v) for v in s] for s in scores]
    return X, [t[0] for t in y] if outputs == 1 else y


def train(net, X, y, loss, optimiser, epochs, batch=10):
    goal = objective("train", loss)
    outputs = len(net.layers[-1].neurons)
    targets = [goal.target("train", t, outputs, "y") for t in y]
    order = list(range(len(X)))
    rng = random.Random(0)
    for _ in range(epochs):
        rng.shuffle(order)
        for start in range(0, len(X), batch):
            chosen = order[start : start + batch]
            optimiser.zero_grad()
            mean([goal.loss(net(X[i]), targets[i]) for i in chosen]).backward()
            optimiser.step()


X2, CLASSES = made_up(0, 60, 2, 1, "binary_cross_entropy")
_, NUMBERS = made_up(0, 60, 2, 1, "mse")


def log_loss(output, target):
    return -log(output)


def with_biases(net, layer, count, bias=-20.0):
    for neuron in net.layers[layer].neurons[:count]:
        neuron.b.data = bias
    return net


# Healthy -------------------------------------------------------------------------------------------------------------

SHAPES = [
    (1, [8, 1]),
    (2, [4, 1]),
    (2, [16, 16, 1]),
    (4, [12, 8, 3]),
    (8, [10]),
    (3, [8, 8, 8, 2]),
    (6, [24, 1]),
    (2, [6, 6, 6, 6, 1]),
    (16, [12, 4]),
    (5, [32, 1]),
    (12, [3, 12, 2]),
]
ACTIVATIONS = [a for a in nn.ACTIVATIONS if a != "softmax"]
INITS = ["glorot_uniform", "glorot_normal", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform", None]
ONE = ["mse", "binary_cross_entropy", "hinge", "mae", "huber"]
MANY = ["cross_entropy", "mse", "kl_divergence", "binary_cross_entropy"]
OPTIMISERS = [
    lambda net: Adam(net, lr=0.01),
    lambda net: SGD(net, lr=0.05),
    lambda net: SGD(net, lr=0.02, momentum=0.9),
]


def healthy(count):
    one, many = cycle(ONE), cycle(MANY)
    columns = zip(cycle(SHAPES), cycle(ACTIVATIONS), cycle(INITS), cycle(OPTIMISERS))
    for shape, activation, init, optimiser in islice(columns, count):
        yield shape, activation, init, next(many if shape[1][-1] > 1 else one), optimiser


HEALTHY = list(healthy(55))


def test_the_healthy_networks_are_of_every_activation_init_and_loss():
    assert {h[1] for h in HEALTHY} == set(ACTIVATIONS)
    assert {h[2] for h in HEALTHY} == set(INITS)
    assert {h[3] for h in HEALTHY} == set(nn.LOSSES)
    assert len(HEALTHY) >= 50


@pytest.mark.parametrize("k", range(len(HEALTHY)))
def test_a_healthy_network_raises_no_alarm_before_or_after_training(k):
    (inputs, widths), activation, init, loss, optimiser = HEALTHY[k]
    net = nn.MLP(inputs, widths, activation=activation, init=init, seed=k)
    X, y = made_up(k, 30, inputs, widths[-1], loss)
    mover = optimiser(net)
    before = diagnose(net, X, y, loss=loss, optimizer=mover)
    assert not before.findings, before
    train(net, X, y, loss, mover, 8)
    after = diagnose(net, X, y, loss=loss, optimizer=mover)
    assert not after.findings, after
    assert after.loss < before.loss
    assert len(after.layers) == len(widths)


def test_planted_bugs_raise_alarms_on_a_healthy_network(monkeypatch):
    net = nn.MLP(2, [6, 6, 6, 6, 1], seed=1)
    assert not diagnose(net, X2, CLASSES)
    with monkeypatch.context() as planted:
        planted.setattr(symptoms, "SHRINKING", 2.0)
        assert diagnose(net, X2, CLASSES).kinds == ["vanishing gradients"]
    with monkeypatch.context() as planted:  # dead on one example instead of on all
        planted.setattr(Unit, "dead", property(lambda unit: not all(unit.slopes)))
        assert diagnose(net, X2, CLASSES).kinds == ["dead units"]


# Illnesses -----------------------------------------------------------------------------------------------------------


def only(diagnosis, kind):
    assert diagnosis.kinds == [kind], diagnosis
    (found,) = diagnosis
    assert found.kind in findings.ILLNESSES
    assert found.remedy in str(diagnosis) and found.message in str(diagnosis)
    return found


def test_dead_units_are_found():
    net = with_biases(nn.MLP(2, [16, 16, 1], seed=3), 1, 12)
    found = only(diagnose(net, X2, CLASSES), "dead units")
    assert (found.layer, found.figure) == ("layers.1", 12 / 16)
    assert "12 of 16 units in layers.1 (relu)" in found.message
    assert "leaky_relu" in found.remedy


def test_a_layer_that_is_dead_as_a_whole_is_the_only_finding():
    net = with_biases(nn.MLP(2, [8, 8, 1], seed=0), 1, 8)
    found = only(diagnose(net, X2, CLASSES), "dead units")
    assert found.figure == 1.0 and "nothing before this layer learns" in found.message


def test_half_a_layer_may_be_dead_and_is_counted_in_the_table():
    diagnosis = diagnose(with_biases(nn.MLP(2, [16, 16, 1], seed=3), 1, 8), X2, CLASSES)
    assert not diagnosis
    assert diagnosis.layers[1].dead == list(range(8))
    assert diagnosis.table()[2][3] == "8"


def test_dead_units_come_from_training_with_too_large_a_rate():
    net = nn.MLP(2, [8, 8, 1], seed=0)
    train(net, X2, NUMBERS, "mse", SGD(net, lr=1.0), 10)
    assert "dead units" in diagnose(net, X2, NUMBERS).kinds


def test_leaky_relu_cures_dead_units():
    sick = with_biases(nn.MLP(2, [8, 8, 1], seed=0), 1, 8)
    cured = nn.MLP(2, [8, 8, 1], activation="leaky_relu", seed=0)
    cured.load_state(sick.state())
    assert not diagnose(cured, X2, CLASSES)


@pytest.mark.parametrize("init", ["zeros", lambda rng, inputs, outputs: 0.3])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_symmetric_weights_are_found_in_each_hidden_layer(init, activation):
    diagnosis = diagnose(nn.MLP(2, [5, 3, 1], activation=activation, init=init, seed=0), X2, CLASSES)
    assert diagnosis.kinds == ["symmetric weights"]
    assert [(f.layer, f.figure) for f in diagnosis] == [("layers.0", 1.0), ("layers.1", 1.0)]
    assert "5 of 5 units in layers.0" in diagnosis[0].message
    assert not diagnose(nn.MLP(2, [5, 3, 1], activation=activation, seed=0), X2, CLASSES)


def test_two_units_made_alike_are_found_and_stay_alike_in_training():
    net = nn.MLP(2, [4, 1], seed=0)
    first, second = net.layers[0].neurons[:2]
    for a, b in zip(first.parameters(), second.parameters()):
        b.data = a.data
    net.layers[1].neurons[0].w[1].data = net.layers[1].neurons[0].w[0].data
    assert only(diagnose(net, X2, CLASSES), "symmetric weights").figure == 0.5
    train(net, X2, CLASSES, "binary_cross_entropy", SGD(net, lr=0.1), 3)
    assert [p.data for p in first.parameters()] == [p.data for p in second.parameters()]


def test_twins_that_are_told_apart_by_the_next_layer_are_no_illness():
    net = nn.MLP(2, [2, 1], activation="tanh", seed=0)
    first, second = net.layers[0].neurons
    for a, b in zip(first.parameters(), second.parameters()):
        b.data = a.data
    assert not diagnose(net, X2, CLASSES)
    train(net, X2, CLASSES, "binary_cross_entropy", SGD(net, lr=0.1), 1)
    assert first.w[0].data != second.w[0].data


def test_output_units_may_start_from_zeros():
    X, y = made_up(1, 40, 4, 3, "cross_entropy")
    assert not diagnose(nn.MLP(4, [3], init="zeros", seed=0), X, y)
    assert not diagnose(nn.MLP(2, [2], init="zeros", seed=0), X2, [[t, t] for t in NUMBERS])


def test_a_last_layer_may_start_from_zeros():
    net = nn.MLP(2, [8, 8, 1], seed=3)
    for p in net.layers[2].parameters():
        p.data = 0.0
    diagnosis = diagnose(net, X2, CLASSES)
    assert not diagnosis and diagnosis.layers[0].gradient == 0.0


def test_vanishing_gradients_are_found_with_their_factor_a_layer():
    net = nn.MLP(2, [8] * 8 + [1], activation="sigmoid", seed=0)
    diagnosis = diagnose(net, X2, CLASSES)
    found = only(diagnosis, "vanishing gradients")
    flow = [layer.gradient for layer in diagnosis.layers]
    assert found.layer == "layers.0"
    assert found.figure == pytest.approx((flow[0] / flow[-1]) ** (1 / 8))
    assert 0.1 < found.figure < 0.35  # a sigmoid's slope is at most 1/4
    assert "instead of sigmoid" in found.remedy and 'activation="relu"' in found.remedy
    assert not diagnose(nn.MLP(2, [16] * 8 + [1], activation="relu", seed=0), X2, CLASSES)


def test_exploding_gradients_are_found_with_their_factor_a_layer():
    net = nn.MLP(2, [20] * 6 + [1], init=lambda rng, inputs, outputs: rng.gauss(0, 1), seed=0)
    diagnosis = diagnose(net, X2, NUMBERS)
    assert diagnosis.kinds == ["exploding gradients", "exploding loss"]
    assert diagnosis[0].layer == "layers.0"
    assert 2.5 < diagnosis[0].figure < 4.0  # √(20/2) by the theory of He et al.
    assert "he_normal" in diagnosis[0].remedy
    assert not diagnose(nn.MLP(2, [20] * 6 + [1], init="he_normal", seed=0), X2, NUMBERS)


def test_the_gradient_of_a_layer_is_what_the_formula_says():
    net = nn.MLP(2, [3, 1], activation="tanh", seed=4)
    seen = observation(net, X2, NUMBERS, nn.mse)
    squares = []
    for x, t in zip(X2, NUMBERS):
        h = [math.tanh(n.b.data + sum(w.data * a for w, a in zip(n.w, x))) for n in net.layers[0].neurons]
        last = net.layers[1].neurons[0]
        d = 2 * (last.b.data + sum(w.data * a for w, a in zip(last.w, h)) - t)
        squares.append((d * d, sum((d * w.data * (1 - a * a)) ** 2 for w, a in zip(last.w, h))))
    for layer, k in ((seen.layers[1], 0), (seen.layers[0], 1)):
        assert layer.gradient == pytest.approx(math.sqrt(sum(s[k] for s in squares) / len(X2)), rel=1e-12)


def test_saturation_by_large_inputs_is_found_and_scaling_cures_it():
    net = nn.MLP(2, [8, 8, 1], activation="tanh", seed=0)
    found = only(diagnose(net, [[100 * a for a in x] for x in X2], CLASSES), "saturation")
    assert found.layer == "layers.0" and found.figure > 0.9
    assert "scale the inputs" in found.remedy
    assert not diagnose(net, X2, CLASSES)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_saturation_by_large_weights_is_found(activation):
    net = nn.MLP(2, [8, 8, 1], activation=activation, init=lambda rng, inputs, outputs: rng.gauss(0, 15), seed=0)
    diagnosis = diagnose(net, X2, CLASSES)
    assert diagnosis.kinds == ["saturation"]
    assert [f.layer for f in diagnosis] == ["layers.0", "layers.1"]
    assert "smaller weights" in diagnosis[0].remedy
    assert f"({activation})" in diagnosis[0].message


def test_saturated_units_that_do_their_work_are_no_illness():
    net = nn.MLP(1, [1, 1], activation="tanh", seed=0)
    net.load_state(dict(zip(net.state(), [50.0, 0.0, 8.0, 0.0])))
    X = [[-1.0], [-0.5], [0.5], [1.0]]
    assert not diagnose(net, X, [0, 0, 1, 1])
    only(diagnose(net, X, [1, 1, 0, 0]), "saturation")


@pytest.mark.parametrize("optimiser", [3.0, lambda net: Adam(net, lr=2.0), lambda net: SGD(net, lr=1.0, momentum=0.9)])
def test_a_learning_rate_that_is_too_large_is_found_and_the_one_it_names_is_not(optimiser):
    net = nn.MLP(2, [8, 8, 1], seed=0)
    mover = optimiser(net) if callable(optimiser) else SGD(net, lr=optimiser)
    found = only(diagnose(net, X2, NUMBERS, optimizer=mover), "learning rate too large")
    assert found.figure == mover.lr
    mover.lr = float(found.remedy.rpartition(" ")[2])
    assert 0.0 < mover.lr < found.figure
    assert not diagnose(net, X2, NUMBERS, optimizer=mover)
    start = diagnose(net, X2, NUMBERS).loss
    train(net, X2, NUMBERS, "mse", mover, 1, batch=60)
    assert diagnose(net, X2, NUMBERS).loss < start


def test_the_loss_after_the_trial_is_that_of_real_steps():
    net = nn.MLP(2, [4, 1], seed=0)
    found = only(diagnose(net, X2, NUMBERS, optimizer=5.0), "learning rate too large")
    train(net, X2, NUMBERS, "mse", SGD(net, lr=5.0), 5, batch=60)
    assert f"to {diagnose(net, X2, NUMBERS).loss:.4g};" in found.message


def test_an_exploding_loss_is_found_by_its_size():
    net = nn.MLP(2, [8, 1], init=lambda rng, inputs, outputs: rng.gauss(0, 30), seed=0)
    found = only(diagnose(net, X2, NUMBERS), "exploding loss")
    assert found.figure > 100 and "constant outputs" in found.message and "clip_norm" in found.remedy


def test_large_targets_alone_are_no_exploding_loss():
    assert not diagnose(nn.MLP(2, [8, 1], seed=0), X2, [1e4 + t for t in NUMBERS])


@pytest.mark.parametrize(
    ("history", "figure"),
    [
        ([1.0, 0.5, 40.0], 80.0),
        ({"epoch": [1, 2, 3], "loss": [1.0, 0.2, 3.0]}, 15.0),
        ([0.7, math.inf], math.inf),
        ([1.0, 0.0, 2.0], 2.0),
    ],
)
def test_an_exploding_loss_is_found_in_a_history(history, figure):
    found = only(diagnose(nn.MLP(2, [4, 1], seed=0), X2, CLASSES, history=history), "exploding loss")
    assert found.figure == pytest.approx(figure)


@pytest.mark.parametrize("history", [[], [0.7], [1.0, 0.5, 0.8, 0.4], {"loss": [5.0, 0.01, 0.2]}])
def test_a_history_that_goes_up_and_down_is_healthy(history):
    assert not diagnose(nn.MLP(2, [4, 1], seed=0), X2, CLASSES, history=history)


# What it leaves alone, and what it takes -----------------------------------------------------------------------------


def test_network_gradients_flags_and_optimiser_stay_as_they_are():
    net = Sequential(Layer(2, 6, seed=0), nn.Dropout(0.5, seed=3), Layer(6, 1, nonlin=False, seed=1))
    mover = Adam(net, lr=5.0)
    nn.mse(net([1.0, 2.0]), 0.0).backward()
    mover.step()
    before = net.state(), [p.grad for p in net.parameters()], mover.state(), net[1].state()
    assert "learning rate too large" in diagnose(net, X2, NUMBERS, optimizer=mover).kinds
    assert (net.state(), [p.grad for p in net.parameters()], mover.state(), net[1].state()) == before
    assert all(m.training for _, m in net.named_modules())


def test_dropped_units_are_not_called_dead():
    net = Sequential(Layer(2, 8, activation="tanh", seed=0), nn.Dropout(0.9, seed=3), Layer(8, 1, nonlin=False, seed=1))
    diagnosis = diagnose(net, X2, CLASSES)
    assert not diagnosis and [layer.path for layer in diagnosis.layers] == ["layers.0", "layers.2"]
    net.eval()
    expected = sum(nn.binary_cross_entropy(net(x), t).data for x, t in zip(X2, CLASSES)) / len(X2)
    assert diagnosis.loss == pytest.approx(expected, rel=1e-12)


def test_activations_that_stand_after_a_layer_count_as_its_own():
    plain = nn.MLP(2, [8, 8, 1], seed=0)
    for layer in plain.layers[:2]:
        for neuron in layer.neurons:
            neuron.activation = "identity"

    class Apart(Module):
        def __init__(self):
            self.net = plain

        def forward(self, x):
            for layer in self.net.layers[:2]:
                x = [relu(v) for v in layer(x)]
            return self.net.layers[2](x)

    with_biases(plain, 1, 8)
    diagnosis = diagnose(Apart(), X2, CLASSES)
    assert [(layer.path, layer.activation, len(layer.units)) for layer in diagnosis.layers] == [
        ("net.layers.0", "relu", 8),
        ("net.layers.1", "relu", 8),
        ("net.layers.2", "identity", 1),
    ]
    assert only(diagnosis, "dead units").layer == "net.layers.1"


def test_a_module_of_the_users_own_and_a_layer_used_twice_are_read():
    class Recurrent(Module):
        def __init__(self):
            self.cell = Layer(3, 2, activation="tanh", seed=0)
            self.scale = Value(1.0)

        def forward(self, xs):
            state = [0.0, 0.0]
            for x in xs:
                state = self.cell([x, *state])
            return sigmoid(self.scale * (state[0] + state[1]))

    diagnosis = diagnose(Recurrent(), X2, CLASSES, loss="mse")
    assert not diagnosis
    assert {layer.path: len(layer.units) for layer in diagnosis.layers} == {"cell": 4, "Recurrent": 1}


def test_a_neural_network_says_loss_rate_and_history_itself():
    X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    network = nn.NeuralNetwork([2, 4, 1], seed=1)
    assert not diagnose(network, X, y)
    network.train(X, y, epochs=50, displayUpdate=0)
    assert not diagnose(network, X, y)
    assert "binary_cross_entropy" in diagnose(network, X, y).about
    network.alpha = 500.0
    assert diagnose(network, X, y).kinds == ["learning rate too large"]
    assert not diagnose(network, X, y, optimizer=0.1)


@pytest.mark.parametrize(
    ("y", "outputs", "expected"),
    [
        ([0, 1, 1], 1, "binary_cross_entropy"),
        ([0.0, 1.0, 0.5], 1, "mse"),
        ([0, 2, 1], 3, "cross_entropy"),
        ([[0, 1], [1, 0], [0, 1]], 2, "cross_entropy"),
        ([[0.5, 2.0], [1, 0], [0, 1]], 2, "mse"),
    ],
)
def test_without_a_loss_the_targets_say_which(y, outputs, expected):
    diagnosis = diagnose(nn.MLP(2, [4, outputs], seed=0), [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], y)
    assert f", {expected} " in diagnosis.about


def test_examples_are_taken_evenly_from_all():
    X = [[float(k)] for k in range(1000)]
    diagnosis = diagnose(nn.MLP(1, [1], init=lambda *_: 1.0, seed=0), X, [0.0] * 999 + [1.0], loss="mse", examples=10)
    assert diagnosis.layers[0].units[0].outputs == [100.0 * k for k in range(10)]
    assert "10 of 1,000 examples" in diagnosis.about


def test_arrays_and_lists_give_the_same_diagnosis():
    import numpy as np

    net = nn.MLP(2, [4, 1], seed=0)
    X = np.array(X2, dtype=np.float32)
    expected = str(diagnose(net, X.tolist(), CLASSES))
    y = np.array(CLASSES)
    for xs, ts in ((X, y), (np.asfortranarray(X), y), (list(X), list(y)), (tuple(map(tuple, X)), y.tolist())):
        assert str(diagnose(net, xs, ts)) == expected
    X[5, 1] = np.nan
    assert diagnose(net, X, y)[0].message == "1 of 60 rows of X are not finite: row 5 has nan"
    assert diagnose(net, list(X), y)[0].message == "1 of 60 rows of X are not finite: row 5 has nan"


def test_the_report_shows_findings_remedies_and_a_table():
    text = str(diagnose(with_biases(nn.MLP(2, [4, 1], seed=0), 0, 4), X2, CLASSES))
    assert text.splitlines()[0].startswith("1 finding (60 of 60 examples, binary_cross_entropy ")
    assert "1. dead units: 4 of 4 units in layers.0" in text and "\n   → " in text
    assert text.splitlines()[-2].split()[:4] == ["layers.0", "4", "relu", "4"]
    page = diagnose(nn.MLP(2, [4, 1], init="zeros", seed=0), X2, CLASSES, loss=log_loss)._repr_html_()
    assert page.startswith("<pre>1 finding") and "<img" in page.partition("</pre>")[2]
    assert str(diagnose(nn.MLP(2, [4, 1], seed=0), X2, CLASSES)).startswith("nothing wrong (")


NET = nn.MLP(2, [3, 1], seed=0)
BAD = [
    ({"net": [1, 2]}, TypeError, "diagnose takes a Module or a NeuralNetwork, got [1, 2]"),
    ({"X": [[1.0], [2.0]]}, ValueError, "layers.0 takes 2 inputs, got 1"),
    ({"X": []}, ValueError, "diagnose takes at least one example in X, got none"),
    ({"X": 5}, TypeError, "diagnose takes a list, an array or a frame as X, got 5"),
    ({"X": [1.0, 2.0]}, ValueError, "got the number 1.0 as row 0"),
    ({"X": [["a", 1.0]], "y": [0]}, TypeError, "diagnose takes real numbers, got 'a'"),
    ({"y": [0]}, ValueError, "diagnose takes one target in y for each of 2 examples, got 1"),
    ({"loss": "mce"}, ValueError, "did you mean 'mse'?"),
    ({"loss": "hinge", "y": [0, 1]}, ValueError, "for 0 and 1 use 2*y - 1"),
    ({"optimizer": "adam"}, TypeError, "diagnose takes an optimiser or a learning rate as optimizer, got 'adam'"),
    ({"optimizer": -1.0}, ValueError, "SGD takes a positive number as lr, got -1.0"),
    ({"optimizer": SGD(nn.MLP(2, [1], seed=0))}, ValueError, "diagnose takes an optimiser of this network"),
    ({"history": 3.0}, TypeError, "diagnose takes a list of losses"),
    ({"history": {"val_loss": [1.0]}}, TypeError, "diagnose takes a list of losses"),
    ({"examples": 0}, ValueError, "diagnose takes a whole number from 1 as examples, got 0"),
    ({"examples": 1.5}, TypeError, "diagnose takes a whole number from 1 as examples, got 1.5"),
]


@pytest.mark.parametrize(("given", "kind", "message"), BAD, ids=[m[:50] for _, _, m in BAD])
def test_bad_input_is_refused_in_the_users_terms(given, kind, message):
    arguments = {"net": NET, "X": [[0.0, 1.0], [1.0, 0.0]], "y": [0, 1], **given}
    with pytest.raises(kind) as caught:
        diagnose(**arguments)
    assert message in str(caught.value)


def test_outputs_too_large_to_be_squared_are_told_of():
    huge = nn.MLP(2, [2, 1], init=nn.init.constant(1e100), seed=0)
    report = str(diagnose(huge, [[1.0, 0.0], [3.0, 0.0]], [0.0, 1.0], loss="mae"))
    assert "2e+100 ± 1e+100" in report
    assert "4e+200 ± 2e+200" in report

"""PyTorch in float64 has the same optimisers, schedules, clipping, layers and losses.

Updates from the same 100 recorded gradients agree to 1e-12 relative; gradients of every layer and loss to 1e-10 of the
sum of the absolute contributions.
"""

import math
import random

import pytest
import torch
from torch.nn import functional as F

import nn
from engine import Value, mean, partials, topological_order
from nn.updates import clipped_by_norm, clipped_by_value

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def contributions(root):
    """For each node the sum over its paths to the root of |product of partials|."""
    order = topological_order(root)
    size = dict.fromkeys(order, 0.0)
    size[root] = 1.0
    for v in reversed(order):
        if v.op is not None and size[v]:
            for a, p in zip(v.args, partials(v)):
                if isinstance(a, Value) and p:
                    size[a] += size[v] * abs(p)
    return size


def assert_same_gradients(loss, twin, pairs):
    """`pairs` of (Value, element of a tensor's gradient) after both backward."""
    sizes = contributions(loss)
    loss.backward()
    twin.backward()
    assert loss.data == pytest.approx(twin.item(), rel=1e-12, abs=1e-14)
    count = 0
    for value, gradient in pairs():
        assert abs(value.grad - gradient) <= 1e-10 * sizes.get(value, 0.0) + 1e-300
        count += 1
    assert count


def matching(values, tensor):
    """(Value, element of the gradient) of two matrices."""
    for row, gradients in zip(values, tensor.grad.tolist()):
        yield from zip(row, gradients)


# Optimisers ------------------------------------------------------------------------------------------------------------

OPTIMISERS = {
    "sgd": (lambda p: nn.SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "sgd, decay": (lambda p: nn.SGD(p, 0.1, weight_decay=0.03), lambda p: torch.optim.SGD(p, 0.1, weight_decay=0.03)),
    "momentum": (lambda p: nn.SGD(p, 0.1, momentum=0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "nesterov": (
        lambda p: nn.SGD(p, 0.1, momentum=0.8, nesterov=True, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.8, nesterov=True, weight_decay=0.01),
    ),
    "adagrad": (lambda p: nn.Adagrad(p, 0.1), lambda p: torch.optim.Adagrad(p, 0.1)),
    "adagrad, decay": (
        lambda p: nn.Adagrad(p, 0.1, epsilon=1e-3, weight_decay=0.1),
        lambda p: torch.optim.Adagrad(p, 0.1, eps=1e-3, weight_decay=0.1),
    ),
    "rmsprop": (lambda p: nn.RMSprop(p, 0.01), lambda p: torch.optim.RMSprop(p, 0.01)),
    "rmsprop, momentum": (
        lambda p: nn.RMSprop(p, 0.01, rho=0.9, momentum=0.5, weight_decay=0.1),
        lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9, momentum=0.5, weight_decay=0.1),
    ),
    "adam": (lambda p: nn.Adam(p, 0.05), lambda p: torch.optim.Adam(p, 0.05)),
    "adam, decay": (
        lambda p: nn.Adam(p, 0.05, 0.8, 0.99, 1e-4, 0.1),
        lambda p: torch.optim.Adam(p, 0.05, (0.8, 0.99), 1e-4, 0.1),
    ),
    "adamw": (lambda p: nn.AdamW(p, 0.05), lambda p: torch.optim.AdamW(p, 0.05)),
    "adamw, decay": (
        lambda p: nn.AdamW(p, 0.05, weight_decay=0.5),
        lambda p: torch.optim.AdamW(p, 0.05, weight_decay=0.5),
    ),
}


def far_apart(ours, theirs):
    """By how much parameters differ, relative to the parameter, or to 1 where it passes through 0."""
    return max(abs(a - b) / max(abs(b), 1.0) for a, b in zip(ours, theirs))


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_same_100_gradients_move_parameters_as_in_pytorch(name):
    rng = random.Random(name)
    start = [rng.uniform(-2, 2) for _ in range(20)]
    ours = [Value(x) for x in start]
    theirs = [torch.tensor(x, requires_grad=True) for x in start]
    our_optimiser, their_optimiser = OPTIMISERS[name][0](ours), OPTIMISERS[name][1](theirs)
    for _ in range(100):
        gradients = [rng.gauss(0.0, 10.0 ** rng.uniform(-3, 2)) for _ in start]
        for p, q, g in zip(ours, theirs, gradients):
            p.grad, q.grad = g, torch.tensor(g)
        our_optimiser.step()
        their_optimiser.step()
        assert far_apart([p.data for p in ours], [q.item() for q in theirs]) < 1e-12
    assert far_apart([p.data for p in ours], start) > 1e-3


@pytest.mark.parametrize("name", ["momentum", "adam", "rmsprop", "adagrad", "adamw"])
def test_another_hyperparameter_is_seen_by_the_comparison(name):
    rng = random.Random(name)
    ours, theirs = [Value(1.0)], [torch.tensor(1.0, requires_grad=True)]
    our_optimiser, their_optimiser = OPTIMISERS[name][0](ours), OPTIMISERS[name][1](theirs)
    our_optimiser.lr *= 1 + 1e-9
    for _ in range(100):
        g = rng.gauss(0.0, 1.0)
        ours[0].grad, theirs[0].grad = g, torch.tensor(g)
        our_optimiser.step()
        their_optimiser.step()
    assert far_apart([ours[0].data], [theirs[0].item()]) > 1e-12


SCHEDULES = {
    "step": (nn.schedules.step(7, 0.3), lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.3)),
    "cosine": (nn.schedules.cosine(49, 0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 49, 0.1)),
    "one_cycle": (
        nn.schedules.one_cycle(49, (0.3 * 50 - 1) / 49),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=50, cycle_momentum=False),
    ),
    "warmup": (
        nn.schedules.warmup(10, start=0.2),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.2, total_iters=10),
    ),
    "warmup, cosine": (
        nn.schedules.warmup(10, nn.schedules.cosine(39), start=0.2),
        lambda o: torch.optim.lr_scheduler.SequentialLR(
            o,
            [
                torch.optim.lr_scheduler.LinearLR(o, 0.2, total_iters=10),
                torch.optim.lr_scheduler.CosineAnnealingLR(o, 39),
            ],
            [10],
        ),
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter in")  # SequentialLR itself passes it
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_pytorchs(name):
    ours, make = SCHEDULES[name]
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = make(optimiser)
    for t in range(50):
        assert ours(float(t)) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-12, abs=1e-15), t
        optimiser.step()
        theirs.step()


@pytest.mark.parametrize("most", [0.1, 3.0, 1000.0])
def test_clipping_is_pytorchs(most):
    rng = random.Random(0)
    gradients = [rng.gauss(0, 5) for _ in range(30)]
    for ours, clip in (
        (clipped_by_norm, torch.nn.utils.clip_grad_norm_),
        (clipped_by_value, torch.nn.utils.clip_grad_value_),
    ):
        twin = torch.zeros(30, requires_grad=True)
        twin.grad = torch.tensor(gradients)
        clip([twin], most)
        assert ours(gradients, most) == pytest.approx(twin.grad.tolist(), rel=1e-12)


# Layers ----------------------------------------------------------------------------------------------------------------

ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": F.softplus,
    "silu": F.silu,
    "gelu": F.gelu,
}


def rows(rng, count, width):
    return [[rng.gauss(0, 1) for _ in range(width)] for _ in range(count)]


def dense(layer):
    twin = torch.nn.Linear(layer.nin, len(layer.neurons))
    with torch.no_grad():
        twin.weight.copy_(torch.tensor([[w.data for w in n.w] for n in layer.neurons]))
        twin.bias.copy_(torch.tensor([n.b.data for n in layer.neurons]))
    return twin


def dense_pairs(layer, twin):
    for n, ws, b in zip(layer.neurons, twin.weight.grad.tolist(), twin.bias.grad.tolist()):
        yield from zip(n.w, ws)
        yield n.b, b


def test_every_activation_is_compared():
    assert ACTIVATIONS.keys() == nn.ACTIVATIONS.keys()


@pytest.mark.parametrize("activation", nn.ACTIVATIONS)
def test_layers_of_every_activation_have_pytorchs_gradients(activation):
    rng = random.Random(activation)
    X = rows(rng, 7, 4)
    first, last = (
        nn.Layer(4, 5, activation=activation, init="normal", seed=1),
        nn.Layer(5, 3, activation=activation, seed=2),
    )
    twins = [dense(first), dense(last)]
    f = ACTIVATIONS[activation]
    inputs = [[Value(x) for x in row] for row in X]
    their_inputs = torch.tensor(X, requires_grad=True)
    loss = nn.mse([last(first(row)) for row in inputs], [[0.1, 0.2, 0.3]] * 7)
    twin = ((f(twins[1](f(twins[0](their_inputs)))) - torch.tensor([0.1, 0.2, 0.3])) ** 2).mean()

    def pairs():
        yield from dense_pairs(first, twins[0])
        yield from dense_pairs(last, twins[1])
        for ours, theirs in zip(inputs, their_inputs.grad.tolist()):
            yield from zip(ours, theirs)

    assert_same_gradients(loss, twin, pairs)


def test_a_gradient_wrong_by_one_in_a_hundred_million_is_seen():
    layer = nn.Layer(2, 1, activation="tanh", seed=0)
    twin = dense(layer)
    loss, theirs = square_of(layer([0.3, 0.4])), torch.tanh(twin(torch.tensor([0.3, 0.4]))).square().sum()
    with pytest.raises(AssertionError):
        assert_same_gradients(loss, theirs, lambda: [(v, g * (1 + 1e-8)) for v, g in dense_pairs(layer, twin)])


def square_of(v):
    return v * v


def test_layer_norm_has_pytorchs_gradients():
    rng = random.Random(3)
    X = rows(rng, 6, 5)
    ours, theirs = nn.LayerNorm(5), torch.nn.LayerNorm(5)
    for i in range(5):
        ours.gain[i].data, ours.bias[i].data = rng.gauss(1, 1), rng.gauss(0, 1)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor([g.data for g in ours.gain]))
        theirs.bias.copy_(torch.tensor([b.data for b in ours.bias]))
    inputs, their_inputs = [[Value(x) for x in row] for row in X], torch.tensor(X, requires_grad=True)
    wanted = rows(rng, 6, 5)
    loss = nn.mse([ours(row) for row in inputs], wanted)
    twin = ((theirs(their_inputs) - torch.tensor(wanted)) ** 2).mean()

    def pairs():
        yield from zip(ours.gain, theirs.weight.grad.tolist())
        yield from zip(ours.bias, theirs.bias.grad.tolist())
        for row, gradients in zip(inputs, their_inputs.grad.tolist()):
            yield from zip(row, gradients)

    assert_same_gradients(loss, twin, pairs)


def test_embeddings_have_pytorchs_gradients_where_rows_are_used_again():
    rng = random.Random(4)
    ours, theirs = nn.Embedding(6, 3, seed=0), torch.nn.Embedding(6, 3)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor([[v.data for v in row] for row in ours.weight]))
    X, wanted = [[0, 1, 1], [5, 0, 2], [3, 3, 3]], rows(rng, 3, 9)
    loss = nn.mse([ours(x) for x in X], wanted)
    twin = ((theirs(torch.tensor(X)).reshape(3, 9) - torch.tensor(wanted)) ** 2).mean()
    assert_same_gradients(loss, twin, lambda: matching(ours.weight, theirs.weight))


def test_dropout_scales_as_pytorchs_does():
    """The masks differ; what one does to an input does not: 0, or the input divided by what is kept."""
    ours = nn.Dropout(0.3, seed=0)
    x = Value(2.0)
    made = {y.data for y in ours([x] * 1000)}
    theirs = torch.nn.Dropout(0.3)(torch.full((1000,), 2.0))
    assert sorted(made) == pytest.approx(sorted(set(theirs.tolist())))
    ours.mask = [1.0, 0.0, 2.0]
    mean(ours([x, x, x])).backward()
    assert x.grad == 1.0


# Losses ----------------------------------------------------------------------------------------------------------------

CLASSES = torch.tensor([2, 0, 1, 1, 2, 0])
WEIGHTS = [0.5, 2.0, 1.0]
P = torch.softmax(torch.tensor(rows(random.Random(9), 6, 3)), 1)
SIGNS = torch.tensor([[1.0, -1.0, 1.0]] * 6)
HALF = torch.tensor([[0.0, 1.0, 0.25]] * 6)
LOSSES = {
    "mse": (nn.mse, P, lambda z: F.mse_loss(z, P)),
    "mae": (nn.mae, P, lambda z: F.l1_loss(z, P)),
    "huber": (nn.huber, P, lambda z: F.huber_loss(z, P)),
    "huber, delta": (lambda z, t: nn.huber(z, t, delta=0.3), P, lambda z: F.huber_loss(z, P, delta=0.3)),
    "binary_cross_entropy": (nn.binary_cross_entropy, HALF, lambda z: F.binary_cross_entropy_with_logits(z, HALF)),
    "binary_cross_entropy, weights": (
        lambda z, t: nn.binary_cross_entropy(z, t, class_weights=[1.0, 3.0]),
        HALF,
        lambda z: F.binary_cross_entropy_with_logits(z, HALF, pos_weight=torch.tensor(3.0)),
    ),
    "binary_cross_entropy, smoothing": (
        lambda z, t: nn.binary_cross_entropy(z, t, label_smoothing=0.2),
        HALF,
        lambda z: F.binary_cross_entropy_with_logits(z, HALF * 0.8 + 0.1),
    ),
    "cross_entropy": (nn.cross_entropy, CLASSES, lambda z: F.cross_entropy(z, CLASSES)),
    "cross_entropy, probabilities": (nn.cross_entropy, P, lambda z: F.cross_entropy(z, P)),
    "cross_entropy, smoothing": (
        lambda z, t: nn.cross_entropy(z, t, label_smoothing=0.1),
        CLASSES,
        lambda z: F.cross_entropy(z, CLASSES, label_smoothing=0.1),
    ),
    "cross_entropy, weights": (
        lambda z, t: nn.cross_entropy(z, t, class_weights=WEIGHTS),
        CLASSES,
        lambda z: F.cross_entropy(z, CLASSES, torch.tensor(WEIGHTS), reduction="sum") / 6,
    ),
    "cross_entropy, both": (
        lambda z, t: nn.cross_entropy(z, t, class_weights=WEIGHTS, label_smoothing=0.1),
        CLASSES,
        lambda z: F.cross_entropy(z, CLASSES, torch.tensor(WEIGHTS), label_smoothing=0.1, reduction="sum") / 6,
    ),
    "hinge": (nn.hinge, SIGNS, lambda z: torch.relu(1 - SIGNS * z).mean()),
    "kl_divergence": (
        nn.kl_divergence,
        P,
        lambda z: F.kl_div(torch.log_softmax(z, 1), P, reduction="batchmean"),
    ),
}


def test_every_loss_is_compared():
    assert {name.partition(",")[0] for name in LOSSES} == nn.LOSSES.keys()


@pytest.mark.parametrize("name", LOSSES)
def test_losses_have_pytorchs_values_and_gradients(name):
    ours, targets, theirs = LOSSES[name]
    rng = random.Random(name)
    numbers = [[rng.gauss(0, 2) for _ in range(3)] for _ in range(6)]
    values, tensor = [[Value(x) for x in row] for row in numbers], torch.tensor(numbers, requires_grad=True)
    loss, twin = ours(values, targets.tolist()), theirs(tensor)
    assert_same_gradients(loss, twin, lambda: matching(values, tensor))


def test_fit_trains_as_pytorch_does():
    """20 epochs of mini-batches, Adam with a schedule and an l2 penalty: the same losses and parameters."""
    rng = random.Random(0)
    X = rows(rng, 20, 3)
    y = [int(a > b) for a, b, _ in X]
    net = nn.MLP(3, [6, 2], activation="tanh", seed=0)
    twins = [dense(layer) for layer in net.layers]
    optimiser = torch.optim.Adam([p for t in twins for p in t.parameters()], lr=0.05)
    schedule = nn.schedules.cosine(20)
    orders, losses = [], []

    class Record:
        def on_batch_end(self, trainer):
            if trainer.update == 1:
                orders.append(list(trainer._run.order))

    history = nn.fit(net, X, y, loss="cross_entropy", optimizer=nn.Adam(net, lr=0.05), epochs=20, batch_size=8,
                     schedule=schedule, penalty=nn.l2(0.001), callbacks=Record(), seed=0, progress=False)  # fmt: skip
    for epoch, order in enumerate(orders):
        summed = 0.0
        for k in range(3):
            batch = order[8 * k : 8 * k + 8]
            optimiser.param_groups[0]["lr"] = 0.05 * schedule(epoch + k / 3)
            optimiser.zero_grad()
            z = twins[1](torch.tanh(twins[0](torch.tensor([X[i] for i in batch]))))
            loss = F.cross_entropy(z, torch.tensor([y[i] for i in batch]))
            (loss + 0.001 * sum((t.weight**2).sum() for t in twins)).backward()
            optimiser.step()
            summed += loss.item() * len(batch)
        losses.append(summed / 20)
    assert history["loss"] == pytest.approx(losses, rel=1e-9)
    for layer, twin in zip(net.layers, twins):
        for n, ws in zip(layer.neurons, twin.weight.tolist()):
            assert [w.data for w in n.w] == pytest.approx(ws, rel=1e-8, abs=1e-10)
    assert math.isfinite(losses[-1])
    assert losses[-1] < losses[0]

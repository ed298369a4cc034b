"""Sequential, Dropout, LayerNorm, Embedding, modes, penalties, schedules and the table of a network."""

import copy
import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
import nn
from engine import Value, gradients
from nn.penalties import is_bias

numbers = st.lists(st.floats(-100, 100), min_size=2, max_size=8)


# Dropout ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_rate_and_keeps_the_mean(rate):
    # 20,000 draws: the count is within 4 standard deviations of its mean with probability 0.99994; the seed is fixed.
    made = [y.data for y in nn.Dropout(rate, seed=1)([Value(1.0)] * 20_000)]
    dropped = made.count(0.0)
    spread = math.sqrt(20_000 * rate * (1 - rate))
    assert abs(dropped - 20_000 * rate) < 4 * spread
    assert set(made) == {0.0, 1.0 / (1.0 - rate)}
    assert abs(statistics.fmean(made) - 1.0) < 4 * spread / 20_000 / (1 - rate)


def test_a_scale_that_is_not_inverted_would_be_seen():
    dropout = nn.Dropout(0.5, seed=1)
    dropout.mask = [float(m > 0) for m in dropout.draw(20_000)]
    assert abs(statistics.fmean([y.data for y in dropout([Value(1.0)] * 20_000)]) - 1.0) > 0.4


def test_dropout_hands_on_in_evaluation_and_at_rate_0():
    dropout, x = nn.Dropout(0.5, seed=0), [Value(1.0), Value(2.0)]
    assert dropout.eval()(x) is x
    assert nn.Dropout(0.0, seed=0)(x) is x
    assert dropout(x[0]) is x[0]


def test_dropout_draws_the_same_masks_from_the_same_seed_and_new_ones_at_each_call():
    first, again = nn.Dropout(0.5, seed=3), nn.Dropout(0.5, seed=3)
    masks = [[first.draw(20) for _ in range(3)], [again.draw(20) for _ in range(3)]]
    assert masks[0] == masks[1]
    assert masks[0][0] != masks[0][1]
    assert isinstance(nn.Dropout().seed, int)


def test_no_gradient_flows_through_what_was_dropped():
    dropout, x = nn.Dropout(0.5, seed=0), [Value(1.0) for _ in range(50)]
    out = dropout(x)
    engine.total(out).backward()
    assert [v.grad for v in x] == [y.data for y in out]


def test_a_mask_is_an_input_so_that_a_recorded_network_holds_for_other_masks():
    net = nn.Sequential(nn.Layer(2, 3, seed=0), nn.Dropout(0.5, seed=0), nn.Layer(3, 1, activation="identity", seed=1))
    mask = [Value(2.0), Value(0.0), Value(2.0)]
    net[1].mask = mask
    y = net([0.3, -0.7])
    net[1].mask = [0.0, 2.0, 2.0]
    assert engine.replay(y, dict(zip(mask, net[1].mask))) == net([0.3, -0.7]).data
    net[1].mask = [1.0]
    with pytest.raises(ValueError, match="Dropout takes a mask as long as its inputs, 3, got 1"):
        net([0.3, -0.7])


# LayerNorm, Embedding ----------------------------------------------------------------------------------------------------


@given(numbers)
def test_layer_norm_gives_mean_0_and_variance_1(xs):
    layer = nn.LayerNorm(len(xs), epsilon=1e-12)
    out = [y.data for y in layer(xs)]
    variance = statistics.pvariance(xs)
    if variance > 1e-3:
        assert abs(statistics.fmean(out)) < 1e-9
        assert statistics.pvariance(out) == pytest.approx(1.0, rel=1e-6)
    assert all(map(math.isfinite, out))


@given(numbers, st.floats(0.5, 10.0), st.floats(-10.0, 10.0))
def test_layer_norm_does_not_see_scale_and_shift(xs, scale, shift):
    layer = nn.LayerNorm(len(xs), epsilon=1e-12)
    if statistics.pvariance(xs) > 1.0:
        moved = [y.data for y in layer([scale * x + shift for x in xs])]
        assert moved == pytest.approx([y.data for y in layer(xs)], rel=1e-6, abs=1e-7)


def test_layer_norm_of_equal_inputs_is_its_bias_with_finite_gradients():
    layer, x = nn.LayerNorm(3), [Value(5.0) for _ in range(3)]
    out = layer(x)
    assert [y.data for y in out] == [0.0] * 3
    (out[0] * out[0] + out[1]).backward()
    assert all(math.isfinite(v.grad) for v in [*x, *layer.parameters()])


def test_an_embedding_is_its_rows_and_only_those_that_are_used_get_gradients():
    letters = nn.Embedding(5, 2, seed=0)
    out = letters([3, 1, 3])
    assert out[0] is letters.weight[3][0]
    assert [v.data for v in out] == [v.data for i in (3, 1, 3) for v in letters.weight[i]]
    engine.total(out).backward()
    assert [row[0].grad for row in letters.weight] == [0.0, 1.0, 0.0, 2.0, 0.0]
    assert letters(2.0) == letters.weight[2]
    assert letters(2.0) is not letters.weight[2]
    assert letters.parameter_count == 10


def test_embeddings_learn_in_fit():
    net = nn.Sequential(nn.Embedding(6, 3, seed=0), nn.Layer(6, 2, activation="identity", seed=1))
    pairs = [[a, b] for a in range(6) for b in range(6)]
    history = nn.fit(net, pairs, [int(a % 2 == b % 2) for a, b in pairs], loss="cross_entropy", epochs=60, metrics="accuracy",
                     optimizer=lambda m: nn.Adam(m, lr=0.03), batch_size=6, seed=0, progress=False)  # fmt: skip
    assert history["loss"][-1] < history["loss"][0]
    assert net[0].parameter_count == 18


# Sequential, modes ---------------------------------------------------------------------------------------------------------


def net():
    return nn.Sequential(
        nn.Layer(2, 3, seed=0), nn.LayerNorm(3), nn.Dropout(0.5, seed=1), nn.Layer(3, 2, activation="identity", seed=2),
        engine.softmax,
    )  # fmt: skip


def test_sequential_is_its_layers_one_after_another():
    model = net().eval()
    x = [0.5, -1.0]
    for layer in model:
        x = layer(x)
    assert [v.data for v in model([0.5, -1.0])] == [v.data for v in x]
    assert sum(v.data for v in x) == pytest.approx(1.0)
    assert len(model) == 5
    assert model[3].nin == 3
    assert [path for path, _ in model.named_parameters()][:1] == ["layers.0.neurons.0.w.0"]
    assert nn.Sequential([nn.Layer(2, 1)]).layers[0].nin == 2


def test_modes_reach_every_module_and_survive_copies():
    model = net()
    assert model.training
    assert model.eval() is model
    assert not any(m.training for _, m in model.named_modules())
    twin = copy.deepcopy(model)
    assert not twin.layers[2].training
    assert model.train() is model
    assert all(m.training for _, m in model.named_modules())
    assert not twin.training


def test_a_whole_network_is_differentiable_twice():
    model = net().eval()
    x = [Value(0.5), Value(-1.0)]
    (first,) = gradients(model(x)[0], x[:1])
    (second,) = gradients(first, x[:1])
    step = 1e-5
    slope = [
        gradients(model([v, x[1]])[0], [v])[0].data for v in (Value(0.5 + step), Value(0.5 - step))
    ]  # fmt: skip
    assert second.data == pytest.approx((slope[0] - slope[1]) / (2 * step), rel=1e-5)


# Penalties, schedules ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "bias"),
    [("b", True), ("layers.0.neurons.3.b", True), ("bias.2", True), ("gain.0", True), ("layers.1.biases.0", True),
     ("w.0", False), ("layers.0.weight.1.2", False), ("blob", False), ("b.scale", False)],
)  # fmt: skip
def test_biases_are_known_by_name(path, bias):
    assert is_bias(path) is bias


def test_a_penalty_is_the_sum_over_the_weights():
    model = nn.Layer(2, 3, seed=0)
    model.b = [7.0, 7.0, 7.0]
    weights = [w.data for n in model.neurons for w in n.w]
    assert nn.l1(0.5)(model).data == pytest.approx(0.5 * sum(map(abs, weights)), rel=1e-15)
    assert nn.l2(0.5)(model).data == pytest.approx(0.5 * sum(w * w for w in weights), rel=1e-15)
    assert nn.l2(0.5, biases=True)(model).data == pytest.approx(0.5 * (sum(w * w for w in weights) + 147), rel=1e-15)
    assert repr(nn.l1(0.5, biases=True)) == "l1(0.5, biases=True)"


@pytest.mark.parametrize("name", nn.SCHEDULES)
def test_schedules_stay_between_0_and_1_and_are_pure(name):
    schedule = nn.SCHEDULES[name](30.0)
    times = [random.Random(0).uniform(0, 40) for _ in range(200)]
    assert all(0.0 <= schedule(t) <= 1.0 for t in times)
    assert [schedule(t) for t in times] == [schedule(t) for t in times]


def test_known_points_of_schedules():
    s = nn.schedules
    assert [s.step(2, 0.5)(t) for t in (0.0, 1.999, 2.0, 3.5, 4.0)] == [1.0, 1.0, 0.5, 0.5, 0.25]
    assert [s.step(10, 0.1)(e + k / 7) for e in (9, 10) for k in (0, 6)] == [1.0, 1.0, 0.1, 0.1]
    assert [s.cosine(4, 0.5)(t) for t in (0, 2, 4, 9)] == [1.0, 0.75, 0.5, 0.5]
    assert s.one_cycle(10, 0.2, 0.1, 0.0)(0.0) == pytest.approx(0.1)
    assert s.one_cycle(10, 0.2, 0.1, 0.0)(2.0) == 1.0
    assert s.one_cycle(10, 0.2, 0.1, 0.0)(10.0) == 0.0
    assert [s.warmup(2, s.step(1, 0.5), start=0.5)(t) for t in (0, 1, 2, 3)] == [0.5, 0.75, 1.0, 0.5]


# The table ---------------------------------------------------------------------------------------------------------------


def test_the_table_counts_every_parameter_once_and_names_what_is_frozen():
    model = net()
    model[0].trainable = False
    table = str(nn.summary(model))
    counts = [int(line.rsplit(None, 1)[1].replace(",", "")) for line in table.splitlines()[4:-2]]
    assert sum(counts) == model.parameter_count == 23
    assert table.endswith("23 parameters, 14 of them trainable")
    assert "layers.1    LayerNorm(3)" in table
    assert table.count("(3,)") == 3


def test_the_table_of_ones_own_modules():
    class Scaled(nn.Module):
        def __init__(self):
            self.scale = Value(2.0)
            self.inner = nn.MLP(2, [1000, 1], seed=0)
            self.again = self.inner

    table = str(nn.summary(Scaled())).splitlines()
    assert [line.split()[0] for line in table[4:-2]] == ["–", "inner.layers.0", "inner.layers.1"]
    assert table[4].split()[-1] == "1"
    assert table[5].split()[-1] == "3,000"
    assert repr(nn.summary(nn.NeuralNetwork([2, 1]))).splitlines()[0] == "NeuralNetwork"
    with pytest.raises(TypeError, match="summary takes a Module or a NeuralNetwork, got 3"):
        nn.summary(3)


# Activation ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", nn.ACTIVATIONS)
def test_an_activation_as_a_step_is_the_activation_inside_a_layer(name):
    inside = nn.Layer(3, 4, activation=name, seed=0)
    apart = nn.Sequential(nn.Layer(3, 4, activation="identity", init="zeros", seed=0), nn.Activation(name))
    for p, q in zip(apart.parameters(), inside.parameters()):
        p.data = q.data
    x = [0.5, -1.0, 2.0]
    ours, theirs = apart(x), inside(x)
    assert [y.data for y in ours] == [y.data for y in theirs]
    nn.mse(ours, [0.0] * 4).backward()
    nn.mse(theirs, [0.0] * 4).backward()
    assert [p.grad for p in apart.parameters()] == [q.grad for q in inside.parameters()]


def test_an_activation_of_one_value_alone_is_one_value():
    x = Value(-2.0)
    assert nn.Activation("leaky_relu")(x).data == -0.02
    assert nn.Activation("identity")(x) is x
    assert [y.data for y in nn.Activation("relu")((1.0, -1.0))] == [1.0, 0.0]
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        nn.Activation("Relu")


def test_an_activation_is_saved_and_stands_in_the_table(tmp_path):
    net = nn.Sequential(nn.Layer(2, 3, activation="identity", seed=0), nn.LayerNorm(3), nn.Activation("silu"))
    nn.save(tmp_path / "net", net)
    twin = nn.load(tmp_path / "net")
    assert [y.data for y in twin([1.0, 2.0])] == [y.data for y in net([1.0, 2.0])]
    assert "Activation('silu')" in nn.summary(net)

"""Where the first number that is not finite came from, and what the diagnosis says of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_diagnosis import CLASSES, NUMBERS, X2, log_loss, only, train, with_biases

import nn
from engine import Value, exp, log, partials, sqrt, topological_order
from nn import SGD, diagnose
from nn.diagnosis.first_nan import cut_out, origin


def test_the_first_nan_of_a_loss_is_named_with_its_line_and_drawn():
    net = with_biases(nn.MLP(2, [4, 1], seed=0), 0, 4)
    found = only(diagnose(net, X2, CLASSES, loss=log_loss), "not finite")
    assert found.message.startswith("log in the loss gave -inf for 0 (")
    assert "test_diagnosis.py:" in found.message
    assert "logits" in found.remedy
    assert found.node.op.name == "log" and found.node.data == -math.inf
    svg = found.picture.svg
    assert svg.startswith("<svg") and "∞" in svg and "ln(" in svg


def test_an_infinite_partial_of_finite_values_is_named_and_drawn():
    net = nn.MLP(2, [4, 1], init="zeros", seed=0)
    found = only(diagnose(net, X2, CLASSES, loss=lambda z, t: sqrt(z * z)), "not finite")
    assert found.message.startswith("sqrt in the loss has the partial inf to its argument 1 at 0")
    assert "∞" in found.picture.svg


def test_a_value_that_overflows_in_a_layer_is_named_by_its_path():
    net = nn.MLP(2, [4, 1], init=lambda rng, inputs, outputs: 1e200, seed=0)
    found = only(diagnose(net, X2, CLASSES), "not finite")
    assert found.layer == "layers.1" and "dot in layers.1.neurons.0 gave inf" in found.message
    assert "test_first_nan.py" not in found.message  # the line is not in the user's code


def test_a_gradient_that_overflows_between_finite_partials_is_named():
    net = nn.MLP(1, [1], init=lambda *_: 1e-300, seed=0)
    found = only(diagnose(net, [[1.0]], [0.0], loss=lambda z, t: (z * 1e200) * 1e200), "not finite")
    assert found.message.startswith("mul in the loss passes back the gradient inf: a partial times 1e+200 overflows")


def test_the_picture_of_a_wide_neuron_shows_the_broken_weight_and_few_others():
    net = nn.MLP(64, [4, 1], seed=0)
    net.layers[0].neurons[2].w[40].data = math.nan
    found = only(diagnose(net, [[0.1 * k for k in range(64)]], [1]), "not finite")
    leaves = [v for v in topological_order(found.node) if v.op is None]
    assert len(leaves) == 5 and leaves[-1].label == "others"
    assert [v.label for v in leaves if math.isnan(v.data)] == ["l0.n2.w[40]"]
    assert math.isfinite(leaves[-1].data)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_broken_weight_is_named_by_its_path_and_drawn(number):
    net = nn.MLP(2, [4, 1], seed=0)
    net.layers[0].neurons[1].w[0].data = number
    found = only(diagnose(net, X2, CLASSES), "not finite")
    assert (
        found.layer == "layers.0" and "1 of 17 parameters are not finite, first layers.0.neurons.1.w.0" in found.message
    )
    assert "l0.n1.w[0]" in found.picture.svg


def test_a_broken_weight_that_relu_hides_is_named_too():
    net = nn.MLP(1, [2, 1], seed=0)
    net.layers[0].neurons[1].b.data = -math.inf
    found = only(diagnose(net, [[1.0], [2.0]], [0, 1]), "not finite")
    assert "first layers.0.neurons.1.b = -inf" in found.message


def test_broken_examples_are_named_and_left_out():
    X, y = [list(x) for x in X2], list(NUMBERS)
    X[3][1], X[7][0], y[9] = math.nan, math.inf, math.nan
    diagnosis = diagnose(nn.MLP(2, [4, 1], seed=0), X, y, loss="mse")
    assert [f.message for f in diagnosis] == [
        "2 of 60 rows of X are not finite: row 3 has nan",
        "1 of 60 rows of y are not finite: row 9 has nan",
    ]
    assert "57 of 60 examples" in diagnosis.about and len(diagnosis.layers) == 2
    assert diagnose(nn.MLP(1, [1], seed=0), [[math.nan]], [0.0]).kinds == ["not finite"]


def test_the_origin_of_a_diverged_run_is_its_weights():
    net = nn.MLP(2, [8, 1], seed=0)
    train(net, X2, NUMBERS, "mse", SGD(net, lr=100.0), 30)
    found = only(diagnose(net, X2, NUMBERS), "not finite")
    assert "parameters are not finite" in found.message and "ten times smaller" in found.remedy


@given(
    st.lists(st.sampled_from(["log", "exp", "sqrt", "neg", "square", "sub"]), min_size=1, max_size=12), st.floats(-3, 3)
)
def test_what_comes_before_the_origin_is_finite(names, start):
    v = x = Value(start)
    for name in names:
        v = v - 1.0 if name == "sub" else getattr(v, name)()
    v.backward()
    first = origin(v)
    finite = all(math.isfinite(n.data) for n in topological_order(v))
    if first is None:
        assert finite and math.isfinite(x.grad)
    elif first.what == "value":
        assert not math.isfinite(first.node.data)
        assert all(math.isfinite(a.data) for a in first.node.args if isinstance(a, Value))
    else:
        assert finite and not math.isfinite(first.number) and math.isfinite(first.node.grad)


def test_an_origin_at_the_end_of_a_long_chain_is_found_and_cut_out():
    v = Value(0.0)
    for _ in range(100_000):
        v = v + 0.0
    bad = log(v)
    assert origin(bad * 2.0).node is bad
    assert len(topological_order(cut_out(bad, {}))) == 5


def numbers_of(v):
    return [a.data if isinstance(a, Value) else a for a in v.args]


def test_a_cut_out_has_the_same_operands_and_partials():
    y = exp(nn.MLP(3, [4, 1], seed=0)([0.1, -0.2, 0.7]))
    part = cut_out(y, {})
    old, new = y, part
    for _ in range(2):
        assert new is not old and new.op is old.op and new.data == old.data
        assert numbers_of(new) == numbers_of(old) and partials(new) == partials(old)
        old, new = old.args[0], new.args[0]


def test_a_wide_sum_is_cut_down_to_its_largest_products_and_keeps_its_value():
    net = nn.Neuron(50, nonlin=False, seed=0)
    y = net([math.sin(k) for k in range(50)])
    part = cut_out(y, {})
    assert part.data == pytest.approx(y.data, rel=1e-12)
    kept, others = part.args[:4], part.args[-1]
    products = sorted([abs(w.data * math.sin(k)) for k, w in enumerate(net.w)], reverse=True)
    assert sorted([abs(w.data * x) for w, x in zip(kept, numbers_of(part)[4:8])], reverse=True) == products[:4]
    assert others.label == "others" and len(topological_order(part)) == 6

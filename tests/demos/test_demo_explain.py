"""The demo that takes one digit apart: paths that sum to the logit, and a close-up with the same numbers."""

import argparse
import random
import re

import pytest

import nn
from demos import explain
from demos.explain import close_up, taken_apart
from engine import no_grad

RNG = random.Random(0)
IMAGE = [RNG.choice([0.0, 0.25, 0.5, 1.0]) for _ in range(64)]


@pytest.fixture
def net():
    net = nn.MLP(64, [16, 10], seed=3)
    for layer in net.layers:
        for k, neuron in enumerate(layer.neurons):
            neuron.b.data = 0.1 * k - 0.4
    return net


def logits(net):
    with no_grad():
        return [z.data for z in net(IMAGE)]


def assert_nothing_is_missing(net, digit, paths, biases):
    assert sum(p.product for p in paths) + biases == pytest.approx(logits(net)[digit], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("digit", range(10))
def test_paths_and_biases_sum_to_the_logit(net, digit):
    paths, biases = taken_apart(net, IMAGE, digit)
    assert_nothing_is_missing(net, digit, paths, biases)
    sizes = [abs(p.product) for p in paths]
    assert sizes == sorted(sizes, reverse=True)
    assert len({(p.pixel, p.neuron) for p in paths}) == len(paths)


def test_a_path_that_is_left_out_is_noticed(net):
    paths, biases = taken_apart(net, IMAGE, 4)
    for short in (paths[1:], [p for p in paths if p.product > 0.0]):
        with pytest.raises(AssertionError):
            assert_nothing_is_missing(net, 4, short, biases)


def test_the_product_along_a_path_is_pixel_times_weight_times_weight(net):
    with no_grad():
        hidden = [h.data for h in net.layers[0](IMAGE)]
    paths, _ = taken_apart(net, IMAGE, 7)
    for product, pixel, k in paths:
        first, last = net.layers[0].neurons[k].w[pixel].data, net.layers[1].neurons[7].w[k].data
        assert product == pytest.approx(IMAGE[pixel] * first * last, rel=1e-12)
        assert hidden[k] > 0.0
    lit, awake = sum(x > 0.0 for x in IMAGE), sum(h > 0.0 for h in hidden)
    assert len(paths) == lit * awake > 100


def test_the_close_up_has_the_same_logit_and_the_same_products(net):
    paths, _ = taken_apart(net, IMAGE, 2)
    z, pixels = close_up(net, IMAGE, 2, paths[:7])
    assert z.data == pytest.approx(logits(net)[2], rel=1e-12)
    z.backward()
    light = next(iter(pixels.values())).args[0]
    assert light.label == "light"
    assert light.grad == pytest.approx(sum(p.product for p in paths[:7]), rel=1e-12)
    for k, pixel in pixels.items():
        assert pixel.grad * IMAGE[k] == pytest.approx(sum(p.product for p in paths[:7] if p.pixel == k), rel=1e-12)
        assert pixel.label == f"p{k // 8}{k % 8}"


@pytest.mark.usefixtures("empty_pages")
def test_a_run_prints_the_chain_rule_of_the_largest_paths(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(explain, "backend", lambda: "eager")
    assert explain.run(argparse.Namespace(epochs=1, seed=0, quick=True, out=str(tmp_path))) == 0
    text = capsys.readouterr().out
    number = r"([−-]?[\d.]+(?:e[−-]?\d+)?)"
    logit = re.search(rf"its logit is z = {number}\.$", text, re.M)
    added = re.search(rf"(\d+) paths from pixels add {number}, the biases {number}\.", text)
    assert float(logit[1]) == pytest.approx(float(added[2]) + float(added[3]), abs=2e-3 * abs(float(logit[1])))
    lines = re.findall(rf"^dz/dp\d\d = (dz/ds\d+·∂s\d+/∂p\d\d) = {number}·\(?{number}\)? = {number}$", text, re.M)
    assert lines
    for _, adjoint, local, product in lines:
        a, b, c = (float(x.replace("−", "-")) for x in (adjoint, local, product))
        assert a * b == pytest.approx(c, rel=2e-3)
    assert "dz/dlight = dz/dp" in text
    networks = re.search(r"by the network ([\d.]+)%, by logistic regression ([\d.]+)%", text)
    assert float(networks[1]) > 75.0
    assert {path.name for path in tmp_path.iterdir()} == {"explain.svg", "explain.png"}

"""What the plots show is what the engine computed, in the project's colours, on white."""

import math
import sys

import matplotlib as mpl
import pytest
from test_diagnosis import CLASSES, NUMBERS, X2, with_biases

import nn
from engine import TABLE, Value, partials
from nn import Module, canvas
from nn.diagnosis.observation import observation

mpl.use("agg")
from matplotlib import pyplot
from matplotlib.colors import to_hex


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


ROWS = [a for a in nn.ACTIVATIONS if a != "softmax"]


def every_plot(net, **more):
    return [
        ("plot_activation", lambda ax=None: nn.plot_activation("gelu", ax)),
        ("plot_gradient_flow", lambda ax=None: nn.plot_gradient_flow(net, X2, CLASSES, ax=ax)),
        ("plot_weights", lambda ax=None: nn.plot_weights(net, ax=ax)),
        ("plot_saliency", lambda ax=None: nn.plot_saliency(net, X2[0], ax=ax)),
    ]


NET = nn.MLP(2, [4, 3, 1], seed=3)


# Activations ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROWS)
def test_an_activation_and_its_derivative_are_those_of_its_row(name):
    ax = nn.plot_activation(name)
    value, *pieces = [line for line in ax.get_lines() if len(line.get_xdata()) > 2]
    xs = list(value.get_xdata())
    assert (xs[0], xs[-1], len(xs)) == (-4.0, 4.0, 401)
    assert list(value.get_ydata()) == [TABLE[name](float(x)) for x in xs]
    checked = 0
    for piece in pieces:
        sign = 1.0 if to_hex(piece.get_color()) == canvas.POSITIVE else -1.0
        for x, p in zip(piece.get_xdata(), piece.get_ydata()):
            if p == p and x != 0.0:
                assert p == partials(TABLE[name](Value(x)))[0]
                assert p * sign >= 0.0
                checked += 1
    assert checked == 400
    assert {to_hex(p.get_color()) for p in pieces} <= {canvas.POSITIVE, canvas.NEGATIVE}


@pytest.mark.parametrize("name", ROWS)
def test_the_drawn_derivative_is_the_slope_of_the_drawn_value(name):
    ax = nn.plot_activation(name)
    value, *pieces = [line for line in ax.get_lines() if len(line.get_xdata()) > 2]
    xs, ys = value.get_xdata(), value.get_ydata()
    slopes = {x: p for piece in pieces for x, p in zip(piece.get_xdata(), piece.get_ydata()) if p == p}
    for k in range(1, 400):
        if abs(xs[k]) > 0.03:  # a kink
            assert slopes[xs[k]] == pytest.approx((ys[k + 1] - ys[k - 1]) / (xs[k + 1] - xs[k - 1]), abs=2e-4)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "selu"])
def test_a_derivative_that_jumps_is_drawn_in_two_pieces(name):
    ys = list(nn.plot_activation(name).get_lines()[3].get_ydata())
    gap = [k for k, p in enumerate(ys) if math.isnan(p)]
    assert gap == [201] and len(ys) == 402


def test_the_legend_prints_the_rows_own_formula():
    texts = [t.get_text() for t in nn.plot_activation("tanh").get_legend().get_texts()]
    assert texts == ["y = tanh(x)", "dy/dx = sech²(x)"]
    texts = [t.get_text() for t in nn.plot_activation("silu").get_legend().get_texts()]
    assert texts == ["y = silu(x)", "dy/dx = σ(x) + y · σ(−x)", "where it is negative"]


# Gradient flow -------------------------------------------------------------------------------------------------------


def test_gradient_flow_draws_each_layers_gradient_and_the_factors_between():
    net = nn.MLP(2, [6, 6, 1], activation="sigmoid", seed=0)
    ax = nn.plot_gradient_flow(net, X2, NUMBERS, loss="mse")
    expected = [layer.gradient for layer in observation(net, X2, NUMBERS, nn.mse).layers]
    assert list(ax.get_lines()[0].get_ydata()) == expected
    assert ax.get_yscale() == "log"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["layers.0", "layers.1", "layers.2"]
    factors = [f"×{expected[k] / expected[k + 1]:.2g}" for k in range(2)]
    assert [t.get_text() for t in ax.texts] == factors
    assert [len(c.get_offsets()) for c in ax.collections] == [60, 60, 60]


def test_layers_that_no_gradient_reaches_are_crossed_out():
    ax = nn.plot_gradient_flow(with_biases(nn.MLP(2, [4, 4, 1], seed=0), 1, 4), X2, CLASSES)
    line, crosses = ax.get_lines()
    assert [math.isnan(g) for g in line.get_ydata()] == [True, True, False]
    assert list(crosses.get_xdata()) == [0, 1] and to_hex(crosses.get_color()) == canvas.NEGATIVE
    assert [t.get_text() for t in ax.texts] == ["0", "0"]


def test_a_network_whose_gradients_are_all_zero_can_be_drawn():
    net = nn.MLP(2, [1], init="zeros", seed=0)
    ax = nn.plot_gradient_flow(net, X2, [0.0] * len(X2), loss="mse")
    assert list(ax.get_lines()[1].get_xdata()) == [0]
    ax.figure.canvas.draw()


# Activations of units ------------------------------------------------------------------------------------------------


def test_histograms_count_every_output_and_cross_out_dead_units():
    net = with_biases(nn.MLP(2, [4, 4, 1], seed=3), 1, 2)
    axes = nn.plot_activations(net, X2)
    assert [ax.get_title(loc="left") for ax in axes] == ["layers.0: relu", "layers.1: relu", "layers.2: identity"]
    layers = observation(net, X2, NUMBERS, nn.mse).layers
    for ax, layer in zip(axes, layers):
        shades = ax.get_images()[0].get_array()
        for j, unit in enumerate(layer.units):
            assert sum(float(s[j]) ** 2 for s in shades) == pytest.approx(1.0)
            low, high = ax.get_images()[0].get_extent()[2:]
            top = max(k for k in range(len(shades)) if shades[k][j] > 0)
            assert low + (high - low) * top / len(shades) <= max(unit.outputs) + 1e-12
            assert max(unit.outputs) <= low + (high - low) * (top + 1) / len(shades) + 1e-12
        crosses = [line for line in ax.get_lines() if line.get_marker() == "x"]
        assert [list(c.get_xdata()) for c in crosses] == [layer.dead]
    assert layers[1].dead[:2] == [0, 1]
    assert f"{len(layers[1].dead)} of 4 units dead" in axes[1].get_xlabel()


# Weights and saliency ------------------------------------------------------------------------------------------------


def test_weights_are_drawn_as_one_matrix_or_as_images():
    net = nn.MLP(9, [5, 2], seed=0)
    images = nn.plot_weights(net).get_images()[0].get_array()
    weights = [[w.data for w in n.w] for n in net.layers[0].neurons]
    columns = (images.shape[1] + 1) // 4
    for k, ws in enumerate(weights):
        top, left = k // columns * 4, k % columns * 4
        assert [float(x) for row in images[top : top + 3, left : left + 3] for x in row] == ws
    assert images.mask.sum() == images.size - 45  # what is between the images is left out
    matrix = nn.plot_weights(net, "layers.1").get_images()[0]
    assert matrix.get_array().tolist() == [[w.data for w in n.w] for n in net.layers[1].neurons]
    low, high = matrix.get_clim()
    assert low == -high == -max(abs(w.data) for n in net.layers[1].neurons for w in n.w)
    assert nn.plot_weights(net, -1).get_title(loc="left") == "Weights of layers.1"
    assert nn.plot_weights(net, shape=(1, 9)).get_xlabel() == "5 neurons, 1 × 9 inputs each"


def test_the_colours_are_blue_for_positive_and_orange_for_negative():
    image = nn.plot_weights(nn.MLP(2, [2], seed=0)).get_images()[0]
    colour = {x: to_hex(image.cmap(image.norm(x * image.get_clim()[1]))) for x in (-1.0, 0.0, 1.0)}
    assert colour[-1.0] == "#a84300" and colour[1.0] == "#0a5ea8"
    assert all(v >= 0.98 for v in image.cmap(0.5)[:3])


def test_saliency_is_the_slope_of_the_output_by_each_input():
    net = nn.MLP(3, [5, 2], activation="tanh", seed=1)
    x = [0.3, -0.2, 0.9]
    bars = nn.plot_saliency(net, x, output=1).patches
    for k, bar in enumerate(bars):
        ends = [net([e + h * (j == k) for j, e in enumerate(x)])[1].data for h in (1e-6, -1e-6)]
        assert bar.get_width() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)
        assert to_hex(bar.get_facecolor()) == (canvas.POSITIVE if bar.get_width() >= 0 else canvas.NEGATIVE)
    best = max((0, 1), key=lambda k: net(x)[k].data)
    assert nn.plot_saliency(net, x).get_title(loc="left") == f"Saliency: doutput[{best}]/dinput"


def test_saliency_of_an_image_surrounds_its_bright_half():
    net = nn.MLP(9, [1], seed=0)
    ax = nn.plot_saliency(net, [0, 0, 0, 0, 1, 0, 0, 0, 0])
    weights = [w.data for w in net.layers[0].neurons[0].w]
    assert [x for row in ax.get_images()[0].get_array().tolist() for x in row] == weights
    (line,) = ax.collections
    corners = {tuple(p) for segment in line.get_segments() for p in segment}
    assert corners == {(0.5, 0.5), (1.5, 0.5), (0.5, 1.5), (1.5, 1.5)}


# All of them ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", range(4))
def test_a_plot_draws_into_the_axes_it_is_given_and_opens_no_figure(k):
    _, plot = every_plot(NET)[k]
    figure, ax = pyplot.subplots()
    assert plot(ax) is ax
    assert pyplot.get_fignums() == [figure.number]


@pytest.mark.parametrize("k", range(4))
def test_a_plot_of_its_own_is_white_and_can_be_saved(k, tmp_path):
    name, plot = every_plot(NET)[k]
    ax = plot()
    assert to_hex(ax.figure.get_facecolor()) == to_hex(ax.get_facecolor()) == "#ffffff"
    ax.figure.savefig(tmp_path / f"{name}.png")
    data = (tmp_path / f"{name}.png").read_bytes()
    assert data.startswith(b"\x89PNG") and len(data) > 5000


def test_a_dark_style_of_the_user_does_not_darken_the_plots():
    with pyplot.style.context("dark_background"):
        for _, plot in every_plot(NET):
            ax = plot()
            assert to_hex(ax.figure.get_facecolor()) == to_hex(ax.get_facecolor()) == "#ffffff"
            assert to_hex(ax.xaxis.label.get_color()) != "#ffffff"


@pytest.mark.parametrize("k", range(4))
def test_without_matplotlib_the_message_says_how_to_install_it(k, monkeypatch):
    name, plot = every_plot(NET)[k]
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        ImportError, match=rf"{name} takes matplotlib to draw; pip install -e .\.\[plots\]. in the folder of chainrule$"
    ):
        plot()
    with pytest.raises(ImportError, match="plot_activations takes matplotlib"):
        nn.plot_activations(NET, X2)


def test_the_network_stays_as_it_is():
    net = nn.Sequential(nn.Layer(2, 4, seed=0), nn.Dropout(0.5, seed=1), nn.Layer(4, 1, nonlin=False, seed=2))
    nn.mse(net([1.0, 2.0]), 0.0).backward()
    before = net.state(), [p.grad for p in net.parameters()]
    for _, plot in every_plot(net):
        plot()
    nn.plot_activations(net, X2)
    assert (net.state(), [p.grad for p in net.parameters()]) == before
    assert all(m.training for _, m in net.named_modules())


def test_a_neural_network_is_taken_as_its_model():
    network = nn.NeuralNetwork([2, 4, 1], seed=1)
    ax = nn.plot_gradient_flow(network, X2, CLASSES)
    assert len(ax.get_xticks()) == 2
    assert len(nn.plot_activations(network, X2)) == 2
    for plot in (lambda: nn.plot_weights(network), lambda: nn.plot_saliency(network, X2[0])):
        assert plot().get_title(loc="left")


class Bare(Module):
    def __init__(self):
        self.w = Value(1.0)

    def forward(self, x):
        return self.w * x[0]


BROKEN = nn.MLP(2, [2, 1], init=lambda *_: 1e200, seed=0)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: nn.plot_activation("rleu"), ValueError, "did you mean 'relu'?"),
        (lambda: nn.plot_activation("softmax"), ValueError, "plot_activation takes one of identity, relu"),
        (lambda: nn.plot_activation("relu", low=1.0, high=1.0), ValueError, "takes low below high, both finite"),
        (lambda: nn.plot_activation("relu", ax=3), TypeError, "plot_activation takes matplotlib Axes as ax, got 3"),
        (lambda: nn.plot_gradient_flow([1], X2, CLASSES), TypeError, "plot_gradient_flow takes a Module or a Neural"),
        (lambda: nn.plot_gradient_flow(NET, X2, [1]), ValueError, "one target in y for each of 60 examples, got 1"),
        (lambda: nn.plot_gradient_flow(BROKEN, X2, CLASSES), ValueError, "nn.diagnose tells where not"),
        (lambda: nn.plot_activations(Bare(), X2), ValueError, "with Neurons or activations, got Bare without"),
        (lambda: nn.plot_activations(NET, []), ValueError, "plot_activations takes at least one example in X"),
        (lambda: nn.plot_activations(NET, X2, axes=[1]), ValueError, "one Axes a layer, 3, got 1"),
        (lambda: nn.plot_weights(NET, 3), ValueError, "a layer from 0 to 2, or one of layers.0, layers.1, layers.2"),
        (lambda: nn.plot_weights(NET, True), ValueError, "got True"),
        (lambda: nn.plot_weights(Bare()), ValueError, "plot_weights takes a network with Layers, got Bare"),
        (lambda: nn.plot_weights(NET, shape=(2, 2)), ValueError, "(height, width) as shape, 2 pixels in all"),
        (lambda: nn.plot_saliency(NET, [1.0]), ValueError, "layers.0 takes 2 inputs, got 1"),
        (lambda: nn.plot_saliency(NET, [1.0, math.nan]), ValueError, "plot_saliency takes finite numbers"),
        (lambda: nn.plot_saliency(NET, X2[0], output=1), ValueError, "a whole number from 0 to 0 as output, got 1"),
    ],
)
def test_bad_input_is_refused_in_the_users_terms(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)


def test_a_unit_that_puts_out_one_large_number_has_a_histogram():
    flat = nn.MLP(2, [1], init="zeros", seed=0)
    flat.layers[0].neurons[0].b.data = 1e200
    (ax,) = nn.plot_activations(flat, X2)
    low, high = ax.get_ylim()
    assert low < 1e200 < high
    pyplot.close(ax.figure)

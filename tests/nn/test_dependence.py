"""A gradient that is lost is noticed: by the layer that gets a number for a Value, and by `fit` on its first batch.

What is right is mathematics: a parameter that no path of the graph leads to has the derivative 0 whatever its data.
"""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
import nn
from engine import Value, grad

X = [[0.5, 1.0], [0.25, -1.0], [2.0, 0.75]]
Y = [0.0, 1.0, 1.0]
BACKENDS = ["eager", "jit", "auto"]


def trained(net, backend="eager", **options):
    given = {"loss": "mse", "epochs": 2, "seed": 0, "progress": False, "backend": backend, "batch_size": 2, **options}
    return nn.fit(net, X, Y, **given)


class Blocks(nn.Module):
    """Layers in a row, of which some cut the graph in front of them, and some are passed by."""

    def __init__(self, cut=(), passed=(), count=3):
        self.blocks = [nn.Layer(2, 2, activation="tanh", seed=k) for k in range(count)]
        self.last = nn.Neuron(2, activation="identity", seed=9)
        self._cut, self._passed = cut, passed

    def forward(self, x):
        for k, block in enumerate(self.blocks):
            if k in self._cut:
                x = [v.detach() if isinstance(v, Value) else v for v in x]
            if k not in self._passed:
                x = block(x)
        return self.last(x)


# Activations ---------------------------------------------------------------------------------------------------------

NUMBERS = {
    "math.tanh": (math.tanh, "got .* from tanh, .*use engine.tanh"),
    "np.where at 0": (lambda z: np.where(z > 1e9, z, 0.0), "got .*engine.where for np.where"),
    "a constant": (lambda z: 0.0, "got 0.0 from <lambda>"),
    "a list": (lambda z: [z], "got .* from <lambda>"),
    "None": (lambda z: None, "got None from <lambda>"),
    "an array": (lambda z: np.array([z, z]), "got array"),
    "a bool": (lambda z: bool(z > 0), "got .* from <lambda>"),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "call",
    [
        lambda f: nn.Neuron(2, activation=f, seed=0)([1.0, 2.0]),
        lambda f: nn.Layer(2, 3, activation=f, seed=0)([1.0, 2.0]),
        lambda f: nn.MLP(2, [3, 1], activation=f, seed=0)([1.0, 2.0]),
        lambda f: nn.Activation(f)([Value(1.0)]),
        lambda f: nn.Activation(f)(Value(1.0)),
        lambda f: trained(nn.MLP(2, [3, 1], activation=f, seed=0)),
        lambda f: trained(nn.MLP(2, [3, 1], activation=f, seed=0), "jit"),
        lambda f: nn.NeuralNetwork([2, 3, 1], activation=f, seed=0).train(X, Y, epochs=1),
        lambda f: nn.NeuralNetwork([2, 1], output=f, loss="mse", seed=0).train(X, Y, epochs=1),
    ],
)
def test_an_activation_that_returns_no_value_is_refused(name, call):
    function, message = NUMBERS[name]
    with pytest.raises(
        TypeError, match="activation takes a function that returns a Value for a Value, (?s:" + message + ")"
    ):
        call(function)


def test_a_value_that_numpy_boxed_is_the_value():
    net = nn.Neuron(1, activation=lambda z: np.where(z > 0.0, z, 0.0 * z), init=lambda rng, nin, nout: 2.0, seed=0)
    assert grad(lambda n: n([3.0]))(net).state() == {"w.0": 3.0, "b": 1.0}
    net.b.data = -7.0
    assert grad(lambda n: n([3.0]))(net).state() == {"w.0": 0.0, "b": 0.0}


# What a loss depends on ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize(
    ("loss", "error"),
    [
        (lambda o, t: Value((float(o) - t) ** 2), ValueError),
        (lambda o, t: (o.detach() - t) ** 2, ValueError),
        (lambda o, t: Value(0.0) * o.data, ValueError),
        (lambda o, t: (float(o) - t) ** 2, TypeError),
    ],
)
def test_a_loss_that_depends_on_no_parameter_is_refused(loss, error, backend):
    net = nn.MLP(2, [3, 1], seed=0)
    before = net.state()
    with pytest.raises(error, match="fit takes a loss that (depends on the parameters, got one that depends on none of the 13|returns)"):  # fmt: skip
        trained(net, backend, loss=loss)
    assert net.state() == before


def test_the_same_loss_is_refused_where_it_is_compiled():
    with pytest.raises(ValueError, match="fit takes"):
        trained(nn.MLP(2, [3, 1], seed=0), "jit", loss=lambda o, t: (o.detach() - t) ** 2)
    with pytest.raises(ValueError, match=r"fit takes .* float\(\)"):
        trained(nn.MLP(2, [3, 1], seed=0), "jit", loss=lambda o, t: Value((float(o) - t) ** 2))


@pytest.mark.parametrize("backend", BACKENDS)
def test_modules_that_a_loss_leaves_out_are_named(backend):
    with pytest.warns(
        RuntimeWarning, match=r"fit trains blocks.0 \(6 parameters\), blocks.1 \(6 parameters\), on which"
    ):
        trained(Blocks(cut={2}), backend)


def test_attributes_that_a_loss_leaves_out_are_named():
    class Line(nn.Module):
        def __init__(self):
            self.w, self.b = [Value(1.0), Value(2.0)], Value(0.0)

        def forward(self, x):
            return engine.dot(self.w, x, self.b.data)

    with pytest.warns(RuntimeWarning, match=r"fit trains b \(1 parameter\), on which the loss of the first batch"):
        trained(Line())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "make",
    [
        lambda: Blocks(),
        lambda: nn.MLP(2, [3, 1], init=lambda rng, nin, nout: 0.0, seed=0),  # a relu that is dead on all examples
        lambda: nn.Sequential(nn.Layer(2, 2, seed=0), nn.Dropout(0.9, seed=0), nn.Neuron(2, seed=0)),
        lambda: nn.Sequential(lambda x: [0.0, 1.0], nn.Embedding(9, 2, seed=0), nn.Layer(4, 1, seed=0)),
    ],
)
def test_dead_units_dropped_ones_and_unused_rows_are_no_fault(make, backend):
    trained(make(), backend)  # warnings are errors


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_frozen_is_no_fault(backend):
    net = Blocks(cut={2})
    for block in net.blocks[:2]:
        block.trainable = False
    trained(net, backend)
    for parameters in ([*net.blocks[2].parameters(), *net.last.parameters()], net.last, [net.last.b]):
        trained(net, backend, optimizer=nn.SGD(parameters))
    net.trainable = False
    trained(net, backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_first_batch_is_asked_once(backend, monkeypatch):
    asked = []
    monkeypatch.setattr(nn.training.run, "check_dependence", lambda *args: asked.append(args))
    trained(nn.MLP(2, [3, 1], seed=0), backend, epochs=3)
    assert len(asked) == 1


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 4)), st.sets(st.integers(0, 4)), st.sets(st.integers(0, 4)))
def test_exactly_what_no_gradient_reaches_is_named(cut, passed, frozen):
    net = Blocks(cut, passed, count=5)
    for k in frozen:
        net.blocks[k].trainable = False
    behind = max(cut, default=0)  # what is behind the last cut is reached
    lost = [k for k in range(5) if (k < behind or k in passed) and k not in frozen]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trained(net, epochs=1)
    said = [str(w.message) for w in caught]
    named = ", ".join([f"blocks.{k} (6 parameters)" for k in lost])
    assert len(said) == bool(lost)
    assert not lost or said[0].startswith(f"fit trains {named}, on which")


# Optimisers and penalties --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("of", [lambda net: nn.MLP(2, [3, 1], seed=0), lambda net: [Value(0.0)], lambda net: [net.layers[1].neurons[0].b, Value(0.0)]])  # fmt: skip
@pytest.mark.parametrize("given", ["made", "makes"])
def test_an_optimiser_of_other_parameters_is_refused(of, given, backend):
    net = nn.MLP(2, [3, 1], seed=0)
    optimizer = nn.SGD(of(net)) if given == "made" else lambda n: nn.SGD(of(n))
    with pytest.raises(ValueError, match="fit takes an optimizer of the net's own parameters, got SGD.* of others"):
        trained(net, backend, optimizer=optimizer)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_optimiser_of_some_parameters_freezes_the_others(backend):
    net = nn.MLP(2, [3, 1], seed=0)
    before = net.state()
    trained(net, backend, optimizer=lambda n: nn.SGD(n.layers[1], lr=0.5))
    moved = [path for path, x in net.state().items() if x != before[path]]
    assert moved
    assert all(path.startswith("layers.1") for path in moved)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("penalty", "error", "message"),
    [
        (lambda n: 0.1 * sum(p.data**2 for p in n.parameters()), TypeError, "a penalty that returns a Value, got"),
        (lambda n: Value(0.1), ValueError, "a penalty that depends on the parameters, got one that is constant"),
        (lambda n: Value(0.1) * 2.0, ValueError, "a penalty that depends on the parameters, got one that is constant"),
    ],
)
def test_a_penalty_that_depends_on_no_parameter_is_refused(penalty, error, message, backend):
    with pytest.raises(error, match=f"fit takes {message}"):
        trained(nn.MLP(2, [3, 1], seed=0), backend, penalty=[nn.l2(0.1), penalty])
    trained(nn.MLP(2, [1], seed=0), backend, penalty=nn.l2(0.0))


# What a diagnosis and the estimators say -----------------------------------------------------------------------------


def test_a_diagnosis_names_what_the_loss_does_not_depend_on():
    for loss in (lambda o, t: (float(o) - t) ** 2, lambda o, t: (o.detach() - t) ** 2):
        (found,) = nn.diagnose(nn.MLP(2, [3, 1], seed=0), X, Y, loss=loss)
        assert (found.kind, found.layer, found.figure) == ("no gradient", "", 13.0)
    diagnosis = nn.diagnose(Blocks(cut={2}), X, Y, loss="mse")
    assert [(f.kind, f.layer) for f in diagnosis] == [("no gradient", "blocks.0"), ("no gradient", "blocks.1")]
    assert "on none of the 6 parameters of blocks.0" in str(diagnosis)
    frozen = Blocks(cut={2})
    for block in frozen.blocks[:2]:
        block.trainable = False
    assert "no gradient" not in nn.diagnose(frozen, X, Y, loss="mse").kinds
    net = Blocks(cut={2})
    some = nn.SGD([*net.blocks[2].parameters(), *net.last.parameters()], lr=1e-3)
    assert "no gradient" not in nn.diagnose(net, X, Y, loss="mse", optimizer=some).kinds


@pytest.mark.parametrize("backend", BACKENDS)
def test_estimators_notice_it_too(backend):
    from nn.sklearn import NetworkRegressor

    with pytest.raises(TypeError, match="activation takes a function that returns a Value"):
        NetworkRegressor((3,), activation=math.tanh, max_iter=1, backend=backend).fit(X, Y)

"""A `parameters()` that users write: what it says is what is trained, or is refused by name."""

import pytest
from test_structure import LINES, Line, Part, X

import nn
from engine import Value, grad, jit, value_and_grad


@pytest.mark.parametrize("cls", LINES)
def test_a_module_is_the_same_function_whatever_order_its_parameters_are_named_in(cls):
    line = cls()
    assert jit(lambda m: m(X))(line) == line(X).data == 25.0
    value, gradient = value_and_grad(lambda m: m(X))(line)
    assert (float(value), gradient.w.data, gradient.b.data) == (25.0, X, 1.0)
    assert jit(grad(lambda m: m(X)))(line).state() == {"w": X, "b": 1.0}
    assert line.state() == {"w": 2.0, "b": 5.0}
    assert nn.l2(1.0)(line).data == (2.0**2 if line.w in list(line.parameters()) else 0.0)  # b is a bias


@pytest.mark.parametrize("backend", ["eager", "jit"])
@pytest.mark.parametrize("cls", LINES)
@pytest.mark.parametrize("inside", [False, True])
def test_fit_moves_what_parameters_names_and_nothing_else(cls, backend, inside):
    line = cls()
    net = nn.Sequential(line) if inside else line
    nn.fit(net, [[X]], [0.0], loss=lambda o, t: o, optimizer=lambda n: nn.SGD(n, lr=0.5), epochs=1, seed=0, progress=False, backend=backend)  # fmt: skip
    trained = {id(p) for p in line.parameters()}  # once, however often it is named
    assert line.w.data == (2.0 - 0.5 * X if id(line.w) in trained else 2.0)
    assert line.b.data == 5.0 - 0.5


@pytest.mark.parametrize("cls", LINES)
def test_files_and_weights_hold_what_is_not_trained_too(cls, tmp_path):
    line, twin = cls(), cls(0.0, 0.0)
    nn.save(tmp_path / "line.safetensors", line)
    nn.load(tmp_path / "line.safetensors", into=twin)
    assert twin.state() == {"w": 2.0, "b": 5.0}
    again = cls(0.0, 0.0)
    again.set_weights(line.get_weights())
    assert again.state() == twin.state()
    left_out = 2 - len(set(line.parameters()))
    assert f"2 parameters, {2 - left_out} of them trainable" in nn.summary(line)
    line(X).backward()
    line.zero_grad()
    assert (line.w.grad, line.b.grad) == (0.0, 0.0)


def test_a_module_around_others_trains_what_these_name():
    shared = nn.Neuron(1, seed=0)

    class Half(nn.Module):
        def __init__(self):
            self.inner, self.own = shared, Value(1.0)

        def parameters(self):
            return [self.own]

    net = nn.Sequential(Part(), Half())
    assert [id(p) for p in net.parameters()] == [id(net[0].b), id(net[1].own)]
    assert net.parameter_count == 2 + 3
    both = nn.Sequential(Half(), shared)  # what another Module holds too, is trained
    assert len(both.parameters()) == 3


class Private(nn.Module):
    def __init__(self):
        self._w, self.b = Value(2.0), Value(5.0)

    def parameters(self):
        return [self._w, self.b]


class Late(nn.Module):
    def __init__(self):
        self.b = Value(5.0)

    def parameters(self):
        self.w = getattr(self, "w", None) or Value(2.0)
        return [self.w, self.b]


class Elsewhere(nn.Module):
    def __init__(self):
        self.b = Value(5.0)

    def parameters(self):
        return [Value(1.0), self.b]


class Numbers(Line):
    def parameters(self):
        return [self.w.data, self.b]


class Attribute(nn.Module):
    def __init__(self):
        self.w = Value(2.0)
        self.parameters = [self.w]


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Private, r"Private.parameters\(\) takes Values that .* hold, got Value\(data=2.0, grad=–\): .* name it w"),
        (Late, r"Late.parameters\(\) takes .*: the attribute w got it after __init__; make it there"),
        (Elsewhere, r"Elsewhere.parameters\(\) takes .* got Value\(data=1.0, grad=–\): keep it in an attribute"),
        (Numbers, r"Numbers.parameters\(\) takes a list of Values to return, got 2.0 in it"),
        (Attribute, "Attribute takes no attribute of the name parameters"),
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda m, path: nn.save(path, m),
        lambda m, path: m.state(),
        lambda m, path: m.load_state({}),
        lambda m, path: m.get_weights(),
        lambda m, path: m.set_weights([]),
        lambda m, path: nn.SGD(m),
        lambda m, path: nn.l2(1.0)(m),
        lambda m, path: nn.summary(m),
        lambda m, path: grad(lambda n: n.b)(m),
        lambda m, path: jit(lambda n: n.b)(m),
        lambda m, path: nn.fit(m, [X], [0.0], loss="mse", progress=False),
    ],
)
def test_what_parameters_names_and_no_attribute_holds_is_refused_by_name(cls, message, use, tmp_path):
    with pytest.raises((TypeError, ValueError), match=message):
        use(cls(), tmp_path / "net.safetensors")

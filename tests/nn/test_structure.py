"""Where the parameters of a Module may be, and what `parameters()` says: found, or refused by name, never dropped.

Right values are mathematics: a Module's answer and gradient are written out beside it.
"""

import collections
import copy
import dataclasses
import functools
import pickle
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from engine import Value, grad, jit, value_and_grad
from nn.structure import walk

X = 10.0


class Line(nn.Module):
    """w·x + b, which says itself what is trained, as micrograd's classes do."""

    def __init__(self, w=2.0, b=5.0):
        self.w, self.b = Value(w), Value(b)

    def forward(self, x):
        return self.w * (x[0] if isinstance(x, list) else x) + self.b

    def parameters(self):
        return [self.b, self.w]


class Part(Line):
    def parameters(self):
        return [self.b]


class Twice(Line):
    def parameters(self):
        return [self.w, self.b, self.w]


class Filtered(Line):
    def parameters(self):
        return [p for name, p in self.named_parameters() if name != "w"]


class Inherited(Line):
    def parameters(self):
        yield from reversed(super().parameters())


LINES = [Line, Part, Twice, Filtered, Inherited]


# Where parameters are ------------------------------------------------------------------------------------------------

Pair = collections.namedtuple("Pair", "w b")


@dataclasses.dataclass
class Record:
    w: object
    b: object


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    w: object
    b: object


class Plain:
    def __init__(self, w, b):
        self.w, self.b = w, b


def _objects(xs, shape=None):
    array = np.empty(len(xs), object)
    array[:] = xs
    return array if shape is None else array.reshape(shape)


# name: (how two things are held, how they are read)
HOLDERS = {
    "list": (lambda a, b: [a, b], lambda h: (h[0], h[1])),
    "tuple": (lambda a, b: (a, b), lambda h: (h[0], h[1])),
    "namedtuple": (Pair, lambda h: (h.w, h.b)),
    "dict": (lambda a, b: {"w": a, 3: b}, lambda h: (h["w"], h[3])),
    "OrderedDict": (lambda a, b: collections.OrderedDict(w=a, b=b), lambda h: (h["w"], h["b"])),
    "defaultdict": (lambda a, b: collections.defaultdict(list, w=a, b=b), lambda h: (h["w"], h["b"])),
    "mapping proxy": (lambda a, b: types.MappingProxyType({"w": a, "b": b}), lambda h: (h["w"], h["b"])),
    "dict's values": (lambda a, b: {"w": a, "b": b}.values(), tuple),
    "deque": (lambda a, b: collections.deque([a, b], maxlen=2), lambda h: (h[0], h[1])),
    "array": (lambda a, b: _objects([a, b]), lambda h: (h[0], h[1])),
    "matrix": (lambda a, b: _objects([a, b], (2, 1)), lambda h: (h[0, 0], h[1, 0])),
    "array of shape ()": (lambda a, b: (_objects([a], ()), b), lambda h: (h[0][()], h[1])),
    "dataclass": (Record, lambda h: (h.w, h.b)),
    "frozen dataclass with slots": (Slotted, lambda h: (h.w, h.b)),
    "object": (Plain, lambda h: (h.w, h.b)),
    "namespace": (lambda a, b: types.SimpleNamespace(w=a, b=b), lambda h: (h.w, h.b)),
}


class Two(nn.Module):
    def __init__(self, w, b):
        self.w, self.b = w, b


HOLDERS["Module"] = (Two, lambda h: (h.w, h.b))

shapes = st.recursive(
    st.integers(0, 5),  # which of the numbers below: what is drawn twice is shared
    lambda inner: st.tuples(st.sampled_from(sorted(HOLDERS)), inner, inner),
    max_leaves=6,
)
POOL = [2.0, 3.0, -1.5, 0.25, 7.0, -4.0]


def built(shape, pool):
    """What a shape describes, of Values from a pool."""
    return pool[shape] if isinstance(shape, int) else HOLDERS[shape[0]][0](*[built(s, pool) for s in shape[1:]])


def read(shape, held):
    """The Values of a shape, in order, those that are there twice too."""
    if isinstance(shape, int):
        return [held]
    parts = HOLDERS[shape[0]][1](held)
    return [v for s, part in zip(shape[1:], parts, strict=True) for v in read(s, part)]


class Sum(nn.Module):
    """x · Σ k·pₖ² over the k-th of the places where Values are, from 1; by another attribute, where `private` is so."""

    def __init__(self, shape, private=False, trained=None):
        self.held = built(shape, [Value(x) for x in POOL])
        self._same = [self.held]
        self._shape, self._private, self._trained = shape, private, trained

    def forward(self, x):
        (held,) = self._same if self._private else [self.held]
        return sum([k * p * p for k, p in enumerate(read(self._shape, held), 1)]) * x[0]


class Chosen(Sum):
    """One that says which of its numbers are trained: by their place in the pool, in any order, some perhaps twice."""

    def parameters(self):
        own = dict(zip(order(self._shape), [p for _, p in self.named_parameters()], strict=True))
        return [own[k] for k in self._trained if k in own]


def order(shape):
    """The numbers of a shape by their places in the pool, each once, in the order in which they are met."""
    return [shape] if isinstance(shape, int) else list(dict.fromkeys([k for s in shape[1:] for k in order(s)]))


def slopes(shape, pool=POOL):
    """The derivative by each number, by its place in the pool: at x = 1."""
    found = dict.fromkeys(order(shape), 0.0)
    for k, i in enumerate(read_places(shape), 1):
        found[i] += 2.0 * k * pool[i]
    return found


def read_places(shape):
    return [shape] if isinstance(shape, int) else [k for s in shape[1:] for k in read_places(s)]


@settings(max_examples=60)
@given(shapes, st.booleans())
def test_parameters_are_found_in_whatever_holds_them(shape, private):
    net, expected = Sum(shape, private), slopes(shape)
    pool = {i: POOL[i] for i in expected}
    assert sorted(net.state().values()) == sorted(pool.values())
    net([1.0]).backward()
    assert [p.grad for p in net.parameters()] == list(expected.values())
    net.zero_grad()
    assert [p.grad for p in net.parameters()] == [0.0] * len(expected)
    gradient = grad(lambda m: m([1.0]))(net)
    assert list(gradient.state().values()) == list(expected.values())
    assert net.state() == dict(zip(net.state(), pool.values(), strict=True))  # as it was
    assert nn.l1(1.0, biases=True)(net).data == pytest.approx(sum(map(abs, pool.values())))
    again = Sum(shape, private)
    again.load_state(dict.fromkeys(again.state(), 0.0))
    again.set_weights(net.get_weights())
    assert again.state() == net.state()
    copies = not any(name in str(shape) for name in ("mapping proxy", "dict's values"))  # Python itself copies no such
    for twin in (copy.deepcopy(net) if copies else net, net._flatten()[1](net._flatten()[0])):
        assert twin.state() == net.state()
        assert twin([1.0]).data == net([1.0]).data


@settings(max_examples=15, deadline=None)
@given(shapes, st.booleans())
def test_compiled_functions_find_the_same_parameters(shape, private):
    net, expected = Sum(shape, private), slopes(shape)
    assert jit(lambda m: m([1.0]))(net) == pytest.approx(net([1.0]).data, rel=1e-14)
    assert list(jit(grad(lambda m: m([1.0])))(net).state().values()) == pytest.approx(
        list(expected.values()), rel=1e-14
    )


@settings(max_examples=15, deadline=None)
@given(shapes, st.lists(st.integers(0, 5), min_size=1, max_size=8), st.sampled_from(["eager", "jit"]))
def test_fit_moves_what_is_named_wherever_it_is(shape, trained, backend):
    net, expected = Chosen(shape, trained=[*trained, order(shape)[0]]), slopes(shape)
    nn.fit(net, [[1.0]], [0.0], loss=lambda o, t: o, optimizer=lambda n: nn.SGD(n, lr=0.125), epochs=1, seed=0, progress=False, backend=backend)  # fmt: skip
    named = {*trained, order(shape)[0]}
    moved = {i: POOL[i] - (0.125 * g if i in named else 0.0) for i, g in expected.items()}
    assert list(net.state().values()) == list(moved.values())


@settings(max_examples=30)
@given(shapes)
def test_files_keep_what_is_held_in_whatever_way(tmp_path_factory, shape):
    path = tmp_path_factory.mktemp("files") / "net.safetensors"
    net, again = Sum(shape), Sum(shape)
    again.load_state(dict.fromkeys(again.state(), 0.0))
    nn.save(path, net)
    nn.load(path, into=again)
    assert again.state() == net.state()


class Rate:
    __slots__ = ("rate",)

    def __init__(self):
        self.rate = 2.0

    def __call__(self):
        return self.rate


SETTINGS = {
    "object": (lambda: types.SimpleNamespace(rate=2.0), lambda s: s.rate, lambda s: setattr(s, "rate", 3.0)),
    "callable with slots": (Rate, lambda s: s(), lambda s: setattr(s, "rate", 3.0)),
    "deque": (lambda: collections.deque([2.0]), lambda s: s[0], lambda s: s.__setitem__(0, 3.0)),
    "length of a deque": (lambda: collections.deque([0, 0]), len, lambda s: s.append(0)),
    "object in a list": (lambda: [Rate()], lambda s: s[0].rate, lambda s: setattr(s[0], "rate", 3.0)),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_compiled_function_sees_settings_wherever_they_are(name):
    make, read, change = SETTINGS[name]

    class Scaled(nn.Module):
        def __init__(self):
            self.w, self.setting = Value(5.0), make()

        def forward(self, x):
            return self.w * read(self.setting) * x

    net = Scaled()
    function = jit(lambda m: m(1.0))
    assert function(net) == 10.0
    change(net.setting)
    assert function(net) == net(1.0).data == 15.0


UNORDERED = {
    "set": lambda v: {v},
    "frozenset": lambda v: frozenset([v]),
    "key": lambda v: {v: 1.0},
    "key in a tuple": lambda v: {("w", v): 1.0},
    "set in a list": lambda v: [1.0, {v}],
    "set in an object": lambda v: types.SimpleNamespace(inside={v}),
}


@pytest.mark.parametrize("holder", UNORDERED)
@pytest.mark.parametrize("what", [lambda: Value(2.0), lambda: Two(Value(2.0), Value(5.0))])
@pytest.mark.parametrize(
    "use",
    [
        lambda m: m.parameters(),
        lambda m: m.zero_grad(),
        lambda m: m.state(),
        lambda m: nn.Adam(m),
        lambda m: grad(lambda n: Value(1.0))(m),
        lambda m: jit(lambda n: 1.0)(m),
        lambda m: m.get_weights(),
        lambda m: nn.summary(m),
    ],
)
def test_what_only_a_set_or_a_key_holds_is_refused(holder, what, use):
    class Holding(nn.Module):
        def __init__(self):
            self.held = UNORDERED[holder](what())

    with pytest.raises(TypeError, match="Holding takes parameters and Modules in .* in a set or a key at held.*list"):
        use(Holding())


def test_a_set_of_parameters_that_are_held_elsewhere_is_a_set_of_the_same_ones():
    class Halved(nn.Module):
        def __init__(self):
            self.ws = [Value(2.0), Value(3.0)]
            self.halved = {self.ws[1]}
            self.rates = {self.ws[0]: 4.0}

        def forward(self, x):
            return sum([w * (0.5 if w in self.halved else self.rates[w]) for w in self.ws]) * x[0]

    net = Halved()
    assert list(grad(lambda m: m([1.0]))(net).state().values()) == [4.0, 0.5]
    assert jit(lambda m: m([1.0]))(net) == net([1.0]).data == 2.0 * 4.0 + 3.0 * 0.5


def test_a_value_of_the_class_itself_is_refused():
    with pytest.raises(TypeError, match="Shared takes parameters that __init__ makes, got w in the class itself"):

        class Shared(nn.Module):
            w = Value(2.0)


def test_a_parameter_that_a_call_also_keeps_elsewhere_is_not_lost():
    class Keeps(nn.Module):
        def __init__(self):
            self.first, self.ws = None, [Value(2.0)]

        def forward(self, x):
            self.first = self.ws
            return self.ws[0] * x[0]

    net = Keeps()
    net([1.0])
    assert [path for path, _ in walk(net)] == ["", "ws.0"]


class Alone(nn.Module):
    """What reads a parameter of its own by another way than an attribute: each a function of x."""

    def __init__(self, way):
        w = self.w = Value(3.0)
        ws = [w]
        self.inner = Two(Value(1.0), Value(2.0))
        self._alias, self._rows = w, {"w": [w]}
        self.read = {
            "a private attribute": lambda m, x: m._alias * x,
            "a private container": lambda m, x: m._rows["w"][0] * x,
        }.get(way)
        self.call = {
            "a closure": lambda x: w * x,
            "a closure over the Module": lambda x: self.w * x,
            "a closure over a list": lambda x: ws[0] * x,
            "a default": lambda x, v=w: v * x,
            "a default by keyword": lambda x, *, v=w: v * x,
            "a method": self._product,
            "a partial": functools.partial(_product, w),
            "a partial by keyword": functools.partial(_product, y=w),
            "a partial of a method": functools.partial(self._product),
            "an object's method": types.MethodType(_of_object, types.SimpleNamespace(w=w)),
        }.get(way)
        self.calls = [lambda x: self.w * x]

    def _product(self, x):
        return self.w * x

    def forward(self, x):
        if self.read is not None:
            return self.read(self, x)
        return (self.call or self.calls[0])(x)


def _product(x, y):
    return x * y


def _of_object(self, x):
    return self.w * x


@pytest.mark.parametrize(
    "way",
    [
        "a private attribute", "a private container", "a closure", "a closure over the Module", "a closure over a list",
        "a default", "a default by keyword", "a method", "a partial", "a partial by keyword", "a partial of a method",
        "an object's method", "in a list",
    ],
)  # fmt: skip
def test_a_parameter_keeps_its_gradient_by_whatever_way_it_is_read(way):
    net = Alone(way)
    gradient = grad(lambda m: m(X))(net)
    assert gradient.state() == {"w": X, "inner.w": 0.0, "inner.b": 0.0}
    assert jit(grad(lambda m: m(X)))(net).w.data == X
    assert net(X).data == 3.0 * X  # the Module itself is as it was
    assert net.state() == {"w": 3.0, "inner.w": 1.0, "inner.b": 2.0}


@pytest.mark.parametrize(
    ("held", "names"),
    [
        (lambda: functools.partial(_product, Value(2.0)), ["held.args.0"]),
        (lambda: functools.partial(_product, y=Value(2.0)), ["held.keywords.y"]),
        (lambda: Two(Value(2.0), Value(5.0)).zero_grad, ["held.self.w", "held.self.b"]),
    ],
)
def test_parameters_of_partials_and_of_what_methods_are_bound_to_are_found(held, names):
    class Holding(nn.Module):
        def __init__(self):
            self.held = held()

    assert [name for name, _ in Holding().named_parameters()] == names
    assert list(Holding()._flatten()[1]([0.0] * len(names)).state().values()) == [0.0] * len(names)


class Slope(nn.Module):
    """A leaky relu whose slope is learnt."""

    def __init__(self):
        self.slope = Value(0.25)

    def forward(self, x):
        return x.relu() - self.slope * (-x).relu()


def test_a_module_as_activation_is_trained_with_the_net():
    net = nn.MLP(1, [1, 1], activation=Slope(), init=lambda rng, nin, nout: -2.0, seed=0)
    assert list(net.state()) == [
        "layers.0.neurons.0.activation.slope", "layers.0.neurons.0.w.0", "layers.0.neurons.0.b",
        "layers.1.neurons.0.w.0", "layers.1.neurons.0.b",
    ]  # fmt: skip
    # -2·a(-2·1), a(z) = slope·z below 0: 1 at slope 0.25; its derivative by the slope is -2·-2 = 4
    gradient = grad(lambda m: m([1.0]))(net)
    assert (net([1.0]).data, gradient.state()["layers.0.neurons.0.activation.slope"]) == (1.0, 4.0)
    assert jit(lambda m: m([1.0]))(net) == 1.0
    assert pickle.loads(pickle.dumps(net))([1.0]).data == 1.0


@dataclasses.dataclass
class Fields(nn.Module):
    w: Value
    b: Value

    def forward(self, x):
        return self.w * x + self.b


class Slots(nn.Module):
    __slots__ = ("__own", "b", "w")

    def __init__(self):
        self.w, self.b, self.__own = Value(2.0), Value(5.0), 3.0

    def forward(self, x):
        return self.w * x + self.b + 0.0 * self.__own


@pytest.mark.parametrize("make", [lambda: Fields(Value(2.0), Value(5.0)), Slots])
def test_modules_may_be_dataclasses_and_have_slots(make):
    net = nn.Sequential(make())
    assert sorted(net.state().values()) == [2.0, 5.0]
    assert jit(lambda m: m(X))(net) == float(value_and_grad(lambda m: m(X))(net)[0]) == 25.0
    assert sorted(grad(lambda m: m(X))(net).state().values()) == [1.0, X]
    assert "2 parameters" in nn.summary(net)
    assert sorted(float(a) for a in net.get_weights()) == [2.0, 5.0]


def test_weights_of_a_neuron_of_ones_own_are_all_there():
    class Scaled(nn.Neuron):
        def __init__(self):
            super().__init__(1, seed=0)
            self.gain = Value(3.0)

    net = nn.Sequential(Scaled())
    assert [np.shape(a) for a in net.get_weights()] == [(1, 1), (1,), ()]
    assert float(net.get_weights()[2]) == 3.0


def test_a_list_that_holds_one_parameter_twice_names_it_once():
    class Repeated(nn.Module):
        def __init__(self):
            p, q = Value(1.0), Value(2.0)
            self.ws = [p, q, p]
            self.more = [q, Value(3.0), q]

        def forward(self, x):
            return x

    net = Repeated()
    assert net.state() == {"ws.0": 1.0, "ws.1": 2.0, "more.1": 3.0}
    assert [p.data for p in net.parameters()] == [1.0, 2.0, 3.0]

"""A Module that is filled when it is first read: nobody can tell, but by the time it takes."""

import copy
import gc
import inspect
import pickle
import threading
import weakref
from dataclasses import dataclass, field

import pytest
from test_nn import Tied

import engine
import nn
from engine import Value, grad, jit, total, value_and_grad
from nn import MLP, Layer, Module, Neuron
from nn import deferred as room
from nn.deferred import _PENDING, _dict
from nn.pattern import Pattern


class Linked(Module):
    """Knows who holds it, is bound to itself, and has settings of all kinds."""

    rate = 0.1

    def __init__(self):
        self.size = 2
        self.net = MLP(2, [2, 1], activation="tanh", seed=0)
        self.net.parent = self
        self.act = self.shifted
        self.names = ["a", "b"]
        self.table = {"w": Value(1.0), "k": 3}
        self._kept = [self.table["w"]]

    def shifted(self, x):
        return x + self.table["w"]

    def forward(self, x):
        return self.act(self.net(x))


@dataclass(eq=True)
class Data(Module):
    net: Module = field(default_factory=lambda: MLP(2, [2, 1], seed=0))
    rate: float = 0.5

    def forward(self, x):
        return self.net(x)


class Slotted(Module):
    __slots__ = ("w",)

    def __init__(self):
        self.w = [Value(1.0), Value(2.0)]
        self.net = MLP(2, [1], seed=0)

    def forward(self, x):
        return engine.dot(self.w, x) + self.net(x)


class Delegating(Module):
    def __init__(self):
        self.net = MLP(2, [2, 1], seed=0)

    def __getattr__(self, name):
        return getattr(self.net, name)

    def forward(self, x):
        return self.net(x)


class Mixin:
    def described(self):
        return sorted(self.__dict__)


class Mixed(Mixin, Module):
    """Whose `__dict__` comes from another base."""

    def __init__(self):
        self.net = MLP(2, [2, 1], seed=0)

    def forward(self, x):
        return self.net(x)


class Stated(Module):
    def __init__(self):
        self.net = MLP(2, [2, 1], seed=0)

    def __getstate__(self):
        return {**object.__getstate__(self), "said": True}

    def forward(self, x):
        return self.net(x)


class Shadowing(Module):
    net = None

    def __init__(self):
        self.net = MLP(2, [2, 1], seed=0)

    def forward(self, x):
        return self.net(x)


def one(m):
    return total([p * p * p for p in m.parameters()]) + m([0.5, -1.0]) ** 2


def mlp():
    return MLP(2, [3, 2, 1], seed=0)


LATER = [
    mlp,
    lambda: MLP(2, [2, 1], seed=0).layers[0],
    Linked,
    Data,
    Tied,
    lambda: nn.Sequential(mlp(), nn.Dropout(0.5)).eval(),
]
AT_ONCE = [Slotted, Delegating, Mixed, Stated, Shadowing]
MAKERS = [*LATER, *AT_ONCE, lambda: Neuron(2, activation=lambda x: x * x, seed=0)]
NAMES = [getattr(make, "__name__", "") + str(k) for k, make in enumerate(MAKERS)]


def loss(m):
    return total([p * p * p for p in m.parameters()])


def is_pending(m):
    return _PENDING in _dict.__get__(m)


def seen(x, met=None):
    """What can be seen of a thing, at any depth, as text; who is who as well."""
    met = {} if met is None else met
    if id(x) in met and not isinstance(x, (int, float, str, bool, type(None))):
        return f"again {met[id(x)]}"
    met[id(x)] = len(met)
    if isinstance(x, Value):
        return f"{x!r} {x.op}"
    if isinstance(x, Module):
        return f"{type(x).__name__}({ {k: seen(y, met) for k, y in vars(x).items()} }, {[seen(getattr(x, 'w', None), met)]})"
    if isinstance(x, (list, tuple)):
        return f"{type(x)}{[seen(y, met) for y in x]}"
    if isinstance(x, dict):
        return f"{type(x)}{ {k: seen(y, met) for k, y in x.items()} }"
    if inspect.ismethod(x):
        return f"{x.__func__.__qualname__} of {seen(x.__self__, met)}"
    if isinstance(x, frozenset):
        return str(sorted(x))
    return repr(x) if isinstance(x, (int, float, str, type(None))) else type(x).__name__


READS = {
    "vars": lambda m: seen(m),
    "dict": lambda m: list(m.__dict__),
    "parameters": lambda m: [p.data for p in m.parameters()],
    "paths": lambda m: [k for k, _ in m.named_parameters()],
    "state": lambda m: m.state(),
    "repr": repr,
    "dir": dir,
    "members": lambda m: [k for k, _ in inspect.getmembers(m)],
    "static": lambda m: [seen(inspect.getattr_static(m, k)) for k in vars(m)],
    "missing": lambda m: (hasattr(m, "nope"), getattr(m, "nope", 5)),
    "modes": lambda m: (m.training, m.trainable, [x.training for _, x in m.named_modules()]),
    "copy": lambda m: seen(copy.copy(m)),
    "deep copy": lambda m: seen(copy.deepcopy(m)),
    "set": lambda m: (setattr(m, "more", 1), setattr(m, "training", False), seen(m)),
    "deleted": lambda m: (delattr(m, "net"), seen(m)),
    "deleted layers": lambda m: (delattr(m, "layers"), seen(m)),
    "deleted, not there": lambda m: delattr(m, "nope"),
    "type": lambda m: (type(m), m.__class__, isinstance(m, Module), m == 1, m != m),
    "state read": lambda m: seen(m.__getstate__()),
    "reduced": lambda m: [seen(x) for x in m.__reduce_ex__(2)[2:]],
    "called": lambda m: str(m([0.5, -1.0])),
    "flattened": lambda m: seen(m._flatten()[0]),
    "loaded": lambda m: (m.load_state(dict.fromkeys(m.state(), 1.0)), seen(m)),
    "weights": lambda m: [a.tolist() for a in m.get_weights()],
    "argument": lambda m: seen(jit(grad(loss))(m)),
    "mapped": lambda m: seen(engine.hvp(loss, (m,), (m,))),
    "frozen": lambda m: (setattr(m, "trainable", False), len(nn.module.frozen([m]))),
    "evaluated": lambda m: (m.eval().training, seen(m)),
    "attributes replaced": lambda m: (setattr(m, "__dict__", {"a": 1}), seen(m)),
    "graph": lambda m: (loss(m).backward(), seen(m)),
}  # fmt: skip


def outcome(read, m):
    try:
        return read(m)
    except Exception as e:
        return type(e), str(e)


@pytest.mark.parametrize("make", MAKERS, ids=NAMES)
def test_whatever_is_read_first_is_what_a_module_filled_at_once_shows(make, monkeypatch):
    model = make()
    step = jit(grad(loss))
    with monkeypatch.context() as m:
        m.setattr(room, "_passes_here", lambda kind, names: False)
        whole = jit(grad(loss))
        whole(model)
    assert is_pending(step(model)) == (make in LATER) and not is_pending(whole(model))
    assert len(step.compilations) == 1
    for name, read in READS.items():
        assert outcome(read, step(model)) == outcome(read, whole(model)), name


def test_what_a_net_is_made_of_is_known_and_what_is_more_is_not():
    models = [mlp(), Data(), Tied(), Delegating(), Linked(), Slotted()]
    assert [Pattern(m, m._flatten()[0])._template is None for m in models] == [True] * 4 + [False] * 2


@pytest.mark.parametrize("hook", ["__getstate__", "__delattr__"])
def test_a_way_of_reading_that_does_not_fill_is_caught(hook, monkeypatch):
    monkeypatch.setattr(room.Deferred, hook, getattr(object, hook))
    with pytest.raises(AssertionError):
        test_whatever_is_read_first_is_what_a_module_filled_at_once_shows(Data, monkeypatch)


@pytest.mark.parametrize("make", [mlp, Data, Tied])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_one_that_was_never_read_is_that_of_one_that_was(make, protocol):
    step, model = jit(grad(loss)), make()
    read = step(model)
    vars(read)
    unread = step(model)
    assert pickle.dumps(unread, protocol) == pickle.dumps(read, protocol)
    assert seen(pickle.loads(pickle.dumps(step(model), protocol))) == seen(read)


def test_what_was_set_before_anything_was_read_stays_in_its_place():
    gradient, other = (jit(grad(loss))(mlp()) for _ in range(2))
    vars(other)
    for m in (gradient, other):
        m.layers = m.layers[:1] if m is other else [Layer(2, 1, seed=0)]
        m.more = 3
    assert list(vars(gradient)) == list(vars(other)) and len(gradient.layers) == 1 and gradient.more == 3


def test_a_property_that_fails_says_so_in_its_words_and_nothing_is_missed():
    class Failing(Module):
        def __init__(self):
            self.net = mlp()

        @property
        def half(self):
            raise AttributeError("half of what?")

    gradient = jit(grad(loss))(Failing())
    assert is_pending(gradient)
    with pytest.raises(AttributeError, match=r"half of what\?"):
        _ = gradient.half
    with pytest.raises(AttributeError, match="'Failing' object has no attribute 'nope'") as found:
        _ = gradient.nope
    assert (found.value.name, found.value.obj) == ("nope", gradient)


def first_weight(m):
    return m.layers[0].neurons[0].w[0]


@pytest.mark.parametrize("mapped", [False, True])
def test_what_is_first_read_in_a_transform_or_a_trace_is_the_callers_there_too(mapped):
    step, rest = jit(grad(loss)), ()
    if mapped:
        step, rest = jit(engine.vmap(grad(lambda m, x: loss(m) * x), in_axes=(None, 0))), ([1.0, 2.0],)

    def weight(m):
        return first_weight(m)[1] if mapped else first_weight(m)

    read, unread = step(mlp(), *rest), step(mlp(), *rest)
    weight(read)
    for m in (read, unread):
        assert isinstance(grad(lambda x, m=m: x * weight(m))(2.0), Value)  # on which outer derivatives can go on
    m = step(mlp(), *rest)
    hidden = iter([m])  # where nothing looks before the trace
    traced = jit(lambda x: x * weight(next(hidden)))
    assert traced(2.0) == 2.0 * weight(m).data
    weight(m).data = 5.0
    assert traced(2.0) == 10.0


def test_leaves_as_young_as_their_reader_are_caught(monkeypatch):
    monkeypatch.setattr(room, "leaves_of_now", lambda: lambda numbers: list(map(Value, numbers)))
    with pytest.raises(AssertionError):
        test_what_is_first_read_in_a_transform_or_a_trace_is_the_callers_there_too(False)


def test_gradients_of_later_calls_and_changes_of_the_net_do_not_reach_an_earlier_one():
    net, step = mlp(), jit(value_and_grad(loss))
    first = step(net)[1]
    before = [3.0 * p.data**2 for p in net.parameters()]
    for p in net.parameters():
        p.data = 0.0
    net.eval()
    net.layers[0].extra = "text"
    step(net)
    net.layers.clear()
    assert [p.data for p in first.parameters()] == before
    assert first.training and not hasattr(first.layers[0], "extra") and len(first.layers) == 3


def test_threads_that_read_one_at_once_find_the_same_parameters():
    step, net = jit(grad(loss)), mlp()
    for _ in range(50):
        gradient, found, start = step(net), [], threading.Barrier(4)

        def work(gradient=gradient, found=found, start=start):
            start.wait()
            found.append(gradient.layers[0].neurons[0].w[0])

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(found) == 4 and len(set(map(id, found))) == 1


def test_gradients_are_freed_without_the_collector_read_or_not():
    step, net = jit(grad(loss)), mlp()
    step(net)
    gc.disable()
    try:
        read, unread = step(net), step(net)
        assert read.layers
        marks = [weakref.ref(read), weakref.ref(unread), weakref.ref(read.layers[0])]
        del read, unread
        assert [m() for m in marks] == [None] * 3
    finally:
        gc.enable()


def test_an_interruption_while_one_is_filled_leaves_it_whole(monkeypatch):
    gradient = jit(grad(loss))(mlp())

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(room.Pattern, "attributes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _ = gradient.layers
    assert len(gradient.layers) == 3

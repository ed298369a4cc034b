"""Networks go to PyTorch and back: outputs and gradients agree to 1e-10 of the sum of absolute contributions."""

import doctest
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
import nn
from engine import Value, partials, topological_order, total
from nn.activations import ELU, LeakyReLU, Softplus, TanhGELU
from nn.exchange import pytorch, torch_reader, torch_writer
from nn.weights import slots

torch.set_num_threads(1)

VARIANTS = [LeakyReLU(0.2), LeakyReLU(-0.5), ELU(0.3), Softplus(2.0, 20.0), Softplus(1.0, 20.0), TanhGELU()]
ACTIVATIONS = [*nn.ACTIVATIONS, "logsigmoid", *VARIANTS]
SLOPES = frozenset(nn.ACTIVATIONS) | {"logsigmoid"}


def function(activation):
    return engine.logsigmoid if activation == "logsigmoid" else activation


def slopes(v, sizes, floor):
    """|partial| of each argument, of what is multiplied the size of all that was added up to it.

    In each activation it is at least `floor`: PyTorch writes 1 - y² for tanh, y·(1 - y) for sigmoid, (1 + erf)/2 in
    gelu. Where these nearly cancel, what it adds up is 1, and not the small slope that is left.
    """
    found = [abs(p or 0.0) for p in partials(v)]
    args = [sizes[a] if isinstance(a, Value) else abs(a) for a in v.args]
    half = len(args) // 2
    if v.op.name == "mul":
        found = args[::-1]
    elif v.op.name == "dot":
        found = [*args[half : 2 * half], *args[:half], 1.0]
    elif v.op.name == "div":
        found[1] = args[0] / float(v.args[1]) ** 2
    elif v.op.name == "square":
        found = [2.0 * args[0]]
    elif v.op.name in SLOPES:
        found[0] = max(found[0], floor)
    return zip(v.args, found)


def sizes_of(root, floor):
    """(for each node the size of its value, and that of its gradient): sums of the absolute values of all products."""
    order = topological_order(root)
    sizes, gradients = {}, dict.fromkeys(order, 0.0)
    for v in order:
        parts = [] if v.op is None else [sizes[a] * p for a, p in slopes(v, sizes, floor) if isinstance(a, Value)]
        sizes[v] = max(abs(v.data), sum(parts))
    gradients[root] = 1.0
    for v in reversed(order):
        if v.op is not None:
            for a, p in slopes(v, sizes, floor):
                if isinstance(a, Value):
                    gradients[a] += gradients[v] * p
    return sizes, gradients


def their_gradients(twin):
    """In the order of ours."""
    found, seen = [], set()
    for m in twin.modules():
        for p in m._parameters.values():
            if p is not None and id(p) not in seen:
                seen.add(id(p))
                turned = p.grad.T if type(m) is torch.nn.Linear and p.dim() == 2 else p.grad
                found += turned.reshape(-1).tolist()
    return found


def assert_same(net, twin, X, whole=False, floor=0.0, tolerance=1e-10):
    """Of each output, and of the gradients of their weighted sum by parameters and inputs."""
    inputs = [x if whole else [Value(a) for a in x] for x in X]
    theirs = torch.tensor(X, dtype=torch.int64 if whole else torch.float64, requires_grad=not whole)
    their_outputs = twin(theirs)
    outputs = [net(x) for x in inputs]
    outputs = [out if isinstance(out, list) else [out] for out in outputs]
    assert their_outputs.shape == (len(X), len(outputs[0]))
    assert their_outputs.dtype == torch.float64
    parameters = [v for slot in slots(net) for v in slot.values]
    leaves = parameters + [a for x in inputs for a in x if isinstance(a, Value)]
    factors = [[0.5 + 0.25 * i - 0.125 * j for j in range(len(row))] for i, row in enumerate(outputs)]
    for row, their_row in zip(outputs, their_outputs.tolist()):
        for y, y_theirs in zip(row, their_row):
            assert abs(y.data - y_theirs) <= tolerance * sizes_of(y, floor)[0][y]
    loss = total([f * y for fs, row in zip(factors, outputs) for f, y in zip(fs, row)])
    _, sizes = sizes_of(loss, floor)
    for v in leaves:
        v.zero_grad()
    loss.backward()
    twin.zero_grad()
    (their_outputs * torch.tensor(factors, dtype=torch.float64)).sum().backward()
    their_slopes = their_gradients(twin) + ([] if whole else theirs.grad.reshape(-1).tolist())
    assert len(their_slopes) == len(leaves)
    for v, g in zip(leaves, their_slopes):
        assert abs(v.grad - g) <= tolerance * sizes.get(v, 0.0) + 1e-300


# No tiny ones: a sum of 1, -1 and 1e-244 is on one side of a kink or on it, as it is added up.
numbers = st.floats(-2.0, 2.0).map(lambda x: x if abs(x) > 0.001 else 0.0)


def filled(draw, net):
    for p in net.parameters():
        p.data = draw(numbers)
    return net


@st.composite
def networks(draw):
    """(a network of ours, examples)."""
    width = nin = draw(st.integers(1, 4))
    layers = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["layer", "layer", "layer", "norm", "dropout", "activation", "nested"]))
        activation = function(draw(st.sampled_from(ACTIVATIONS)))
        if kind in ("layer", "nested"):
            nout = draw(st.integers(1, 4))
            layer = nn.Layer(width, nout, activation=activation, init="zeros", seed=0)
            layers.append(nn.Sequential(layer, nn.Dropout(0.5, seed=0)) if kind == "nested" else layer)
            width = nout
        elif kind == "norm" and layers:
            layers.append(nn.LayerNorm(width, draw(st.sampled_from([1e-5, 0.1]))))
        elif kind == "dropout":
            layers.append(nn.Dropout(0.3, seed=0))
        else:
            layers.append(nn.Activation(activation))
    if width > 1:
        layers += draw(st.sampled_from([[], [], [engine.softmax], [engine.log_softmax]]))
    net = filled(draw, nn.Sequential(*layers)).eval()
    return net, draw(st.lists(st.lists(numbers, min_size=nin, max_size=nin), min_size=1, max_size=3))


@settings(max_examples=150)
@given(networks())
def test_what_goes_to_pytorch_has_the_same_outputs_and_gradients(case):
    net, X = case
    assert_same(net, nn.to_torch(net), X, floor=1.0)


@settings(max_examples=60)
@given(networks())
def test_what_went_to_pytorch_comes_back_to_the_same_bits(case):
    net, X = case
    back = nn.from_torch(nn.to_torch(net))
    ours, again = [net(x) for x in X], [back(x) for x in X]

    def bits(out):
        return [float(y).hex() for y in (out if isinstance(out, list) else [out])]

    assert list(map(bits, ours)) == list(map(bits, again))


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_a_perceptron_of_every_activation_goes_and_comes(activation, seed):
    net = nn.MLP(3, [4, 4, 2], activation=function(activation), init="normal", seed=seed)
    X = [[0.3, -1.0, 0.5], [1.5, 0.25, -0.75]]
    twin = nn.to_torch(net)
    assert_same(net, twin, X, floor=1.0)
    back = nn.from_torch(twin)
    assert type(back) is nn.MLP
    assert_same(back, twin, X, floor=1.0)
    assert repr(back) == repr(net)


EDGES = [0.0, -0.0, 1.0, -1.0, 5e-324, -1e-300, 1e-8, -1e-8, 9.5, 19.99, 20.0, 20.001, 25.0, 39.9, 40.0, 40.1, 1e3,
         -8.0, -20.0, -37.0, -40.0, -1e3]  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_activations_agree_where_they_bend_and_saturate(activation):
    net = nn.Sequential(nn.Activation(function(activation)))
    assert_same(net, nn.to_torch(net), [[x] for x in EDGES], floor=1.0)


@pytest.mark.parametrize(
    "activation", ["relu", "leaky_relu", "elu", "selu", "softplus", LeakyReLU(0.2), ELU(0.3)], ids=str
)
def test_what_does_not_cancel_agrees_in_every_digit_at_the_edges(activation):
    net = nn.Sequential(nn.Activation(activation))
    assert_same(net, nn.to_torch(net), [[x] for x in EDGES], tolerance=1e-14)


def test_pytorchs_own_softplus_differs_above_20_and_comes_as_what_it_is():
    theirs = torch.nn.Softplus()
    net = nn.from_torch(theirs)
    assert net[0].activation == Softplus(1.0, 20.0)
    assert_same(net, theirs, [[x] for x in EDGES], tolerance=1e-14)
    with pytest.raises(AssertionError):
        assert_same(nn.Sequential(nn.Activation("softplus")), theirs, [[20.001]])


# From PyTorch ------------------------------------------------------------------------------------------------------------

T = torch.nn
THEIRS = {
    "Identity": T.Identity, "ReLU": T.ReLU, "LeakyReLU": T.LeakyReLU, "LeakyReLU, slope": lambda: T.LeakyReLU(0.3),
    "ELU": T.ELU, "ELU, alpha": lambda: T.ELU(0.7), "SELU": T.SELU, "Sigmoid": T.Sigmoid, "Tanh": T.Tanh,
    "Softplus": T.Softplus, "Softplus, beta": lambda: T.Softplus(3.0, 1.5), "SiLU": T.SiLU, "GELU": T.GELU,
    "GELU, tanh": lambda: T.GELU(approximate="tanh"), "LogSigmoid": T.LogSigmoid, "ReLU, inplace": lambda: T.ReLU(True),
}  # fmt: skip


def test_every_activation_that_can_be_read_is_compared():
    assert {name.partition(",")[0] for name in THEIRS} == torch_reader.READ.keys()
    assert torch_writer.MADE.keys() == SLOPES - {"identity"} | {"softmax", "log_softmax"}


@pytest.mark.parametrize("name", THEIRS)
def test_their_activations_are_the_same_here_also_at_edges(name):
    twin = THEIRS[name]()
    net = nn.from_torch(T.Sequential(twin))
    if "inplace" not in name:
        assert_same(net, twin, [[x] for x in EDGES], floor=1.0)
    layer = T.Linear(2, 3, dtype=torch.float64)
    both = T.Sequential(layer, twin)
    assert_same(nn.from_torch(both), both, [[0.5, -2.0], [1.0, 3.0]], floor=1.0)


@st.composite
def their_networks(draw):
    """(a Sequential of PyTorch's, examples)."""
    width = nin = draw(st.integers(1, 4))
    parts = []
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(
            st.sampled_from(["linear", "linear", "activation", "activation", "norm", "dropout", "flatten", "again"])
        )
        if kind == "linear":
            nout = draw(st.integers(1, 4))
            parts.append(T.Linear(width, nout, dtype=torch.float64))
            width = nout
        elif kind == "norm":
            parts.append(T.LayerNorm(width, eps=draw(st.sampled_from([1e-5, 0.5])), dtype=torch.float64))
        elif kind == "again" and parts and isinstance(parts[-1], T.Linear) and parts[-1].in_features == width:
            parts += [THEIRS[draw(st.sampled_from(sorted(THEIRS)[:-1]))](), parts[-1]]
        elif kind == "dropout":
            parts.append(T.Dropout(0.4))
        elif kind == "flatten":
            parts.append(T.Flatten())
        else:
            parts.append(THEIRS[draw(st.sampled_from([n for n in THEIRS if "inplace" not in n]))]())
    if draw(st.booleans()) and width > 1:
        parts.append(draw(st.sampled_from([T.Softmax(dim=1), T.LogSoftmax(dim=-1)])))
    cut = draw(st.integers(0, len(parts) - 1))
    parts = [*parts[:cut], T.Sequential(*parts[cut:])]
    twin = T.Sequential(*parts).eval()
    with torch.no_grad():
        for p in twin.parameters():
            p.copy_(torch.tensor([draw(numbers) for _ in range(p.numel())], dtype=torch.float64).reshape(p.shape))
    return twin, draw(st.lists(st.lists(numbers, min_size=nin, max_size=nin), min_size=1, max_size=3))


@settings(max_examples=150)
@given(their_networks())
def test_what_comes_from_pytorch_has_the_same_outputs_and_gradients(case):
    twin, X = case
    net = nn.from_torch(twin)
    assert_same(net, twin, X, floor=1.0)
    assert_same(net, nn.to_torch(net), X, floor=1.0)


def test_embeddings_go_and_come():
    net = nn.Sequential(nn.Embedding(5, 2, seed=0), nn.Layer(6, 3, activation="tanh", seed=1))
    X = [[0, 4, 4], [1, 2, 3]]
    twin = nn.to_torch(net)
    assert_same(net, twin, X, whole=True)
    assert twin(torch.tensor(X[0])).shape == (3,)
    assert_same(nn.from_torch(twin), twin, X, whole=True)


def test_a_layer_used_twice_and_tied_weights_stay_one():
    layer = nn.Layer(2, 2, activation="tanh", seed=0)
    tied = nn.Layer(2, 2, activation="tanh", seed=1)
    for n, m in zip(tied.neurons, layer.neurons):
        n.w = m.w
    net = nn.Sequential(layer, nn.LayerNorm(2), layer, tied)
    twin = nn.to_torch(net)
    assert twin[0] is twin[3]
    assert twin[5].weight is twin[0].weight
    assert_same(net, twin, [[0.5, -1.0], [2.0, 1.0]])
    back = nn.from_torch(twin)
    assert len(back.parameters()) == len(net.parameters()) == 4 + 2 + 4 + 2
    assert_same(back, twin, [[0.5, -1.0], [2.0, 1.0]])
    tied.neurons[1].w = tied.neurons[0].w
    with pytest.raises(
        ValueError, match=r"to_torch takes parameters that are shared as a whole, got some of layers\.3"
    ):
        nn.to_torch(net)


def test_an_output_alone_is_a_column_there():
    net = nn.MLP(3, [4, 1], seed=0)
    twin = nn.to_torch(net)
    assert twin(torch.zeros(7, 3, dtype=torch.float64)).shape == (7, 1)
    assert twin(torch.zeros(3, dtype=torch.float64)).shape == (1,)
    neuron = nn.Neuron(2, activation="sigmoid", seed=0)
    assert_same(neuron, nn.to_torch(neuron), [[1.0, 2.0]])


@pytest.mark.parametrize("output, count", [("sigmoid", 1), ("softmax", 3), ("identity", 2), ("tanh", 2)])
def test_the_tutorials_network_goes_with_its_output_function(output, count):
    network = nn.NeuralNetwork([2, 4, count], output=output, loss=None if output != "tanh" else "mse", seed=0)
    X = [[0.5, 1.0], [2.0, -1.0]]
    theirs = nn.to_torch(network)(torch.tensor(X, dtype=torch.float64))
    assert torch.allclose(theirs, torch.tensor(network.predict(X)), rtol=1e-12, atol=0.0)


def test_a_sequential_of_nothing_hands_on_its_inputs():
    for twin in (T.Sequential(), T.Sequential(T.Identity(), T.Sequential()), T.Flatten()):
        assert_same(nn.from_torch(twin), twin, [[0.5, -1.0]])


def test_nothing_is_shared():
    net = nn.MLP(2, [3, 1], seed=0)
    twin = nn.to_torch(net)
    before = net.state()
    back = nn.from_torch(twin)
    with torch.no_grad():
        for p in twin.parameters():
            p.fill_(7.0)
    assert net.state() == back.state() == before
    assert len({p.data_ptr() for p in twin.parameters()}) == 4


def test_nothing_is_drawn_from_pytorchs_generator():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    nn.to_torch(nn.Sequential(nn.Embedding(3, 2, seed=0), nn.Layer(2, 2, seed=0), nn.LayerNorm(2)))
    assert torch.equal(torch.rand(3), expected)


def test_modes_and_what_is_frozen_go_and_come():
    net = nn.Sequential(nn.Layer(2, 3, seed=0), nn.Dropout(0.5, seed=0), nn.Layer(3, 1, seed=1))
    net[0].trainable = False
    net[1].eval()
    twin = nn.to_torch(net)
    assert [m.training for m in (twin, twin[0], twin[2], twin[3])] == [True, True, False, True]
    assert [p.requires_grad for p in twin.parameters()] == [False, False, True, True]
    back = nn.from_torch(twin)
    assert [layer.trainable for layer in back] == [False, True, True]
    assert (back.training, [layer.training for layer in back]) == (True, [True, False, True])
    assert not nn.to_torch(net.eval()).training
    net.trainable = False
    assert not any(p.requires_grad for p in nn.to_torch(net).parameters())


def test_dropout_goes_with_its_rate():
    twin = nn.to_torch(nn.Sequential(nn.Dropout(0.3, seed=0)))
    assert sorted(set(twin(torch.full((1000,), 2.0)).tolist())) == pytest.approx([0.0, 2.0 / 0.7])
    assert nn.from_torch(twin)[0].rate == 0.3


def test_numbers_of_other_types_are_copied_exactly():
    for dtype in (torch.float32, torch.bfloat16):
        twin = T.Linear(3, 2, dtype=dtype)
        net = nn.from_torch(twin)
        assert [w.data for w in net.layers[0].neurons[1].w] == twin.weight[1].double().tolist()
    assert nn.to_torch(net, dtype=torch.float32)[0].weight.dtype == torch.float32


def test_what_comes_is_saved_trained_and_pickled_like_any_other(tmp_path):
    twin = T.Sequential(T.Linear(2, 3), T.LayerNorm(3), T.Tanh(), T.Dropout(0.2), T.Linear(3, 1), T.Sigmoid())
    net = nn.from_torch(twin)
    nn.save(tmp_path / "net", net)
    assert nn.load(tmp_path / "net").state() == net.state()
    assert pickle.loads(pickle.dumps(net)).state() == net.state()
    mlp = nn.from_torch(T.Sequential(T.Linear(2, 4), T.LeakyReLU(0.2), T.Linear(4, 1)).double())
    history = nn.fit(mlp, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], loss="mse", epochs=30, seed=0, progress=False)
    assert history["loss"][-1] < history["loss"][0]
    pickle.loads(pickle.dumps(mlp))


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_a_training_there_is_a_training_here(loss):
    net = nn.MLP(2, [5, 2], activation="tanh", seed=3)
    twin = nn.to_torch(net)
    X, y = [[0.0, 1.0], [1.0, 0.5], [0.3, 0.3]], {"mse": [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], "cross_entropy": [0, 1, 1]}[loss]  # fmt: skip
    optimiser = torch.optim.SGD(twin.parameters(), lr=0.1)
    theirs = {"mse": T.MSELoss(), "cross_entropy": T.CrossEntropyLoss()}[loss]
    for _ in range(20):
        optimiser.zero_grad()
        theirs(twin(torch.tensor(X, dtype=torch.float64)), torch.tensor(y) if loss == "cross_entropy" else torch.tensor(y, dtype=torch.float64)).backward()  # fmt: skip
        optimiser.step()
    nn.fit(net, X, y, loss=loss, optimizer=nn.SGD(net, lr=0.1), epochs=20, batch_size=None, progress=False)
    assert list(nn.from_torch(twin).state().values()) == pytest.approx(list(net.state().values()), rel=1e-11)


# What is refused -----------------------------------------------------------------------------------------------------------


class Own(T.Module):
    def __init__(self):
        super().__init__()
        self.layer = T.Linear(2, 1)

    def forward(self, x):
        return self.layer(x) + x


class Backwards(T.Sequential):
    def forward(self, x):
        for m in reversed(self):
            x = m(x)
        return x


def hooked():
    linear = T.Linear(2, 1)
    linear.register_forward_hook(lambda m, x, y: 2 * y)
    return linear


def half_frozen():
    linear = T.Linear(2, 1)
    linear.bias.requires_grad_(False)
    return linear


START = T.Linear(2, 3)
REFUSED = [
    (lambda: [T.BatchNorm1d(3)], r"got BatchNorm1d\(3, .*\) at index 1; fold it into the Linear before it"),
    (lambda: [T.ReLU(), T.Conv1d(1, 1, 3)], r"got Conv1d\(1, 1, .*\) at index 2"),
    (lambda: [T.ReLU(), T.Sequential(T.ReLU6())], r"got ReLU6\(\) at index 2\.0"),
    (lambda: [T.Hardtanh()], r"takes Sequential of Linear, .*, LogSigmoid; got Hardtanh\(.*\) at index 1"),
    (lambda: [T.PReLU()], r"LeakyReLU has a slope that does not learn"),
    (lambda: [Own()], r"got Own\( \(layer\): .*at index 1; write what its forward does as a torch\.nn\.Sequential"),
    (lambda: [Backwards(T.Linear(3, 3))], r"got Backwards\(.* at index 1; write what its forward does"),
    (lambda: [T.Linear(3, 1, bias=False)], r"got Linear\(.*bias=False\) at index 1; layers here have biases"),
    (lambda: [T.Linear(4, 1)], r"got Linear\(in_features=4.*\) at index 1 after one that makes 3 numbers"),
    (lambda: [T.LayerNorm(2)], r"at index 1 after one that makes 3 numbers"),
    (lambda: [T.LayerNorm((3, 3))], r"one dimension, with weight and bias, has"),
    (lambda: [T.LayerNorm(3, elementwise_affine=False)], r"one dimension, with weight and bias, has"),
    (lambda: [T.LayerNorm(3, bias=False)], r"one dimension, with weight and bias, has"),
    (lambda: [T.Softmax(dim=0)], r"got Softmax\(dim=0\) at index 1; write dim=-1"),
    (lambda: [T.Softmax()], r"got Softmax\(dim=None\) at index 1; write dim=-1"),
    (lambda: [T.Linear(3, 1), T.Softmax(dim=1)], r"of one number, which is always 1; use Sigmoid"),
    (lambda: [T.Linear(3, 1), T.LogSoftmax(dim=1)], r"of one number, which is always 0"),
    (lambda: [T.Dropout(1.0)], r"got Dropout\(p=1.0, inplace=False\) at index 1, which leaves nothing"),
    (lambda: [T.Dropout1d()], r"got Dropout1d"),
    (lambda: [T.Embedding(3, 2)], r"at index 1; an Embedding comes first"),
    (lambda: [T.Flatten(0)], r"at index 1; write Flatten\(\)"),
    (lambda: [T.LazyLinear(3)], r"got LazyLinear\(.*at index 1; run it once"),
    (lambda: [T.utils.parametrizations.weight_norm(T.Linear(3, 2))], r"got ParametrizedLinear\("),
    (lambda: [hooked()], r"takes modules without hooks, got Linear\(.*at index 1 with one"),
    (lambda: [half_frozen()], r"after one that makes 3 numbers"),
    (lambda: [T.Linear(3, 2, device="meta")], r"at index 1 whose weight is without numbers"),
    (lambda: [T.Linear(3, 2, dtype=torch.complex64)], r"at index 1 whose weight is complex"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=[message for _, message in REFUSED])
def test_what_has_no_equal_is_refused_with_its_index(case):
    parts, message = case
    with pytest.raises(ValueError, match=message) as caught:
        nn.from_torch(T.Sequential(START, *parts()))
    assert str(caught.value).startswith("from_torch takes ")


@pytest.mark.parametrize(
    "embedding",
    [T.Embedding(4, 2, padding_idx=0), T.Embedding(4, 2, max_norm=1.0), T.Embedding(4, 2, sparse=True),
     T.Embedding(4, 2, scale_grad_by_freq=True)],
)  # fmt: skip
def test_an_embedding_with_rules_of_its_own_is_refused(embedding):
    with pytest.raises(ValueError, match=r"at index 0; one of count and dimension only has"):
        nn.from_torch(T.Sequential(embedding, T.Flatten()))


def test_an_embedding_without_flatten_is_refused():
    with pytest.raises(ValueError, match=r"got Linear\(.*\) at index 1; after Embedding\(4, 2\) put Flatten\(\)"):
        nn.from_torch(T.Sequential(T.Embedding(4, 2), T.Linear(2, 1)))
    with pytest.raises(ValueError, match=r"got Embedding\(4, 2\); put Flatten\(\) after it"):
        nn.from_torch(T.Embedding(4, 2))


def test_what_is_no_module_and_half_frozen_ones_are_refused():
    with pytest.raises(TypeError, match=r"takes a torch\.nn\.Sequential, got OrderedDict[^;]*; load_state_dict it"):
        nn.from_torch(START.state_dict())
    with pytest.raises(TypeError, match=r"^from_torch takes a torch\.nn\.Sequential, got 3$"):
        nn.from_torch(3)
    with pytest.raises(ValueError, match=r"got Linear\(.*\) with one of weight and bias frozen; freeze both or none"):
        nn.from_torch(half_frozen())


def wavy(x):
    return x.sin()


def test_what_pytorch_does_not_have_is_refused_with_its_place():
    with pytest.raises(ValueError, match=r"takes activations that PyTorch has too, identity, relu, .*, got <function wavy .* at layers\.0; choose"):  # fmt: skip
        nn.to_torch(nn.MLP(2, [3, 1], activation=wavy, seed=0))
    with pytest.raises(ValueError, match=r"got 'sin' at layers\.0"):
        nn.to_torch(nn.MLP(2, [3, 1], activation=engine.sin, seed=0))
    with pytest.raises(TypeError, match=r"takes a real dtype of PyTorch, such as torch\.float64, got torch\.int64"):
        nn.to_torch(nn.MLP(2, [3, 1], seed=0), dtype=torch.int64)
    with pytest.raises(TypeError, match="got 'float32'"):
        nn.to_torch(nn.MLP(2, [3, 1], seed=0), dtype="float32")


@pytest.mark.parametrize("activation", [engine.tanh, Value.tanh, "tanh"])
def test_an_activation_is_known_under_all_its_names(activation):
    assert type(nn.to_torch(nn.MLP(2, [3, 1], activation=activation, seed=0))[1]) is T.Tanh


@pytest.mark.parametrize("name", ["to_torch", "from_torch"])
def test_the_examples_of_the_docstrings_run(name):
    text = getattr(pytorch, name).__doc__.replace("  # doctest: +SKIP", "")
    runner = doctest.DocTestRunner()
    out = []
    runner.run(doctest.DocTestParser().get_doctest(text, {}, name, None, 0), out=out.append)
    assert runner.summarize(verbose=False).attempted >= 4
    assert not out, "".join(out)


# Planted bugs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, wrong", [
    ("gelu", lambda t: t.GELU(approximate="tanh")), ("softplus", lambda t: t.Softplus()), ("silu", lambda t: t.Mish()),
    ("leaky_relu", lambda t: t.LeakyReLU(0.0100001)), ("elu", lambda t: t.CELU(1.0001)),
])  # fmt: skip
def test_an_activation_that_is_nearly_the_same_would_be_seen(monkeypatch, name, wrong):
    monkeypatch.setitem(torch_writer.MADE, name, wrong)
    with pytest.raises(AssertionError):
        test_activations_agree_where_they_bend_and_saturate(name)


def test_weights_that_are_turned_or_moved_by_1e_9_would_be_seen():
    net = nn.Sequential(nn.Layer(2, 2, activation="tanh", seed=0), nn.Layer(2, 2, activation="tanh", seed=1))
    twin, X = nn.to_torch(net), [[0.5, -1.0], [0.25, 2.0]]
    assert_same(net, twin, X)
    for change in (lambda w: w.T.clone(), lambda w: w * (1 + 1e-9)):
        spoilt = nn.to_torch(net)
        with torch.no_grad():
            spoilt[0].weight.copy_(change(twin[0].weight))
        with pytest.raises(AssertionError):
            assert_same(net, spoilt, X)

"""What is typed in the first hour by those who know another library: it works, or the message says what to write."""

import copy
import inspect
import pickle
import re

import pytest

import engine
import nn
from engine import Value
from engine.compatibility import NAMES, OF_VALUE, OTHER_NAMES, Absent, name_here
from nn import elsewhere

X, Y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
Z = [Value(3.3), Value(-1.2)]


def net():
    return nn.MLP(2, [4, 1], seed=0)


def fit(*args, **named):
    named = {"loss": "binary_cross_entropy", "epochs": 1, "progress": False, **named}
    return nn.fit(*(args or (net(), X, Y)), **named)


RATE = "fit takes the learning rate in its optimizer, such as optimizer=nn.Adam(net, lr=0.1), got "
LOSS = "; write loss='mse' for numbers, 'binary_cross_entropy' for yes or no, 'cross_entropy' for classes"
JIT = "fit takes backend='jit' for native code on the processor, got "
ORDER = "{0} takes {1} first, then targets, got numbers and then Values; write {0}({1}, targets), or make Values of the {1} too"
RATES = "; the learning rate is for what trains: nn.SGD(net, lr=0.1), NeuralNetwork([2, 4, 1], alpha=0.1)"

SHOWN = 'save("graph.html"), a page for the browser'

# fmt: off
CASES = [
    # What a training takes
    (lambda: fit(lr=0.1), TypeError, RATE + "lr=0.1"),
    (lambda: fit(learning_rate=0.1), TypeError, RATE + "learning_rate=0.1"),
    (lambda: fit(optimizer="sgd", lr=0.1), TypeError, (RATE + "lr=0.1").replace("Adam", "SGD")),
    (lambda: nn.Trainer(net(), X, Y, loss="mse", lr=0.1), TypeError, (RATE + "lr=0.1").replace("fit", "Trainer")),
    (lambda: fit(optimizer=0.1), TypeError, RATE + "0.1 as optimizer"),
    (lambda: fit(loss=nn.mse([1.0], [0.0])), TypeError, "fit takes a name or a function (outputs, target) -> Value as loss, got 1.0; give the function itself, loss=nn.mse, without calling it"),
    (lambda: fit(epoch=3), TypeError, "fit takes epochs, got epoch=3"),
    (lambda: fit(n_epochs=3), TypeError, "fit takes epochs, got n_epochs=3"),
    (lambda: fit(max_iter=3), TypeError, "fit takes epochs, got max_iter=3"),
    (lambda: fit(batch=2), TypeError, "fit takes batch_size, got batch=2"),
    (lambda: fit(optimiser="sgd"), TypeError, "fit takes optimizer, got optimiser='sgd'"),
    (lambda: fit(criterion="mse"), TypeError, f"fit takes loss, got criterion='mse'{LOSS}"),
    (lambda: fit(verbose=0), TypeError, "fit takes progress, got verbose=0"),
    (lambda: fit(validation_split=0.2), TypeError, "fit takes validation, got validation_split=0.2"),
    (lambda: fit(random_state=0), TypeError, "fit takes seed, got random_state=0"),
    (lambda: fit(patience=3), TypeError, "fit takes early_stopping, got patience=3"),
    (lambda: fit(scheduler="cosine"), TypeError, "fit takes schedule, got scheduler='cosine'"),
    (lambda: fit(metric="accuracy"), TypeError, "fit takes metrics, got metric='accuracy'"),
    (lambda: fit(momentum=0.9), TypeError, "fit takes momentum in its optimizer, such as optimizer=nn.SGD(net, momentum=0.9), got momentum=0.9"),
    (lambda: fit(weight_decay=0.1), TypeError, "fit takes weight decay in its optimizer, such as optimizer=nn.AdamW(net, weight_decay=0.1), got weight_decay=0.1"),
    (lambda: fit(l2=0.1), TypeError, "fit takes a penalty, penalty=nn.l2(0.1), got l2=0.1"),
    (lambda: fit(shuffle=True), TypeError, "fit takes examples in a new order each epoch, which seed fixes, got shuffle=True"),
    (lambda: fit(device="cuda"), TypeError, JIT + "device='cuda'"),
    (lambda: fit(epohcs=3), TypeError, "fit takes net, X, y, loss, optimizer, epochs, batch_size, seed, validation, metrics, callbacks, early_stopping, schedule, accumulate, clip_value, clip_norm, penalty, private, progress, backend, threads, dtype, mesh, view, got epohcs=3; did you mean 'epochs'?"),
    (lambda: nn.fit(net(), X, Y), TypeError, f"fit takes net, X, y, loss, got no loss{LOSS}"),
    (lambda: nn.fit(net(), X, loss="mse"), TypeError, "fit takes net, X, y, loss, got no y"),
    (lambda: nn.fit(nn.MLP, X, Y, loss="mse"), TypeError, "fit takes a Module as net, got <class 'nn.layers.MLP'>; make one first, such as nn.MLP(2, [4, 1])"),
    # Sizes and settings of networks
    (lambda: nn.MLP(2, 4, 1), TypeError, "MLP takes inputs and a list of layer sizes: write MLP(2, [4, 1]), got MLP(2, 4, 1)"),
    (lambda: nn.MLP([2, 4, 1]), TypeError, "MLP takes inputs and a list of layer sizes: write MLP(2, [4, 1]), got MLP([2, 4, 1])"),
    (lambda: nn.MLP(2, 4, 4, 1, activation="tanh"), TypeError, "MLP takes inputs and a list of layer sizes: write MLP(2, [4, 4, 1]), got MLP(2, 4, 4, 1)"),
    (lambda: nn.MLP(2), TypeError, "MLP takes nin, nouts, got no nouts; such as MLP(2, [4, 1])"),
    (lambda: nn.MLP(2, [4, 1], "tanh"), TypeError, "MLP takes nin, nouts by position, got 'tanh' as well; write what follows by name: activation=…, init=…, rng=…, seed=…"),
    (lambda: nn.MLP(2, [4, 1], act="tanh"), TypeError, "MLP takes activation, got act='tanh'"),
    (lambda: nn.MLP(2, [4, 1], lr=0.1), TypeError, f"MLP takes nin, nouts, activation, init, rng, seed, got lr=0.1{RATES}"),
    (lambda: nn.Layer(in_features=2, nout=1), TypeError, "Layer takes nin, got in_features=2"),
    (lambda: nn.Embedding(num_embeddings=3, dimension=2), TypeError, "Embedding takes count, got num_embeddings=3"),
    (lambda: nn.Dropout(p=0.5), TypeError, "Dropout takes rate, got p=0.5"),
    (lambda: nn.NeuralNetwork(2, 4, 1), TypeError, "NeuralNetwork takes a list of sizes: write NeuralNetwork([2, 4, 1]), got NeuralNetwork(2, 4, 1)"),
    (lambda: nn.NeuralNetwork([2, 1], learning_rate=0.1), TypeError, "NeuralNetwork takes alpha, got learning_rate=0.1"),
    (lambda: nn.NeuralNetwork([2, 1]).train(X, Y, lr=0.1), TypeError, f"train takes X, y, epochs, displayUpdate, got lr=0.1{RATES}"),
    (lambda: nn.NeuralNetwork([2, 1]).train(X, Y, n_epochs=3), TypeError, "train takes epochs, got n_epochs=3"),
    # Optimisers
    (lambda: nn.SGD(lr=0.1), TypeError, "SGD takes a Module or a list of Values, got nothing; write SGD(net, …)"),
    (lambda: nn.SGD(net(), learning_rate=0.1), TypeError, "SGD takes lr, got learning_rate=0.1"),
    (lambda: nn.Adam(net(), betas=(0.9, 0.99)), TypeError, "Adam takes beta1, beta2, got betas=(0.9, 0.99)"),
    (lambda: nn.Adam(net(), eps=1e-7), TypeError, "Adam takes epsilon, got eps=1e-07"),
    (lambda: nn.SGD(net().parameters, 0.1), TypeError, "SGD takes a Module or a list of Values, got <bound method Module.parameters of MLP(2, [4, 1], activation; call it first: parameters()"),
    (lambda: nn.SGD(nn.MLP), TypeError, "SGD takes a Module or a list of Values, got <class 'nn.layers.MLP'>; make a net first"),
    (lambda: nn.SGD(net()).step(), RuntimeError, "step of SGD takes gradients that loss.backward() has left on its parameters, got none on any of 17; call zero_grad(), then loss.backward(), then step()"),
    (lambda: nn.SGD(net()).backward(), AttributeError, "SGD has no 'backward'; write loss.backward() on the Value that a loss returns"),
    # Names of nn and of engine
    (lambda: nn.Linear(2, 3), AttributeError, "nn has no 'Linear'; write nn.Layer(nin, nout, activation='identity')"),
    (lambda: nn.Dense(3), AttributeError, "nn has no 'Dense'; write nn.Layer(nin, nout, activation='identity')"),
    (lambda: nn.ReLU(), AttributeError, "nn has no 'ReLU'; write activation='relu' in a layer, nn.Activation('relu') as one, engine.relu(x)"),
    (lambda: nn.LeakyReLU(), AttributeError, "nn has no 'LeakyReLU'; write activation='leaky_relu' in a layer, nn.Activation('leaky_relu') as one, engine.leaky_relu(x)"),
    (lambda: nn.Softmax(), AttributeError, "nn has no 'Softmax'; write loss='cross_entropy', which has softmax inside, or engine.softmax last in a Sequential"),
    (lambda: nn.MSELoss(), AttributeError, "nn has no 'MSELoss'; write nn.mse(outputs, targets)"),
    (lambda: nn.CrossEntropyLoss(), AttributeError, "nn has no 'CrossEntropyLoss'; write nn.cross_entropy(logits, targets)"),
    (lambda: nn.Conv2d(1, 2, 3), AttributeError, "nn has no 'Conv2d'; write it as a Module of your own, of Layers and engine's functions"),
    (lambda: nn.Value(1.0), AttributeError, "nn has no 'Value'; write engine.Value(number)"),
    (lambda: nn.exp(1.0), AttributeError, "nn has no 'exp'; write engine.exp"),
    (lambda: nn.sgd(net()), AttributeError, "nn has no 'sgd'; did you mean 'SGD'?"),
    (lambda: nn.mean_squared_error, AttributeError, "nn has no 'mean_squared_error'; write nn.mse(outputs, targets)"),
    (lambda: nn.losses.mean_squared_error, AttributeError, "nn.losses has no 'mean_squared_error'; write nn.mse(outputs, targets)"),
    (lambda: nn.optim.Adamm, AttributeError, "nn.optim has no 'Adamm'; did you mean 'Adam'?"),
    (lambda: nn.init.he_unifrom, AttributeError, "nn.init has no 'he_unifrom'; did you mean 'he_uniform'?"),
    (lambda: nn.crossentropy, AttributeError, "nn has no 'crossentropy'; did you mean 'cross_entropy'?"),
    (lambda: engine.Tensor(1.0), AttributeError, "engine has no 'Tensor'; write engine.Value"),
    (lambda: engine.MLP(2, [1]), AttributeError, "engine has no 'MLP'; write nn.MLP"),
    (lambda: engine.sum([Value(1.0)]), AttributeError, "engine has no 'sum'; write engine.total"),
    (lambda: engine.multiply(1.0, 2.0), AttributeError, "engine has no 'multiply'; write engine.mul"),
    (lambda: engine.backwards, AttributeError, "engine has no 'backwards'; did you mean 'backward'?"),
    # Methods
    (lambda: net().predict(X), AttributeError, "MLP has no 'predict'; write net(x) for a row x, [net(x) for x in X] for many"),
    (lambda: net().fit(X, Y), AttributeError, "MLP has no 'fit'; write nn.fit(net, X, y, loss='mse')"),
    (lambda: net().train(X, Y), TypeError, f"train takes mode by position, got {Y} as well; nn.fit(net, X, y, loss='mse') trains"),
    (lambda: net().backward(), AttributeError, "MLP has no 'backward'; write loss.backward() on the Value that a loss returns"),
    (lambda: net().weights, AttributeError, "MLP has no 'weights'; write parameters(), or get_weights() as arrays"),
    (lambda: net().layers[0].weight, AttributeError, "Layer has no 'weight'; write neurons[i].w, or the matrix W of a Layer"),
    (lambda: net().state_dict(), AttributeError, "MLP has no 'state_dict'; write state() and load_state(state)"),
    (lambda: nn.MLP.summary, AttributeError, "MLP has no 'summary'; write nn.summary(net)"),
    (lambda: nn.NeuralNetwork([2, 1]).fit(X, Y), AttributeError, "NeuralNetwork has no 'fit'; write train(X, y), or backward(X, y) for one update"),
    (lambda: nn.NeuralNetwork([2, 1]).weights, AttributeError, "NeuralNetwork has no 'weights'; write W, the matrices of all layers"),
    (lambda: Z[0].backwards(), AttributeError, "Value has no 'backwards'; write backward()"),
    (lambda: Z[0].gradient, AttributeError, "Value has no 'gradient'; write grad, which backward() fills in"),
    (lambda: Z[0].numpy(), AttributeError, "Value has no 'numpy'; write data, the number"),
    (lambda: Value.value, AttributeError, "Value has no 'value'; write data, the number"),
    (lambda: engine.draw(Z[0]).show(), AttributeError, f"Picture has no 'show'; write {SHOWN}; print it in a terminal, end a notebook cell with it"),
    (lambda: engine.draw(Z[0]).savefig("x.png"), AttributeError, "Picture has no 'savefig'; write save(\"graph.svg\"), or another ending"),
    (lambda: engine.draw(Z[0]).playr(), AttributeError, "Picture has no 'playr'; did you mean 'player'?"),
    (lambda: engine.draw(Z[0]).player().show(), AttributeError, "Player has no 'show'; write save(\"graph.html\") and open that in a browser, or end a notebook cell with it"),
    (lambda: engine.film([Z[0]]).show(), AttributeError, "Film has no 'show'; write save(\"graph.html\") and open that in a browser, or end a notebook cell with it"),
    (lambda: nn.SGD(net()).zero_grads(), AttributeError, "SGD has no 'zero_grads'; did you mean 'zero_grad'?"),
    # Attributes that are set
    (lambda: setattr(nn.SGD(net()), "learning_rate", 0.1), AttributeError, "SGD has no 'learning_rate' to set to 0.1; write lr"),
    (lambda: setattr(nn.Adam(net()), "eps", 0.1), AttributeError, "Adam has no 'eps' to set to 0.1; write epsilon"),
    (lambda: setattr(nn.SGD(net()), "momentun", 0.9), AttributeError, "SGD has no 'momentun' to set to 0.9; did you mean 'momentum'?"),
    (lambda: setattr(nn.SGD(net()), "LR", 0.9), AttributeError, "SGD has no 'LR' to set to 0.9; did you mean 'lr'?"),
    (lambda: setattr(nn.SGD(net()), "param_groups", []), AttributeError, "SGD has no 'param_groups' to set to []; write parameters and lr"),
    (lambda: setattr(nn.NeuralNetwork([2, 1]), "learning_rate", 0.1), AttributeError, "NeuralNetwork has no 'learning_rate' to set to 0.1; write alpha"),
    (lambda: setattr(nn.NeuralNetwork([2, 1]), "batchsize", 4), AttributeError, "NeuralNetwork has no 'batchsize' to set to 4; write batch_size"),
    # Calls
    (lambda: net()(1.0, 2.0), TypeError, "MLP takes its inputs as one list: write [1.0, 2.0], got 1.0, 2.0"),
    (lambda: net()([1.0]), ValueError, "layers.0 takes 2 inputs, got 1"),
    (lambda: net()(X), TypeError, "layers.0 takes 2 inputs, numbers or Values, got [0.0, 0.0] as x[0]; call it on one row at a time"),
    (lambda: nn.Sequential(nn.Layer(2, 3), "relu"), TypeError, "Sequential takes Modules and functions, got 'relu'; write Activation('relu')"),
    (lambda: nn.Sequential(nn.Layer(2, 3), engine.relu)([1.0, 2.0]), TypeError, "relu takes one number, got a list in a Sequential; write nn.Activation('relu')"),
    (lambda: nn.Sequential(nn.Layer(2, 3), engine.exp)([1.0, 2.0]), TypeError, "exp takes one number, got a list in a Sequential; write lambda xs: [exp(x) for x in xs]"),
    (lambda: nn.cross_entropy(Z, 1.0), TypeError, "cross_entropy takes the number of a class or a list of probabilities, got 1.0; write int(1.0)"),
    (lambda: engine.draw(net()), TypeError, "draw takes a Value or a list of Values, got MLP(2, [4, 1], activation='relu'); call it, and give what it returns"),
    # Losses whose arguments stand in each other's place
    (lambda: nn.cross_entropy(1, Z), TypeError, ORDER.format("cross_entropy", "logits")),
    (lambda: nn.cross_entropy(2, Z), TypeError, ORDER.format("cross_entropy", "logits")),
    (lambda: nn.cross_entropy([0, 1], Z), TypeError, ORDER.format("cross_entropy", "logits")),
    (lambda: nn.cross_entropy([2, 0], [Z, Z]), TypeError, ORDER.format("cross_entropy", "logits")),
    (lambda: nn.binary_cross_entropy([1, 0], Z), TypeError, ORDER.format("binary_cross_entropy", "logits")),
    (lambda: nn.binary_cross_entropy(1, Z[0]), TypeError, ORDER.format("binary_cross_entropy", "logits")),
    (lambda: nn.kl_divergence([0.2, 0.8], Z), TypeError, ORDER.format("kl_divergence", "logits")),
    (lambda: nn.mse(1.0, Z), TypeError, ORDER.format("mse", "outputs")),
]
# fmt: on


@pytest.mark.parametrize("case", CASES, ids=[f"{k}-{message}" for k, (_, _, message) in enumerate(CASES)])
def test_what_another_library_calls_otherwise_is_told_as_it_is_written_here(case):
    wrong, error, message = case
    with pytest.raises((TypeError, ValueError, AttributeError, RuntimeError)) as caught:
        wrong()
    assert type(caught.value) is error
    assert str(caught.value) == message


def test_losses_that_are_the_same_both_ways_take_both_and_values_may_be_targets():
    for loss in (nn.mse, nn.mae, nn.huber):
        assert loss([1.0, -1.0], Z).data == loss(Z, [1.0, -1.0]).data
    assert nn.binary_cross_entropy([2.0, -1.0], [Value(0.5), Value(0.2)]).data > 0.0  # plain logits, as in distillation
    with pytest.raises(
        ValueError, match="mse takes targets of the shape of the outputs, got a list of 1 for one number"
    ):
        nn.mse(Z[0], [1.0])


def test_what_is_absent_is_neither_there_nor_listed_and_stands_behind_all_that_has_its_name():
    class Scored:
        def score(self):
            return "the mixin's"

    class Net(nn.Module, Scored):
        def __init__(self):
            self.weights = [Value(1.0)]

        def fit(self):
            return "its own"

    class Broken(nn.Module):
        @property
        def bias(self):
            return self.nothing_of_the_kind

    model = Net()
    assert (model.fit(), model.score(), Net.score(model)) == ("its own", "the mixin's", "the mixin's")
    assert model.parameters() == model.weights
    for x in (net(), nn.MLP, nn.SGD(net()), nn.NeuralNetwork([2, 1])):
        assert not hasattr(x, "state_dict") and "state_dict" not in dir(x)
    assert {"fit", "weights", "score", "forward"} <= set(dir(model))
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        Broken().bias  # noqa: B018
    for x in (net(), nn.SGD(net()), nn.NeuralNetwork([2, 1])):
        copy.deepcopy(x)
        pickle.loads(pickle.dumps(x))
        with pytest.raises(AttributeError, match="no attribute '__nothing__'"):
            x.__nothing__  # noqa: B018


def test_what_is_absent_of_a_value_is_not_there_not_listed_and_free_for_a_row():
    v = Value(2.0) * 3.0
    for name in OF_VALUE:
        assert not hasattr(v, name) and not hasattr(Value, name) and name not in dir(v)
    assert {"backward", "data", "item", "tanh"} <= set(dir(v))
    row = engine.op("gradient", lambda x: 2.0 * x, 2.0)  # one of those names
    try:
        assert row(v).data == v.gradient().data == 12.0 and "gradient" in dir(v)
    finally:
        del engine.TABLE["gradient"], Value.gradient
        Value.gradient = Absent(Value, "gradient", OF_VALUE["gradient"])


def test_item_is_the_number_and_no_gradient_flows_through_it():
    x = Value(2.0)
    y = x * 3.0
    assert type(y.item()) is float and y.item() == 6.0
    assert engine.grad(lambda x: x * x.item())(3.0) == engine.grad(lambda x: x * x.data)(3.0) == 3.0
    with pytest.raises(TypeError, match=r"\.item\(\).*detach\(\) cuts the gradient"):
        engine.jit(lambda x: x * x.item())(2.0)


def test_a_class_of_the_users_holds_what_it_likes():
    class Mine(nn.SGD):
        pass

    optimiser = Mine(net())
    optimiser.learning_rate = 0.3
    assert optimiser.learning_rate == 0.3
    ours = nn.SGD(net())
    ours.note = "kept"
    assert ours.note == "kept"


def test_an_error_inside_a_constructor_or_a_forward_is_told_as_it_is():
    class Wrong(nn.Module):
        def __init__(self, size):
            self.w = [Value(0.0)] * len(size)

        def forward(self, x, y=None):
            return x + (y or "")

    with pytest.raises(TypeError, match=r"^object of type 'int' has no len\(\)$"):
        Wrong(3)
    with pytest.raises(TypeError, match=r"^Wrong takes size, got hidden=3$"):
        Wrong(hidden=3)
    with pytest.raises(TypeError, match="unsupported operand"):
        Wrong([1])(1.0, 0.0)
    assert str(inspect.signature(Wrong)) == "(size)"


def test_what_is_said_to_be_here_is_here_and_what_is_said_to_be_absent_is_absent():
    texts = [
        *elsewhere.NAMES.values(),
        *elsewhere.METHODS.values(),
        *elsewhere.TRAINING.values(),
        *elsewhere.HINTS.values(),
    ]
    texts += [name_here(name, []) for name in OTHER_NAMES]
    named = {m.groups() for text in texts for m in re.finditer(r"\b(nn|engine)\.(\w+)", text)}
    assert len(named) > 20
    for module, name in named:
        assert hasattr({"nn": nn, "engine": engine}[module], name), (module, name)
    assert not [name for name in elsewhere.NAMES if hasattr(nn, name)]
    assert not [name for name in [*OTHER_NAMES, *NAMES] if name in engine.__all__ and name != NAMES.get(name)]
    for name in elsewhere.OF_NEURAL_NETWORK.keys() - elsewhere.METHODS.keys():
        assert not hasattr(nn.NeuralNetwork([2, 1]), name)

"""How the public callables of nn are called, its estimators and the course among them."""

import pickle
import random

from exemplar import Call, X, embedded, examples, exemplar, kept, made_by, net, single

import engine
import nn
import nn.course
import nn.sklearn
from engine import Value
from nn import MLP, Layer, Sequential, Trainer

# nn -------------------------------------------------------------------------------------------------------------------


def run_module(module):
    """Use a Module of two inputs."""
    repr(module), module([0.5, 0.25]), module.state(), module.get_weights(), module.parameters(), module.train().eval()


def run_indexed(module):
    repr(module), module(1), module.state(), module.get_weights(), module.parameters(), module.train().eval()


exemplar("nn.Neuron", lambda: Call(nn.Neuron, 2, seed=0, then=run_module), attributes=True)
exemplar("nn.Layer", lambda: Call(Layer, 2, 1, seed=0, then=run_module), attributes=True)
exemplar("nn.MLP", lambda: Call(MLP, 2, [2, 1], seed=0, then=run_module), attributes=True)
exemplar("nn.LayerNorm", lambda: Call(nn.LayerNorm, 2, then=run_module), attributes=True)
exemplar(
    "nn.Dropout",
    lambda: Call(nn.Dropout, 0.5, seed=0, then=lambda d: (d.train()([0.5, Value(0.25)]), run_module(d))),
    attributes=True,
)
exemplar("nn.Dropout.draw", lambda: Call(nn.Dropout(0.5, seed=0).draw, 2))
exemplar("nn.Embedding", lambda: Call(nn.Embedding, 3, 2, seed=0, then=run_indexed), attributes=True)
exemplar("nn.Activation", lambda: Call(nn.Activation, "relu", then=run_module), attributes=True)
exemplar(
    "nn.Sequential",
    lambda: Call(Sequential, Layer(2, 2, seed=0), lambda xs: [engine.relu(x) for x in xs], then=run_module),
    attributes=True,
)
exemplar("nn.Module", lambda: Call(nn.Module, then=lambda m: (repr(m), m.state(), m.train())), attributes=True)
for module in (
    net,
    lambda: nn.LayerNorm(2),
    lambda: nn.Dropout(0.5, seed=0),
    embedded,
    lambda: nn.Activation("relu"),
    lambda: Sequential(net()),
    lambda: Layer(2, 1, seed=0),
    lambda: nn.Neuron(2, seed=0),
):
    name = type(module()).__name__
    x = [1.0, 2.0] if name == "Embedding" else [0.5, 0.25]
    exemplar(f"nn.{name}.forward", lambda module=module, x=x: Call(module().forward, list(x)))
for name, arguments in {
    "checked_parameters": (), "eval": (), "train": (True,), "get_weights": (), "named_modules": (), "named_parameters": (), "parameters": (),
    "state": (), "zero_grad": (),
}.items():  # fmt: skip
    exemplar(f"nn.Module.{name}", lambda name=name, arguments=arguments: Call(getattr(net(), name), *arguments))
exemplar("nn.Module.forward", lambda: Call(lambda x: net()(x), [0.5, 0.25]))
exemplar("nn.Module.load_state", lambda: Call(net().load_state, net().state()))
exemplar("nn.Module.set_weights", lambda: Call(net().set_weights, [w.tolist() for w in net().get_weights()]))
exemplar("nn.Layer.W[...]", lambda: Call(lambda i, x: Layer(2, 2, seed=0).W.__setitem__(i, x), (0, 0), 0.5))
exemplar("nn.Layer.b[...]", lambda: Call(lambda i, x: Layer(2, 2, seed=0).b.__setitem__(i, x), 0, 0.5))

for name in ("mse", "mae", "huber", "binary_cross_entropy", "hinge"):
    f = getattr(nn.losses, name)
    exemplar(f"nn.{name}", lambda f=f: Call(f, [Value(0.5), 0.25], [1.0, 1.0]))
exemplar("nn.cross_entropy", lambda: Call(nn.cross_entropy, [[Value(0.5), 0.25]], [1]))
exemplar(
    "nn.cross_entropy of one", lambda: Call(nn.cross_entropy, [Value(0.5), 0.25], [0.5, 0.5], class_weights=[1.0, 2.0])
)
exemplar("nn.kl_divergence", lambda: Call(nn.kl_divergence, [[Value(0.5), 0.25]], [[0.5, 0.5]]))

for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad"):
    f = getattr(nn, name)
    exemplar(f"nn.{name}", lambda f=f: Call(f, [Value(0.5)], then=step_of), attributes=(*f.names, "steps"))
    exemplar(f"nn.{name}.load_state", lambda f=f: Call(f([Value(0.5)]).load_state, f([Value(0.5)]).state()))
exemplar("nn.Optimiser", lambda: Call(Plain, [Value(0.5)], then=step_of))
for name in ("frozen", "state", "step", "zero_grad"):
    exemplar(f"nn.Optimiser.{name}", lambda name=name: Call(getattr(nn.SGD([Value(0.5)]), name)))
exemplar("nn.Optimiser.load_state", lambda: Call(nn.SGD([Value(0.5)]).load_state, nn.SGD([Value(0.5)]).state()))


class Plain(nn.SGD):
    """An optimiser of the user's."""


def step_of(optimiser):
    for p in optimiser.parameters:
        p.grad = 0.5
    optimiser.step()
    repr(optimiser), optimiser.state(), optimiser.hyperparameters
    optimiser.zero_grad()


exemplar("nn.l1", lambda: Call(nn.l1, 0.5, then=lambda p: (repr(p), p(net()))), attributes=True)
exemplar("nn.l2", lambda: Call(nn.l2, 0.5, then=lambda p: (repr(p), p(net()))), attributes=True)
exemplar("nn.l2()", lambda: Call(single(nn.l2(0.5)), net()))
exemplar(
    "nn.penalties.Penalty",
    lambda: Call(nn.penalties.Penalty, "soft", engine.cosh, 0.5, then=lambda p: (repr(p), p(net()))),
    attributes=True,
)
exemplar("nn.penalties.is_bias", lambda: Call(nn.penalties.is_bias, "layers.0.b"))

for name, arguments in {
    "constant": (), "step": (2.0, 0.5), "cosine": (2.0, 0.5), "one_cycle": (2.0, 0.3, 0.04, 0.01), "warmup": (2.0, None, 0.1),
}.items():  # fmt: skip
    f = getattr(nn.schedules, name)
    exemplar(f"nn.schedules.{name}", lambda f=f, arguments=arguments: Call(f, *arguments, then=made_by))
    exemplar(f"nn.schedules.{name}()", lambda f=f, arguments=arguments: Call(single(f(*arguments)), 0.5))

for name, f in {**nn.INITIALISERS, "constant": nn.init.constant}.items():
    some = (0.5,) if name == "constant" else ()
    exemplar(f"nn.init.{name}", lambda f=f, some=some: Call(f, *some, then=drawn_from))
exemplar("nn.schedules.factor", lambda: Call(nn.schedules.factor, "fit", 0.5))
exemplar("nn.init.initialiser", lambda: Call(nn.init.initialiser, "zeros", "relu", then=drawn_from))
exemplar("nn.init.given_generator", lambda: Call(nn.init.given_generator, random.Random(0)))
exemplar("nn.init.generator", lambda: Call(nn.init.generator, seed=0))
exemplar("nn.activations.value_of", lambda: Call(nn.activations.value_of, engine.relu, boxed()))
exemplar("nn.activations.activation_function", lambda: Call(nn.activations.activation_function, "relu"))


def boxed():
    from odd import of_value

    return of_value()


class Seeded:
    """A generator of the user's."""

    def random(self):
        return 0.5


def drawn_from(init):
    return init(Seeded(), 2, 1)


FIT = {
    "loss": "mse",
    "epochs": 1,
    "seed": 0,
    "progress": False,
    "callbacks": lambda trainer: setattr(trainer, "stop", True),
}


def run_trainer(trainer):
    trainer.run()
    trainer.state()


def trainer():
    return Trainer(net(), *examples(), **FIT, early_stopping=2, validation=examples())


def untrained():
    return Trainer(net(), *examples(), **{**FIT, "callbacks": ()}, early_stopping=2, optimizer="adam")


def trained_state():
    """The state of a Trainer that has run, as bytes: of them a new one is made sooner than it is copied."""
    made = untrained()
    made.run()
    return pickle.dumps(made.state())


exemplar("nn.fit", lambda: Call(nn.fit, net(), *examples(), **FIT), prints="update/s|eager")
exemplar(
    "nn.fit with validation",
    lambda: Call(
        nn.fit, net(), *examples(), **FIT, validation=examples(), metrics={"m": lambda a, b: 0.5}, penalty=[nn.l2(0.5)]
    ),
    prints="update/s|eager",
)
exemplar(
    "nn.fit(loss that returns)",
    lambda: Call(lambda x: nn.fit(net(), *examples(), **{**FIT, "loss": lambda z, t: x}), Value(0.5)),
)
exemplar(
    "nn.fit(metric that returns)",
    lambda: Call(lambda x: nn.fit(net(), *examples(), **FIT, metrics={"m": lambda a, b: x}), 0.5),
)
exemplar(
    "nn.fit(schedule that returns)",
    lambda: Call(lambda x: nn.fit(net(), *examples(), **FIT, schedule=lambda t: x), 0.5),
)
exemplar(
    "nn.fit(penalty that returns)", lambda: Call(lambda x: nn.fit(net(), *examples(), **FIT, penalty=lambda m: x), 0.5)
)
exemplar("nn.fit(initialiser that returns)", lambda: Call(lambda x: MLP(2, [1], init=lambda rng, i, o: x, seed=0), 0.5))
exemplar(
    "nn.fit(activation that returns)",
    lambda: Call(lambda x: MLP(2, [2, 1], activation=lambda a: x, seed=0)([0.5, 0.25]), 0.5),
)
OPTIONS = (
    "accumulate",
    "batch_size",
    "clip_norm",
    "clip_value",
    "epochs",
    "progress",
    "schedule",
    "stop",
)  # while it runs
exemplar(
    "nn.Trainer",
    lambda: Call(Trainer, net(), *examples(), **FIT, then=run_trainer),
    attributes=OPTIONS,
    prints="update/s|eager",
)
exemplar("nn.Trainer.run", lambda: Call(trainer().run))
exemplar("nn.Trainer.state", lambda: Call(trainer().state))


def loading():
    made = untrained()
    return Call(made.load_state, pickle.loads(kept("trained state", trained_state)), then=lambda nothing: made.run())


exemplar("nn.Trainer.load_state", loading)
exemplar("nn.EarlyStopping", lambda: Call(nn.EarlyStopping, 2, then=lambda stopping: stopping.better(0.5, 0.25)))
exemplar("nn.EarlyStopping.better", lambda: Call(nn.EarlyStopping(2).better, 0.5, 0.25))
exemplar("nn.Privacy", lambda: Call(nn.Privacy, 1.0, 1.5, 0.01, then=lambda private: private.epsilon(0.5, 2)))
exemplar("nn.Privacy.epsilon", lambda: Call(nn.Privacy().epsilon, 0.5, 2))
exemplar("nn.diagnose", lambda: Call(nn.diagnose, net(), *examples(), loss="mse", then=str))
exemplar("nn.summary", lambda: Call(nn.summary, net(), then=str))
exemplar("nn.training_view", lambda: Call(nn.training_view), needs="anywidget")
exemplar("nn.save", lambda: Call(nn.save, "a.safetensors", net()), files=["a.safetensors", "x", "1", "relu"])
exemplar("nn.load", lambda: Call(nn.load, saved()))
exemplar("nn.load into", lambda: Call(nn.load, saved(), net()))


def saved():
    def make():
        import os
        import tempfile

        path = os.path.join(tempfile.mkdtemp(), "a.safetensors")
        nn.save(path, net())
        return path

    return kept("saved", make)


def axes(name):
    def make():
        from matplotlib.figure import Figure

        return Figure().subplots()

    found = kept(f"axes {name}", make)
    for line in list(found.lines):  # a legend would list those of all calls
        line.remove()
    return found


exemplar("nn.plot_activation", lambda: Call(nn.plot_activation, "relu", axes("activation")))
exemplar(
    "nn.plot_activations",
    lambda: Call(nn.plot_activations, net(), [list(row) for row in X], axes=[axes("activations")]),
)
exemplar("nn.plot_gradient_flow", lambda: Call(nn.plot_gradient_flow, net(), *examples(), loss="mse", ax=axes("flow")))
exemplar("nn.plot_saliency", lambda: Call(nn.plot_saliency, net(), [0.5, 0.25], shape=(1, 2), ax=axes("saliency")))
exemplar("nn.plot_weights", lambda: Call(nn.plot_weights, net(), 0, shape=(1, 2), ax=axes("weights")))
exemplar("nn.from_torch", lambda: Call(nn.from_torch, sequential()), needs="torch")
exemplar("nn.to_torch", lambda: Call(nn.to_torch, net()), needs="torch")
exemplar("nn.to_onnx", lambda: Call(nn.to_onnx, net(), "a.onnx"), files=["a.onnx", "x", "1", "relu"], needs="onnx")


def sequential():
    try:
        import torch
    except ImportError:
        return None
    return torch.nn.Sequential(torch.nn.Linear(2, 1))


def run_network(network):
    network.forward([[0.5, 0.25]])
    network.backward([[0.5, 0.25]], [1.0])
    network.train(*examples(), epochs=1, displayUpdate=0)
    repr(network)


def network():
    return nn.NeuralNetwork([2, 1], seed=0)


exemplar(
    "nn.NeuralNetwork",
    lambda: Call(nn.NeuralNetwork, [2, 1], seed=0, then=run_network),
    attributes=("alpha", "batch_size", "callbacks", "validation"),
)
for name in ("forward", "predict"):
    exemplar(f"nn.NeuralNetwork.{name}", lambda name=name: Call(getattr(network(), name), [[0.5, 0.25]]))
exemplar("nn.NeuralNetwork.backward", lambda: Call(network().backward, *examples()))
exemplar(
    "nn.NeuralNetwork.train", lambda: Call(network().train, *examples(), epochs=1, displayUpdate=0), prints="^epoch"
)
exemplar("nn.NeuralNetwork.get_weights", lambda: Call(network().get_weights))
exemplar("nn.NeuralNetwork.set_weights", lambda: Call(network().set_weights, network().get_weights()))

# nn.sklearn, nn.course ------------------------------------------------------------------------------------------------

MANY, CLASSES = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [0.25, 1.0]], [0, 1, 0, 1]


def estimator(f):
    return f((1,), max_iter=1, random_state=0)


def fitted(f):
    return kept(f, lambda: estimator(f).fit(MANY, CLASSES))


for f in (nn.sklearn.NetworkClassifier, nn.sklearn.NetworkRegressor):
    name = f"nn.sklearn.{f.__name__}"
    exemplar(
        name,
        lambda f=f: Call(f, (1,), max_iter=1, random_state=0, then=lambda e: e.fit(MANY, CLASSES)),
        prints="update/s|eager",
    )
    exemplar(f"{name}.fit", lambda f=f: Call(estimator(f).fit, MANY, CLASSES))
    exemplar(
        f"{name}.partial_fit",
        lambda f=f: Call(
            estimator(f).partial_fit, MANY, CLASSES, **({"classes": [0, 1]} if "Cl" in f.__name__ else {})
        ),
    )
    exemplar(f"{name}.predict", lambda f=f: Call(fitted(f).predict, MANY))
exemplar(
    "nn.sklearn.NetworkClassifier.predict_proba", lambda: Call(fitted(nn.sklearn.NetworkClassifier).predict_proba, MANY)
)


def charted():
    return nn.course.chart(axes("chart"), "a line that rises")


exemplar("nn.course.check_answer", lambda: Call(nn.course.check_answer, "01.1", 0.5), prints="^(Not|No|Right)")
exemplar("nn.course.drill", lambda: Call(nn.course.drill, 1, 7, then=repr))
exemplar("nn.course.verdict", lambda: Call(nn.course.verdict, "01.1", 0.5))
exemplar(
    "nn.course.chart", lambda: Call(nn.course.chart, axes("chart"), "a line that rises from left to right, and falls")
)
exemplar(
    "nn.course.slides",
    lambda: Call(nn.course.slides, [kept("chart", charted)], "one after the other", then=lambda s: s.html),
)

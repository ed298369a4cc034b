"""A call of every public callable that is right, cheap, and uses what it returns: what a sweep of odd values starts from."""

import inspect
import random
from importlib import import_module

import engine
import engine.checks
import engine.compiler
import engine.picture
import nn
import nn.course
import nn.sklearn
from engine import TABLE, Value
from engine.checks import CHAINRULE, Engine, Graph, check_gradients
from nn import MLP, Layer, Sequential, Trainer

PACKAGES = ("engine", "engine.checks", "engine.compiler", "engine.picture", "nn", "nn.sklearn", "nn.course")


class Call:
    """A function, its arguments, and what is done with the result."""

    def __init__(self, function, *args, then=lambda made: None, **named):
        self.function, self.then = function, then
        self.signature = inspect.signature(function)
        self._bound = self.signature.bind(*args, **named)

    def bound(self):
        return self._bound


class Exemplar:
    """How a public callable is called, made anew for each call.

    Args:
        name: of the callable.
        make: a function that returns a Call.
        attributes: whether what is called returns an object whose attributes users set; or their names.
        files: names of the files that it is to write.
        prints: a pattern of what it is to print.
        needs: a package that it needs; where that is not installed, the callable says so, whatever it is given.
    """

    def __init__(self, name, make, *, attributes=False, files=(), prints=None, needs=None):
        self.name, self.make, self.attributes, self.files, self.prints = name, make, attributes, set(files), prints
        self.needs = needs


EXEMPLARS = {}


def exemplar(name, make, **facts):
    EXEMPLARS[name] = Exemplar(name, make, **facts)


def loss():
    a, b = Value(0.5, "a"), Value(0.25, "b")
    return a * b + engine.exp(a)


def square(x):
    return x * x


def both(x, y):
    return x * y


def made_by(f):
    """Call what a function returned, as its user would."""
    return f(0.5)


def of_two(f):
    return f(0.5, 0.25)


X, Y = [[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0]


def examples():
    return [list(row) for row in X], list(Y)


def net():
    return MLP(2, [1], seed=0)


def embedded():
    return nn.Embedding(3, 2, seed=0)


# The rows of the table, as functions and as methods -------------------------------------------------------------------


def operands(row):
    return [[0.5, 0.25] if i < row.lists else 0.5 for i in range(row.arity)]


def method(row):
    return lambda *args: getattr(Value(0.5), row.name)(*args)


for row in sorted(TABLE.values(), key=lambda op: op.name):
    exemplar(f"engine.{row.name}", lambda row=row: Call(row, *operands(row)))
    if not row.lists:
        exemplar(f"engine.Value.{row.name}", lambda row=row: Call(method(row), *operands(row)[1:]))

# engine ---------------------------------------------------------------------------------------------------------------

exemplar(
    "engine.Value",
    lambda: Call(Value, 0.5, "a", then=lambda v: (repr(v), (v * v).backward(), v.zero_grad(), engine.draw(v).dot)),
    attributes=("data", "grad", "label"),
)
exemplar("engine.Value.backward", lambda: Call(loss().backward, 1.0))
exemplar("engine.Value.zero_grad", lambda: Call(loss().zero_grad))
exemplar("engine.Value.detach", lambda: Call(loss().detach))
exemplar("engine.backward", lambda: Call(engine.backward, loss(), 1.0))
exemplar("engine.detect_anomaly", lambda: Call(engine.detect_anomaly))
exemplar("engine.no_grad", lambda: Call(engine.no_grad))
exemplar("engine.dot", lambda: Call(engine.dot, [0.5, Value(0.25)], [0.5, 0.25], 0.5))
exemplar("engine.softmax", lambda: Call(engine.softmax, [0.5, Value(0.25)]))
exemplar("engine.log_softmax", lambda: Call(engine.log_softmax, [0.5, Value(0.25)]))


def gradients():
    root = loss()
    return Call(engine.gradients, root, [root.args[1].args[0]], 1.0)


exemplar("engine.gradients", gradients)
exemplar(
    "engine.op",
    lambda: Call(defined, "cubed", lambda x: x * x * x, lambda x, y: 3 * x * x, text="{0:5}³", then=used_row),
)
exemplar("engine.partials", lambda: Call(engine.partials, loss()))
exemplar("engine.scope", lambda: Call(engine.scope, "place", then=entered))
exemplar(
    "engine.Scope", lambda: Call(engine.Scope, "place", engine.Scope("outer"), then=lambda s: (s.path, entered(s)))
)
exemplar("engine.Scope.call", lambda: Call(engine.Scope("place").call, square, Value(0.5)))
exemplar("engine.Operands.current", lambda: Call(engine.Operands([Value(0.5)]).current, [Value(0.5)]))
exemplar("engine.topological_order", lambda: Call(engine.topological_order, loss(), [Value(1.0)]))
exemplar("engine.derivative", lambda: Call(engine.derivative, square, 1, then=made_by))
exemplar("engine.derivative()", lambda: Call(single(engine.derivative(square)), 0.5))
for name in ("grad", "hessian", "jacfwd", "jacobian", "jacrev", "value_and_grad"):
    f = getattr(engine, name)
    exemplar(f"engine.{name}", lambda f=f: Call(f, both, 0, then=of_two))
    exemplar(f"engine.{name}()", lambda f=f: Call(single(f(lambda xs: xs[0] * xs[1])), [0.5, 0.25]))
    exemplar(f"engine.{name}(of what it returns)", lambda f=f: Call(returned(f), 0.5))
exemplar("engine.hvp", lambda: Call(engine.hvp, both, (0.5, 0.25), (1.0, 0.0)))
exemplar("engine.jvp", lambda: Call(engine.jvp, both, (0.5, 0.25), (1.0, 0.0)))
exemplar("engine.vjp", lambda: Call(engine.vjp, both, 0.5, 0.25, then=lambda made: made[1](1.0)))
exemplar("engine.vjp()", lambda: Call(single(engine.vjp(lambda x: [x, x], 0.5)[1]), [1.0, 0.5]))
exemplar("engine.vmap", lambda: Call(engine.vmap, both, (0, None), 0, then=lambda f: f([0.5, 0.25], 0.5)))
exemplar("engine.vmap()", lambda: Call(single(engine.vmap(square)), [0.5, 0.25]))


def replay():
    root = loss()
    return Call(engine.replay, root, {root.args[1].args[0]: 1.0})


def explain():
    root = loss()
    return Call(engine.explain, root, root.args[1].args[0], names={"a": root}, then=lambda e: (str(e), e.latex))


exemplar("engine.replay", replay)
exemplar("engine.explain", explain)
exemplar("engine.names", lambda: Call(engine.names, {"a": Value(0.5)}))


def single(f):
    """A function of one argument that has a name, as those that transforms return have not."""
    return lambda x: f(x)


def returned(transform):
    """A transform of a function that returns what it is given, whatever the argument."""
    return lambda x: transform(lambda v: x)(0.5)


def entered(place):
    with place:
        return Value(0.5) * 2.0


def defined(name, forward, partial, **facts):
    return engine.op(name, forward, partial, **facts)


defined.__signature__ = inspect.signature(engine.op).replace(
    parameters=[
        p if p.kind is not p.VAR_POSITIONAL else p.replace(name="partial", kind=p.POSITIONAL_OR_KEYWORD)
        for p in inspect.signature(engine.op).parameters.values()
    ]
)


def used_row(row):
    """Run, differentiate and print a row of the user's, and take it off again."""
    try:
        a = Value(0.5, "a")
        y = row(a)
        y.backward()
        str(engine.draw(y))
        str(engine.explain(y, a))
        row(0.5)
    finally:
        taken_off(row.name)


def taken_off(name):
    TABLE.pop(name, None)
    if name in vars(Value):
        delattr(Value, name)


# engine.compiler ------------------------------------------------------------------------------------------------------


def training_loop(**named):
    return Call(
        engine.TrainingLoop,
        lambda p, e: engine.square(p[0] * e[0] - e[1]),
        lambda p, g, slots, settings: (p - settings[0] * g, slots),
        [0.5], [[0.0, 1.0], [1.0, 3.0]], settings=1, slots=0, batch=1,
        then=lambda loop: loop.run(epochs=1, settings=[0.1]),
    )  # fmt: skip


KEPT = {}


def loop():
    if "loop" not in KEPT:
        bound = training_loop().bound()
        KEPT["loop"] = engine.TrainingLoop(*bound.args, **bound.kwargs)
    return KEPT["loop"]


def compiled():
    if "jit" not in KEPT:
        KEPT["jit"] = engine.jit(both)
    return KEPT["jit"]


exemplar("engine.TrainingLoop", training_loop)
exemplar(
    "engine.TrainingLoop.run", lambda: Call(loop().run, [0, 1], epochs=1, settings=[0.1], between=lambda epoch: True)
)
exemplar(
    "engine.TrainingLoop.prepared",
    lambda: Call(loop().prepared, [0, 1], epochs=1, settings=[0.1], then=lambda run: run()),
)
exemplar("engine.jit", lambda: Call(engine.jit, both, static_argnames=("y",), then=decorated))
exemplar("engine.jit()", lambda: Call(lambda x, y: compiled()(x, y), 0.5, 0.25))
exemplar("engine.jit() of lists", lambda: Call(single(listed()), [0.5, {"a": 0.25}]))
exemplar("engine.jit(of what it returns)", lambda: Call(returned(engine.jit), 0.5))


def decorated(f):
    """What jit returned: a function, or where it was given none yet, a decorator."""
    return of_two(f if hasattr(f, "compilations") else f(both))


# A key of settings, made before each compiled call: `numbers` and `watch` are for the compiler, which asks nothing twice.
exemplar("engine.exact", lambda: Call(single(engine.compiler.exact), {"rate": 0.5, "layers": [net()]}))
exemplar(
    "engine.Generators", lambda: Call(engine.compiler.Generators, net(), then=lambda generators: vars(type(generators)))
)


def listed():
    if "listed" not in KEPT:
        KEPT["listed"] = engine.jit(lambda xs: xs[0] * 2.0)
    return KEPT["listed"]


# engine.picture -------------------------------------------------------------------------------------------------------


def shown(picture):
    return picture.dot, picture.svg, repr(picture)


exemplar("engine.draw", lambda: Call(engine.draw, Value(0.5, "a") * 2.0, names={"a": Value(0.5)}, then=shown))
exemplar("engine.draw_dot", lambda: Call(engine.draw_dot, Value(0.5, "a") * 2.0, then=shown))
exemplar("engine.film", lambda: Call(engine.film, [Value(0.5, "a") * 2.0], then=lambda f: f.svg))
exemplar("engine.steps", lambda: Call(engine.steps, loss(), names={"a": Value(0.5)}, then=str))
exemplar("engine.trace", lambda: Call(engine.trace, loss()))
exemplar("engine.picture.notebook_bundle", lambda: Call(engine.picture.notebook_bundle, Value(0.5) * 2.0))
exemplar(
    "engine.picture.Picture.save",
    lambda: Call(kept("picture", lambda: engine.draw(loss())).save, "a.svg"),
    files=["a.svg"],
)
exemplar("engine.picture.Picture.latex", lambda: Call(kept("picture", lambda: engine.draw(loss())).latex))
exemplar(
    "engine.picture.Picture.live", lambda: Call(kept("picture", lambda: engine.draw(loss())).live), needs="anywidget"
)
exemplar("engine.picture.Picture.player", lambda: Call(kept("picture", lambda: engine.draw(loss())).player))
exemplar(
    "engine.picture.Film.save",
    lambda: Call(kept("film", lambda: engine.film([loss()])).save, "a.html"),
    files=["a.html"],
)
exemplar(
    "engine.picture.Player.save",
    lambda: Call(kept("player", lambda: engine.draw(loss()).player()).save, "a.html"),
    files=["a.html"],
)


def kept(name, make):
    if name not in KEPT:
        KEPT[name] = make()
    return KEPT[name]


# engine.checks --------------------------------------------------------------------------------------------------------


def report():
    return kept("report", lambda: check_gradients(square, (0.5,)))


def drawn(strategy):
    """One example of a strategy, without a search."""
    strategy.validate()


def adapter():
    return Call(
        Engine, "mine", Value, float, lambda y, xs: (y.backward(), [x.grad for x in xs])[1],
        then=lambda mine: check_gradients(Graph.parse("0.5 | exp 0"), engine=mine),
    )  # fmt: skip


exemplar("engine.checks.Engine", adapter)
exemplar("engine.checks.Graph", lambda: Call(Graph, (0.5,), Graph.parse("0.5 | exp 0").steps, then=used_graph))
exemplar("engine.checks.Graph.parse", lambda: Call(Graph.parse, "0.5 | exp 0"))
exemplar("engine.checks.Graph.uses", lambda: Call(Graph.parse("0.5 | exp 0").uses))
exemplar(
    "engine.checks.check_gradients",
    lambda: Call(check_gradients, both, (0.5, 0.25), then=str),
    files=["x", "relu", "no"],
)
exemplar(
    "engine.checks.check_gradients(of what it returns)",
    lambda: Call(lambda x: check_gradients(lambda v: x, (0.5,)), Value(0.5)),
)
exemplar("engine.checks.check_lifecycle", lambda: Call(engine.checks.check_lifecycle, CHAINRULE))
exemplar("engine.checks.lifecycle_machine", lambda: Call(engine.checks.lifecycle_machine, CHAINRULE))
exemplar("engine.checks.distribution", lambda: Call(engine.checks.distribution, [Graph.parse("0.5 | exp 0")], then=str))
exemplar("engine.checks.graphs", lambda: Call(engine.checks.graphs, 3, 1, ["exp"], (-1.0, 1.0), then=drawn))
exemplar("engine.checks.mlps", lambda: Call(engine.checks.mlps, 1, 1, ["tanh"], then=drawn))
exemplar("engine.checks.points", lambda: Call(engine.checks.points, 2, -1.0, 1.0, then=drawn))
exemplar("engine.checks.values", lambda: Call(engine.checks.values, -1.0, 1.0, then=drawn))
exemplar("engine.checks.numerical_gradient", lambda: Call(engine.checks.numerical_gradient, both, (0.5, 0.25), 0.1, 2))
exemplar(
    "engine.checks.numerical_gradient(of what it returns)",
    lambda: Call(lambda x: engine.checks.numerical_gradient(lambda v: x, (0.5,)), 0.5),
)
exemplar("engine.checks.random_graphs", lambda: Call(engine.checks.random_graphs, 1, 0, 3, ["exp"], then=list))
exemplar("engine.checks.Report.picture", lambda: Call(report().picture))
exemplar("engine.checks.Finding.what", lambda: Call(report().findings[0].what))


def used_graph(graph):
    repr(graph), graph.uses(), graph(*graph.inputs)


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
    from odd_values import of_value

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


def trained():
    made = Trainer(net(), *examples(), **{**FIT, "callbacks": ()}, early_stopping=2, optimizer="adam")
    made.run()
    return made


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
    source, made = kept("trained", trained), trained()
    import copy

    return Call(made.load_state, copy.deepcopy(source.state()), then=lambda nothing: made.run())


exemplar("nn.Trainer.load_state", loading)
exemplar("nn.EarlyStopping", lambda: Call(nn.EarlyStopping, 2, then=lambda stopping: stopping.better(0.5, 0.25)))
exemplar("nn.EarlyStopping.better", lambda: Call(nn.EarlyStopping(2).better, 0.5, 0.25))
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

    return kept(f"axes {name}", make)


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
exemplar("nn.course.check_answer", lambda: Call(nn.course.check_answer, "01.1", 0.5), prints="^(Not|No|Right)")
exemplar("nn.course.verdict", lambda: Call(nn.course.verdict, "01.1", 0.5))
exemplar(
    "nn.course.chart", lambda: Call(nn.course.chart, axes("chart"), "a line that rises from left to right, and falls")
)

# What needs no exemplar, and why: exceptions and results that the library itself makes, whose methods have one.
MADE_BY_THE_LIBRARY = {
    "AnomalyError", "Film", "Finding", "Activated", "Generator", "GradientError", "LayoutError", "LifecycleError", "Op", "Operands", "Picture",
    "Player", "Report", "Step",
}  # fmt: skip
PURE = {
    "random",  # of a Generator: what a user brings
    "update",  # of an optimiser: a function of scalars for one parameter, which loops record; its Optimiser asks
}


def public():
    """(name, callable) for each that a user may call: of the packages, of the modules they name, and methods."""
    seen = set()
    modules = [import_module(package) for package in PACKAGES]
    modules += [getattr(nn, name) for name in nn.__all__ if inspect.ismodule(getattr(nn, name))]
    for module in modules:
        own = [name for name, x in vars(module).items() if getattr(x, "__module__", "") == module.__name__]
        for name in getattr(module, "__all__", own):
            x = getattr(module, name)
            if name.startswith("_") or not callable(x) or id(x) in seen:
                continue
            seen.add(id(x))
            path = f"{'engine' if module.__name__ == 'engine.compiler' else module.__name__}.{name}"
            if not inspect.isclass(x):
                yield path, x
                continue
            if name not in MADE_BY_THE_LIBRARY:
                yield path, x
            for method, f in inspect.getmembers(x, callable):
                f = getattr(f, "__func__", f)
                if (
                    method.startswith("_")
                    or method in PURE
                    or inspect.isclass(f)
                    or not (getattr(f, "__module__", None) or "").startswith(("engine", "nn"))
                ):
                    continue
                if id(f) not in seen:
                    seen.add(id(f))
                    yield f"{path}.{method}", f


def covered(name, x):
    """Whether a public callable has an exemplar, under its name or the class that it was inherited from, or needs none."""
    package = name.split(".")[0]
    if list(inspect.signature(x).parameters) == ["self"]:
        return True  # a method without arguments takes no odd value
    return name in EXEMPLARS or f"{package}.{getattr(x, '__qualname__', name)}" in EXEMPLARS

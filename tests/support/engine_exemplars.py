"""How the public callables of engine are called: its rows, transforms, compiler, picture and checks."""

import inspect

from exemplar import (
    KEPT,
    Call,
    both,
    entered,
    exemplar,
    kept,
    loss,
    made_by,
    net,
    of_two,
    returned,
    single,
    square,
)

import engine
import engine.checks
import engine.compiler
import engine.picture
from engine import TABLE, Value
from engine.checks import CHAINRULE, Engine, Graph, check_gradients

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
exemplar("engine.take", lambda: Call(engine.take, [[0.5, Value(0.25)], [1.0, 2.0]], 1))
exemplar("engine.polygamma", lambda: Call(engine.polygamma, 2, Value(0.5)))
exemplar("engine.gammainc", lambda: Call(engine.gammainc, 2.0, Value(0.5)))
exemplar("engine.gammaincc", lambda: Call(engine.gammaincc, 2.0, Value(0.5)))
exemplar("engine.betainc", lambda: Call(engine.betainc, 2.0, 3.0, Value(0.5)))
exemplar("engine.beta", lambda: Call(engine.beta, 0.5, Value(0.25)))
exemplar("engine.lbeta", lambda: Call(engine.lbeta, 0.5, Value(0.25)))
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


def straight_line():
    root = loss()
    return Call(engine.straight_line, root, [root.args[1].args[0]])


exemplar("engine.replay", replay)
exemplar("engine.straight_line", straight_line)
exemplar("engine.explain", explain)
exemplar("engine.names", lambda: Call(engine.names, {"a": Value(0.5)}))


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


def loop():
    if "loop" not in KEPT:
        call = training_loop()
        KEPT["loop"] = engine.TrainingLoop(*call.args, **call.named)
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
exemplar("engine.picture.Picture.live_graph", lambda: Call(kept("picture", lambda: engine.draw(loss())).live_graph, 2))
exemplar(
    "engine.picture.LiveGraph.edit",
    lambda: Call(kept("live", lambda: engine.draw(loss()).live_graph()).edit, {"numbers": {"a": 1.0}, "ticket": 1.0}),
)
exemplar(
    "engine.picture.use_renderer",
    lambda: Call(engine.picture.use_renderer, None, then=lambda made: engine.picture.use_renderer(None)),
)
exemplar("engine.picture.Picture.within", lambda: Call(kept("picture", lambda: engine.draw(loss())).within, None))
exemplar("engine.picture.Picture.asking", lambda: Call(engine.draw(Value(0.5) * 2.0).asking, {}, {}, then=str))
exemplar("engine.picture.Picture.player", lambda: Call(kept("picture", lambda: engine.draw(loss())).player))
exemplar(
    "engine.picture.Film.save",
    lambda: Call(kept("film", lambda: engine.film([loss()])).save, "a.html"),
    files=["a.html"],
)
exemplar(
    "engine.picture.Film.framed", lambda: Call(kept("film", lambda: engine.film([loss()])).framed, '<img alt="a">')
)
exemplar(
    "engine.picture.Player.framed",
    lambda: Call(kept("player", lambda: engine.draw(loss()).player()).framed, '<img alt="a">'),
)
exemplar(
    "engine.picture.Player.save",
    lambda: Call(kept("player", lambda: engine.draw(loss()).player()).save, "a.html"),
    files=["a.html"],
)


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
exemplar("engine.checks.check_engine", lambda: Call(engine.checks.check_engine, "x = 1", lambda count: None, then=repr))
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
exemplar(
    "engine.checks.random_graphs", lambda: Call(engine.checks.random_graphs, 1, 0, 3, ["exp"], [0.5], 1, then=list)
)
exemplar("engine.checks.wrong_gradients", lambda: Call(engine.checks.wrong_gradients, loss()))
exemplar("engine.checks.Report.picture", lambda: Call(report().picture))
exemplar("engine.checks.Finding.what", lambda: Call(report().findings[0].what))


def used_graph(graph):
    repr(graph), graph.uses(), graph(*graph.inputs)

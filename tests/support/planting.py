"""How bugs are planted in the engine, and how a law is run until it fails on one."""

import __future__

import inspect
import random
import sys

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from engine import TABLE, Value, backprop, gradients, rule, topological_order

OURS = ("engine", "strategies", "accuracy", "planting")
QUICK = settings(database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)


# Plants: each takes pytest's monkeypatch ------------------------------------------------------------------------------


def everywhere(patch, old, new):
    """Put `new` wherever the engine or a test holds `old`."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in OURS or name.startswith("test_"):
            for key, held in list(vars(module).items()):
                if held is old:
                    patch.setattr(module, key, new)
    for key, held in list(vars(Value).items()):
        if held is old:
            patch.setattr(Value, key, new)
    for op in TABLE.values():
        if any(p is old for p in op.partials):
            patch.setattr(op, "partials", tuple(new if p is old else p for p in op.partials))


def edited(module, name, old, new):
    """The function's own source with one passage replaced."""

    def plant(patch):
        function = getattr(module, name)
        source = inspect.getsource(function)
        assert old in source, f"{name} has changed: {old!r} is not in it; plant the bug in its new form"
        flags, found = __future__.annotations.compiler_flag, {}
        code = compile(source.replace(old, new, 1), f"<{name}, planted>", "exec", flags, True)
        exec(code, vars(module), found)
        everywhere(patch, function, found[name])

    return plant


def replaced(module, name, new):
    """Another function in the place of one."""
    return lambda patch: everywhere(patch, getattr(module, name), new)


def row(name, **facts):
    """A row of the table with another forward, other partials, or another fact."""

    def plant(patch):
        for key, fact in facts.items():
            patch.setattr(TABLE[name], key, fact)
        patch.setattr(TABLE[name], "push", rule.push_of(TABLE[name]))

    return plant


def pushed(name, old, new):
    """As `edited`, of a function that makes the push of rows, for all of them."""
    plant_source = edited(rule, name, old, new)

    def plant(patch):
        plant_source(patch)
        for op in TABLE.values():
            patch.setattr(op, "push", rule.push_of(op))

    return plant


# Functions with classic bugs, to put in the place of ours -------------------------------------------------------------


def breadth_first(order):
    """The inner nodes of an order as a breadth-first walk from the root meets them."""
    walked, met = [order[-1]], {order[-1]}
    for v in walked:
        for a in v.args:
            if isinstance(a, Value) and a.op is not None and a not in met:
                met.add(a)
                walked.append(a)
    return walked


def recursive_order(root):
    """topological_order as textbooks write it."""
    order, seen = [], set()

    def walk(v):
        if v not in seen:
            seen.add(v)
            for a in v.args:
                if isinstance(a, Value):
                    walk(a)
            order.append(v)

    for r in [root] if isinstance(root, Value) else root:
        walk(r)
    return order


def accumulating_backward(root, gradient=1.0):
    """micrograd's backward: what an earlier call left in inner nodes is pushed once more."""
    root.grad = gradient
    for v in reversed(topological_order(root)):
        backprop.push(v, v.grad)


def kept_gradients(root, wrt, gradient=1.0):
    """Gradients that are graphs, kept in .grad: a reference cycle."""
    found = gradients_of_the_engine(root, wrt, gradient)
    for v, g in zip(wrt, found):
        v.grad = g
    return found


gradients_of_the_engine = [gradients][0]


# Laws ----------------------------------------------------------------------------------------------------------------


def searched(law, tape_strategy):
    """A law of graphs, as a function that runs it over random tapes until it fails."""

    def check(examples=3000):
        failures = []

        def fails(tape):
            try:
                law(tape)
            except Exception as error:
                failures.append(error)
                return True
            return False

        try:
            find(tape_strategy, fails, settings=settings(QUICK, max_examples=examples), random=random.Random(0))
        except NoSuchExample:
            return
        raise failures[-1]

    return check

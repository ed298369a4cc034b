"""Misconceptions of the chain rule, each planted in a problem: what number it gives, and at which edge.

A wrong answer is compared with these numbers. None is offered whose number is the right one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import inf, prod
from typing import NamedTuple

from engine import Value
from engine.checks import wrong_gradients
from engine.formulas.chain import Path
from engine.formulas.formula import number_text

from .problems import Field, Problem, fraction


class Misconception(NamedTuple):
    """A wrong idea and what it gives.

    Attributes:
        gives: the number.
        idea: what it is called.
        says: a clause that names the edge.
        at: the node at whose step it shows: forward where its local derivatives are known, backward where its gradient is.
    """

    gives: Fraction
    idea: str
    says: str
    at: Value


class Slip(NamedTuple):
    """A number that a wrong idea gives: of the field asked for, or in place of one local derivative."""

    gives: float
    idea: str
    says: str
    at: Value | None = None


OWN, OTHER, SUM_RULE = "the operand's own value", "the other operand's value", "the rule of a sum"
OUTER, LOCAL, FORGOTTEN, OVERWRITTEN = "no outer factor", "no local factor", "a forgotten path", "= in place of +="
SIGN, RULE, VALUE, WHOLE, ADDED = "a sign", "half of a rule", "the value", "the gradient", "added factors"
DEAD, SWAPPED, UPSIDE_DOWN, SWEEP = "relu", "the other operand's rule", "upside down", "a wrong sweep"
ENGINES = ("swept before", "swept more than once")  # mistakes of programs, which no head makes


def misconceptions(problem: Problem, field: Field) -> list[Misconception]:
    """What wrong ideas would answer, the likeliest first; of each number an idea stands once, and none is right."""
    found: dict[tuple[Fraction, str], Misconception] = {}
    slips = _of_edge(problem, field.path) if field.path is not None else _of_gradient(problem, field.node)
    for slip in slips:
        gives = fraction(slip.gives)
        if gives is not None and gives != field.right:
            here = field.node if field.path is None else field.path.user
            at = slip.at if slip.at is not None else here
            found.setdefault((gives, slip.idea), Misconception(gives, slip.idea, slip.says, at))
    return list(found.values())


def operand(path: Path) -> Value:
    """The argument that an edge comes from."""
    found = path.user.args[path.edge]
    if not isinstance(found, Value):
        raise TypeError(f"operand takes an edge from a Value, got one from {found!r}")
    return found


def edge_name(path: Path) -> str:
    """∂u/∂a as the picture has it, with its place where a node is an operand more than once: ∂u/∂(2nd a)."""
    a, u = operand(path), path.user
    same = [i for i, other in enumerate(u.args) if other is a]
    below = f"({('1st', '2nd', '3rd')[same.index(path.edge)]} {a.label})" if len(same) > 1 else a.label
    return f"∂{u.label}/∂{below}"


# Along one edge -------------------------------------------------------------------------------------------------------


def _rule(path: Path) -> Iterator[Slip]:
    """The wrong local derivatives of the op that an edge leads to, as those have them who half know its rule."""
    user, along = path.user, f"along {edge_name(path)}"
    op = user.op.name if user.op is not None else ""
    names = [str(a.label) if isinstance(a, Value) else number_text(a) for a in user.args]
    xs, y, u, i = [a.data if isinstance(a, Value) else a for a in user.args], user.data, user.label, path.edge
    x, a = xs[i], names[i]
    other, b = (xs[1 - i], names[1 - i]) if len(xs) == 2 else (0.0, "")
    if op == "mul":
        yield Slip(
            x,
            OWN,
            f"{along}, that is {a}'s own value: {u} = {names[0]} · {names[1]} grows with {a} by the other operand's",
        )
        yield Slip(1.0, SUM_RULE, f"{along}, that is the rule of a sum, and {u} is a product")
    elif op in ("add", "sub"):
        kind = "a sum" if op == "add" else "a difference"
        yield Slip(
            other, OTHER, f"{along}, that is the other operand's value, {b}: the rule of a product, and {u} is {kind}"
        )
        if op == "sub":
            says = f"{along}, a sign: does {u} = {names[0]} − {names[1]} rise or fall when {a} rises?"
            yield Slip(-path.local, SIGN, says)
    elif op == "div" and i == 0:
        yield Slip(other, RULE, f"{along}, that multiplies by {b}, and {u} divides by it")
        yield Slip(-x / other**2, SWAPPED, f"{along}, that is the derivative by the denominator {b}, not by {a}")
    elif op == "div":
        yield Slip(1.0 / x, SWAPPED, f"{along}, that is the derivative by the numerator {b}, not by {a}")
        yield Slip(-1.0 / x**2, RULE, f"{along}, the factor {b} is missing: that is the derivative of 1/{a}")
        yield Slip(-y, RULE, f"{along}, {a} in the denominator becomes {a}², and here it is {a}")
        yield Slip(-path.local, SIGN, f"{along}, a sign: {u} has {a} in its denominator")
    elif op == "square":
        yield Slip(x, RULE, f"{along}, the factor 2 is missing: {u} = {a} · {a} moves with both factors")
        yield Slip(2.0, RULE, f"{along}, the 2 of the power is there, and {a} itself is missing")
    elif op == "relu" and x < 0.0:
        yield Slip(1.0, DEAD, f"{along}, that is relu's slope where it is alive; here {a} is below 0")
        yield Slip(x, OWN, f"{along}, that is {a} itself, and relu does not let it through")
    elif op == "relu":
        yield Slip(0.0, DEAD, f"{along}, that is relu's slope where it is dead; here {a} is above 0")
        yield Slip(x, VALUE, f"{along}, that is relu's value, not its slope")
    else:
        yield from _curved(op, x, y, a, u, along)


def _curved(op: str, x: float, y: float, a: str, u: str, along: str) -> Iterator[Slip]:
    """The same of tanh, exp and log."""
    if op == "tanh":
        yield Slip(1.0 - y, RULE, f"{along}, the square is missing: tanh's slope is made of {u}², not of {u}")
        yield Slip(y, VALUE, f"{along}, that is {u} = tanh({a}) itself, not its slope")
        yield Slip(
            1.0 - x * x, RULE, f"{along}, that takes {a}, what goes into tanh; its slope is made of {u}, what comes out"
        )
        yield Slip(y * y, RULE, f"{along}, that is {u}² alone: tanh is steepest where {u} is 0")
        yield Slip(1.0, RULE, f"{along}, that is the slope of a straight line, and tanh bends")
    elif op == "exp":
        yield Slip(x, RULE, f"{along}, that is the exponent {a}, and not e to it")
        yield Slip(1.0, LOCAL, f"{along}, that is the slope of {a} itself: e to the {a} has one of its own")
        yield Slip(x * y, RULE, f"{along}, that is the rule of a power, and here {a} is the exponent")
    elif op == "log":
        yield Slip(x, RULE, f"{along}, that is {a}: the logarithm is the flatter the larger {a} is")
        yield Slip(-1.0 / x**2, RULE, f"{along}, that is the logarithm's second derivative")
    elif op == "neg":
        yield Slip(1.0, SIGN, f"{along}, a sign: {u} falls when {a} rises")


def _of_edge(problem: Problem, path: Path) -> Iterator[Slip]:
    u, a, name, root = path.user, operand(path), edge_name(path), problem.root.label
    yield from _rule(path)
    yield Slip(-path.local, SIGN, f"the sign is the other way round: look at {name} once more")
    if u is not problem.root:
        yield Slip(
            path.product,
            OUTER,
            f"that is multiplied by d{root}/d{u.label} already: {name} is the partial along one edge alone",
        )
    yield Slip(
        problem.chains[a].sum,
        WHOLE,
        f"that is d{root}/d{a.label}, the gradient through all paths: {name} is the partial along one edge",
    )
    yield Slip(u.data, VALUE, f"that is the value of {u.label}, and {name} is how fast it moves")
    yield Slip(a.data, VALUE, f"that is the value of {a.label}, and {name} is how fast {u.label} moves with it")
    if path.local:
        yield Slip(
            1.0 / path.local,
            UPSIDE_DOWN,
            f"that is upside down: {name} is how far {u.label} goes for a step of {a.label}",
        )


# The gradient of a node -----------------------------------------------------------------------------------------------


def _of_gradient(problem: Problem, v: Value) -> Iterator[Slip]:
    paths, total, root = problem.chains[v].paths, problem.chains[v].sum, problem.root
    name, every = f"d{root.label}/d{v.label}", " and ".join(map(edge_name, paths))
    if len(paths) > 1:
        for path in paths:
            yield Slip(
                total - path.product,
                FORGOTTEN,
                f"a path is forgotten, the one along {edge_name(path)}: {v.label} is used {len(paths)} times",
            )
        yield Slip(
            paths[-1].product,
            OVERWRITTEN,
            f"= in place of +=: what came along {edge_name(paths[-1])} has overwritten the paths before it",
        )
        yield Slip(
            sum(p.local for p in paths),
            OUTER,
            f"those are the partials {every} added: each is multiplied by its outer factor first",
        )
        yield Slip(
            prod([p.product for p in paths]),
            ADDED,
            f"along {every} products are added, not multiplied: they are different paths",
        )
    for path in paths:
        if path.user is not root:
            outer = f"d{root.label}/d{path.user.label}"
            yield Slip(
                path.local,
                OUTER,
                f"that is the partial {edge_name(path)} alone, not the gradient: the outer factor {outer} is missing",
            )
            yield Slip(
                path.adjoint,
                LOCAL,
                f"that is {outer}, passed on as it is: along {edge_name(path)} it is multiplied by the partial",
            )
            if len(paths) == 1:
                yield Slip(
                    path.adjoint + path.local,
                    ADDED,
                    f"along a path factors are multiplied, not added: {outer} and {edge_name(path)}",
                )
    yield from _farther(problem, v)
    yield Slip(-total, SIGN, f"the sign is the other way round: look at {every} once more")
    yield Slip(
        v.data, VALUE, f"that is the value of {v.label}: {name}, along {every}, is how fast {root.label} moves with it"
    )


def _farther(problem: Problem, v: Value) -> Iterator[Slip]:
    """Wrong rules planted at each edge between a node and the output, nearest first, and wrong sweeps of all of them."""
    chains, root = problem.chains, problem.root
    alike: dict[tuple[str, str, int], list[tuple[Path, Slip]]] = {}
    for path in reversed(_above(problem, v)):
        a, u, edge = operand(path), path.user, edge_name(path)
        for slip in _rule(path):
            yield Slip(_swept(problem, {path: slip.gives})[v], slip.idea, slip.says, a)
            alike.setdefault((u.op.name if u.op else "", slip.idea, path.edge), []).append((path, slip))
        if a is v:
            continue
        if len(chains[a].paths) > 1:
            says = (
                f"a path is forgotten on the way, the one along {edge}: {a.label} is used {len(chains[a].paths)} times"
            )
            yield Slip(_swept(problem, {path: 0.0})[v], FORGOTTEN, says, a)
        if u is not root:
            says = f"on the way, the outer factor d{root.label}/d{u.label} is missing along {edge}"
            yield Slip(_swept(problem, {path: path.local / path.adjoint})[v] if path.adjoint else inf, OUTER, says, a)
            says = f"on the way, what reaches {u.label} is passed on as it is, not multiplied by {edge}"
            yield Slip(_swept(problem, {path: 1.0})[v], LOCAL, says, a)
    for (op, idea, _), slips in alike.items():
        if len({path for path, _ in slips}) > 1:
            gives = _swept(problem, {path: slip.gives for path, slip in reversed(slips)})[v]
            yield Slip(gives, idea, f"{slips[0][1].says}; the same at each {op}", operand(slips[0][0]))
    for why, found in wrong_gradients(root):
        lost = next((w for w in chains if found[w] != chains[w].sum), None)
        if lost is not None and chains[lost].paths and not any(word in why for word in ENGINES):
            yield Slip(found[v], SWEEP, f"{why}: see {' and '.join(map(edge_name, chains[lost].paths))}", lost)


def _above(problem: Problem, v: Value) -> list[Path]:
    """The edges on the ways from the output to a node, users first."""
    below, wanted = list[Path](), {v}
    for w, chain in reversed(problem.chains.items()):
        if w in wanted:
            below += reversed(chain.paths)
            wanted.update(p.user for p in chain.paths)
    return below[::-1]


def _swept(problem: Problem, factors: Mapping[Path, float]) -> dict[Value, float]:
    """The gradients where some edges multiply by other factors than their local derivatives."""
    found = dict.fromkeys(problem.chains, 0.0)
    found[problem.root] = 1.0
    for w, chain in problem.chains.items():
        for path in chain.paths:
            found[w] += found[path.user] * factors.get(path, path.local)
    return found

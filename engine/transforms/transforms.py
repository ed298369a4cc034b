"""Transforms: functions in, functions of their derivatives out, with JAX's names and meanings.

A transform never differentiates with respect to a number of the caller's. It calls the function with fresh leaves, so
that two transforms, one inside the other, cannot take each other's variables for their own (Siskind & Pearlmutter,
Perturbation Confusion and Referential Transparency, 2005: the confusion comes from sharing them). A fresh leaf that
stands for a Value becomes `identity` of it when the call is over, and outer derivatives flow through.

Answers are plain floats, unless they depend on a Value that is older than the call: one among the arguments, or one
that the function closes over. Then they are Values, which the outer graph can go on with. A Value made inside the
function is a constant of it. Under `no_grad` all answers are floats.

The function is called in a `readings.Call`: where it reads the number of what depends on its arguments, as by
`math.sin(x)` or `float(x)`, it is refused, since the derivative would lose what comes of it.

Reverse mode runs `backward` where floats are enough, else `gradients`. Forward mode reads the same partials in the
other direction (Griewank & Walther, Evaluating Derivatives, 2nd ed., 2008, section 3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from math import inf
from typing import Any

from ..arguments import flag, shown, whole
from ..backprop import topological_order
from ..ops import number, operand
from ..value import Value
from .linearization import Linearization
from .trees import container, described, flatten

Function = Callable[..., Any]


# Reverse mode --------------------------------------------------------------------------------------------------------


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The gradient of a function that returns one number, as a function of the same arguments.

    Args:
        f: a function of numbers, lists, tuples, dicts, NumPy arrays and Modules.
        argnums: the position of the argument to differentiate, or several.
        has_aux: f returns (output, aux); aux is handed on.

    Returns:
        A function that returns the gradient in the tree of the argument: a tuple of trees for several argnums, and
        (gradient, aux) with has_aux. A NumPy array reaches f as an array of Values; a gradient of a Module is a Module.

    Raises:
        TypeError: f returns no single number (`jacobian` differentiates such functions), or an argument holds none.

    >>> from engine import grad, sin
    >>> grad(lambda x: x**3)(3.0), grad(grad(lambda x: x**3))(3.0)
    (27.0, 18.0)
    >>> grad(lambda p: p["w"] * 2.0 + p["b"])({"w": 3.0, "b": 1.0})
    {'w': 2.0, 'b': 1.0}
    """
    return _transformed("grad", f, argnums, has_aux, _gradient, scalar=True)


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The value and the gradient of a function that returns one number, from one call of it.

    Args:
        f, argnums, has_aux: as for `grad`.

    Returns:
        A function that returns (value, gradient), and ((value, aux), gradient) with has_aux.

    Raises:
        TypeError: as for `grad`.

    >>> from engine import value_and_grad
    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (6.0, (3.0, 2.0))
    """
    return _transformed("value_and_grad", f, argnums, has_aux, _gradient, scalar=True, with_value=True)


def _gradient(run: Linearization, single: bool) -> Any:
    return run.like_arguments(run.answers(run.pulled_back([1.0])), single)


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The output of a function, and the function that pulls an output adjoint back to the arguments.

    Args:
        f: a function of numbers and trees of them that returns numbers or a tree of them.
        *primals: its arguments.
        has_aux: f returns (output, aux).

    Returns:
        (output, pullback), and (output, pullback, aux) with has_aux. pullback takes a tree like the output and
        returns a tuple with one tree for each argument: the adjoint times the Jacobian.

    Raises:
        TypeError: an argument or the output holds something that is no number.
        ValueError: pullback is given another tree than the output's.

    >>> from engine import vjp
    >>> output, pullback = vjp(lambda x, y: [x * y, x + y], 2.0, 3.0)
    >>> output, pullback([1.0, 10.0])
    ([6.0, 5.0], (13.0, 12.0))
    """
    _check("vjp", f)
    has_aux = flag("vjp", "has_aux", has_aux)
    run = Linearization("vjp", f, primals, {}, range(len(primals)), has_aux)
    output = run.output()

    def pullback(adjoint: Any) -> Any:
        seeds = flatten(adjoint, "the pullback of vjp", "the adjoint", like=output, like_what="the output").leaves
        return run.like_arguments(run.answers(run.pulled_back(seeds), seeds), single=False)

    return (output, pullback, run.aux()) if has_aux else (output, pullback)


def jacrev(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The Jacobian of a function, by reverse mode: one backward sweep for each number of the output.

    Args:
        f: a function of numbers and trees of them that returns numbers or a tree of them.
        argnums, has_aux: as for `grad`.

    Returns:
        A function that returns the tree of the output with, in the place of each number, the tree of the argument. An
        output array of shape s and an argument array of shape t give an array of shape s + t.

    Raises:
        TypeError: an argument or the output holds something that is no number.

    >>> from engine import jacrev
    >>> jacrev(lambda xs: [xs[0] * xs[1], xs[0] ** 2])([2.0, 3.0])
    [[3.0, 2.0], [4.0, 0.0]]
    """
    return _transformed("jacrev", f, argnums, has_aux, lambda run, single: run.jacobian(run.rows(), single))


jacobian = jacrev


# Forward mode --------------------------------------------------------------------------------------------------------


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> tuple[Any, ...]:
    """The output of a function, and its directional derivative: the Jacobian times a tangent, by forward mode.

    Args:
        f: a function of numbers and trees of them that returns numbers or a tree of them.
        primals: the arguments, a tuple or list.
        tangents: for each argument a tree like it.
        has_aux: f returns (output, aux).

    Returns:
        (output, tangent of the output), and (output, tangent, aux) with has_aux.

    Raises:
        TypeError: primals or tangents is no tuple or list, or something is no number.
        ValueError: the tangents are no tree like the primals.

    >>> from engine import jvp
    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0))
    (6.0, 23.0)
    """
    _check("jvp", f)
    _check_pairs("jvp", primals, tangents)
    seeds = [
        x
        for i, (t, p) in enumerate(zip(tangents, primals))
        for x in flatten(t, "jvp", f"tangent {i}", like=p, like_what=f"argument {i}").leaves
    ]
    has_aux = flag("jvp", "has_aux", has_aux)
    run = Linearization("jvp", f, tuple(primals), {}, range(len(primals)), has_aux)
    tangent = run.out.rebuild(run.answers(run.pushed_forward(seeds)))
    return (run.output(), tangent, run.aux()) if has_aux else (run.output(), tangent)


def jacfwd(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The Jacobian of a function, by forward mode: one sweep for each number of the arguments.

    Args, Returns, Raises: as for `jacrev`, which is cheaper where there are fewer outputs than arguments.

    >>> from engine import jacfwd
    >>> jacfwd(lambda x: {"double": 2.0 * x, "square": x**2})(3.0)
    {'double': 2.0, 'square': 6.0}
    """
    return _transformed("jacfwd", f, argnums, has_aux, lambda run, single: run.jacobian(run.columns(), single))


# Higher order --------------------------------------------------------------------------------------------------------


def hessian(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The second derivatives of a function: the Jacobian of its gradient, forward over reverse.

    Args:
        f, argnums, has_aux: as for `grad`; f may also return a tree.

    Returns:
        A function that returns the tree of the argument with, in the place of each number, the tree of the argument.

    >>> from engine import hessian
    >>> hessian(lambda xs: xs[0] ** 2 * xs[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    """
    _check("hessian", f)
    return jacfwd(jacrev(f, argnums, has_aux), argnums, has_aux)


def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a function that returns one number, times a tangent: the work of a few gradients, no matrix.

    Forward over reverse (Pearlmutter, Fast Exact Multiplication by the Hessian, 1994).

    Args:
        f: as for `grad`.
        primals, tangents: as for `jvp`.

    Returns:
        A tree like the argument; for several arguments a tuple with one tree for each.

    >>> from engine import hvp
    >>> hvp(lambda xs: xs[0] ** 2 * xs[1], ([2.0, 3.0],), ([1.0, 0.0],))
    [6.0, 4.0]
    """
    _check("hvp", f)
    _check_pairs("hvp", primals, tangents)
    positions = 0 if len(primals) == 1 else tuple(range(len(primals)))
    return jvp(grad(f, positions), primals, tangents)[1]


def derivative(f: Function, n: int = 1) -> Function:
    """The n-th derivative of a function of one number, as a function.

    Args:
        f: a function of one number that returns one.
        n: the order, 0 for the function itself.

    Returns:
        A function of one number.

    Raises:
        TypeError, ValueError: n is no integer from 0 on; f returns no single number.

    >>> from engine import derivative
    >>> [derivative(lambda x: x**4, n)(2.0) for n in range(6)]
    [16.0, 32.0, 48.0, 48.0, 24.0, 0.0]
    """
    _check("derivative", f)
    order = whole("derivative", "n", n)

    @wraps(f, updated=())
    def nth(x: Any) -> Any:
        if getattr(x, "shape", ()) != () or container(x) is not None:
            raise TypeError(f"derivative takes a function of one number, got {described(x)}; use grad or jacobian")
        run = Linearization("derivative", f, (x,), {}, (0,), has_aux=False, scalar=True)
        return run.derivative(order)

    return nth


# Other numbers in one graph -------------------------------------------------------------------------------------------


def replay(root: Any, leaves: Mapping[Value, float]) -> Any:
    """What a root would be at other leaf values, computed by the graph as it stands; nothing in it is changed.

    A leaf that is not named keeps the number it had when the graph was built.

    Args:
        root: a Value, or a list of Values; a number is itself.
        leaves: the new number of each leaf, a dict.

    Returns:
        A float, or a list of floats.

    Raises:
        ValueError: a Value in `leaves` is no leaf of the graph.
        TypeError: something is no Value or no number.

    >>> from engine import Value, replay
    >>> x = Value(2.0)
    >>> y = x * x + 1.0
    >>> replay(y, {x: 3.0}), y.data
    (10.0, 5.0)
    """
    roots = list(root) if isinstance(root, (list, tuple)) else [root]
    roots = [operand(r, "replay") for r in roots]
    if not isinstance(leaves, Mapping):
        raise TypeError(f"replay takes a dict {{leaf: number}}, got {shown(leaves)}")
    order = topological_order([r for r in roots if isinstance(r, Value)])
    found = {v for v in order if v.op is None}
    new: dict[Value, float] = {}
    for leaf, x in leaves.items():
        if leaf.__class__ is not Value or leaf not in found:
            what = "a node" if leaf.__class__ is Value and leaf.op is not None else "something that is not in the graph"
            raise ValueError(f"replay takes leaves of the graph, got {what}: {leaf!r}; name the leaves below the root")
        new[leaf] = number(x, "replay")
    for v in order:
        if v.op is None or not any(a.__class__ is Value and a in new for a in v.args):
            continue
        new[v] = v.op.forward(*[_renewed(a, x, new) for a, x in zip(*v._operands())])
    answers = [new.get(r, r._data) if isinstance(r, Value) else r for r in roots]
    return answers if isinstance(root, (list, tuple)) else answers[0]


def _renewed(a: Any, x: Any, new: dict[Value, float]) -> Any:
    """The number of an operand, or the numbers of a list of them; those that were there if they are not new."""
    if a.__class__ is tuple:
        return [new.get(e, y) for e, y in zip(a, x)]
    return new.get(a, x) if a.__class__ is Value else x


# How a transform of several arguments is made -------------------------------------------------------------------------


def _transformed(
    who: str, f: Function, argnums: Any, has_aux: bool, found: Callable[[Linearization, bool], Any],
    scalar: bool = False, with_value: bool = False,
) -> Function:  # fmt: skip
    """The function that linearizes f at its arguments, and returns what is found there."""
    positions, has_aux = _positions(who, f, argnums), flag(who, "has_aux", has_aux)
    single = not isinstance(argnums, (list, tuple))

    @wraps(f, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        run = Linearization(who, f, args, kwargs, positions, has_aux, scalar)
        answer = found(run, single)
        if with_value:
            return ((run.output(), run.aux()) if has_aux else run.output()), answer
        return (answer, run.aux()) if has_aux else answer

    return transformed


# Checks of what users give -------------------------------------------------------------------------------------------


def _check(who: str, f: Any) -> None:
    if not callable(f):
        raise TypeError(f"{who} takes a function, got {described(f)}; write {who}(f), without calling f")


def _check_pairs(who: str, primals: Any, tangents: Any) -> None:
    for what, xs in (("primals", primals), ("tangents", tangents)):
        if not isinstance(xs, (list, tuple)):
            raise TypeError(
                f"{who} takes {what} as a tuple, one entry for each argument of f, got {described(xs)}; write (x,) for one"
            )
    if len(primals) != len(tangents):
        raise ValueError(f"{who} takes as many tangents as primals, got {len(tangents)} and {len(primals)}")


def _positions(who: str, f: Any, argnums: Any) -> tuple[int, ...]:
    _check(who, f)
    positions = argnums if isinstance(argnums, (list, tuple)) else [argnums]
    if not positions:
        raise ValueError(f"{who} takes at least one position as argnums, got {argnums!r}")
    return tuple([whole(who, "argnums", i, "an int or a tuple of ints", least=-inf) for i in positions])

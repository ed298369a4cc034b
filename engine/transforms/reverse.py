"""Reverse mode: grad, value_and_grad, vjp and jacrev; and what all transforms have in common.

Functions in, functions of their derivatives out, with JAX's names and meanings.

A transform never differentiates with respect to a number of the caller's. It calls the function with fresh leaves, so
that two transforms, one inside the other, cannot take each other's variables for their own (Siskind & Pearlmutter,
Perturbation Confusion and Referential Transparency, 2005: the confusion comes from sharing them). A fresh leaf that
stands for a Value becomes `identity` of it when the call is over, and outer derivatives flow through.

Answers are plain floats, unless they depend on a Value that is older than the call: one among the arguments, or one
that the function closes over. Then they are Values, which the outer graph can go on with. A Value made inside the
function is a constant of it. Under `no_grad` all answers are floats.

The function is called in a `readings.Call`: where it reads the number of what depends on its arguments, as by
`math.sin(x)` or `float(x)`, it is refused, since the derivative would lose what comes of it.

`backward` runs where floats are enough, else `gradients`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from math import inf, isfinite
from weakref import ref

from .. import context
from ..arguments import flag, is_number, whole
from ..value import Value
from .linearization import Linearization
from .trees import Function, Tree, check_function, flatten


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The gradient of a function that returns one number, as a function of the same arguments.

    It takes as long as `value_and_grad`, and the gradient of a function of a gradient two to four times as long: each node of
    the graph that a gradient is takes as long as one of the function, and with it there are two to three times as many nodes,
    of a**b 3.9 times. Compiled, see `hvp`.

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
    return transformed_by("grad", f, argnums, has_aux, _gradient, scalar=True)


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
    return transformed_by("value_and_grad", f, argnums, has_aux, _gradient, scalar=True, with_value=True)


def _gradient(run: Linearization, single: bool) -> object:
    return run.like_arguments(run.gradient(), single)


def vjp(f: Function, *primals: Tree, has_aux: bool = False) -> tuple[Tree, ...]:
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
    check_function("vjp", f)
    has_aux = flag("vjp", "has_aux", has_aux)
    run = Linearization("vjp", f, primals, {}, range(len(primals)), has_aux).shortened()
    output = run.output()

    def pullback(adjoint: Tree) -> Tree:
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
    return transformed_by("jacrev", f, argnums, has_aux, lambda run, single: run.jacobian(run.rows(), single))


jacobian = jacrev


# How a transform of several arguments is made -------------------------------------------------------------------------


def transformed_by(
    who: str, f: Function, argnums: object, has_aux: bool, found: Callable[[Linearization, bool], object],
    scalar: bool = False, with_value: bool = False,
) -> Function:  # fmt: skip
    """The function that linearizes f at its arguments, and returns what is found there."""
    positions, has_aux = _positions(who, f, argnums), flag(who, "has_aux", has_aux)
    single = not isinstance(argnums, (list, tuple))

    def answered(run: Linearization) -> Tree:
        answer = found(run, single)
        if with_value:
            return ((run.output(), run.aux()) if has_aux else run.output()), answer
        return (answer, run.aux()) if has_aux else answer

    @wraps(f, updated=())
    def transformed(*args: Tree, **kwargs: Tree) -> Tree:
        if below is not None and not context.active and _is_of_one_number(args, positions):
            run = Linearization(who, below, args, kwargs, positions, has_aux, scalar)
            found = run.hessian_product([1.0])
            if isfinite(found[0]._data if isinstance(found[0], Value) else found[0]):
                return run.like_arguments(found, single)
            # Else the factors may have been out of range, and not what they make: again, in the order of a gradient.
        recorder = context.recorder()
        waits = recorder is not None and recorder.begins(own())
        run = Linearization(who, f, args, kwargs, positions, has_aux, scalar, owned=waits)
        return recorder.later(run, answered) if waits else answered(run.shortened())

    # The gradient of a gradient by the same number is one product with the Hessian. A user's wrapper of `grad(f)` may have
    # its attributes, but not its code.
    twice = (
        single
        and scalar
        and not (has_aux or with_value)
        and getattr(f, "gradient_of", None) == (positions, True, False)
    )
    alike = getattr(f, "__code__", None) is getattr(transformed, "__code__", None)
    below = getattr(f, "__wrapped__", None) if twice and alike else None
    own = ref(transformed)  # one that holds itself would wait for the collector, with all that f holds
    if scalar and not has_aux:
        vars(transformed)["gradient_of"] = positions, single, with_value  # for the compiler, which names what it shows
    return transformed


def _is_of_one_number(args: tuple[Tree, ...], positions: tuple[int, ...]) -> bool:
    (i,) = positions
    return -len(args) <= i < len(args) and is_number(args[i]) and not isinstance(args[i], Value)


def _positions(who: str, f: Function, argnums: object) -> tuple[int, ...]:
    check_function(who, f)
    positions = argnums if isinstance(argnums, (list, tuple)) else [argnums]
    if not positions:
        raise ValueError(f"{who} takes at least one position as argnums, got {argnums!r}")
    return tuple([whole(who, "argnums", i, "an int or a tuple of ints", least=-inf) for i in positions])

"""Forward mode, alone and over reverse mode: jvp, jacfwd, hessian, hvp and derivative.

The same partials are read in the other direction (Griewank & Walther, Evaluating Derivatives, 2nd ed., 2008, section
3.1). What a transform is, and what it answers, see `reverse`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps

from .. import context
from ..arguments import flag, whole
from ..guards import Number
from ..value import Value
from .linearization import Linearization
from .reverse import jacrev, transformed_by
from .trees import Function, Tree, check_function, container, described, flatten


def jvp(f: Function, primals: Sequence[Tree], tangents: Sequence[Tree], has_aux: bool = False) -> tuple[Tree, ...]:
    """The output of a function, and its directional derivative: the Jacobian times a tangent, by forward mode.

    Args:
        f: a function of numbers and trees of them that returns numbers or a tree of them.
        primals: the arguments, a tuple or list.
        tangents: for each argument a tree like it.
        has_aux: f returns (output, aux).

    Returns:
        (output, tangent of the output), and (output, tangent, aux) with has_aux. A tangent of 0 is a number as any other:
        times an infinite slope, as that of sqrt at 0, it is nan, here and in `hvp`, eager and compiled, as in JAX. The
        columns of `jacfwd` and `hessian` leave out what one input does not reach, and have the limit there.

    Raises:
        TypeError: primals or tangents is no tuple or list, or something is no number.
        ValueError: the tangents are no tree like the primals.

    >>> from engine import jvp
    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0))
    (6.0, 23.0)
    """
    check_function("jvp", f)
    seeds = _seeds("jvp", primals, tangents)
    has_aux = flag("jvp", "has_aux", has_aux)
    run = Linearization("jvp", f, tuple(primals), {}, range(len(primals)), has_aux).shortened()
    tangent = run.out.rebuild(run.answers(run.pushed_forward(seeds)))
    return (run.output(), tangent, run.aux()) if has_aux else (run.output(), tangent)


def jacfwd(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The Jacobian of a function, by forward mode: one sweep for each number of the arguments.

    Args, Returns, Raises: as for `jacrev`, which is cheaper where there are fewer outputs than arguments.

    >>> from engine import jacfwd
    >>> jacfwd(lambda x: {"double": 2.0 * x, "square": x**2})(3.0)
    {'double': 2.0, 'square': 6.0}
    """
    return transformed_by("jacfwd", f, argnums, has_aux, lambda run, single: run.jacobian(run.columns(), single))


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
    check_function("hessian", f)
    return jacfwd(jacrev(f, argnums, has_aux), argnums, has_aux)


def hvp(f: Function, primals: Sequence[Tree], tangents: Sequence[Tree]) -> Tree:
    """The Hessian of a function that returns one number, times a tangent: no matrix, the time of about four gradients.

    Forward over reverse (Pearlmutter, Fast Exact Multiplication by the Hessian, 1994). On floats both sweeps run over the
    one graph of f, and it takes one to three times as long as `value_and_grad`; along tangents that are Values, of which the
    answer is a graph, two to four times (`python -m tests.benchmarks.curvature` has a table).
    Compiled, a call mostly takes less than twice the time; compiling takes one and a half to four times as long, however many
    examples are summed.

    Args:
        f: as for `grad`.
        primals, tangents: as for `jvp`.

    Returns:
        A tree like the argument; for several arguments a tuple with one tree for each.

    >>> from engine import hvp
    >>> hvp(lambda xs: xs[0] ** 2 * xs[1], ([2.0, 3.0],), ([1.0, 0.0],))
    [6.0, 4.0]
    """
    check_function("hvp", f)
    seeds = _seeds("hvp", primals, tangents)
    run = Linearization("hvp", f, tuple(primals), {}, range(len(primals)), has_aux=False, scalar=True).shortened()
    return run.like_arguments(run.hessian_product(seeds), single=len(primals) == 1)


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
    check_function("derivative", f)
    order = whole("derivative", "n", n)

    @wraps(f, updated=())
    def nth(x: Number) -> Number:
        if getattr(x, "shape", ()) != () or container(x) is not None:
            raise TypeError(f"derivative takes a function of one number, got {described(x)}; use grad or jacobian")
        run = Linearization("derivative", f, (x,), {}, (0,), has_aux=False, scalar=True)
        return run.derivative(order)

    return nth


def _seeds(who: str, primals: Sequence[Tree], tangents: Sequence[Tree]) -> list[Number]:
    """A tangent for each number of the arguments."""
    for what, xs in (("primals", primals), ("tangents", tangents)):
        if not isinstance(xs, (list, tuple)):
            raise TypeError(
                f"{who} takes {what} as a tuple, one entry for each argument of f, got {described(xs)}; write (x,) for one"
            )
    if len(primals) != len(tangents):
        raise ValueError(f"{who} takes as many tangents as primals, got {len(tangents)} and {len(primals)}")
    seeds = [
        x
        for i, (t, p) in enumerate(zip(tangents, primals))
        for x in flatten(t, who, f"tangent {i}", like=p, like_what=f"argument {i}").leaves
    ]
    return seeds if context.links() else [x._data if isinstance(x, Value) else x for x in seeds]

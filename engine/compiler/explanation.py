"""A function explained in matrices: what it computes, and the gradients that backpropagation makes of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence

from ..formulas.mathml import escaped
from ..transforms.batching import vmap
from ..transforms.reverse import value_and_grad, vjp
from ..transforms.trees import flatten
from .array_stages import array_program, leaf_places
from .arrays.array_program import ArrayProgram
from .front.flattening import Flat
from .front.recorder import TraceError

Argnums = int | Sequence[int]


class MatrixExplanation:
    """A function's formulas in matrices, and those of its gradients: `print` shows text, a notebook MathML.

    Attributes:
        arrays: the array program that was found in the function's loops; printed it is code for NumPy.
    """

    def __init__(self, arrays: ArrayProgram, name: str, pulled_back: bool) -> None:
        self.arrays = arrays
        sizes = ", ".join([f"{a.name} {size}" for a, size in arrays.sizes() if not a.gradient_of])
        said = " ".join(arrays.formulas())
        own = [f"{c} {size} numbers" for c, size in arrays.numbers() if re.search(rf"\b{c}\b", said)]
        ends = [*own, *["L is any number computed from y"] * pulled_back]
        self._words = "; ".join([f"{name}: {sizes}", *ends])

    def __str__(self) -> str:
        return "\n".join([self._words, *self.arrays.formulas()])

    __repr__ = __str__

    def to_latex(self) -> str:
        """The formulas as LaTeX, one `aligned`."""
        return self.arrays.latex

    latex = to_latex

    def to_html(self) -> str:
        """The formulas as HTML with MathML: plain elements, which no notebook takes out."""
        maths = [f'<math displaystyle="true"><mrow>{line}</mrow></math>' for line in self.arrays.formulas("mathml")]
        return f"<div><p>{escaped(self._words)}</p>{''.join([f'<p>{math}</p>' for math in maths])}</div>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.to_html()}


def matrix_explanation(f: Callable[..., object], args: Sequence[object], argnums: Argnums | None) -> MatrixExplanation:
    """The formulas of a function, or a Module, at arguments of some structure.

    Args:
        f: the function.
        args: its arguments.
        argnums: which of them to differentiate by; None: the Modules among them, without any all; of a Module itself
            its parameters and its inputs.

    Raises:
        TypeError: its loops are no arrays, or an argument or the output holds what is no number.
    """
    if getattr(f, "gradient_of", None) is not None:
        return MatrixExplanation(_program(f, args), _name(f), False)
    module = _module_of(f)
    called, given = (f, [*args]) if module is None else (_of_itself(module, f), [module, *args])
    if argnums is not None:
        return _explained(called, given, argnums, module)
    modules = [k for k, x in enumerate(given) if _is_module(x)] if module is None else []
    try:
        return _explained(called, given, tuple(modules or range(len(given))), module)
    except TraceError:  # what indices are made of has no gradient
        by = tuple([k for k, x in enumerate(given) if not _is_whole(x)])
        if len(by) == len(given):
            raise
        return _explained(called, given, by, module)


def _explained(
    f: Callable[..., object], given: Sequence[object], argnums: Argnums, module: object
) -> MatrixExplanation:
    name = _name(f if module is None else type(module))
    output = flatten(f(*given), "explain", "what the function returns")
    if module is None and output.blocks == [None]:
        found = value_and_grad(f, argnums=argnums)
        found.__name__ = "L"
        return MatrixExplanation(_program(found, given), name, False)
    found = _with_pullback(f, argnums)
    found.__name__ = "y"
    program = _program(found, [*given, output.rebuild([1.0] * len(output.leaves))])
    program.pull_back(sum(p.size for p in leaf_places(Flat(tuple(given)).key)))
    return MatrixExplanation(program, name, True)


def _program(f: Callable[..., object], args: Sequence[object]) -> ArrayProgram:
    return array_program(f, lambda tree: f(*tree), Flat(tuple(args))).program


def _name(f: object) -> str:
    name = str(getattr(f, "__name__", type(f).__name__))
    return name if name.isidentifier() else "f"


def _is_module(x: object) -> bool:
    return hasattr(x, "named_parameters") and hasattr(x, "_flatten")


def _is_whole(x: object) -> bool:
    """Is it made of ints?"""
    kind = getattr(getattr(x, "dtype", None), "kind", "")
    return kind in ("i", "u") or isinstance(x, int) or (isinstance(x, (list, tuple)) and all(map(_is_whole, x)))


def _module_of(f: Callable[..., object]) -> Callable[..., object] | None:
    """The Module that a function is, or that `vmap` maps; None: it is none."""
    module: Callable[..., object] = getattr(f, "mapping", (f,))[0]
    return module if _is_module(module) else None


def _of_itself(module: Callable[..., object], f: object) -> Callable[..., object]:
    """A Module, or a mapped one, as a function of itself and its arguments."""
    _, *mapping = getattr(f, "mapping", (f,))

    def called(module: Callable[..., object], *rest: object) -> object:
        return vmap(module, *mapping)(*rest) if mapping else module(*rest)

    own = inspect.Parameter("module", inspect.Parameter.POSITIONAL_ONLY)
    forward = inspect.signature(getattr(module, "forward", module))
    vars(called)["__signature__"] = forward.replace(parameters=[own, *_positional(forward)])
    return called


def _positional(signature: inspect.Signature) -> list[inspect.Parameter]:
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [inspect.Parameter(p.name, kinds[0]) for p in signature.parameters.values() if p.kind in kinds]


def _with_pullback(f: Callable[..., object], argnums: Argnums) -> Callable[..., object]:
    """(what a function returns, its adjoint pulled back to some arguments), as a function of all and of the adjoint."""
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def found(*given: object) -> object:
        *args, adjoint = given

        def of_some(*some: object) -> object:
            return f(*[dict(zip(positions, some)).get(k, x) for k, x in enumerate(args)])

        output, pullback = vjp(of_some, *[args[k] for k in positions])
        return output, pullback(adjoint)

    try:
        signature = inspect.signature(f)
        last = inspect.Parameter("adjoint", inspect.Parameter.POSITIONAL_ONLY)
        vars(found)["__signature__"] = signature.replace(parameters=[*_positional(signature), last])
    except (TypeError, ValueError):  # a function of C's
        pass
    vars(found)["gradient_of"] = positions, False, True
    return found

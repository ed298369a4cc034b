"""A function as an array program: its text, its formulas, and the function that NumPy runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, TypeAlias

from ..front.trace import INPUT, PARAMETER, Trace
from .formulas import Formulas
from .functions import functions
from .grouping import together
from .naming import adjoints, free_name, name_arguments, name_lines
from .ordering import ordered, scan_axes
from .orientation import turn_round
from .program import EXAMPLES, Array, NotRaisedError, Read
from .raising import Given, Raising, Result, raised
from .rewriting import rewrite, spell_out, spread, summed
from .scans import Scan, scanned
from .terms import definitions
from .text import SYNTAX, Text, spelled
from .words import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Numbers: TypeAlias = "NDArray[np.floating]"
Runnable = Callable[..., tuple[Any, ...]]  # a function of arrays that returns arrays, of NumPy or of JAX


class ArrayProgram:
    """What a traced function computes, in arrays.

    Args:
        trace: of words.
        given: its arguments.
        outputs: its results.
        names: of the results.
        guarded: keep the guards against 0·inf.
        library: what runs it, "numpy" or "xla".

    Attributes:
        arguments: by name, the arrays that it reads, in the order in which `run` takes them.
        results: the arrays that it returns, by result.
        targets: what each output is written to, in order.
        places: (start, sizes, strides) of each array that it returns, among the outputs.
        text: the program, one line an array.
    """

    def __init__(self, trace: Trace, given: Sequence[Given], outputs: Sequence[Result], names: Sequence[str],
                 guarded: bool = False, library: str = "numpy") -> None:  # fmt: skip
        program = words(trace)
        raising = raised(program, given, outputs)
        self._library = library
        self._space = {spelled(name): f for name, f in functions(trace.rows, library).items()}
        reserved = {*self._space, "inf", "nan", "n", *(("a_round", "kept") if library == "xla" else ())}
        self.targets = program.targets
        flat = [a for arrays in raising.results for a in arrays]
        self.places = [(a.start - program.first, a.shape, a.strides) for a in flat]
        together(ordered(flat), flat)
        for array in ordered(flat):
            if array.place < 0:  # it is made of others
                array.place = max([a.array.place for a in array.args if isinstance(a, Read)], default=-1)
        spell_out(ordered(flat))
        spread(ordered(flat))
        every = ordered(flat)
        self.results = [summed(of, every) if out.summed else of for of, out in zip(raising.results, outputs)]
        flat = [a for arrays in self.results for a in arrays]
        sides = [x for a in [*raising.arguments, *flat] for x in a.axes]
        turn_round(ordered(flat), dict.fromkeys([*sides, *scan_axes(flat)]))
        rewrite(ordered(flat), guarded)
        self.results = [
            of if out.gradient else [_handed_on(a, flat) for a in of] for of, out in zip(self.results, outputs)
        ]
        flat = [a for arrays in self.results for a in arrays]
        arrays = ordered(flat)
        for array in arrays:
            if library == "xla" and array.op not in SYNTAX and spelled(array.op) not in self._space:
                raise NotRaisedError(f"it has no {array.op}", array.place, "functions of ops that XLA has")
        read = {a: g for a, g in raising.arguments.items() if a in set(arrays)}
        named = name_arguments(read, reserved)
        for array, name in named.items():
            array.name = name
        self._given, self._read = given, read
        self._name_results(raising, outputs, names, named, reserved)
        self.arguments = sorted(read, key=lambda a: (a.space, a.start))
        lines = definitions(arrays, flat)
        name_lines(lines, adjoints(flat), {a.name for a in [*read, *flat]} | reserved)
        taken = {a.name for a in [*read, *[d.array for d in lines]]}
        self.definitions = scanned(lines, flat, taken, library)
        written = Text(self.definitions, library, taken)
        self._constants, self._rows = written.constants, trace.rows
        self.text = "\n".join(written.lines)

    def _name_results(self, raising: Raising, outputs: Sequence[Result], names: Sequence[str],
                      named: Mapping[Array, str], reserved: Set[str]) -> None:  # fmt: skip
        taken = {*named.values(), *reserved}
        for out, name, arrays in zip(outputs, names, self.results):
            blocks = sorted(raising.blocks(out.like), key=lambda a: a.start) if out.like is not None else []
            for k, array in enumerate(arrays):
                own = f"{name}{named[blocks[k]]}" if len(blocks) == len(arrays) and blocks[k] in named else name
                array.name = free_name(own, taken)
                array.gradient_of = own[1:] if out.gradient else ""
                taken.add(array.name)

    def compiled(self) -> Runnable:
        """The text as a function of the number of examples and of the arguments' arrays."""
        import numpy as np

        given = ", ".join(["n", *[a.name for a in self.arguments]])
        returned = "".join([f"{a.name}, " for arrays in self.results for a in arrays])
        lines = [f"def program({given}):", *self.text.splitlines(), f"return ({returned})"]
        space: dict[str, Any] = {**self._space, **self._constants, "inf": np.inf, "nan": np.nan}
        exec("\n    ".join(lines), space)  # noqa: S102 - what it says is made here, of identifiers alone
        found: Runnable = space["program"]
        return found

    def runnable(self, name: str, dtype: str) -> Runnable:
        """The same, as its library runs it.

        Args:
            name: what it is called in the log.
            dtype: of the numbers.
        """
        if self._library == "numpy":
            return self.compiled()
        from .xla import on_xla

        return on_xla(name, self.compiled(), dtype)

    def views(self, spaces: Mapping[int, Numbers]) -> list[Any]:
        """What the compiled text is called with, in the numbers of a call.

        Args:
            spaces: by space, the numbers: of parameters all, of inputs one row an example.
        """
        import numpy as np

        found: list[Any] = [len(spaces[INPUT]) if INPUT in spaces else 1]
        for a in self.arguments:
            numbers = spaces[a.space]
            size = numbers.itemsize
            if a.space == PARAMETER:
                steps = [s * size for s in a.strides]
                found.append(np.lib.stride_tricks.as_strided(numbers[a.start :], a.shape, steps))
            elif a.space == INPUT:
                steps = [numbers.strides[0], *[s * size for s in a.strides]]
                found.append(
                    np.lib.stride_tricks.as_strided(numbers[:, a.start :], (len(numbers), *a.shape[1:]), steps)
                )
        return found

    def outputs(self, numbers: Numbers) -> list[Numbers]:
        """Where the results are to be written, in the numbers of a call, of mapped examples one row each."""
        import numpy as np

        rows, ahead = numbers.shape[:-1], numbers.strides[:-1]
        return [
            np.lib.stride_tricks.as_strided(
                numbers[..., at:], (*rows, *shape), [*ahead, *[s * numbers.itemsize for s in strides]]
            )
            for at, shape, strides in self.places
        ]

    def __str__(self) -> str:
        """The text, behind it the arguments."""
        return f"{self._header()}\n{self.text}"

    __repr__ = __str__

    def _header(self) -> str:
        """Which arrays the arguments are, and their shapes."""
        return "# " + ", ".join(f"{a.name} {size}" for a, size in self.sizes())

    def sizes(self) -> list[tuple[Array, str]]:
        """Each argument, and its shape in words."""
        sizes = [[str(n) if n < EXAMPLES else "n" for n in a.shape] for a in self.arguments]
        return [(a, "×".join(n) or "a number") for a, n in zip(self.arguments, sizes)]

    def numbers(self) -> list[tuple[str, str]]:
        """The arrays of numbers that it has of its own, and their shapes in words."""
        return [(name, "×".join(map(str, x.shape))) for name, x in self._constants.items()]

    def pull_back(self, first: int) -> None:
        """Call the arguments from the number `first` on the gradients of L by the results, whose tree is theirs."""
        behind = sorted({g.first for g in self._given if g.first >= first})
        for a, g in self._read.items():
            if g.first >= first:
                a.gradient_of = self.results[behind.index(g.first)][0].name

    def formulas(self, style: str = "unicode") -> list[str]:
        """The lines as textbooks write them, in matrices where it can be, elsewhere with an index an axis.

        Args:
            style: "unicode", "latex" or "mathml".
        """
        written = Formulas(style, self._rows, self._constants)
        found = [written.equations(d) if isinstance(d, Scan) else [written.equation(d)] for d in self.definitions]
        return [line for lines in found for line in lines]

    @property
    def latex(self) -> str:
        """The formulas, as one block of equations."""
        inside = " \\\\\n".join(self.formulas("latex"))
        return f"\\begin{{aligned}}\n{inside}\n\\end{{aligned}}"

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```\n\n{self._repr_latex_()}"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"


def _handed_on(result: Array, results: Sequence[Array]) -> Array:
    """The array that a result is, whole, where nothing else is returned as that: it takes the result's name."""
    if result.op != "move" or not isinstance(result.args[0], Read):
        return result
    array = result.args[0].array
    others = [a for a in results if a is array]
    whole = [p.plain() for p in result.args[0].places] == result.axes and array.shape == result.shape
    return array if whole and not others and array.op != "argument" else result

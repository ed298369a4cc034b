"""jit: a Python function of numbers as native code."""

from __future__ import annotations

import copy
import functools
import inspect
import logging
import sys
import types
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from .. import context
from ..arguments import flag, named, shown, text
from ..arguments import threads as number_of_threads
from ..value import Value
from .front.flattening import Flat
from .front.keys import exact
from .front.outside import Outside, exact_of_constant
from .llvm.native_code import Turn
from .llvm.processor import LOCK, Target, is_checked, llvm, processor
from .mapping import MappedExamples, mapped_axes

if TYPE_CHECKING:
    from .array_specialization import ArrayStages
    from .arrays.array_program import ArrayProgram
    from .compilation import Compilation

log = logging.getLogger("engine.jit")

DTYPES = ("float64", "float32")
BACKENDS = ("llvm", "numpy", "xla")
MOST = 256  # programs that a function keeps, the latest


def floats(who: str, dtype: object, backend: str) -> str:
    """The floats that a backend computes in, "float32" or "float64"; of XLA float32 unless asked otherwise.

    Args:
        who: the function that was called, for messages.
        dtype: what it was asked for; None: nothing.
        backend: which.
    """
    return named(who, "dtype", dtype, DTYPES) if dtype is not None else DTYPES[backend == "xla"]


class Runnable(Protocol):
    """Native code for arguments of one structure."""

    @property
    def stages(self) -> Compilation | ArrayStages:
        """What became of the function."""

    def run(self, given: Any) -> object:
        """What the function returns."""


class Repeats(Runnable, Protocol):
    """Native code that reads arguments built like those of an earlier call in less time."""

    def expect(self, args: tuple[object, ...]) -> None:
        """They are built like these."""

    def repeat(self, args: tuple[object, ...]) -> object:
        """What the function returns; NotImplemented where they are not."""


class CompiledFunction:
    """What `jit` returns: called like the function it was made from.

    Attributes:
        compilations: the Compilation of each structure of arguments met so far.
    """

    def __init__(self, f: Callable[..., object], static: Iterable[str], dtype: str, contract: bool,
                 checked: bool | None, cpu: str | None, threads: int = 1, backend: str = "llvm") -> None:  # fmt: skip
        functools.update_wrapper(self, f)
        self.__name__ = getattr(f, "__name__", type(f).__name__)  # a partial and a Module have none
        self._threads, self._backend = threads, backend
        self._f, self._target = f, Target(dtype, contract, is_checked(checked), processor(cpu))
        try:
            asked = [static] if isinstance(static, str) else list(static)
        except TypeError:
            raise TypeError(f"jit takes names of arguments as static_argnames, got {shown(static)}") from None
        self._static = frozenset([text("jit", "static_argnames", name, "names of arguments") for name in asked])
        self._programs: dict[Hashable, Runnable] = {}
        self._before: tuple[Runnable, int] | None = None  # the program of the call before, for what there was outside
        self._repeated: tuple[Repeats, int] | None = None  # that of several calls one after another
        self._lock = Turn()
        self._outside = Outside(f)
        self._signature = inspect.signature(f) if self._static else None
        if self._signature and self._static - set(self._signature.parameters):
            names = ", ".join(sorted(self._static - set(self._signature.parameters)))
            raise ValueError(f"jit takes names of arguments as static_argnames, got {names}")

    def __get__(self, instance: object, owner: type | None = None) -> CompiledFunction | types.MethodType:
        """As a method: of a Module, or of any object that static_argnames names ("self")."""
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self) -> str | tuple[object, ...]:
        """A copy, or what pickle loads, compiles anew; a decorated function is found by its name, as functions are."""
        found: object = sys.modules.get(self.__module__)
        for name in getattr(self, "__qualname__", "").split("."):
            found = getattr(found, name, None)
        if found is self:
            return str(vars(self)["__qualname__"])
        dtype, contract, checked, cpu = self._target
        settings = dtype, contract, checked, cpu or "native", self._threads, self._backend
        return CompiledFunction, (self._f, self._static, *settings)

    @property
    def compilations(self) -> list[Compilation | ArrayStages]:
        """The stages of each compilation so far."""
        return [p.stages for p in self._programs.values()]

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Run natively; compile first if the structure of the arguments is new."""
        if context.recorder() is not None:
            return self._f(*args, **kwargs)
        if self._repeated is not None and not kwargs:
            latest, outside = self._repeated
            result = latest.repeat(args) if self._outside.number() == outside else NotImplemented
            if result is not NotImplemented:
                return result
            self._before = self._repeated = None
        try:
            given, call = self._arguments(args, kwargs)
        except TypeError:
            if _holds_values([*args, *kwargs.values()]):
                return self._f(*args, **kwargs)
            raise
        if given.holds_values:
            return self._f(*args, **kwargs)
        program, number = found = self._native(given, call)
        expect = getattr(program, "expect", None)
        if found == self._before and expect is not None and not kwargs and self._signature is None:
            expect(args)
            self._repeated = cast("Repeats", program), number
        self._before = found
        return program.run(given)

    def lower(self, *args: object, **kwargs: object) -> Compilation | ArrayStages:
        """Compile for arguments like these: `.trace`, `.program`, `.arrays`, `.latex`, `.ir`, `.assembly`, `.times`."""
        given, call = self._arguments(args, kwargs)
        found = self._native(given, call)[0].stages
        if not hasattr(found, "raise_arrays"):
            return found
        stages = copy.copy(found)
        stages.raise_arrays = functools.cache(partial(self._raised, given, call))
        return stages

    def _raised(self, given: Flat | MappedExamples, call: Callable[..., object]) -> ArrayProgram:
        """The array program for a structure."""
        with LOCK:
            from .array_stages import array_program, mapped_program
        if isinstance(given, MappedExamples):
            return mapped_program(call, given).program
        return array_program(self._f, call, given).program

    def _arguments(
        self, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> tuple[Flat | MappedExamples, Callable[..., object]]:
        """(the arguments, what is to be run with them); of a function made by vmap examples that can go in lanes."""
        mapping = getattr(self._f, "mapping", None)
        if mapping is not None and not self._static:
            f, *in_and_out = mapping
            axes = mapped_axes(args, kwargs, *in_and_out)
            examples = None if axes is None else MappedExamples(args, axes)
            if examples is not None and examples.alike:
                return examples, f
        if self._signature is None:
            if not kwargs:
                return Flat(args), lambda tree: self._f(*tree)
            found = Flat((args, kwargs))
            found.key = (*found.key, "by name")
            return found, lambda tree: self._f(*tree[0], **tree[1])
        signature = self._signature
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        fixed = {n: x for n, x in bound.arguments.items() if n in self._static}
        try:
            hash(tuple(fixed.values()))
        except TypeError:
            raise TypeError(f"jit takes hashable values for static_argnames, got {shown(fixed)}") from None
        found = Flat({n: x for n, x in bound.arguments.items() if n not in self._static})
        found.key = (*found.key, exact(fixed), *map(exact_of_constant, fixed.values()))
        found.holds_values = found.holds_values or _holds_values(fixed.values())

        def call(tree: dict[str, object]) -> object:
            every = inspect.BoundArguments(signature, {n: {**fixed, **tree}[n] for n in signature.parameters})
            return self._f(*every.args, **every.kwargs)

        return found, call

    def _native(self, given: Flat | MappedExamples, call: Callable[..., object]) -> tuple[Runnable, int]:
        """(the code for a structure, compiled once whatever the number of threads that ask; for what there is outside)."""
        self._outside.include(given.classes)
        number = self._outside.number()
        key = given.key, number
        program = self._programs.get(key)
        if program is None:
            with self._lock.taken():
                program = self._programs.get(key)
                if program is None:
                    program = self._compiled(given, call)
                    log.info("compiled %s in %.2f s", self.__name__, sum(program.stages.times.values()))
                    self._programs[key] = program
                    self._outside.settle(number)
                    if len(self._programs) > MOST:
                        del self._programs[next(iter(self._programs))]
        return program, number

    def _compiled(self, given: Flat | MappedExamples, call: Callable[..., object]) -> Runnable:
        if self._backend != "llvm":
            with LOCK:
                from .array_specialization import ArraySpecialization, MappedArraySpecialization
            if isinstance(given, MappedExamples):
                return MappedArraySpecialization(call, given, self._target.dtype, self._backend)
            return ArraySpecialization(self._f, call, given, self._target.dtype, self._backend)
        llvm()
        with LOCK:
            from .specialization import MappedSpecialization, Specialization
        if isinstance(given, MappedExamples):
            return MappedSpecialization(call, given, self._target, self._threads)
        return Specialization(self._f, call, given, self._target, self._threads)


def _holds_values(trees: Iterable[object]) -> bool:
    """Is there a Value outside Modules?"""
    stack, seen = [*trees], set[int]()
    while stack:
        x = stack.pop()
        if x.__class__ is Value:
            return True
        if isinstance(x, (list, tuple, dict)) and id(x) not in seen:
            seen.add(id(x))
            stack.extend(x.values() if isinstance(x, dict) else x)
        elif hasattr(x, "ravel") and getattr(getattr(x, "dtype", None), "kind", "") == "O":
            stack.extend(x.ravel().tolist())
    return False


def jit(
    f: Callable[..., Any] | None = None,
    *,
    static_argnames: str | Iterable[str] = (),
    dtype: str | None = None,
    contract: bool = True,
    checked: bool | None = None,
    cpu: str | None = None,
    threads: int | str = 1,
    backend: str = "llvm",
) -> Any:
    """A function that runs natively what `f` computes: traced once for each structure of arguments, compiled, kept.

    Args:
        f: a function of floats, lists, tuples, dicts, NumPy arrays and Modules of them, whose Python control flow does
            not depend on a number among them. What vmap returns runs its examples in the lanes of vectors, where they
            are the first axis of arrays or lists, and is compiled once for any number of them. f may call grad,
            value_and_grad, jvp, hessian, vmap, and be what they return. Values it reads from outside are read again at
            each call. All else that it reads there, by name, in Modules and in objects (up to 20,000 things; of a list
            of more than 2,000 the length alone; nothing inside libraries), and what functions and classes of Modules among its
            arguments read, is looked at before each call, and where it is no longer as it was f is traced anew. What f
            changes outside it changes when it is traced, a few times where it takes gradients over many examples that are all alike. It draws no random numbers, as Dropout does in
            training. Between two of its numbers == is identity, as between Values everywhere: engine.equal compares them. A whole number among its arguments may index lists and arrays that
            are arguments, `rows[i]`, and by `engine.take(rows, i)` any list: a gather, whose gradient adds to the row
            that was taken. Each call is checked for indices out of range; negative ones count from the end.
        static_argnames: names of arguments that are no numbers for the trace (a size, a name): each value of theirs
            is compiled on its own.
        dtype: "float64" or "float32"; None: "float64", and "float32" on XLA, as is usual there.
        contract: let a product and a sum become one fused multiply-add, and the running sum of an innermost loop be kept
            in the lanes of a vector, in an order fixed by the processor. Without, + - * / and sqrt give the bits of
            eager mode, but for the sign of a zero behind a branch that is not taken; second derivatives, which a trace may
            sum in another order, agree to rounding.
        checked: check the bounds of every load and store; for debugging the compiler. None: as the environment
            variable CHAINRULE_JIT_CHECKED says, 1 for yes.
        cpu: "native" for all features of the processor, or a level of x86-64: "x86-64" (SSE2), "x86-64-v2", "x86-64-v3"
            (AVX2), "x86-64-v4" (AVX-512). A level makes the same code on every processor that has it. None: as the
            environment variable CHAINRULE_JIT_CPU says, "native" without.
        threads: how many threads share the loops of a function, or the examples of vmap, that take some 0.1 ms or more;
            "auto": as many as this process has cores. The result is the same to the last bit for any number. See `TrainingLoop`.
        backend: "llvm" for native code; "numpy" for the array program that `lower(...).arrays` shows, run by NumPy and its
            BLAS, which needs no LLVM. Sums run in NumPy's order there, and contract, checked, cpu and threads have no
            meaning. "xla" for the same program on what JAX finds, a GPU, a TPU or the processor (the extra xla):
            other shapes are compiled anew, which the logger says; subnormal numbers are 0 there; JAX's own settings stay
            as they are.

    Returns:
        A function that takes and returns the same trees; scalars come back as floats, arrays as arrays. Called with
        Values, or inside another trace, it is `f` itself. It is copied and pickled as `f` is, and compiles anew there.
        `.lower(*args)` shows the stages. When it compiles it says
        so to the logger "engine.jit".

    Raises:
        TypeError: the function branches on a traced number or draws random ones, or an argument is no number; the
            message says what to do.
        IndexError: at a call, an argument that is used as an index is none.
        ValueError: an option is none of these, or the processor lacks a feature of the level.
        ImportError: llvmlite is missing, or JAX for XLA.

    >>> import engine
    >>> f = engine.jit(lambda x, y: engine.sin(x) * y + 1.0)
    >>> round(f(0.5, 2.0), 12)
    1.958851077208
    """
    named("jit", "backend", backend, BACKENDS)
    dtype = floats("jit", dtype, backend)
    contract, many = flag("jit", "contract", contract), number_of_threads("jit", threads)
    if f is None:
        return lambda g: CompiledFunction(g, static_argnames, dtype, contract, checked, cpu, many, backend)
    if not callable(f):
        raise TypeError(f"jit takes a function, got {shown(f)}")
    return CompiledFunction(f, static_argnames, dtype, contract, checked, cpu, many, backend)

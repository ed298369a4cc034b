"""jit: a Python function of numbers as native code."""

from __future__ import annotations

import ctypes
import functools
import inspect
import logging
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

from .. import context
from ..arguments import flag, named, shown, text
from ..value import Value
from .compilation import HARD, Compilation
from .front.flattening import Flat, flat
from .front.keys import exact
from .front.outside import Outside
from .front.recorder import Recorder
from .llvm.machine import Turn, aligned, is_checked, llvm, processor
from .mapping import Mapped, MappedExamples, mapped_axes

log = logging.getLogger("engine.jit")

DTYPES = ("float64", "float32")
MOST = 256  # programs that a function keeps, the latest


class CompiledFunction:
    """What `jit` returns: called like the function it was made from.

    Attributes:
        compilations: the Compilation of each structure of arguments met so far.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        static: Iterable[str],
        dtype: str,
        contract: bool,
        checked: bool | None,
        cpu: str | None,
    ) -> None:
        functools.update_wrapper(self, f)
        self.__name__ = getattr(f, "__name__", type(f).__name__)  # a partial and a Module have none
        self._f, self._dtype, self._contract, self._checked = f, dtype, contract, is_checked(checked)
        self._cpu = processor(cpu)
        try:
            asked = [static] if isinstance(static, str) else list(static)
        except TypeError:
            raise TypeError(f"jit takes names of arguments as static_argnames, got {shown(static)}") from None
        self._static = frozenset([text("jit", "static_argnames", name, "names of arguments") for name in asked])
        self._programs: dict[Any, Any] = {}
        self._lock = Turn()
        self._outside = Outside(f)
        self._signature = inspect.signature(f) if self._static else None
        if self._signature and self._static - set(self._signature.parameters):
            names = ", ".join(sorted(self._static - set(self._signature.parameters)))
            raise ValueError(f"jit takes names of arguments as static_argnames, got {names}")

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: of a Module, or of any object that static_argnames names ("self")."""
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self) -> Any:
        """A copy, or what pickle loads, compiles anew; a decorated function is found by its name, as functions are."""
        found: Any = sys.modules.get(self.__module__)
        for name in getattr(self, "__qualname__", "").split("."):
            found = getattr(found, name, None)
        if found is self:
            return self.__qualname__
        return CompiledFunction, (
            self._f,
            self._static,
            self._dtype,
            self._contract,
            self._checked,
            self._cpu or "native",
        )

    @property
    def compilations(self) -> list[Compilation]:
        """The stages of each compilation so far."""
        return [p.stages for p in self._programs.values()]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run natively; compile first if the structure of the arguments is new."""
        if context.recorder() is not None:
            return self._f(*args, **kwargs)
        try:
            examples = self._examples(args, kwargs)
            if examples is None:
                given, call = self._flat(args, kwargs)
        except TypeError:
            if _holds_values([*args, *kwargs.values()]):
                return self._f(*args, **kwargs)
            raise
        if (examples or given).holds_values:
            return self._f(*args, **kwargs)
        if examples is not None:
            return self._mapped(examples).run(examples)
        return self._program(given, call).run(given.leaves)

    def lower(self, *args: Any, **kwargs: Any) -> Compilation:
        """Compile for arguments like these: `.trace`, `.program`, `.ir`, `.assembly`, `.times`."""
        examples = self._examples(args, kwargs)
        if examples is not None:
            return self._mapped(examples).stages
        given, call = self._flat(args, kwargs)
        return self._program(given, call).stages

    def _examples(self, args: Any, kwargs: Any) -> MappedExamples | None:
        """The arguments of a function made by vmap, where its examples can go in the lanes of vectors."""
        mapping = getattr(self._f, "mapping", None)
        if mapping is None or self._static:
            return None
        axes = mapped_axes(args, kwargs, *mapping[1:])
        examples = None if axes is None else MappedExamples(args, axes)
        return examples if examples and examples.alike else None

    def _mapped(self, examples: MappedExamples) -> Mapped:
        f = self._f.mapping[0]  # type: ignore[attr-defined]  # set by vmap
        found: Mapped = self._kept(
            examples.key, lambda: Mapped(f, examples, self._dtype, self._contract, self._checked, self._cpu)
        )
        return found

    def _flat(self, args: Any, kwargs: Any) -> tuple[Flat, Callable[[Any], Any]]:
        if self._signature is None:
            return flat((args, kwargs)), lambda tree: self._f(*tree[0], **tree[1])
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        fixed = {n: x for n, x in bound.arguments.items() if n in self._static}
        moving = {n: x for n, x in bound.arguments.items() if n not in self._static}
        try:
            hash(tuple(fixed.values()))
        except TypeError:
            raise TypeError(f"jit takes hashable values for static_argnames, got {shown(fixed)}") from None
        found = flat(moving)
        found.key = (found.key, exact(fixed))
        found.holds_values = found.holds_values or _holds_values(fixed.values())
        signature = self._signature

        def call(tree: Any) -> Any:
            every = inspect.BoundArguments(signature, {n: {**fixed, **tree}[n] for n in signature.parameters})
            return self._f(*every.args, **every.kwargs)

        return found, call

    def _program(self, given: Flat, call: Callable[[Any], Any]) -> _Program:
        found: _Program = self._kept(
            given.key, lambda: _Program(self._f, call, given, self._dtype, self._contract, self._checked, self._cpu)
        )
        return found

    def _kept(self, key: Any, compiled: Callable[[], Any]) -> Any:
        """The code for a structure, compiled once whatever the number of threads that ask."""
        number = self._outside.number()
        key = key, number
        program = self._programs.get(key)
        if program is None:
            with self._lock.taken():
                program = self._programs.get(key)
                if program is None:
                    program = compiled()
                    log.info("compiled %s in %.2f s", self.__name__, sum(program.stages.times.values()))
                    self._programs[key] = program
                    self._outside.settle(number)
                    if len(self._programs) > MOST:
                        del self._programs[next(iter(self._programs))]
        return program


def _holds_values(trees: Iterable[Any]) -> bool:
    """Is there a Value outside Modules?"""
    stack, seen = [*trees], set[int]()
    while stack:
        x = stack.pop()
        if x.__class__ is Value:
            return True
        if isinstance(x, (list, tuple, dict)) and id(x) not in seen:
            seen.add(id(x))
            stack.extend(x.values() if isinstance(x, dict) else x)
        elif getattr(getattr(x, "dtype", None), "kind", "") == "O":
            stack.extend(x.ravel().tolist())
    return False


class _Program:
    """Native code for one structure of arguments."""

    def __init__(
        self,
        f: Callable[..., Any],
        call: Callable[[Any], Any],
        given: Flat,
        dtype: str,
        contract: bool,
        checked: bool,
        cpu: str,
    ) -> None:
        import numpy as np

        llvm()
        self.stages, self._dtype, self._np = Compilation(), np.dtype(dtype), np
        recorder = Recorder()
        with self.stages.timed("trace"):
            traced = self._traced(recorder, given.leaves)
            returned = recorder.run(lambda: call(given.rebuild(traced)), reads=(f, *given.modules))
            result = flat(returned, "jit, as results,")
            effects, self._pieces = self._outputs(result.leaves)
            if returned.__class__ is tuple and returned and returned[0].__class__ is Value:
                # A lone result first, as in (value, gradient), would turn the loop that writes the rest by one place.
                effects = [*effects[1:], *effects[:1]]
            self._rebuild = result.rebuild
            trace = recorder.trace(effects)
        self._captured, self._free = recorder.captured, recorder.free
        self._compile(trace, len(effects), contract, checked, cpu)
        self._spaces: list[Any] = []  # (parameters, outputs, memory), one for each call under way

    def _traced(self, recorder: Recorder, leaves: list[Any]) -> list[Any]:
        traced: list[Any] = []
        at = 0
        for leaf in leaves:
            if hasattr(leaf, "shape"):
                boxes = self._np.empty(leaf.size, object)
                boxes[:] = [recorder.parameter(x, at + i) for i, x in enumerate(leaf.ravel().astype(float).tolist())]
                traced.append(boxes.reshape(leaf.shape))
                at += leaf.size
            else:
                traced.append(recorder.parameter(leaf._data if leaf.__class__ is Value else float(leaf), at))
                at += 1
        recorder.free = at
        return traced

    def _outputs(self, leaves: list[Any]) -> tuple[list[tuple[str, Any, int]], list[Any]]:
        """What to write where, and for each leaf of the result how it is read back."""
        effects: list[tuple[str, Any, int]] = []
        pieces: list[Any] = []
        for leaf in leaves:
            if hasattr(leaf, "shape"):
                pieces.append((len(effects), leaf.shape))
                effects.extend([("output", x, len(effects) + i) for i, x in enumerate(leaf.ravel().tolist())])
            else:
                pieces.append(len(effects))
                effects.append(("output", leaf, len(effects)))
        return effects, pieces

    def _compile(self, trace: Any, outputs: int, contract: bool, checked: bool, cpu: str) -> None:
        from .front.trace import OUTPUT, PARAMETER
        from .llvm.emission import MEMORY, Emitter
        from .llvm.rounds import Buffers
        from .llvm.vectors import DOUBLE, FLOAT, I64, POINTER, add_fault_counter, ir

        stages = self.stages
        placement = stages.place(trace)
        self._sizes = self._free + len(self._captured), outputs, placement.size
        with stages.timed("emit"):
            module = ir.Module("jit")
            function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER] * 3), "run")
            for a in function.args:
                a.add_attribute("noalias")
            add_fault_counter(module)
            spaces = (PARAMETER, OUTPUT, MEMORY)
            sizes = {space: I64(size) for space, size in zip(spaces, self._sizes)}
            buffers = Buffers(dict(zip(spaces, function.args)), sizes, I64(1), [I64(0)])
            real = DOUBLE if self._dtype.itemsize == 8 else FLOAT
            emitter = Emitter(placement, trace, real, 1, 4, contract, checked=checked)
            builder = ir.IRBuilder(function.append_basic_block("entry"))
            emitter.emit(builder, buffers)
            builder.ret_void()
            stages.ir = str(module)
        code = stages.compile(vectorise=stages.written < HARD, cpu=cpu)
        self._run = code.function("run", *[ctypes.c_void_p] * 3)
        self._faults = code.variable("faults") if checked else None

    def run(self, leaves: list[Any]) -> Any:
        """One call."""
        try:
            p, o, addresses, buffers = self._spaces.pop()
        except IndexError:
            p, o, memory = (aligned(max(size, 1), self._dtype) for size in self._sizes)
            addresses, buffers = [x.ctypes.data for x in (p, o, memory)], memory
        at = 0
        for leaf in leaves:
            if hasattr(leaf, "shape"):
                p[at : at + leaf.size] = leaf.ravel()
                at += leaf.size
            else:
                p[at] = leaf._data if leaf.__class__ is Value else leaf
                at += 1
        for v in self._captured:
            p[at] = v._data
            at += 1
        self._run(*addresses)
        if self._faults is not None and self._faults.value:
            raise AssertionError(
                f"jit wrote or read {self._faults.value} times outside its own buffers; please report this"
            )
        out = []
        for piece in self._pieces:
            if piece.__class__ is tuple:
                start, shape = piece
                out.append(o[start : start + int(self._np.prod(shape))].reshape(shape).copy())
            else:
                out.append(float(o[piece]))
        self._spaces.append((p, o, addresses, buffers))
        return self._rebuild(out)


def jit(
    f: Callable[..., Any] | None = None,
    *,
    static_argnames: str | Iterable[str] = (),
    dtype: str = "float64",
    contract: bool = True,
    checked: bool | None = None,
    cpu: str | None = None,
) -> Any:
    """A function that runs natively what `f` computes: traced once for each structure of arguments, compiled, kept.

    Args:
        f: a function of floats, lists, tuples, dicts, NumPy arrays and Modules of them, whose Python control flow does
            not depend on a number among them. What vmap returns runs its examples in the lanes of vectors, where they
            are the first axis of arrays or lists, and is compiled once for any number of them. f may call grad,
            value_and_grad, jvp, hessian, vmap, and be what they return. Values it reads from outside are read again at
            each call. All else that it reads there, by name, in Modules and in objects (up to 20,000 things; of a list
            of more than 2,000 the length alone; nothing inside libraries), is looked at before each call, and where it
            is no longer as it was f is traced anew. What f changes outside it changes when it is traced; it draws no
            random numbers, as Dropout does in training. Between two of its numbers == is identity, as between Values
            everywhere: engine.equal compares them.
        static_argnames: names of arguments that are no numbers for the trace (a size, a name): each value of theirs
            is compiled on its own.
        dtype: "float64" or "float32".
        contract: let a product and a sum become one fused multiply-add, and the running sum of an innermost loop be kept
            in the lanes of a vector, in an order fixed by the processor. Without, + - * / and sqrt give the bits of
            eager mode.
        checked: check the bounds of every load and store; for debugging the compiler. None: as the environment
            variable CHAINRULE_JIT_CHECKED says, 1 for yes.
        cpu: "native" for all features of the processor, or a level of x86-64: "x86-64" (SSE2), "x86-64-v2", "x86-64-v3"
            (AVX2), "x86-64-v4" (AVX-512). A level makes the same code on every processor that has it. None: as the
            environment variable CHAINRULE_JIT_CPU says, "native" without.

    Returns:
        A function that takes and returns the same trees; scalars come back as floats, arrays as arrays. Called with
        Values, or inside another trace, it is `f` itself. It is copied and pickled as `f` is, and compiles anew there.
        `.lower(*args)` shows the stages. When it compiles it says
        so to the logger "engine.jit".

    Raises:
        TypeError: the function branches on a traced number or draws random ones, or an argument is no number; the
            message says what to do.
        ValueError: an option is none of these, or the processor lacks a feature of the level.
        ImportError: llvmlite is missing.

    >>> import engine
    >>> f = engine.jit(lambda x, y: engine.sin(x) * y + 1.0)
    >>> round(f(0.5, 2.0), 12)
    1.958851077208
    """
    named("jit", "dtype", dtype, DTYPES)
    contract = flag("jit", "contract", contract)
    if f is None:
        return lambda g: CompiledFunction(g, static_argnames, dtype, contract, checked, cpu)
    if not callable(f):
        raise TypeError(f"jit takes a function, got {shown(f)}")
    return CompiledFunction(f, static_argnames, dtype, contract, checked, cpu)

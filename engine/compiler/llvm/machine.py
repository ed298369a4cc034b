"""From LLVM IR to functions in memory, for the processor that runs this."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

from ...arguments import flag, shown

OLDEST = (0, 45)  # llvmlite, whose LLVM 20 is the first here with pointers that have no type

# The levels of x86-64 (System V ABI, 1.0, section 3.1.1): bytes in a vector, and what each adds to the one before, in
# LLVM's words. AVX-512 is more than its first part.
LEVELS = {
    "x86-64": (16, "sse2"),
    "x86-64-v2": (16, "ssse3 sse4.1 sse4.2 popcnt cx16"),
    "x86-64-v3": (32, "avx avx2 bmi bmi2 f16c fma lzcnt movbe"),
    "x86-64-v4": (64, "avx512f avx512bw avx512cd avx512dq avx512vl"),
}
_WIDE = "-prefer-256-bit"  # use vectors of 512 bits where there are any

OVERHEAD = 2**15  # bytes that a piece of code takes besides itself, in LLVM and in whole pages

_lock = threading.RLock()  # one compilation at a time


@cache
def llvm() -> Any:
    """llvmlite's binding, ready to compile; an ImportError that says what to install where it is missing or old."""
    try:
        from llvmlite import __version__, binding
    except ImportError as error:
        raise ImportError("jit takes llvmlite; install it with: pip install 'chainrule[jit]'") from error
    if tuple(map(int, __version__.split(".")[:2])) < OLDEST:
        raise ImportError(f"jit takes llvmlite 0.45 or later, got {__version__}; pip install --upgrade llvmlite")
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    _let_forks_wait()
    return binding


def _let_forks_wait() -> None:
    """A fork waits for what runs in LLVM, and a child finds it free: the thread that was there is not in the child."""
    if not hasattr(os, "register_at_fork"):
        return
    from llvmlite.binding import ffi

    inner = getattr(ffi.lib, "_lock", None) or contextlib.nullcontext()  # what other users of LLVM hold, too

    def held() -> None:
        _lock.acquire()
        inner.__enter__()

    def released() -> None:
        inner.__exit__(None, None, None)
        _lock.release()

    os.register_at_fork(before=held, after_in_parent=released, after_in_child=released)


@cache
def features() -> str:
    """The processor's features, as LLVM writes them."""
    found = str(llvm().get_host_cpu_features().flatten())
    return f"{found},{_WIDE}" if "+avx512f" in found else found


def processor(asked: str | None) -> str:
    """The level of x86-64 to compile for, "" for all that this processor has.

    Args:
        asked: one of LEVELS or "native"; None: as the environment variable CHAINRULE_JIT_CPU says, "native" without.

    Raises:
        ValueError: it is none of these, or this processor lacks a feature of it.
    """
    what = "cpu"
    if asked is None:
        what, asked = "CHAINRULE_JIT_CPU", os.environ.get("CHAINRULE_JIT_CPU") or "native"
    if isinstance(asked, str) and asked == "native":
        return ""
    if not isinstance(asked, str) or asked not in LEVELS:
        raise ValueError(f"jit takes 'native' or one of {', '.join(map(repr, LEVELS))} as {what}, got {shown(asked)}")
    has = set(features().split(","))
    for level, (_, needed) in LEVELS.items():
        lacking = [name for name in needed.split() if f"+{name}" not in has]
        if lacking:
            raise ValueError(
                f"jit takes {asked!r} as {what} where the processor has {lacking[0]}, and this one has not"
            )
        if level == asked:
            break
    return asked


def vector_bytes(cpu: str = "") -> int:
    """Bytes in a vector register: of 512 bits, of 256, else of 128, as every x86-64 and every 64-bit ARM has them."""
    if cpu:
        return LEVELS[cpu][0]
    has = features().split(",")
    return 64 if "+avx512f" in has else 32 if "+avx" in has else 16


def is_checked(asked: bool | None) -> bool:
    """Are bounds checked? Where nobody says, the environment variable CHAINRULE_JIT_CHECKED does: 1 is yes."""
    return os.environ.get("CHAINRULE_JIT_CHECKED", "") == "1" if asked is None else flag("jit", "checked", asked)


class Turn:
    """A lock that a thread may take again, and that a child process finds free: who held it is not there."""

    def __init__(self) -> None:
        self._locks: dict[int, threading.RLock] = {}

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """While it is open, other threads wait."""
        with self._locks.setdefault(os.getpid(), threading.RLock()):
            yield


class Compiled:
    """Native code. Of LLVM, no more is kept than what the code needs: its own copies take thirty times the memory.

    Args:
        text: LLVM IR.
        level: how hard LLVM tries, 0 to 3.
        vectorise: let LLVM look for loops to vectorise.
        cpu: what `processor` answers.

    Attributes:
        size: bytes of memory, about.
    """

    def __init__(self, text: str, level: int = 3, vectorise: bool = True, cpu: str = "") -> None:
        binding = llvm()
        self._how = level, vectorise, cpu
        with _lock:
            machine, module = self._optimised(text)
            found = machine.emit_object(module)
            self.size = len(found) + OVERHEAD
            fresh = binding.Target.from_default_triple().create_target_machine()  # the other holds on to its work
            self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), fresh)
            self._engine.add_object_file(binding.ObjectFileRef.from_data(found))
            self._engine.finalize_object()

    def _optimised(self, text: str) -> tuple[Any, Any]:
        """(a machine, the module as LLVM's passes leave it)."""
        binding, (level, vectorise, cpu) = llvm(), self._how
        machine = binding.Target.from_default_triple().create_target_machine(
            cpu=cpu or binding.get_host_cpu_name(),
            features=_WIDE if cpu == "x86-64-v4" else "" if cpu else features(),
            opt=level,
        )
        module = binding.parse_assembly(text)
        module.verify()
        options = binding.create_pipeline_tuning_options(speed_level=level)
        options.loop_vectorization = options.slp_vectorization = vectorise
        builder = binding.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
        return machine, module

    def function(self, name: str, *kinds: Any) -> Any:
        """A native function of these ctypes kinds. It holds no lock on the interpreter while it runs."""
        call: Any = ctypes.CFUNCTYPE(None, *kinds)(self._engine.get_function_address(name))
        call.code = self  # keeps the code in memory
        return call

    def variable(self, name: str) -> ctypes.c_int64:
        """A global integer."""
        return ctypes.c_int64.from_address(self._engine.get_global_value_address(name))

    def assembly(self, text: str) -> str:
        """The machine code as text, of the IR that it was compiled from."""
        with _lock:
            machine, module = self._optimised(text)
            return str(machine.emit_assembly(module))


def aligned(size: int, dtype: Any) -> Any:
    """A NumPy array of zeros that starts at a multiple of 64 bytes."""
    import numpy as np

    wide = np.dtype(dtype).itemsize
    raw = np.zeros(size * wide + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * wide].view(dtype)

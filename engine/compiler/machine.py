"""From LLVM IR to functions in memory, for the processor that runs this."""

from __future__ import annotations

import ctypes
import os
import threading
from functools import cache
from typing import Any

from ..arguments import flag, shown

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

_lock = threading.Lock()


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
    return binding


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


class Compiled:
    """Native code.

    Args:
        text: LLVM IR.
        level: how hard LLVM tries, 0 to 3.
        vectorise: let LLVM look for loops to vectorise.
        cpu: what `processor` answers.
    """

    def __init__(self, text: str, level: int = 3, vectorise: bool = True, cpu: str = "") -> None:
        binding = llvm()
        with _lock:
            self._machine = binding.Target.from_default_triple().create_target_machine(
                cpu=cpu or binding.get_host_cpu_name(),
                features=_WIDE if cpu == "x86-64-v4" else "" if cpu else features(),
                opt=level,
            )
            self._module = binding.parse_assembly(text)
            self._module.verify()
            options = binding.create_pipeline_tuning_options(speed_level=level)
            options.loop_vectorization = options.slp_vectorization = vectorise
            builder = binding.create_pass_builder(self._machine, options)
            builder.getModulePassManager().run(self._module, builder)
            self._engine = binding.create_mcjit_compiler(self._module, self._machine)
            self._engine.finalize_object()

    def function(self, name: str, *kinds: Any) -> Any:
        """A native function of these ctypes kinds. It holds no lock on the interpreter while it runs."""
        call: Any = ctypes.CFUNCTYPE(None, *kinds)(self._engine.get_function_address(name))
        call.code = self  # keeps the code in memory
        return call

    def variable(self, name: str) -> ctypes.c_int64:
        """A global integer."""
        return ctypes.c_int64.from_address(self._engine.get_global_value_address(name))

    @property
    def assembly(self) -> str:
        """The machine code as text."""
        with _lock:
            return str(self._machine.emit_assembly(self._module))


def aligned(size: int, dtype: Any) -> Any:
    """A NumPy array of zeros that starts at a multiple of 64 bytes."""
    import numpy as np

    wide = np.dtype(dtype).itemsize
    raw = np.zeros(size * wide + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * wide].view(dtype)

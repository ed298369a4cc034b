"""LLVM, and the processor that code is made for."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from functools import cache
from types import ModuleType
from typing import NamedTuple, cast

from ...arguments import flag, install_line, package, shown

OLDEST = (0, 45)  # llvmlite, whose LLVM 20 is the first here with pointers that have no type

# The levels of x86-64 (System V ABI, 1.0, section 3.1.1): bytes in a vector, and what each adds to the one before, in
# LLVM's words. AVX-512 is more than its first part.
LEVELS = {
    "x86-64": (16, "sse2"),
    "x86-64-v2": (16, "ssse3 sse4.1 sse4.2 popcnt cx16"),
    "x86-64-v3": (32, "avx avx2 bmi bmi2 f16c fma lzcnt movbe"),
    "x86-64-v4": (64, "avx512f avx512bw avx512cd avx512dq avx512vl"),
}
WIDE = "-prefer-256-bit"  # use vectors of 512 bits where there are any

# One compilation at a time. A fork waits for it, and for imports under it: the thread that is at work is not in the child.
LOCK = threading.RLock()


@cache
def llvm() -> ModuleType:
    """llvmlite's binding, ready to compile; an ImportError that says what to install where it is missing or old."""
    try:
        with LOCK:
            from llvmlite import __version__, binding
    except ImportError as error:
        raise ImportError(f"jit takes llvmlite; install it with: {install_line('jit')}") from error
    if tuple(map(int, __version__.split(".")[:2])) < OLDEST:
        raise ImportError(f"jit takes llvmlite 0.45 or later, got {__version__}; pip install --upgrade llvmlite")
    package("jit", "numpy", "NumPy", "pip install numpy")
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return cast(ModuleType, binding)


_inner = contextlib.ExitStack()


def _held() -> None:
    LOCK.acquire()
    lib = getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None)
    _inner.enter_context(getattr(lib, "_lock", None) or contextlib.nullcontext())  # what other users of LLVM hold, too


def _released() -> None:
    _inner.close()
    LOCK.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_held, after_in_parent=_released, after_in_child=_released)


@cache
def features() -> str:
    """The processor's features, as LLVM writes them."""
    found = str(llvm().get_host_cpu_features().flatten())
    return f"{found},{WIDE}" if "+avx512f" in found else found


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


def has_fma(cpu: str = "") -> bool:
    """Is a*b + c with one rounding an instruction?"""
    return cpu in ("x86-64-v3", "x86-64-v4") or (not cpu and "+fma" in features().split(","))


def is_checked(asked: bool | None) -> bool:
    """Are bounds checked? Where nobody says, the environment variable CHAINRULE_JIT_CHECKED does: 1 is yes."""
    return os.environ.get("CHAINRULE_JIT_CHECKED", "") == "1" if asked is None else flag("jit", "checked", asked)


class Target(NamedTuple):
    """What code is made for.

    Attributes:
        dtype: "float64" or "float32".
        contract: may a product and a sum become one fused multiply-add, and sums be reordered?
        checked: are the bounds of every load and store checked?
        cpu: what `processor` answers.
    """

    dtype: str
    contract: bool
    checked: bool
    cpu: str

    @property
    def bytes(self) -> int:
        """Of a number."""
        return 8 if self.dtype == "float64" else 4

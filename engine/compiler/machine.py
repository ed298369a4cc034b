"""From LLVM IR to functions in memory, for the processor that runs this."""

from __future__ import annotations

import ctypes
import os
import threading
from functools import cache
from typing import Any

OLDEST = (0, 45)  # llvmlite, whose LLVM 20 is the first here with pointers that have no type

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
    """The processor's features, as LLVM writes them; it is to use vectors of 512 bits where there are any."""
    found = str(llvm().get_host_cpu_features().flatten())
    return f"{found},-prefer-256-bit" if "+avx512f" in found else found


def vector_bytes(cpu: str = "") -> int:
    """Bytes in a vector register."""
    if cpu:
        return 64 if "avx512" in cpu or cpu.endswith("-v4") else 32
    has = features().split(",")
    return 64 if "+avx512f" in has else 32 if "+avx" in has else 16


def is_checked(asked: bool | None) -> bool:
    """Are bounds checked? Where nobody says, the environment variable CHAINRULE_JIT_CHECKED does: 1 is yes."""
    return os.environ.get("CHAINRULE_JIT_CHECKED", "") == "1" if asked is None else asked


class Compiled:
    """Native code.

    Args:
        text: LLVM IR.
        level: how hard LLVM tries, 0 to 3.
        vectorise: let LLVM look for loops to vectorise.
        cpu: a processor to compile for instead of this one, as LLVM names it.
    """

    def __init__(self, text: str, level: int = 3, vectorise: bool = True, cpu: str = "") -> None:
        binding = llvm()
        with _lock:
            host = not cpu
            self._machine = binding.Target.from_default_triple().create_target_machine(
                cpu=cpu or binding.get_host_cpu_name(), features=features() if host else "", opt=level
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

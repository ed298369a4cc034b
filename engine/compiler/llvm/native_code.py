"""From LLVM IR to functions in memory; programs of the same IR share them."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from .processor import LOCK, WIDE, features, llvm

if TYPE_CHECKING:
    import numpy as np
    from llvmlite import binding
    from numpy.typing import DTypeLike, NDArray

Numbers: TypeAlias = "NDArray[np.floating]"

OVERHEAD = 2**15  # bytes that a piece of code takes besides itself, in LLVM and in whole pages
MOST = 2**26  # bytes of code that is kept


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
        unroll: let LLVM write rounds of loops one after another.
        meanwhile: what Python does while LLVM's passes run, which hold no lock on the interpreter.

    Attributes:
        size: bytes of memory, about.
    """

    def __init__(self, text: str, level: int = 2, vectorise: bool = True, cpu: str = "", unroll: bool = True,
                 meanwhile: Callable[[], None] | None = None) -> None:  # fmt: skip
        binding = llvm()
        self._how = level, vectorise, cpu, unroll
        with LOCK:
            machine, module = self._optimised(text, meanwhile)
            found = machine.emit_object(module)
            self.size = len(found) + OVERHEAD
            fresh = binding.Target.from_default_triple().create_target_machine()  # the other holds on to its work
            self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), fresh)
            self._engine.add_object_file(binding.ObjectFileRef.from_data(found))
            self._engine.finalize_object()

    def _optimised(
        self, text: str, meanwhile: Callable[[], None] | None = None
    ) -> tuple[binding.TargetMachine, binding.ModuleRef]:
        """(a machine, the module as LLVM's passes leave it)."""
        binding, (level, vectorise, cpu, unroll) = llvm(), self._how
        machine = binding.Target.from_default_triple().create_target_machine(
            cpu=cpu or binding.get_host_cpu_name(),
            features=WIDE if cpu == "x86-64-v4" else "" if cpu else features(),
            opt=level,
        )
        module = binding.parse_assembly(text)
        module.verify()
        options = binding.create_pipeline_tuning_options(speed_level=level)
        options.loop_vectorization, options.loop_unrolling = vectorise, unroll
        options.slp_vectorization = False  # LLVM 22 gives wrong numbers with it for AVX-512, and it spares no time here
        builder = binding.create_pass_builder(machine, options)
        passes = builder.getModulePassManager()
        run = partial(passes.run, module, builder)
        if meanwhile is None:
            run()
        else:
            with ThreadPoolExecutor(1) as beside:  # what Python does may be the user's, and stays in this thread
                ended = beside.submit(run)
                meanwhile()
                ended.result()
        binding.newpassmanagers.NewPassManager._dispose(passes)  # llvmlite's `close` finds one that frees nothing
        passes.detach()
        return machine, module

    def address(self, name: str) -> int:
        """Where a native function is."""
        found: int = self._engine.get_function_address(name)
        return found

    def function(self, name: str, *kinds: type[ctypes.c_void_p | ctypes.c_int64]) -> Callable[..., None]:
        """A native function of these ctypes kinds. It holds no lock on the interpreter while it runs."""
        call: Any = ctypes.CFUNCTYPE(None, *kinds)(self.address(name))
        call.code = self  # keeps the code in memory
        return cast("Callable[..., None]", call)

    def variable(self, name: str) -> ctypes.c_int64:
        """A global integer."""
        return ctypes.c_int64.from_address(self._engine.get_global_value_address(name))

    def assembly(self, text: str) -> str:
        """The machine code as text, of the IR that it was compiled from."""
        with LOCK:
            machine, module = self._optimised(text)
            return str(machine.emit_assembly(module))


class Programs:
    """Native code by what it was compiled from.

    The same IR, compiled in the same way, is the same code, and code has no state (but for the count of faults of a
    checked build, and the same code has the same faults). So trainings of one structure, which differ in the numbers
    they are given, share it. Kept are the programs asked for last, so many that they have together at most `most`
    bytes, and besides all that are in use. Threads may share it; what several ask for at once is compiled once.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most, self._size = most, 0
        self._kept: OrderedDict[tuple[bytes, int, bool, str, bool], Compiled] = OrderedDict()
        self._looking, self._compiling = Turn(), Turn()

    def __len__(self) -> int:
        return len(self._kept)

    def compiled(self, text: str, level: int, vectorise: bool, cpu: str, unroll: bool = True,
                 meanwhile: Callable[[], None] | None = None) -> tuple[Compiled, bool]:  # fmt: skip
        """(the code, was it there already?). Arguments as for `Compiled`."""
        key = hashlib.sha256(text.encode()).digest(), level, vectorise, cpu, unroll
        code = self._found(key)
        if code is not None:
            return code, True
        with self._compiling.taken():  # what is there already need not wait for this
            code = self._found(key)
            if code is not None:
                return code, True
            code = Compiled(text, level, vectorise, cpu, unroll, meanwhile)
            with self._looking.taken():
                self._kept[key] = code
                self._size += code.size
                while self._size > self._most:
                    self._size -= self._kept.popitem(last=False)[1].size
        return code, False

    def _found(self, key: tuple[bytes, int, bool, str, bool]) -> Compiled | None:
        with self._looking.taken():
            code = self._kept.get(key)
            if code is not None:
                self._kept.move_to_end(key)
            return code

    def clear(self) -> None:
        """Forget all; what is in use stays with its users."""
        with self._looking.taken():
            self._kept.clear()
            self._size = 0


PROGRAMS = Programs()


def aligned(size: int, dtype: DTypeLike) -> Numbers:
    """A NumPy array of zeros that starts at a multiple of 64 bytes."""
    import numpy as np

    wide = np.dtype(dtype).itemsize
    raw = np.zeros(size * wide + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * wide].view(dtype)

"""Backend: what runs a training, compiled or in eager mode."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from .console import bar
from .eager import EagerTraining
from .run import Run, UnsupportedError
from .settings import TrainerSettings

if TYPE_CHECKING:
    from .native import NativeTraining

T = TypeVar("T")


class Backend:
    """What runs a training: code compiled for it, as long as there is such, else eager mode.

    Args:
        run: the training.
        settings: which backend, for how many threads and in which numbers.
        progress: say that it compiles, which may take seconds.
        writes: say where it runs.

    Attributes:
        native: the compiled training; None in eager mode.

    Raises:
        ImportError, UnsupportedError: it does not compile, and eager mode is not allowed.
    """

    def __init__(self, run: Run, settings: TrainerSettings, progress: bool, writes: bool) -> None:
        self._run, self._name, self._threads, self._dtype = run, settings.backend, settings.threads, settings.dtype
        self.native: NativeTraining | None = None
        if self._name != "eager":
            try:
                with bar(progress, desc="compiling", bar_format="{desc}", leave=False):
                    self._compile()
                if self._name == "xla" and writes:
                    self._tell(f"trains on XLA, in {self._dtype or 'float32'} on {self._devices()}")
            except Exception as error:
                self._fall_back(error)

    def run(self, part: Callable[[EagerTraining | NativeTraining], T]) -> T:
        """What a training answers: the compiled one, or, where it does not compile any more, an eager one."""
        if self.native is not None:
            try:
                return part(self.native)
            except UnsupportedError as error:
                self._fall_back(error)
        return part(EagerTraining(self._run))

    def _compile(self) -> None:
        from .native import NativeTraining

        target = self._name if self._name in ("numpy", "xla") else "llvm"
        try:
            self.native = NativeTraining(self._run, self._threads, target, self._dtype)
        except ImportError as error:
            if self._name != "auto":
                raise
            self.native = NativeTraining(self._run, self._threads, "numpy", self._dtype)
            self._tell(f"trains on NumPy: {error}")

    def _devices(self) -> str:
        from engine.compiler import xla_device

        return f"{xla_device()}" if self._run.mesh is None else f"{xla_device()}, {self._run.mesh}"

    def _fall_back(self, error: Exception) -> None:
        """To eager mode, if that is allowed, with a line that says why; what is wrong in it, too, is told there."""
        if self._name != "auto":
            if isinstance(error, (ImportError, UnsupportedError)):
                takes = f"{self._run.who} takes backend={self._name!r} where all compiles"
                raise type(error)(f"{takes}: {error}") from error
            raise error
        self.native = None
        self._tell(f"trains in eager mode: {error}")

    def _tell(self, line: str) -> None:
        print(f"{self._run.who} {line}", file=sys.stderr)

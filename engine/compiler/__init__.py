"""The compiler: trace, order, roll, place, emit, run."""

from .function import jit

__all__ = ["jit"]

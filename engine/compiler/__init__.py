"""The compiler: trace, order, roll, place, emit, run.

`jit` compiles a function of numbers; `TrainingLoop` a whole training, for `nn.fit(backend="jit")`.
"""

from .function import jit
from .training import TrainingLoop

__all__ = ["TrainingLoop", "jit"]

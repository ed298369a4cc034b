"""The compiler: trace, order, roll, place, emit, run.

`jit` compiles a function of numbers; `TrainingLoop` a whole training, for `nn.fit(backend="jit")`. What code is right for
is told by `exact`, a key of settings, and `Generators`, whether random numbers were drawn; and `xla_device`
where XLA computes.
"""

from .arrays.xla import xla_device
from .front.generators import Generators
from .front.keys import exact
from .function import jit
from .training_loop import TrainingLoop

__all__ = ["Generators", "TrainingLoop", "exact", "jit", "xla_device"]

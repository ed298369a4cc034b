"""The compiler: trace, order, roll, place, emit, run.

`jit` compiles a function of numbers; `TrainingLoop` a whole training, for `nn.fit(backend="jit")`. What code is right for
is told by `exact`, a key of settings, `Generators`, whether random numbers were drawn, and `NoRowError`, that an index is
of no row; `xla_device` where XLA computes; `Mesh` is the devices that share a training, `said_by_processes`, `anyone` and
`together` how their processes agree on it.
"""

from .arrays.xla import xla_device
from .front.gather import NoRowError
from .front.generators import Generators
from .front.keys import exact
from .function import jit
from .mesh import Mesh
from .processes import anyone, said_by_processes, together
from .training_loop import TrainingLoop

__all__ = [
    "Generators", "Mesh", "NoRowError", "TrainingLoop", "anyone", "exact", "jit", "said_by_processes", "together", "xla_device",
]  # fmt: skip

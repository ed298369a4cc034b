"""XLA, through JAX: what a text of arrays calls there, and how a function of arrays becomes a program of XLA's.

JAX's settings stay as their owner has them: which floats there are is said around each call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any

from ... import ieee
from ...arguments import install_line
from .rows import Rows

log = logging.getLogger("engine.jit")

Numbers = Any  # an array of JAX's, or a number


def installed() -> Any:
    """JAX; an ImportError that says what to install where it is missing or old."""
    try:
        import jax
    except ImportError as error:
        raise ImportError(f'backend="xla" takes JAX; install it with: {install_line("xla")}') from error
    if not hasattr(jax, "enable_x64"):
        raise ImportError(f'backend="xla" takes jax 0.8 or later, got {jax.__version__}; pip install --upgrade jax')
    return jax


def floats(dtype: str) -> AbstractContextManager[object]:
    """Where it holds, JAX computes in these floats, products of matrices too, and takes what it does not take where its
    owner is strict: nan, shapes of another rank, numbers from the processor. Its settings elsewhere stay."""
    found = installed()

    @contextmanager
    def chosen() -> Iterator[None]:
        with (
            found.enable_x64(dtype == "float64"), found.default_matmul_precision("highest"), found.debug_nans(False),
            found.debug_infs(False), found.numpy_rank_promotion("allow"), found.numpy_dtype_promotion("standard"),
            found.transfer_guard("allow"),
        ):  # fmt: skip
            yield

    return chosen()


def xla_device() -> str:
    """Where XLA computes, in words."""
    found = installed().devices()
    kind = found[0].platform
    if kind == "cpu":
        return "the CPU, as JAX finds no GPU"
    return f"{kind.upper()} {found[0].device_kind}"


def special() -> dict[str, Callable[..., Numbers]]:
    """Rows that XLA has and NumPy has not; without lgamma and digamma, which miss their digits there next to their zeros."""
    installed()
    from jax.scipy.special import erf, erfc

    np = numpy()
    bell, high = Rows(np), 181.0 / 256.0  # of the root of one half, in few bits

    def normal_cdf(x: Numbers) -> Numbers:
        """Half of erfc(-x/√2), corrected for the rounding of x/√2."""
        (head, tail), t = bell.parts(x), x * ieee.SQRT_HALF
        error = (head * high - t) + head * (ieee.SQRT_HALF - high) + tail * ieee.SQRT_HALF
        return 0.5 * erfc(-t) + np.where(np.abs(x) < 64.0, error * bell.bell(t, 1.0) / ieee.SQRT_PI, 0.0)

    def scan(a_round: Callable[[Numbers, Numbers], Numbers], rounds: int, kept: Numbers) -> Numbers:
        """What is kept after all rounds."""
        return installed().lax.scan(lambda kept, t: (a_round(t, kept), None), kept, np.arange(rounds))[0]

    return {
        "scan": scan,
        **{name: getattr(np, name) for name in ("remainder", "round", "floor_divide", "cbrt")},
        "erf": erf,
        "erfc": erfc,
        "normal_cdf": normal_cdf,
        "gelu": lambda x: np.maximum(x, -1e4) * normal_cdf(x),  # no -inf times 0
        "unit": lambda a, b: np.where(np.hypot(a, b) == 0.0, 0.0, a / np.hypot(a, b)),
        "over": lambda a, b: a / np.hypot(a, b) / np.hypot(a, b),
    }


def numpy() -> ModuleType:
    """JAX's NumPy; but XLA's log1p of a float64 misses two digits from -0.414 up to √½ - 1, where its polynomial begins to
    hold, and its arctanh with it."""
    np, found = installed().numpy, ModuleType("numpy")

    def log1p(x: Numbers) -> Numbers:
        return np.where(x < -0.29, np.log(1.0 + x), np.log1p(x))

    vars(found).update(vars(np), log1p=log1p, arctanh=lambda x: 0.5 * (log1p(x) - log1p(-x)))
    return found


def on_xla(name: str, program: Callable[..., tuple[Numbers, ...]], dtype: str) -> Callable[..., tuple[Numbers, ...]]:
    """A program as XLA runs it, compiled for each number of examples.

    Args:
        name: of the function that is computed, for the log.
        program: what an array program's `compiled` returns.
        dtype: of all its numbers.
    """
    compiled, known = installed().jit(program, static_argnums=0), set[int]()

    def run(n: int, *arrays: Numbers) -> tuple[Numbers, ...]:
        start = time.perf_counter()
        with floats(dtype):
            found: tuple[Numbers, ...] = installed().device_get(compiled(n, *arrays))
        if n not in known:
            known.add(n)
            log.info("XLA compiled %s for %d examples in %.2f s", name, n, time.perf_counter() - start)
        return found

    return run

"""Privacy: training of which nobody can tell whether one example was in it, and a number that says how surely.

Abadi et al., Deep learning with differential privacy (2016): the gradient of each example is cut to a length, and noise
drowns what one example can still do to their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from types import ModuleType
from typing import TYPE_CHECKING

from engine import total
from engine.arguments import install_line, number, whole

from ..init import Generator
from ..updates import norm_factor

if TYPE_CHECKING:
    from random import Random

    import numpy as np
    from numpy.typing import NDArray

LEAST, MOST = 1e-3, 1e6  # noise that is told apart: with less ε is called infinite, with more as large as with the most
Spent = tuple[float, float, int]  # (the probability of an example, the noise, how many updates)


@dataclass(frozen=True)
class Privacy:
    """How much one example may say in a training, for `fit` and `Trainer`.

    In each update every example has its part with probability batch size / number of examples; its gradient is scaled
    down to at most the length `clip`; to their sum Gaussian noise of standard deviation noise · clip is added; and the
    whole is divided by the batch size, the expected number of examples. The network is then (ε, δ)-differentially
    private towards adding or removing one example, with ε as the history says it; how many examples there are is no secret.

    Args:
        clip: the most that one example can move the sum of gradients, positive.
        noise: the noise in units of clip, from 0; none protects nobody (ε is infinite).
        delta: the probability δ with which ε may not hold, between 0 and 1; take less than 1 / number of examples.

    What is private is the network, after as many updates as ε counts. Not private are the losses and metrics of
    examples that were trained on, gradients, what a validation part is used for, and choices made by looking at any of
    them; trainings on the same examples add up. An example whose gradient is not finite makes the network nan, which tells
    that it was there: scale inputs and targets. Whoever knows the seed, or a `state`, can take the noise away: train
    without `seed=`, and keep `trainer.seed` to yourself. Numbers are of a generator that is good for statistics, not for
    cryptography.

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> import nn
    >>> round(nn.Privacy(noise=1.1, delta=1e-5).epsilon(256 / 60000, 60 * 234), 2)  # MNIST, 60 epochs
    2.59
    """

    clip: float = 1.0
    noise: float = 1.1
    delta: float = 1e-5

    def __post_init__(self) -> None:
        legal: list[tuple[str, str, Callable[[float], bool]]] = [
            ("clip", "a positive number", lambda x: x > 0.0),
            ("noise", "a number from 0", lambda x: x >= 0.0),
            ("delta", "a number between 0 and 1", lambda x: 0.0 < x < 1.0),
        ]
        for name, takes, is_legal in legal:
            object.__setattr__(self, name, number("Privacy", name, getattr(self, name), takes, is_legal))

    def epsilon(self, rate: float, updates: int) -> float:
        """ε of so many updates, in each of which an example has its part with probability `rate`.

        Raises:
            ImportError: dp-accounting is missing.
        """
        rate = number("epsilon", "rate", rate, "a number above 0, up to 1,", lambda q: 0.0 < q <= 1.0)
        return epsilon([(rate, self.noise, whole("epsilon", "updates", updates))], self.delta)


def drawn_noise(private: Privacy, count: int, rng: Random) -> NDArray[np.float64]:
    """What is added to a sum of gradients, for so many parameters; of the generator it takes 128 bits.

    >>> import random
    >>> from nn.training.privacy import Privacy, drawn_noise
    >>> drawn_noise(Privacy(clip=2.0, noise=0.0), 3, random.Random(0)).tolist()
    [0.0, 0.0, 0.0]
    """
    import numpy as np

    made: NDArray[np.float64] = np.random.default_rng(rng.getrandbits(128)).standard_normal(count)
    return private.noise * private.clip * made


def clipped(private: Privacy, gradient: Sequence[float]) -> list[float]:
    """The gradient of one example, scaled down to at most the length `clip`.

    >>> from nn.training.privacy import Privacy, clipped
    >>> [round(g, 5) for g in clipped(Privacy(clip=1.0), [3.0, 4.0])]
    [0.6, 0.8]
    """
    factor = float(norm_factor(total([g * g for g in gradient]), private.clip))
    return [factor * g for g in gradient]


def sampled(numbers: Iterable[int], rate: float, rng: Generator) -> list[int]:
    """Some of these, each with a probability, whatever the others do: Poisson sampling.

    >>> import random
    >>> from nn.training.privacy import sampled
    >>> sampled(range(10), 0.3, random.Random(1))
    [0, 3, 8, 9]
    """
    return [i for i in numbers if rng.random() < rate]


def epsilon(spent: Iterable[Spent], delta: float) -> float:
    """ε of a training: what its updates cost one after the other, by Rényi divergences of the subsampled Gaussian.

    Mironov, Rényi differential privacy (2017); Mironov, Talwar & Zhang, Rényi differential privacy of the sampled
    Gaussian mechanism (2019). The accountant is Google's dp-accounting, as in TensorFlow Privacy.
    """
    spent = [(rate, noise, updates) for rate, noise, updates in spent if updates]
    if not spent:
        return 0.0
    accountant = _accountant()
    if any(noise < LEAST for _, noise, _ in spent):
        return inf
    divergences = sum([updates * _divergences(rate, min(noise, MOST)) for rate, noise, updates in spent])
    with _quiet():
        found, _ = accountant.compute_epsilon(accountant.RdpAccountant().orders, divergences, delta)
    return float(found)


def _accountant() -> ModuleType:
    try:
        from dp_accounting import rdp
    except ImportError as error:
        raise ImportError(f"private training takes dp-accounting: {install_line('privacy')}", name=error.name) from None
    made: ModuleType = rdp
    return made


@lru_cache(maxsize=256)
def _divergences(rate: float, noise: float) -> NDArray[np.float64]:
    """Those of one update, one for each order of the accountant; what does not converge is infinite there."""
    import dp_accounting

    accountant = _accountant().RdpAccountant()
    with _quiet():
        accountant.compose(dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise)))
    found: NDArray[np.float64] = accountant.rdp
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """While it is open, absl does not say which orders do not converge: ε is that of the others, a bound as good."""
    import logging

    logger = logging.getLogger("absl")
    logger.addFilter(_never)
    try:
        yield
    finally:
        logger.removeFilter(_never)


def _never(record: object) -> bool:
    return False

"""Generated from the updates of optimisers by `python -m tests.support.stubs`; do not edit."""

from collections.abc import Callable, Iterable

from engine import Value

from .module import Module
from .optimiser import Optimiser as Optimiser

__all__ = ["OPTIMISERS", "SGD", "Adagrad", "Adam", "AdamW", "Optimiser", "RMSprop"]

OPTIMISERS: dict[str, Callable[..., Optimiser]]

class SGD(Optimiser):
    momentum: float
    nesterov: bool
    weight_decay: float
    def __init__(
        self,
        parameters: Module | Iterable[Value],
        lr: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None: ...

class Adam(Optimiser):
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    def __init__(
        self,
        parameters: Module | Iterable[Value],
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-08,
        weight_decay: float = 0.0,
    ) -> None: ...

class AdamW(Adam):
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    def __init__(
        self,
        parameters: Module | Iterable[Value],
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-08,
        weight_decay: float = 0.01,
    ) -> None: ...

class RMSprop(Optimiser):
    rho: float
    epsilon: float
    momentum: float
    weight_decay: float
    def __init__(
        self,
        parameters: Module | Iterable[Value],
        lr: float = 0.01,
        rho: float = 0.99,
        epsilon: float = 1e-08,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None: ...

class Adagrad(Optimiser):
    epsilon: float
    weight_decay: float
    def __init__(
        self,
        parameters: Module | Iterable[Value],
        lr: float = 0.01,
        epsilon: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None: ...

"""Optimiser: what all optimisers share: the parameters, a state for each, and the count of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature, signature
from math import isfinite
from typing import ClassVar

from engine import Value
from engine.arguments import checked, flag, float_of, listed, number, shown, whole
from engine.assignment import assign
from engine.compatibility import Told

from .elsewhere import METHODS, check_attribute, check_call
from .module import Module, frozen
from .updates import State, Update

_UNREACHED = Value(0.0).grad  # what .grad reads where no backward has been: a 0.0 known by its identity
_FRACTION = (lambda x: 0.0 <= x < 1.0), "a number from 0 to below 1"
_NOT_NEGATIVE = (lambda x: x >= 0.0), "a number from 0"
_LEGAL: dict[str, tuple[Callable[[float], bool], str]] = {
    "lr": ((lambda x: x > 0.0), "a positive number"),
    "momentum": _FRACTION,
    "weight_decay": _NOT_NEGATIVE,
    "rho": _FRACTION,
    "beta1": _FRACTION,
    "beta2": _FRACTION,
    "epsilon": _NOT_NEGATIVE,
}


def _hyperparameter(who: str, name: str, x: object) -> float | bool:
    """A hyperparameter as a float, or a bool where it is one; who and name are for messages."""
    if name == "nesterov":
        return flag(who, name, x)
    legal, says = _LEGAL.get(name, (isfinite, "a number"))
    return number(who, name, x, says, legal)


class Optimiser(Told):
    """What optimisers share: parameters, a state for each, and the count of steps.

    A subclass names its update and the state to start from. What the update takes by name, besides the step, are its
    hyperparameters: arguments with the update's defaults, and attributes that are checked and may be changed between
    steps, as a schedule does with `lr`.

    Attributes:
        parameters: the list of Values that a step changes.
        states: the state of each, a tuple of floats.
        steps: how many steps were made.
    """

    _written = METHODS
    update: ClassVar[Update]
    initial: ClassVar[State]
    names: ClassVar[tuple[str, ...]]
    _settings: ClassVar[Signature]
    __signature__: ClassVar[Signature]

    lr: float = checked(lambda who, name, x: number(who, name, x, "a number from 0", lambda lr: lr >= 0.0))
    steps: int = checked(whole)

    def __init_subclass__(cls) -> None:
        """Read the hyperparameters off the update: what it takes by name, besides the step, with its defaults."""
        super().__init_subclass__()
        if "names" in vars(cls):
            cls._declare([Parameter(name, Parameter.KEYWORD_ONLY) for name in cls.names])
        elif "update" in vars(cls):
            taken = signature(cls.update).parameters.values()
            if all(p.kind is not p.VAR_KEYWORD for p in taken):  # else it takes those of the class above
                cls._declare([p for p in taken if p.kind is p.KEYWORD_ONLY and p.name != "step"])
        if "__init__" in vars(cls):
            own = signature(cls.__init__)
            cls.__signature__ = own.replace(parameters=list(own.parameters.values())[1:])

    @classmethod
    def _declare(cls, taken: list[Parameter]) -> None:
        cls.names = tuple([p.name for p in taken])
        for name in cls.names:
            if not hasattr(cls, name):
                attribute = checked(_hyperparameter)
                setattr(cls, name, attribute)
                attribute.__set_name__(cls, name)
        if all(p.default is not p.empty for p in taken):  # as those of nn's own
            taken = [p.replace(kind=p.POSITIONAL_OR_KEYWORD, annotation=type(p.default)) for p in taken]
        cls._settings = Signature(taken)
        first = Parameter("parameters", Parameter.POSITIONAL_OR_KEYWORD, annotation="Module | Iterable[Value]")
        cls.__signature__ = Signature([first, *taken])

    def __init__(self, parameters: Module | Iterable[Value] | None = None, *settings: float, **named: float) -> None:
        self._modules = [m for _, m in parameters.named_modules()] if isinstance(parameters, Module) else []
        self.parameters = _parameters(type(self).__name__, parameters)
        self.states: list[State] = [self.initial] * len(self.parameters)
        self.steps = 0
        given = check_call(type(self).__name__, self._settings, settings, named)
        given.apply_defaults()
        self._set(**given.arguments)

    @property
    def hyperparameters(self) -> dict[str, float]:
        """What the update takes besides parameter, gradient, state and step.

        >>> from engine import Value
        >>> from nn import SGD
        >>> SGD([Value(1.0)], lr=0.1).hyperparameters
        {'lr': 0.1, 'momentum': 0.0, 'nesterov': False, 'weight_decay': 0.0}
        """
        return {name: getattr(self, name) for name in self.names}

    def step(self) -> None:
        """Move each parameter by its `.grad`, which is 0 where no backward has been.

        Raises:
            RuntimeError: no backward has been at any of the parameters that move.

        Of an optimiser made for a Module, parameters in Modules with `trainable = False` keep number and state.

        >>> from engine import Value
        >>> from nn import SGD
        >>> p = Value(1.0)
        >>> (p * p).backward()
        >>> SGD([p], lr=0.1).step()
        >>> p.data
        0.8
        """
        frozen = self.frozen()
        moving = [p for p in self.parameters if p not in frozen]
        if moving and not [p for p in moving if p.grad is not _UNREACHED]:  # Ctrl-C in a generator would be said twice
            raise RuntimeError(
                f"step of {type(self).__name__} takes gradients that loss.backward() has left on its parameters, got none on any "
                f"of {len(moving):,}; call zero_grad(), then loss.backward(), then step()"
            )
        self._step()

    def _step(self, *more: tuple[object, str, object]) -> None:
        """A step, and what else is set in it: all or nothing, also where Ctrl-C is pressed."""
        update, fixed = type(self).update, self.hyperparameters
        fixed["step"] = self.steps + 1
        frozen = self.frozen()
        moved = [
            (p.data, s) if p in frozen else update(p.data, p.grad, s, **fixed)
            for p, s in zip(self.parameters, self.states)
        ]
        assign(
            self.parameters,
            [float(x) for x, _ in moved],
            [(self, "states", [s for _, s in moved]), (self, "steps", self.steps + 1), *more],
        )

    def frozen(self) -> set[Value]:
        """The parameters that no step moves, since a Module around them is not trainable.

        >>> from nn import MLP, SGD
        >>> net = MLP(2, [3, 1], seed=0)
        >>> optimiser = SGD(net)
        >>> net.layers[0].trainable = False
        >>> len(optimiser.frozen())
        9
        """
        return frozen(self._modules)

    def zero_grad(self) -> None:
        """Take the gradients off all parameters."""
        for p in self.parameters:
            p.zero_grad()

    def state(self) -> dict[str, object]:
        """Steps, hyperparameters and states: a plain dict, which JSON and pickle keep to the last bit."""
        return {"steps": self.steps, **self.hyperparameters, "states": [list(s) for s in self.states]}

    def load_state(self, state: Mapping[str, object]) -> None:
        """Go on from a `state` of the same kind of optimiser over as many parameters.

        Raises:
            TypeError: state is no dict, or something in it is no number.
            ValueError: it is of another kind of optimiser, or for other parameters; nothing is changed then.
        """
        assign([], [], self._loaded(state))

    def _loaded(self, state: object) -> list[tuple[object, str, object]]:
        """What a state sets, checked."""
        who = f"load_state of {type(self).__name__}"
        if not isinstance(state, Mapping):
            raise TypeError(f"{who} takes a dict such as state() returns, got {shown(state)}")
        expected = {"steps", "states", *self.names}
        if state.keys() != expected:
            raise ValueError(f"{who} takes the keys {', '.join(sorted(expected))}, got {', '.join(map(str, state))}")
        states = [
            tuple([float_of(who, "states", x) for x in listed(who, "states", s)])
            for s in listed(who, "states", state["states"])
        ]
        if len(states) != len(self.parameters) or any(len(s) != len(self.initial) for s in states):
            raise ValueError(
                f"{who} takes {len(self.initial)} numbers for each of its {len(self.parameters)} parameters, "
                f"got {len(states)} states; was it saved for another network?"
            )
        fixed: dict[str, object] = {**self._checked({name: state[name] for name in self.names})}
        fixed |= {"states": states, "steps": whole(who, "steps", state["steps"])}
        return [(self, name, x) for name, x in fixed.items()]

    def _set(self, **hyperparameters: float) -> None:
        for name, x in self._checked(hyperparameters).items():
            setattr(self, name, x)

    def _checked(self, hyperparameters: Mapping[str, float]) -> dict[str, float]:
        return {name: _hyperparameter(type(self).__name__, name, x) for name, x in hyperparameters.items()}

    def __setattr__(self, name: str, x: object) -> None:
        check_attribute(self, name, x, self.names)
        super().__setattr__(name, x)

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={x}" for name, x in self.hyperparameters.items())
        return f"{type(self).__name__}({len(self.parameters)} parameters, {said})"


def _parameters(who: str, parameters: Module | Iterable[Value] | None) -> list[Value]:
    if isinstance(parameters, Module):
        parameters._leaves()  # raises where parameters() names others
        parameters = dict.fromkeys(parameters.parameters())
    try:
        found = list(() if parameters is None or isinstance(parameters, (Value, str, bytes)) else parameters)
    except TypeError:
        found = []
    if not found and not isinstance(parameters, (list, tuple, dict)):
        got, hint = "nothing" if parameters is None else shown(parameters), ""
        if parameters is None:
            hint = f"; write {who}(net, …)"
        elif callable(parameters):
            hint = "; call it first: parameters()" if hasattr(parameters, "__self__") else "; make a net first"
        raise TypeError(f"{who} takes a Module or a list of Values, got {got}{hint}")
    for p in found:
        if p.__class__ is not Value:
            raise TypeError(f"{who} takes Values as parameters, got {shown(p)}")
        if p.op is not None:
            raise ValueError(f"{who} takes leaves as parameters, got the result of {p.op.name}: {p!r}")
    if not found:
        raise ValueError(f"{who} takes at least one parameter, got none")
    if len(set(found)) < len(found):
        raise ValueError(f"{who} takes each parameter once, got {len(found) - len(set(found))} of them again")
    return found

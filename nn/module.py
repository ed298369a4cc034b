"""Module: a function with parameters, that may be made of other Modules.

Parameters are the Values that a Module's public attributes hold when its `__init__` ends, alone or in lists, tuples,
dicts, arrays and objects; what a call keeps on the Module afterwards (an input, a hidden activation) is none. Attributes
hold Modules likewise, at any time. All of them are state: saved, and looked for by identity. A class that overrides
`parameters()`, as micrograd's do, says which of them are trained, and in what order an optimiser holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Self

from engine import Value, identity
from engine.arguments import flag, is_number, shown
from engine.assignment import assign
from engine.compatibility import Absent

from .arguments import Number
from .deferred import Deferred, Numbers, later
from .elsewhere import METHODS, told
from .place import Place
from .structure import Declares, attributes, children, contents, held, said_parameters, stretches, walk, why_missing
from .twin import SideBySide, rebuilt
from .weights import Slot, arrays, fill, numbers_of, of_attributes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

new = object.__new__


class Module(Deferred, metaclass=Declares):
    """A function with parameters. Subclasses make parameters and Modules in `__init__`, and define `forward`.

    Attributes:
        training: whether it is being trained, as `train` and `eval` set it; Dropout reads it.
        trainable: set it to False to freeze the parameters of this Module and of all inside it.

    >>> from engine import Value
    >>> from nn import MLP, Module
    >>> class Scaled(Module):
    ...     def __init__(self):
    ...         self.scale = Value(2.0)
    ...         self.net = MLP(2, [3, 1], seed=0)
    ...
    ...     def forward(self, x):
    ...         return self.scale * self.net(x)
    >>> model = Scaled()
    >>> model.parameter_count, [name for name, p in model.named_parameters()][:2]
    (14, ['scale', 'net.layers.0.neurons.0.w.0'])
    >>> model([1.0, 2.0]).scope, model.net([1.0, 2.0]).scope.path
    (<scope ''>, 'layers.1.neurons.0')
    """

    training = True  # whether Dropout drops
    trainable = True  # whether an optimiser made for the Module moves its parameters

    _parameter_attributes: frozenset[str] = frozenset()

    def forward(self, x: Any) -> Any:
        """What the Module computes; a call runs it with the Module's path as scope."""
        raise TypeError(f"{type(self).__name__} takes no calls: define forward(self, x) in the class")

    def __call__(self, x: Any, *more: Any, **named: Any) -> Any:
        """Run `forward` with the Module's path as scope."""
        place: Place = new(Place)
        place.module = self
        if not more and not named:
            return place.call(self.forward, x)
        return place.call(partial(_forward, self, more, named), x)

    # What it is made of ----------------------------------------------------------------------------------------------

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """(path, Module) for this one, path "", and all inside it, each once, in the order of attributes.

        >>> from nn import MLP
        >>> [path for path, module in MLP(2, [1], seed=0).named_modules()]
        ['', 'layers.0', 'layers.0.neurons.0']
        """
        for path, x in walk(self, values=False):
            if isinstance(x, Module):
                yield path, x

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """(path, Value) for each parameter, once each, in the order of attributes.

        >>> from nn import MLP
        >>> [path for path, p in MLP(1, [1], seed=0).named_parameters()]
        ['layers.0.neurons.0.w.0', 'layers.0.neurons.0.b']
        """
        for path, x in walk(self):
            if isinstance(x, Value):
                yield path, x

    def parameters(self) -> list[Value]:
        """The parameters that are trained, in the order of `named_parameters`: all, but for those in a Module whose class
        overrides this and leaves them out.

        >>> from nn import MLP
        >>> len(MLP(2, [16, 16, 1], seed=0).parameters())
        337
        """
        found = dict[Value, None]()
        own: list[Module] = []  # Modules below that say themselves what they train
        for _, x in stretches(self):
            if x.__class__ is Value:
                found[x] = None
            elif x.__class__ is list:
                found.update(dict.fromkeys(x))
            elif x is not self and _overrides(x):
                own.append(x)
        if not own:
            return list(found)
        named = dict.fromkeys([p for m in own for p in said_parameters(m)])
        trained = {x for _, x in walk(self, without=own) if x.__class__ is Value}.union(named)
        return [p for p in found if p in trained] + [p for p in named if p not in found]

    def checked_parameters(self) -> list[tuple[str, Value]]:
        """`named_parameters` as a list, if nothing that `parameters()` names is missing there.

        Raises:
            TypeError, ValueError: a class overrides `parameters()`, and names what the attributes do not hold.

        >>> from nn import MLP
        >>> len(MLP(2, [16, 16, 1], seed=0).checked_parameters())
        337
        """
        named: dict[Value, str] = {}
        own: list[Module] = []
        for path, x in walk(self):
            if x.__class__ is Value:
                named[x] = path
            elif isinstance(x, Module) and _overrides(x):
                own.append(x)
        for module in own:
            for p in said_parameters(module):
                if p not in named:
                    raise ValueError(why_missing(module, p))
        return [(path, p) for p, path in named.items()]

    @property
    def parameter_count(self) -> int:
        """How many parameters there are, trained or not.

        >>> from nn import MLP
        >>> MLP(64, [16, 10], seed=0).parameter_count
        1210
        """
        return len(held(self))

    def zero_grad(self) -> None:
        """Take the gradients off all parameters: they read 0.0 and show as – again.

        >>> from nn import MLP
        >>> net = MLP(1, [1], seed=0)
        >>> net([1.0]).backward()
        >>> net.zero_grad()
        >>> net.layers[0].neurons[0].b
        Value(data=0.0, grad=–)
        """
        for p in held(self):
            p.zero_grad()
        if _overrides(self):  # which may name others
            for p in self.parameters():
                p.zero_grad()

    # How it is used --------------------------------------------------------------------------------------------------

    @told
    def train(self, mode: bool = True) -> Self:
        """Set this Module and all inside it to training: Dropout drops. Returns the Module.

        Args:
            mode: False for evaluation, as `eval` does.

        >>> from nn import MLP
        >>> MLP(2, [1], seed=0).eval().train().training
        True
        """
        mode = flag("train", "mode", mode)
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set this Module and all inside it to evaluation: Dropout hands on its inputs. Returns the Module.

        >>> from nn import MLP
        >>> MLP(2, [1], seed=0).eval().layers[0].training
        False
        """
        return self.train(False)

    # State -----------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, float]:
        """The numbers of all parameters by path: a plain dict, which JSON and pickle keep to the last bit.

        >>> from nn import MLP
        >>> MLP(1, [1], init="zeros", seed=0).state()
        {'layers.0.neurons.0.w.0': 0.0, 'layers.0.neurons.0.b': 0.0}
        """
        return {path: p.data for path, p in self.checked_parameters()}

    def load_state(self, state: Mapping[str, float]) -> None:
        """Set all parameters to the numbers of a `state`. Gradients stay; either all parameters change or none.

        Args:
            state: a number for each path of `named_parameters`, and no others.

        Raises:
            TypeError: state is no dict, or holds something that is no number.
            ValueError: a path is missing or unknown.

        >>> from nn import MLP
        >>> net, twin = MLP(2, [3, 1], seed=0), MLP(2, [3, 1], seed=1)
        >>> twin.load_state(net.state())
        >>> twin.state() == net.state()
        True
        """
        assign(*self._loaded(state))

    def _loaded(self, state: object) -> tuple[list[Value], list[float]]:
        """(the parameters, their numbers) of a state, checked."""
        named = dict(self.checked_parameters())
        return list(named.values()), numbers_of(f"load_state of {type(self).__name__}", list(named), state)

    def get_weights(self) -> list[NDArray[np.float64]]:
        """The parameters as a list of new NumPy arrays, in Keras' order: for each layer its kernel, then its bias.

        A kernel has the shape (inputs, outputs), a bias (outputs,); see `nn.weights` for other Modules.

        >>> from nn import MLP
        >>> [array.shape for array in MLP(2, [3, 1], seed=0).get_weights()]
        [(2, 3), (3,), (3, 1), (1,)]
        """
        return arrays(self)

    def set_weights(self, weights: Iterable[object]) -> None:
        """Set all parameters to the numbers of arrays such as `get_weights`, here or in Keras, returns; or none of them.

        Args:
            weights: a list of arrays or nested lists, of the same shapes.

        Raises:
            TypeError: weights is no list, or something in it is no array of real numbers.
            ValueError: there are more or fewer arrays, or one has another shape: the message names the layer.

        >>> from nn import MLP
        >>> net, twin = MLP(2, [3, 1], seed=0), MLP(2, [3, 1], seed=1)
        >>> twin.set_weights(net.get_weights())
        >>> twin.state() == net.state()
        True
        """
        fill(f"set_weights of {type(self).__name__}", self, weights)

    def _slots(self, path: str) -> list[Slot]:
        """The arrays of what this Module holds itself, without the Modules inside it."""
        return of_attributes(path, {k: x for k, x in attributes(self).items() if k in self._parameter_attributes})

    # As a tree of numbers, for engine's transforms -------------------------------------------------------------------

    def _flatten(self) -> tuple[list[Value], Callable[[Iterable[Number]], Module]]:
        """(parameters, a function that builds a Module like this one from as many Values or floats).

        Values are put in as they are, one that is there already, as gradients may be, as its identity; a float becomes
        a Value. So what is built is a Module like any other, with as many parameters.
        """
        leaves = self._leaves()
        return leaves, self._rebuilding(leaves)

    def _rebuilding(self, leaves: Sequence[Value]) -> Callable[[Iterable[Number]], Module]:
        """What `_flatten` returns behind the parameters, where these are known."""

        def rebuild(new_leaves: Iterable[Number]) -> Module:
            if isinstance(new_leaves, Sequence) and hasattr(new_leaves, "listed") and self._is_what_it_holds():
                return rebuilt(self, SideBySide(leaves, new_leaves))  # of a trace, not made yet
            found = [Value(x) if x.__class__ is float else x for x in new_leaves]
            new: dict[Value, object] = dict(zip(leaves, found, strict=True))
            if len(set(map(id, found))) < len(found):
                met = set[Value]()
                for p, x in new.items():
                    if x.__class__ is Value:
                        new[p] = identity(x) if x in met else x
                        met.add(x)
            return rebuilt(self, new)

        return rebuild

    def _leaves(self) -> list[Value]:
        """`checked_parameters`, without their paths."""
        if not self._is_what_it_holds():
            return [p for _, p in self.checked_parameters()]
        found: list[Value] = []
        for _, x in stretches(self):
            if isinstance(x, Module):
                if _overrides(x):
                    return [p for _, p in self.checked_parameters()]
            else:
                found += x if x.__class__ is list else [x]
        return found

    def _later(self, leaves: Sequence[Value]) -> Callable[[Numbers], Module]:
        """A function that makes Modules like this one, of which these are the parameters, with the numbers of an array; each is
        filled when it is first read."""
        if self._is_what_it_holds():
            return later(self, leaves)
        _, rebuild = self._flatten()
        return lambda numbers: rebuild(numbers.tolist())

    def _is_what_it_holds(self) -> bool:
        """Whether `_flatten` is right as long as all that is held here is as it was: the class says nothing else."""
        kind = type(self)
        return kind._flatten is Module._flatten and kind.checked_parameters is Module.checked_parameters

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *vars(self)})

    def __repr__(self) -> str:
        lines, around = list[str](), list[object]()  # those that hold a Module, which may be one of them again
        stack: list[tuple[int, str, object]] = [(0, "", self)]
        while stack:
            depth, key, x = stack.pop()
            del around[depth:]
            if not isinstance(x, Module) or (x is not self and type(x).__repr__ is not Module.__repr__):
                said = repr(x)
            elif any(x is y for y in around):
                said = f"{type(x).__name__}: …"
            else:
                count = len(held(x))
                said = f"{type(x).__name__}: {count} parameter{'s' * (count != 1)}"
                around.append(x)
                stack += reversed([(depth + 1, f"{k}: ", y) for k, y in children(x) if _shown(y)])
            lines.append(("  " * depth + key + said).replace("\n", "\n" + "  " * depth))
        return "\n".join(lines)


for _name in METHODS.keys() - vars(Module).keys():
    setattr(Module, _name, Absent(Module, _name, METHODS[_name]))


def _shown(x: object) -> bool:
    return any(isinstance(y, Module) and not in_object for y, in_object in contents(x))


def _overrides(module: Module) -> bool:
    """Whether a Module says itself what is trained."""
    return type(module).parameters is not Module.parameters or "parameters" in module.__dict__


def _forward(module: Module, more: tuple[object, ...], named: dict[str, object], x: object) -> object:
    try:
        return module.forward(x, *more, **named)
    except TypeError:
        one = [p.kind for p in signature(module.forward).parameters.values()] == [Parameter.POSITIONAL_OR_KEYWORD]
        if one and not named and all(map(is_number, (x, *more))):
            got = ", ".join(map(shown, (x, *more)))
            raise TypeError(f"{type(module).__name__} takes its inputs as one list: write [{got}], got {got}") from None
        raise


def module_of(who: str, model: object) -> Module:
    """The Module that is meant: itself, or what a NeuralNetwork holds."""
    module = model if isinstance(model, Module) else getattr(model, "model", None)
    if not isinstance(module, Module):
        raise TypeError(f"{who} takes a Module or a NeuralNetwork, got {model!r:.60}")
    return module


def frozen(modules: Iterable[Module]) -> set[Value]:
    """The parameters that no step moves, since one of these Modules is around them and not trainable."""
    return {p for m in modules if not m.trainable for p in held(m)}


@contextmanager
def in_mode(net: Module, training: bool) -> Iterator[None]:
    """While it is open, a Module and all inside it are in training or in evaluation; afterwards each as it was.

    >>> from nn import MLP
    >>> from nn.module import in_mode
    >>> net = MLP(2, [1], seed=0)
    >>> with in_mode(net, False):
    ...     net.training
    False
    """
    modes = [(m, m.training) for _, m in net.named_modules()]
    net.train(training)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode

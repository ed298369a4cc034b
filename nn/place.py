"""Place: where a call of a Module is.

A Module does not know its own path: the path of a call is found from the calls around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from engine import Scope


class Called(Protocol):
    """A Module, as far as it is known here."""

    def named_modules(self) -> Iterator[tuple[str, object]]:
        """All that are inside it, by path."""


class Place(Scope):
    """The call of a Module: the Scope of the nodes that the call makes.

    Attributes:
        module: the Module that was called.
    """

    __slots__ = ("_paths", "module")

    module: Called
    _paths: dict[int, str]

    @property
    def name(self) -> str:  # type: ignore[override]  # computed, a slot in the base
        """The Module's path in the Module whose call surrounds this one; "" for the outermost call."""
        outer = self.parent
        while outer is not None:
            if isinstance(outer, Place):
                return outer.path_below(self.module)
            outer = outer.parent
        return ""

    def path_below(self, module: Called) -> str:
        """The path of a Module in this one, or the name of its class where it is not inside."""
        try:
            paths = self._paths
        except AttributeError:
            paths = self._paths = {id(m): path for path, m in self.module.named_modules()}
        return paths.get(id(module), type(module).__name__)

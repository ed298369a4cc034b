"""What nodes are called: label, else the user's variable, else the path in its Module, else v7; no name twice.

Names are computed into a dictionary; the graph is not written to.
"""

import re
from collections.abc import Iterable, Mapping

from ...context import Scope
from ...formulas.naming import bracketed
from ...value import Value
from .safety import plain
from .text_widths import clipped

LONGEST = 150.0  # pixels of a name at 14 px, bold


def suffixes(path: str) -> list[str]:
    """Ever longer names for a path: its last part, then with the initials around it, then all of it.

    >>> suffixes("layers.0.neurons.3.w.1")
    ['w[1]', 'n3.w[1]', 'l0.n3.w[1]', 'layers[0].neurons[3].w[1]']
    """
    whole = bracketed(path)
    *around, last = whole.split(".")
    short = [re.sub(r"[\[\]]", "", re.sub(r"^(\w)\w*", r"\1", part)) for part in around]
    return list(dict.fromkeys([".".join([*short[i:], last]) for i in range(len(short), -1, -1)] + [whole]))


class Names:
    """Unique names for the things of one picture.

    Attributes:
        found: the names.
        full: for each named thing the long form, for tooltips.
    """

    def __init__(self) -> None:
        self.found: dict[Value | Scope, str] = {}
        self.full: dict[Value | Scope, str] = {}
        self._used: set[str] = set()

    def __getitem__(self, thing: Value | Scope) -> str:
        return self.found[thing]

    def alias(self, thing: Value | Scope, name: str) -> None:
        """Let a thing be called by a name that is taken: a group's one output by the group's."""
        self.found[thing] = name
        self.full[thing] = name

    def add_together(self, choices: Mapping[Value | Scope, list[str]]) -> None:
        """Name many things alike: where two would share a name, all of their kind take a longer one."""
        length = dict.fromkeys(choices, 0)
        kind = {thing: re.sub(r"\d+", "", names[0]) for thing, names in choices.items()}
        while True:
            sharing: dict[str, list[Value | Scope]] = {}
            for thing, names in choices.items():
                sharing.setdefault(names[length[thing]], []).append(thing)
            clashing = {kind[t] for ts in sharing.values() if len(ts) > 1 for t in ts}
            longer = [t for t, names in choices.items() if kind[t] in clashing and length[t] + 1 < len(names)]
            if not longer:
                break
            for thing in longer:
                length[thing] += 1
        for thing, names in choices.items():
            self.add(thing, names[length[thing] :], names[-1])

    def add(self, thing: Value | Scope, choices: Iterable[str], full: str = "") -> str:
        """Give a thing the first of some names that is free, else the first with a number after it."""
        tried = [clipped(plain(c).strip(), LONGEST, 14) or "�" for c in choices]
        name = next((c for c in tried if c not in self._used), None)
        if name is None:
            n = 2
            while f"{tried[0]}_{n}" in self._used:
                n += 1
            name = f"{tried[0]}_{n}"
        self._used.add(name)
        self.found[thing] = name
        self.full[thing] = plain(full or name)
        return name

"""Native code that is there already: programs of the same IR share it."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from .machine import Compiled, Turn

MOST = 2**26  # bytes of code that is kept


class Programs:
    """Native code by what it was compiled from.

    The same IR, compiled in the same way, is the same code, and code has no state (but for the count of faults of a
    checked build, and the same code has the same faults). So trainings of one structure, which differ in the numbers
    they are given, share it. Kept are the programs asked for last, so many that they have together at most `most`
    bytes, and besides all that are in use. Threads may share it; what several ask for at once is compiled once.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most, self._size = most, 0
        self._kept: OrderedDict[tuple[bytes, int, bool, str], Compiled] = OrderedDict()
        self._looking, self._compiling = Turn(), Turn()

    def __len__(self) -> int:
        return len(self._kept)

    def compiled(self, text: str, level: int, vectorise: bool, cpu: str) -> tuple[Compiled, bool]:
        """(the code, was it there already?). Arguments as for `Compiled`."""
        key = hashlib.sha256(text.encode()).digest(), level, vectorise, cpu
        code = self._found(key)
        if code is not None:
            return code, True
        with self._compiling.taken():  # what is there already need not wait for this
            code = self._found(key)
            if code is not None:
                return code, True
            code = Compiled(text, level, vectorise, cpu)
            with self._looking.taken():
                self._kept[key] = code
                self._size += code.size
                while self._size > self._most:
                    self._size -= self._kept.popitem(last=False)[1].size
        return code, False

    def _found(self, key: tuple[bytes, int, bool, str]) -> Compiled | None:
        with self._looking.taken():
            code = self._kept.get(key)
            if code is not None:
                self._kept.move_to_end(key)
            return code

    def clear(self) -> None:
        """Forget all; what is in use stays with its users."""
        with self._looking.taken():
            self._kept.clear()
            self._size = 0


PROGRAMS = Programs()

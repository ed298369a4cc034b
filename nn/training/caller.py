"""Caller: the user's own line, where a warning belongs."""

from __future__ import annotations

import sys


def stacklevel() -> int:
    """The `stacklevel` that makes a warning point to the nearest caller outside this package.

    >>> from nn.training.caller import stacklevel
    >>> stacklevel()
    2
    """
    level, frame = 1, sys._getframe(1)
    here = __name__.partition(".")[0]
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == here:
        level, frame = level + 1, frame.f_back
    return level

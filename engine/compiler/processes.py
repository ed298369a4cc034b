"""Processes: what those of one training tell each other, so that none waits for one that does something else."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from .arrays.xla import floats, installed

LONGEST = 1024  # bytes that are said of an error


def said_by_processes(mine: bytes, most: int = 4096) -> list[bytes]:
    """What each process says, this one among them, by their numbers; all have to ask.

    Args:
        mine: what this one says.
        most: how much of it is heard.
    """
    import numpy as np

    jax = installed()
    if jax.process_count() == 1:
        return [mine]
    from jax.experimental.multihost_utils import process_allgather

    said = np.zeros(8 + most, np.uint8)
    kept = mine[:most]
    said[: 8 + len(kept)] = np.frombuffer(len(kept).to_bytes(8, "little") + kept, np.uint8)
    with floats("float32"):
        heard = np.asarray(process_allgather(said))
    return [row[8 : 8 + int.from_bytes(row[:8].tobytes(), "little")].tobytes() for row in heard]


def agreed(took: float, asked: bool) -> tuple[float, bool]:
    """(the longest time, whether anyone asked to end): the same answer in every process; all have to ask."""
    heard = [struct.unpack("<d?", said) for said in said_by_processes(struct.pack("<d?", took, asked), 16)]
    return max(t for t, _ in heard), any(a for _, a in heard)


def anyone(asked: bool) -> bool:
    """Whether any process asks: the same answer in every one; all have to ask."""
    return any(said != b"\0" for said in said_by_processes(b"\1" if asked else b"\0", 1))


@contextmanager
def together(who: str) -> Iterator[None]:
    """What is done by all processes, or by none: where one raises an error, all do, and nobody waits for it."""
    mine: Exception | None = None
    try:
        yield
    except Exception as error:
        mine = error
    text = "" if mine is None else f"{mine}" or type(mine).__name__
    told = [said.decode(errors="replace") for said in said_by_processes(text.encode(errors="replace"), LONGEST)]
    if mine is not None:
        raise mine
    for k, text in enumerate(told):
        if text:
            raise ValueError(f"{who} stopped as process {k} of {len(told)} did: {text}")

"""Container: text and lists of floats as the bytes of a safetensors file that can be told from any other.

The header's `__metadata__` holds the text, and with it a format, a version and a checksum; the table is in `saving`.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from array import array
from collections.abc import Callable, Mapping

from engine.arguments import shown

from .encoding import Tensors

VERSION = "1"


def packed(said: Mapping[str, str], tensors: Tensors) -> bytes:
    """The file as safetensors says, in one order, so that the same content is the same bytes."""
    numbers = {name: _bytes(xs) for name, xs in tensors.items()}
    metadata = {"format": "chainrule", "version": VERSION, **said}
    metadata["sha256"] = digest(metadata, numbers)
    header: dict[str, object] = {"__metadata__": metadata}
    end = 0
    for name, blob in numbers.items():
        header[name] = {"dtype": "F64", "shape": [len(blob) // 8], "data_offsets": [end, end + len(blob)]}
        end += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _largest_header(end):
        raise ValueError(
            f"save takes names and settings that are short beside the numbers, got {len(text)} bytes of them for {end}"
        )
    return b"".join([struct.pack("<Q", len(text)), text, *numbers.values()])


def digest(metadata: Mapping[str, str], numbers: Mapping[str, bytes]) -> str:
    """The SHA-256 of all but itself, in an order that does not depend on how the file is laid out."""
    names = sorted(numbers)
    text = {k: x for k, x in metadata.items() if k != "sha256"}
    sha = hashlib.sha256(json.dumps([text, [[k, len(numbers[k]) // 8] for k in names]], sort_keys=True).encode())
    for k in names:
        sha.update(numbers[k])
    return sha.hexdigest()


def parsed(blob: bytes, wanted: Callable[[str], bool] = lambda name: True) -> tuple[dict[str, str], Tensors]:
    """(metadata, tensors), if the file is whole and one of save's; of the tensors those that are wanted by name."""
    try:
        from safetensors import numpy as safetensors
    except ImportError as why:
        raise ImportError("load takes safetensors and NumPy to read a file; pip install safetensors numpy") from why
    if len(blob) < 8:
        raise ValueError(f"it has {len(blob)} bytes")
    (size,) = struct.unpack("<Q", blob[:8])
    if size > len(blob) - 8:
        raise ValueError("it is cut off, or no safetensors file")
    if size > _largest_header(len(blob) - 8 - size):
        raise ValueError(f"its header has {size} bytes, for {len(blob) - 8 - size} bytes of numbers")
    try:
        header = json.loads(blob[8 : 8 + size], object_pairs_hook=_unique)
    except ValueError as why:
        raise ValueError(f"{why}" if why.__class__ is _TwiceError else "its header is no JSON") from None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or metadata.get("format") != "chainrule":
        raise ValueError("it was not written by nn.save")
    if metadata.get("version") != VERSION:
        raise ValueError(f"its layout is version {shown(metadata.get('version'))}, this nn reads version {VERSION!r}")
    for name, about in header.items():
        if name != "__metadata__" and (
            not isinstance(about, dict) or about.get("dtype") != "F64" or not _one_dimensional(about.get("shape"))
        ):
            raise ValueError(f"its tensor {shown(name)} is not a list of float64 numbers")
    try:
        arrays = {name: x.astype("<f8", copy=False) for name, x in safetensors.load(blob).items()}
    except Exception as why:  # whatever its parser says, the file is at fault
        raise ValueError(f"{why!s:.200}") from None
    if any(x.ndim != 1 for x in arrays.values()):
        raise ValueError("its tensors are not lists of float64 numbers")
    if metadata.get("sha256") != digest(metadata, {name: x.tobytes() for name, x in arrays.items()}):
        raise ValueError("its checksum is wrong: it was changed after it was written")
    return metadata, {name: x.tolist() for name, x in arrays.items() if wanted(name)}


def _largest_header(numbers: int) -> int:
    """How many bytes may name and describe so many bytes of numbers; JSON takes many times its length to read."""
    return 2**20 + 64 * numbers


class _TwiceError(ValueError):
    pass


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwiceError("its header says something twice")
    return found


def _bytes(numbers: list[float]) -> bytes:
    """Numbers as float64, the lowest byte first; without NumPy, which a web page may not have."""
    packed = array("d", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _one_dimensional(shape: object) -> bool:
    return isinstance(shape, list) and len(shape) == 1

"""Processes: what those of one training agree on before they start, so that nobody waits for one that does something else."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Mapping

from engine.compiler import anyone, said_by_processes, together

from ..data import evenly
from ..module import Module
from .run import Run

LOOKED_AT = 32  # examples of which all processes have to have the same
SHOWN = 200  # bytes of what differs that are shown


def check_alike(who: str, mine: Mapping[str, object]) -> None:
    """Raise a ValueError, in every process, where they differ in one of these."""
    digests = [_digest(f"{x}".encode()) for x in mine.values()]
    told = [said.split() for said in said_by_processes(" ".join(digests).encode())]
    for k, (name, x) in enumerate(mine.items()):
        found = [digest[k] for digest in told]
        odd = next((p for p, digest in enumerate(found) if digest != found[0]), None)
        if odd is not None:
            texts = [
                said.decode(errors="replace") for said in said_by_processes(f"{x}".encode(errors="replace"), SHOWN)
            ]
            raise ValueError(
                f"{who} takes the same {name} in all {len(told)} processes, got {texts[0]} in process 0, {texts[odd]} in "
                f"process {odd}; every process is given the same training, and all its examples, of which it reads its own, or "
                "as many parts of its own"
            )


def call_in_all(run: Run, act: Callable[[], None]) -> None:
    """Do what may be something else in each process, such as a callback: an error in one is one in all, and a stop ends all."""
    with together(run.who):
        act()
    run.stop = anyone(run.stop)


def common_seed(seed: int) -> int:
    """That of the first process."""
    return int(said_by_processes(str(seed).encode())[0])


def asked_for(run: Run, epochs: int) -> dict[str, object]:
    """What of a training has to be the same in all processes before it starts."""
    X, y, stream = run.examples.X, run.examples.y, run.examples.stream
    some = [(X[i], y[i]) for i in evenly(len(X), LOOKED_AT)] if stream is None else None
    return {
        "number of examples": len(X) if stream is None else stream.count,
        "number of features": len(X[0]),
        "examples": f"those of digest {_digest(repr(some).encode())}",
        "loss": run.objective.name,
        "seed": run.seed,
        "private": run.private,
        **settings_of(run, epochs, run.sizes),
        **reached(run),
    }


def settings_of(run: Run, epochs: int, sizes: object) -> dict[str, object]:
    """What callbacks may set, in every process alike."""
    return {
        "epochs": epochs,
        "batch_size and accumulate": sizes,
        "clip_value and clip_norm": (run.clip_value, run.clip_norm),
        "optimizer": f"{type(run.optimizer).__name__} with {dict(run.optimizer.hyperparameters)}",
    }


def reached(run: Run) -> dict[str, object]:
    """Where a training is: in what all processes have to be."""
    return {
        "net": f"one of {len(run.net._leaves())} parameters, {shape_of(run.net)}",
        "epoch and update": (run.epoch, run.update),
        "parameters of the net": f"those of digest {_digest(array('d', run.net.state().values()).tobytes())}",
        "state of the optimizer": f"that of digest {_digest(repr(run.optimizer.state()).encode())}",
        "state of the generator": f"that of digest {_digest(repr(run.random.getstate()).encode())}",
    }


def shape_of(net: Module) -> str:
    """A net in a few words."""
    return f"{net!r}".partition("\n")[0][:80]


def _digest(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()[:16]

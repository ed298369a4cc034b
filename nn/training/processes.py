"""Processes: what those of one training agree on before they start, so that nobody waits for one that does something else."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from engine.compiler import said_by_processes

from ..data import evenly
from ..module import Module
from .run import Run

LOOKED_AT = 32  # examples of which all processes have to have the same


@contextmanager
def together(who: str) -> Iterator[None]:
    """What is done by all processes, or by none: where one raises an error, all do, and nobody waits for it."""
    mine: Exception | None = None
    try:
        yield
    except Exception as error:
        mine = error
    told = [
        said.decode(errors="replace")
        for said in said_by_processes(b"" if mine is None else (f"{mine}" or type(mine).__name__).encode())
    ]
    if mine is not None:
        raise mine
    for k, text in enumerate(told):
        if text:
            raise ValueError(f"{who} stopped as process {k} of {len(told)} did: {text}")


def check_alike(who: str, mine: Mapping[str, object]) -> None:
    """Raise a ValueError, in every process, where they differ in one of these."""
    told = [json.loads(said) for said in said_by_processes(json.dumps({k: str(x) for k, x in mine.items()}).encode())]
    for name in mine:
        found = [said[name] for said in told]
        odd = next((k for k, x in enumerate(found) if x != found[0]), None)
        if odd is not None:
            raise ValueError(
                f"{who} takes the same {name} in all {len(told)} processes, got {found[0]} in process 0, {found[odd]} in "
                f"process {odd}; every process is given the same training, and all its examples, of which it reads its own"
            )


def common_seed(seed: int) -> int:
    """That of the first process."""
    return int(said_by_processes(str(seed).encode())[0])


def asked_for(run: Run, epochs: int) -> dict[str, object]:
    """What of a training has to be the same in all processes."""
    X, y, optimizer = run.examples.X, run.examples.y, run.optimizer
    some = [(X[i], y[i]) for i in evenly(len(X), LOOKED_AT)]
    return {
        "number of examples": len(X),
        "number of features": len(X[0]),
        "examples": f"those of digest {_digest(repr(some).encode())}",
        "loss": run.objective.name,
        "batch_size and accumulate": run.sizes,
        "seed": run.seed,
        "epochs": epochs,
        "optimizer": f"{type(optimizer).__name__} with {dict(optimizer.hyperparameters)}",
        **reached(run),
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
    return hashlib.sha256(blob).hexdigest()[:8]

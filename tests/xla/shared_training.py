"""What tests of meshes run in processes of their own: `shared_training.py FOLDER PART` prints what it found as JSON."""

import json
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np

import nn
from nn.training.stored import Stored
from nn.training.streamed import Stream


def examples(folder):
    return [np.load(Path(folder, f"{name}.npy"), mmap_mode="r") for name in "Xy"]


FULL = {  # and a last batch that is smaller
    "validation": 0.1, "optimizer": "momentum", "clip_norm": 0.5, "penalty": nn.l2(0.01),
}  # fmt: skip
PRIVATE = {"private": nn.Privacy(clip=0.5, delta=1e-3), "epochs": 2, "penalty": nn.l2(0.01)}
STREAMED = {"metrics": None, "optimizer": "momentum"}


def trainer(X, y, seed=0, **options):
    """Of a training with Dropout and metrics."""
    net = nn.Sequential(nn.Layer(3, 4, activation="tanh", seed=seed), nn.Dropout(0.2), nn.Layer(4, 2, seed=1))
    options = {"batch_size": 16, "epochs": 4, "optimizer": "sgd", "metrics": "accuracy", "seed": 4, **options}
    return nn.Trainer(net, X, y, loss="cross_entropy", progress=False, **options)


def by_fives(X, y, epoch, count=64):
    """Examples by fives."""
    for k in range(0, count, 5):
        yield X[k : min(k + 5, count)], y[k : min(k + 5, count)]


def run_in_order(trainer):
    """Run a training whose examples are not shuffled."""
    with patch("nn.training.examples.permutation", lambda count, rng: list(range(count))):
        trainer.run()


def found(trainer):
    return {"history": trainer.history, "weights": [p.data for p in trainer.net.parameters()]}


def refused(X, y, **wrong):
    try:
        shared(X, y, **wrong)
    except ValueError as error:
        return str(error)


def shared(X, y, **options):
    return trainer(X, y, **{"backend": "xla", "mesh": "all", "dtype": "float64", **options})


def in_one_process(X, y, folder):
    def interrupted(trainer):
        if trainer.epoch == 1:
            signal.raise_signal(signal.SIGINT)

    made, private = shared(X, y, mesh=8, **FULL), shared(X, y, mesh=8, callbacks=[interrupted], **PRIVATE)
    made.run()
    private.run()
    at = [private.interrupted, private.epoch, private.update]
    private.run()

    def paused(trainer):
        trainer.stop = [trainer.epoch, trainer.update] == [1, 2]

    half = trainer(X, y, callbacks=[SimpleNamespace(on_batch_end=paused)], **STREAMED)
    run_in_order(half)
    streamed = shared(partial(by_fives, X, y), None, mesh=2, **STREAMED)
    streamed.load_state(half.state())
    read = Stream._examples

    def unreadable(self, epoch):
        raise OSError("no such file")

    Stream._examples = unreadable
    with suppress(OSError):
        streamed.run()
    Stream._examples = read
    streamed.run()
    return {
        **found(made),
        "private": found(private),
        "private, interrupted": at,
        "streamed": found(streamed),
        "too many": refused(X, y, mesh=9),
        "uneven": refused(X, y, batch_size=12),
    }


def killed(X, y, folder):
    import jax

    process, bad = jax.process_index(), np.array(X)
    bad[-1, 2] = np.nan
    said = {
        "rows": refused(X[: 40 + process], y[: 40 + process]),
        "features": refused(X[:, : 3 - process], y),
        "net": refused(X, y, seed=process),
        "a share": refused(X[process::2], y[process::2]),
        "batch": refused(X, y, batch_size=16 if process else 8),
        "number": refused(bad, y),
        "uneven": refused(X, y, batch_size=15),
    }

    def saved(trainer):
        nn.save(Path(folder, "net.safetensors"), trainer.net, trainer=trainer)
        if trainer.epoch == 2 and process == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        elif process == 1:
            signal.raise_signal(signal.SIGINT)

    def alone(trainer):
        """What process 1 does by itself."""
        if process == 1 and trainer.epoch == 1:
            trainer.stop = True
        elif process == 1 and trainer.epoch == 2:
            raise OSError("no space left")
        elif process == 1 and trainer.epoch == 3:
            trainer.optimizer.lr = 0.5

    own = [of[32 * process : 32 * process + 32] for of in (X, y)]
    said["count"] = refused(partial(by_fives, *own, count=32 - 2 * process), None, **STREAMED)
    made = shared(
        lambda epoch: by_fives(*own, epoch, 30 if process and epoch == 4 else 32), None, callbacks=[alone], **STREAMED
    )
    rate = made.optimizer.lr
    made.run()
    said["stopped"] = made.epoch
    for name in ("raised", "rate", "", "given later"):
        made.optimizer.lr = rate
        try:
            made.run()
        except (OSError, ValueError) as error:
            said[name] = str(error)
        else:
            said["streamed"], made.epochs = found(made), 5
    made = shared(X, y, callbacks=[saved])
    made.run()
    said["interrupted"] = [made.interrupted, made.epoch, made.update]
    print(json.dumps(said), flush=True)
    made.run()


def resumed(X, y, folder):
    read, by_epoch = set(), []
    right = Stored.__getitem__

    def watched(self, i):
        if self.table is X:
            read.add(i)
        return right(self, i)

    def ended(trainer):
        by_epoch.append(sorted(map(int, read)))
        read.clear()

    made = shared(X, y, callbacks=[ended])
    nn.load(Path(folder, "net.safetensors"), trainer=made)
    begun, Stored.__getitem__ = made.epoch, watched
    made.run()
    return {**found(made), "begun": begun, "read": by_epoch[-1]}


if __name__ == "__main__":
    parts = {part.__name__: part for part in (in_one_process, killed, resumed)}
    print(json.dumps(parts[sys.argv[2]](*examples(sys.argv[1]), sys.argv[1])), flush=True)

"""A training that saves itself after every update, and stops for good where it is told: the process that tests kill.

python interrupted.py FILE [EVENT COUNT]: resume from FILE where it exists; at the COUNT-th EVENT say so and wait.
Events: "training" (inside an update), "half" (half of the file written), "synced" (before it gets its name), "saved"
(right after). At the end prints all that a training leaves, floats in hexadecimal.
"""

import json
import os
import stat
import sys
import time

import nn
from engine import writing
from nn.files import saving

X = [[(i * 7 % 13) / 13.0 - 0.5, (i * 5 % 11) / 11.0 - 0.5] for i in range(24)]
Y = [int(a * b > 0.0) for a, b in X]


class Waits:
    """Counts events, and waits at one."""

    def __init__(self, event="", count="0"):
        self.event, self.left = event, int(count)

    def __call__(self, event):
        if event == self.event:
            self.left -= 1
            if self.left == 0:
                print("waiting", flush=True)
                time.sleep(600.0)


def trainer(path, waits):
    """A training with everything that has a state: Adam, Dropout, shuffling, a schedule, early stopping, a held-out part."""
    net = nn.Sequential(
        nn.Layer(2, 4, activation="tanh", seed=1),
        nn.Dropout(0.25, seed=2),
        nn.Layer(4, 1, activation="identity", seed=3),
    )

    def loss(output, target):
        waits("training")
        return nn.binary_cross_entropy(output, target)

    def save(trainer):
        nn.save(path, net, trainer)
        waits("saved")

    class Saves:
        on_batch_end = staticmethod(save)
        on_epoch_end = staticmethod(save)

    return nn.Trainer(
        net,
        X,
        Y,
        loss=loss,
        optimizer=nn.Adam(net, lr=0.05),
        epochs=12,
        batch_size=4,
        seed=5,
        validation=0.25,
        callbacks=Saves(),
        early_stopping=nn.EarlyStopping(3),
        schedule="one_cycle",
        clip_norm=1.0,
        penalty=nn.l2(1e-3),
        progress=False,
    )


def watch_saving(waits):
    fsync = os.fsync

    def half_then_whole(descriptor):
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return fsync(descriptor)  # of the folder
        if waits.event == "half" and waits.left == 1:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        waits("half")
        fsync(descriptor)
        return waits("synced")

    writing.os = type("os", (), {**vars(os), "fsync": staticmethod(half_then_whole)})


def written_in_place(who, path, blob):
    """What `writing.write_whole` must not be."""
    with open(path, "wb") as file:
        file.write(blob)
        file.flush()
        writing.os.fsync(file.fileno())


def hexadecimal(x):
    if isinstance(x, float):
        return x.hex()
    if isinstance(x, dict):
        return {k: hexadecimal(y) for k, y in x.items()}
    return [hexadecimal(y) for y in x] if isinstance(x, (list, tuple)) else x


if __name__ == "__main__":
    waits = Waits(*sys.argv[2:4])
    watch_saving(waits)
    if os.environ.get("PLANTED_BUG") == "written in place":
        saving.write_whole = written_in_place
    run = trainer(sys.argv[1], waits)
    if os.path.exists(sys.argv[1]):
        nn.load(sys.argv[1], trainer=run)
    print("begun", flush=True)
    run.run()
    print(json.dumps(hexadecimal([run.state(), run.net([0.25, 0.5]).data, run.net.training])))

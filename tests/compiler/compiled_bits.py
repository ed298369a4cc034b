"""Prints the bits that a native training leaves, and a digest of its code: the process that test_running.py runs twice."""

import hashlib
import random

import nn
from engine import jit, value_and_grad

rng = random.Random(0)
X = [[rng.uniform(-1.0, 1.0) for _ in range(3)] for _ in range(37)]
y = [int(a * b > c / 3.0) for a, b, c in X]
net = nn.Sequential(nn.Layer(3, 9, activation="tanh", seed=1), nn.Dropout(0.2, seed=2), nn.Layer(9, 2, seed=3))
trainer = nn.Trainer(
    net, X, y, loss="cross_entropy", optimizer="adam", epochs=3, batch_size=16, seed=5, clip_norm=0.5,
    penalty=nn.l2(1e-3), validation=0.2, backend="jit", progress=False,
)  # fmt: skip
history = trainer.run()
slopes = jit(value_and_grad(lambda ps: nn.cross_entropy(net._flatten()[1](ps)(X[0]), 1)))
value, found = slopes([p.data for p in net.parameters()])
print(
    [p.data.hex() for p in net.parameters()],
    [x.hex() for x in history["val_loss"]],
    value.hex(),
    [g.hex() for g in found],
)
print(hashlib.sha256(trainer._backend.native._loop.stages.ir.encode()).hexdigest())

"""Handwritten digits: a 64-16-10 network of Values learns to read them.

1,797 images of 8×8 pixels: Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI (1998), CC BY 4.0.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from demos import drawings
from demos.folder import Folder
from engine import draw, explain, mean, no_grad
from nn import MLP, Adam, cross_entropy

BATCH = 32
GOAL = 0.95
LR = 0.015  # at the start; it falls to 0 along a cosine (Loshchilov & Hutter, SGDR, 2017)


class Epoch(NamedTuple):
    """What is known of a network after so many passes through the training data."""

    number: int
    loss: float  # mean over the batches of the pass; nan before the first
    held_out_loss: float
    accuracy: float  # share of the held-out images that are read right

    def __str__(self) -> str:
        loss = f"loss {self.loss:.4f}, held out {self.held_out_loss:.4f}"
        return f"epoch {self.number:2}   {loss}   held-out accuracy {self.accuracy:7.2%}"


def run(options: argparse.Namespace) -> int:
    """Train, draw, explain; the exit status, which is 130 where Ctrl-C cut the training short."""
    folder, start, status = Folder(options.out), time.perf_counter(), 0
    epochs = options.epochs if options.epochs is not None else 8 if options.quick else 30
    images, labels = load_digits(return_X_y=True)
    learn, held_out, learn_labels, right = train_test_split(
        (images / 16.0).tolist(), labels.tolist(), test_size=0.2, random_state=options.seed, stratify=labels
    )
    rng = random.Random(options.seed)
    net = MLP(64, [16, 10], rng=rng)
    print(f"{net}: {net.parameter_count} parameters, {len(learn)} images to learn from, {len(held_out)} held out")
    history = [Epoch(0, math.nan, *measured(net, held_out, right))]
    try:
        for loss in train(net, learn, learn_labels, epochs, rng):
            history.append(Epoch(len(history), loss, *measured(net, held_out, right)))
            tqdm.write(str(history[-1]))
    except KeyboardInterrupt:
        status = 130
        tqdm.write(f"Stopped by Ctrl-C in epoch {len(history)}; what was learned until then is saved.")
    outputs = logits(net, held_out)
    read = [most_likely(zs) for zs in outputs]
    correct, seconds = sum(map(int.__eq__, read, right)), time.perf_counter() - start
    print(f"\n{correct} of {len(right)} held-out digits read right ({correct / len(right):.2%}), {seconds:.1f} s\n")
    explain_a_weight(net, held_out[0], right[0])
    folder.draw("digits-curves.png", (9, 3.8), lambda figure: drawings.curves(figure, history, GOAL))
    folder.draw("digits-wrong.png", (9, 6.2), lambda figure: drawings.wrong(figure, held_out, right, outputs))
    folder.draw("digits-confusion.png", (6, 5.4), lambda figure: drawings.confusion(figure, right, read))
    with folder.new("digits-network.json") as path:
        path.write_text(json.dumps(net.state(), indent=0))
    with folder.new("digits-neuron.svg") as path:
        decided = net(held_out[0])[read[0]]  # the output neuron that says which digit this is
        decided.backward()
        draw(decided, level="neuron", rankdir="LR", uid="digit").save(path)
    return status


def train(net: MLP, images: list[Any], labels: list[int], epochs: int, rng: random.Random) -> Iterator[float]:
    """Adam on mini-batches in a new order each epoch; yields the mean loss of the epoch."""
    optimiser, steps = Adam(net, lr=LR, weight_decay=1e-4), epochs * math.ceil(len(images) / BATCH)
    with tqdm(total=steps, unit="batch", leave=False, disable=None) as bar:
        for _ in range(epochs):
            order = sorted(range(len(images)), key=lambda _: rng.random())
            losses = []
            for batch in [order[i : i + BATCH] for i in range(0, len(order), BATCH)]:
                loss = cross_entropy([net(images[k]) for k in batch], [labels[k] for k in batch])
                optimiser.zero_grad()
                loss.backward()
                optimiser.lr = LR * (1.0 + math.cos(math.pi * optimiser.steps / steps)) / 2.0
                optimiser.step()
                losses.append(loss.data)
                bar.update()
            yield sum(losses) / len(losses)


@no_grad()
def logits(net: MLP, images: list[Any]) -> list[list[float]]:
    """Ten numbers for each image; the largest belongs to the digit that it is read as."""
    return [[z.data for z in net(image)] for image in images]


def most_likely(zs: list[float]) -> int:
    """The digit with the largest logit."""
    return zs.index(max(zs))


def measured(net: MLP, images: list[Any], labels: list[int]) -> tuple[float, float]:
    """(loss, accuracy)."""
    outputs = logits(net, images)
    return cross_entropy(outputs, labels), mean([float(most_likely(z) == t) for z, t in zip(outputs, labels)])


def explain_a_weight(net: MLP, image: list[float], label: int) -> None:
    """Print the chain rule of the weight between the liveliest hidden neuron and the right output, for one image."""
    hidden, last = net.layers[0](image), net.layers[1]
    k = max(range(16), key=lambda k: hidden[k].data)
    outputs, neuron = last(hidden), last.neurons[label]
    loss = cross_entropy(outputs, label)
    called = {"loss": loss, f"z{label}": outputs[label], "h": hidden, "w": neuron.w, "b": neuron.b}
    print(f"How the loss of one {label} depends on the weight w[{k}] between hidden neuron {k} and output {label}:\n")
    print(explain(loss, neuron.w[k], names=called), end="\n\n")

"""First names, letter by letter: an embedding and a hidden layer learn to spell, against counts of pairs.

5,163 first names of the US census of 1990 (data/first_names.md), each once; a tenth is held out to choose by and a tenth
to judge by. The network is that of Bengio et al., A neural probabilistic language model (2003), with letters for words.
"""

import argparse
import json
import random
from math import log
from typing import Any

from demos import names_drawings as drawings
from demos.backend import backend
from demos.first_names import LETTERS, best_smoothing, bits, drawn, pairs, shuffled
from demos.folder import Folder
from engine import Operands, dot, no_grad, softmax
from nn import MLP, Adam, Embedding, Module, Trainer

CONTEXT = 4  # letters that the next one is guessed from
ONE_HOT = [[float(i == k) for i in range(len(LETTERS))] for k in range(len(LETTERS))]


class Speller(Module):
    """The letters before, as one-hot rows → a score for each letter that may follow."""

    def __init__(self, dimension: int, hidden: int, rng: random.Random) -> None:
        self.embedding = Embedding(len(LETTERS), dimension, rng=rng)
        self.guess = MLP(CONTEXT * dimension, [hidden, len(LETTERS)], activation="tanh", rng=rng)

    def forward(self, context: Any) -> Any:
        """A one-hot row times the table is a row of it; written so, the graph is the same for all letters."""
        columns = list(zip(*self.embedding.weight))
        return self.guess([dot(place, column) for place in map(Operands, context) for column in columns])


def run(options: argparse.Namespace) -> int:
    """Count, train, sample, draw; the exit status, which is 130 where Ctrl-C cut the training short."""
    folder, rng = Folder(options.out), random.Random(options.seed)
    names = shuffled(rng)
    count, size, epochs, batch = (700, (3, 16), 4, 16) if options.quick else (len(names), (6, 64), 12, 32)
    test, validation, learn = names[: count // 10], names[count // 10 : count // 5], names[count // 5 : count]
    net = Speller(*size, rng)
    X, y = spelled(learn)
    print(f"{net.parameter_count} parameters; {len(learn)} names of {len(y)} letters, their ends among them, to learn")

    smoothing = best_smoothing(learn, validation)
    counts = pairs(learn, smoothing)
    counted = bits(counts, validation)
    print(f"pairs counted: {counted:.3f} bits a letter; smoothing {smoothing:.2f}, the best for the validation names")

    def report(trainer: Trainer) -> None:
        loss, draw = trainer.history["val_loss"][-1] / log(2.0), random.Random(options.seed + trainer.epoch)
        samples = "  ".join([sample(net, draw) for _ in range(7)])
        print(f"epoch {trainer.epoch:2}: {loss:.3f} bits   {samples}", flush=True)

    trainer = Trainer(
        net, X, y, loss="cross_entropy", optimizer=Adam(net, lr=0.01), schedule="one_cycle", batch_size=batch,
        epochs=options.epochs or epochs, validation=spelled(validation), callbacks=[report], seed=options.seed,
        backend=backend(), progress=False,
    )  # fmt: skip
    curve = [loss / log(2.0) for loss in trainer.run()["val_loss"]]
    if trainer.interrupted:
        print(f"Stopped by Ctrl-C after {trainer.epoch} epochs; what was learned is judged, drawn and saved.")

    ours, theirs = bits(lambda before: probabilities(net, before), test), bits(counts, test)
    print(f"\nBits a letter on {len(test)} test names: network {ours:.3f}, pairs {theirs:.3f} ({ours - theirs:+.3f})\n")
    name = max(test[:100], key=len)
    rows = [probabilities(net, name[:k]) for k in range(len(name) + 1)]
    folder.draw("names-bits.png", (6.4, 4), lambda figure: drawings.curve(figure, curve, counted))
    folder.draw("names-letters.png", (6.4, 5.6), lambda figure: drawings.letters(figure, LETTERS, net.embedding.weight))
    folder.draw("names-next.png", (9, 4.4), lambda figure: drawings.expected(figure, LETTERS, name + ".", rows))
    with folder.new("names-network.json") as path:
        path.write_text(json.dumps(net.state(), indent=0))
    return 130 if trainer.interrupted else 0


def spelled(names: list[str]) -> tuple[list[Any], list[int]]:
    """(the letters before as one-hot rows, the letter) for each letter of each name and for its end."""
    X = [context(name[:k]) for name in names for k in range(len(name) + 1)]
    return X, [LETTERS.index(c) for name in names for c in name + "."]


def context(before: str) -> list[list[float]]:
    """The last letters of the beginning of a name, as one-hot rows."""
    return [ONE_HOT[LETTERS.index(c)] for c in ("." * CONTEXT + before)[-CONTEXT:]]


@no_grad()
def probabilities(net: Speller, before: str) -> list[float]:
    """The network's guess."""
    return [float(p) for p in softmax(net(context(before)))]


def sample(net: Speller, draw: random.Random) -> str:
    """A new name, letter by letter as the network has it; – where it ended before its first."""
    return drawn(lambda before: probabilities(net, before), 15, draw)

"""A GPT in one file: a transformer block learns to spell first names, against counts of letter pairs.

Letters and places embedded, causal attention with four heads, a hidden layer, and root mean square norms (Radford et al.,
Improving language understanding by generative pre-training, 2018; Zhang & Sennrich, Root mean square layer normalization,
2019). Every number in it is a Value; it learns in Python, or compiled to native code.
"""

import argparse
import json
import random
from math import log, log2
from typing import Any

from demos.backend import backend
from demos.first_names import LETTERS, best_smoothing, bits, drawn, pairs, shuffled
from demos.folder import Folder
from demos.gpt_drawings import attention
from engine import Operands, Value, dot, logsumexp, no_grad, relu, softmax, sqrt, total
from nn import Adam, Embedding, Module, Trainer

WIDTH, WIDE, SIZE = 16, 64, 4  # numbers at each place, of the hidden layer, and that each head looks at
MASK = [[0.0 if other <= place else -1e9 for other in range(12)] for place in range(12)]  # for 12 places, or fewer


class GPT(Module):
    """Letters by number → for each place a score for each letter that may follow."""

    def __init__(self, places: int, rng: random.Random) -> None:
        def matrix(outputs: int, inputs: int) -> list[list[Value]]:
            return [[Value(rng.gauss(0.0, 0.1)) for _ in range(inputs)] for _ in range(outputs)]

        self.letters, self.places = Embedding(len(LETTERS), WIDTH, rng=rng), matrix(places, WIDTH)
        self.query, self.key, self.value, self.mixed = (matrix(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down, self.scores = matrix(WIDE, WIDTH), matrix(WIDTH, WIDE), matrix(len(LETTERS), WIDTH)

    def forward(self, letters: Any) -> list[list[Any]]:
        """What the heads see is added to each place, then what a hidden layer makes of both."""
        xs = self.embedded(letters)
        values = list(zip(*[linear(self.value, norm(x)) for x in xs]))
        for k, heads in enumerate(self.attention(letters)):
            x = linear(self.mixed, [dot(heads[i // SIZE], values[i]) for i in range(WIDTH)], xs[k])
            xs[k] = linear(self.down, [relu(a) for a in linear(self.up, norm(x))], x)
        return [linear(self.scores, norm(x)) for x in xs]

    def embedded(self, letters: Any) -> list[list[Any]]:
        """What stands for each letter, and for its place, in a sum."""
        return [[a + b for a, b in zip(self.letters(letter), at)] for letter, at in zip(letters, self.places)]

    def attention(self, letters: Any) -> list[list[list[Any]]]:
        """From each place, how much each head looks at which; at none that follows, by a mask: so all places are alike."""
        normed = list(map(norm, self.embedded(letters)))
        queries, keys = ([linear(m, x) for x in normed] for m in (self.query, self.key))
        heads = [slice(k, k + SIZE) for k in range(0, WIDTH, SIZE)]
        return [
            [softmax([dot(q[h], k[h]) * SIZE**-0.5 + hidden for k, hidden in zip(keys, row)]) for h in heads]
            for q, row in zip(queries, MASK)
        ]


def linear(matrix: list[list[Value]], x: list[Any], start: Any = (0.0,) * WIDE) -> list[Any]:
    """A matrix times a vector, added to another."""
    shared = Operands(x)
    return [dot(row, shared, b) for row, b in zip(matrix, start)]


def norm(x: list[Any]) -> list[Any]:
    """A vector over its root mean square."""
    scale = 1.0 / sqrt(dot(x, x) / len(x) + 1e-5)
    return [a * scale for a in x]


def loss(scores: list[list[Any]], letters: list[list[Any]]) -> Any:
    """-ln of how probable a name was: its letters as one-hot rows, and zeros for the places after its end."""
    return total([logsumexp(z) * total(letter) - dot(z, letter) for z, letter in zip(scores, letters)])


def spelled(names: list[str], places: int) -> tuple[list[Any], list[Any]]:
    """For each name its letters, the stop before it first, and what follows at each place (see loss), filled up."""
    numbers = [([LETTERS.index(c) for c in f".{name}."] + [-1] * places)[: places + 1] for name in names]
    one_hot = [[[float(k == n) for k in range(len(LETTERS))] for n in letters[1:]] for letters in numbers]
    return [[max(0.0, n) for n in letters[:-1]] for letters in numbers], one_hot


@no_grad()
def guesses(net: GPT, before: str) -> list[list[float]]:
    """How probable it holds each letter, at each place of the beginning of a name."""
    return [[float(p) for p in softmax(z)] for z in net(spelled([before], len(before) + 1)[0][0])]


def run(options: argparse.Namespace) -> int:
    """Train, sample, compare, draw; the exit status, which is 130 where Ctrl-C cut the training short."""
    folder, rng = Folder(options.out), random.Random(options.seed)
    places, count, epochs, batch = (6, 240, 2, 4) if options.quick else (12, 5163, 20, 8)
    names = [name for name in shuffled(rng) if len(name) < places][:count]
    test, validation, learn = names[: count // 10], names[count // 10 : count // 5], names[count // 5 :]
    net, letters = GPT(places, rng), len("".join(validation)) + len(validation)  # their ends among them
    print(f"{net.parameter_count} parameters; {len(learn)} names of at most {places - 1} letters to learn")

    def report(trainer: Trainer) -> None:
        cost, draw = trainer.history["val_loss"][-1] / log(2.0), random.Random(options.seed + trainer.epoch)
        samples = "  ".join([drawn(lambda before: guesses(net, before)[-1], places, draw) for _ in range(7)])
        print(f"epoch {trainer.epoch:2}: {cost * len(validation) / letters:.3f} bits   {samples}", flush=True)

    trainer = Trainer(
        net, *spelled(learn, places), validation=spelled(validation, places), loss=loss, optimizer=Adam(net, lr=0.01),
        schedule="one_cycle", batch_size=batch, epochs=options.epochs or epochs, callbacks=[report], seed=options.seed,
        backend=backend(), progress=False,
    )  # fmt: skip
    trainer.run()
    if trainer.interrupted:
        print(f"Stopped by Ctrl-C after {trainer.epoch} epochs; what was learned is judged, drawn and saved.")
    costs = [-log2(p[LETTERS.index(c)]) for name in test for p, c in zip(guesses(net, name), name + ".")]
    theirs = bits(pairs(learn, best_smoothing(learn, validation)), test)
    print(f"\nBits a letter on {len(test)} test names: GPT {sum(costs) / len(costs):.3f}, pairs {theirs:.3f}\n")
    weights = net.attention(spelled([name := max(test, key=len)], len(name) + 1)[0][0])
    folder.draw("gpt-attention.png", (11, 3.9), lambda figure: attention(figure, name, weights))
    with folder.new("gpt-network.json") as path:
        path.write_text(json.dumps(net.state(), indent=0))
    return 130 if trainer.interrupted else 0

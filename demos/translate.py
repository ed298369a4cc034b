"""Translation: a small sequence model learns to write numbers and dates, put in words, as digits.

It sees pairs such as ("nineteen thousand two", "19002") and ("3 May 1998", "1998-05-03"), and no rule. One recurrent
layer reads a phrase onwards and one backwards; for each place of the answer a learned query attends to their states
(Bahdanau et al., Neural machine translation by jointly learning to align and translate, 2015), and a layer says which
character stands there. It is judged on values that it never saw.
"""

import argparse
import json
import random
from typing import Any

from demos import phrases
from demos import translate_drawings as drawings
from demos.backend import backend
from demos.folder import Folder
from demos.phrases import CHARACTERS, Pair, Text, by_place, exact
from engine import Operands, dot, jit, no_grad, softmax, vmap
from nn import Adam, Embedding, Layer, Module, Trainer, cross_entropy, init


class Translator(Module):
    """Tokens, as one-hot rows → for each place of the answer a score for each character, in one list."""

    def __init__(self, tokens: int, places: int, dimension: int, hidden: int, rng: random.Random) -> None:
        self.embedding = Embedding(tokens, dimension, rng=rng)
        self.onwards = Layer(dimension + hidden, hidden, activation="tanh", rng=rng)
        self.backwards = Layer(dimension + hidden, hidden, activation="tanh", rng=rng)
        self.queries = Embedding(places, 2 * hidden, init=init.normal(std=0.1), rng=rng)
        self.heads = [Layer(2 * hidden, len(CHARACTERS), activation="identity", rng=rng) for _ in range(places)]

    def forward(self, phrase: Any) -> Any:
        """Each head sees the mean of the states, weighted by its attention."""
        states = self.states(phrase)
        sides = [Operands(side) for side in zip(*states)]
        seen = [[dot(weights, side) for side in sides] for weights in map(Operands, self.attention(states))]
        return [score for head, summary in zip(self.heads, seen) for score in head(summary)]

    def states(self, phrase: Any) -> list[list[Any]]:
        """What both layers remember at each token."""
        columns = list(zip(*self.embedding.weight))
        words = [[dot(token, column) for column in columns] for token in map(Operands, phrase)]
        return [[*a, *b] for a, b in zip(read(self.onwards, words), read(self.backwards, words[::-1])[::-1])]

    def attention(self, states: list[list[Any]]) -> list[list[Any]]:
        """For each place of the answer how much each token counts, from 0 to 1."""
        keys = [Operands(state) for state in states]
        return [softmax([dot(query, key) for key in keys]) for query in self.queries.weight]


def read(layer: Layer, words: list[list[Any]]) -> list[list[Any]]:
    """The states of a recurrent layer, which sees a word and its own last state."""
    states: list[list[Any]] = [[0.0] * len(layer.neurons)]
    for word in words:
        states.append(layer([*word, *states[-1]]))
    return states[1:]


def run(options: argparse.Namespace) -> int:
    """Make pairs, train, translate what was held out, draw; 130 where Ctrl-C cut the training short."""
    folder, rng = Folder(options.out), random.Random(options.seed)
    if options.quick:
        print("To be quick, a smaller task: numbers to 999, no dates, and a smaller network.")
        kinds = {"numbers": phrases.numbers(1000, 3, rng)}
        size, tested, watched, epochs, batch, lr = (6, 12), 200, 100, 6, 8, 0.02
    else:
        kinds = {"numbers": phrases.numbers(19_000, 6, rng), "dates": phrases.dates(9_000, rng)}
        size, tested, watched, epochs, batch, lr = (12, 32), 2500, 500, 15, 64, 0.01
    validation = {kind: pairs[tested : tested + watched] for kind, pairs in kinds.items()}
    learn = [pair for pairs in kinds.values() for pair in pairs[tested + watched :]]
    text = Text(learn)
    net = Translator(len(text.tokens), text.places, *size, rng)
    print(f"{net.parameter_count} parameters; {len(learn)} pairs to learn from, {len(text.tokens)} tokens in them")
    if not options.quick:
        print(
            "This takes about a minute." if backend() == "jit" else "Eager this takes hours: try --quick.", flush=True
        )
    scores = jit(vmap(net)) if backend() == "jit" else no_grad()(vmap(net))
    curves: dict[str, list[float]] = {kind: [] for kind in kinds}

    def translated(pairs: list[Pair]) -> list[str]:
        return text.answers(scores(text.inputs(pairs)))

    def report(trainer: Trainer) -> None:
        for kind, pairs in validation.items():
            curves[kind].append(exact(translated(pairs), pairs))
        now = ", ".join([f"{kind} {shares[-1]:.1%}" for kind, shares in curves.items()])
        print(f"epoch {trainer.epoch:2}: loss {trainer.history['loss'][-1]:.4f}, exact: {now}", flush=True)

    trainer = Trainer(
        net, text.inputs(learn), text.targets(learn), loss=loss, optimizer=Adam(net, lr=lr), schedule="one_cycle",
        batch_size=batch, epochs=options.epochs or epochs, callbacks=[report], seed=options.seed,
        backend=backend(), progress=False,
    )  # fmt: skip
    trainer.run()
    if trainer.interrupted:
        print(f"Stopped by Ctrl-C after {trainer.epoch} epochs; what was learned is judged, drawn and saved.")

    test = [pair for pairs in kinds.values() for pair in pairs[:tested]]
    ours, nearest = translated(test), text.nearest(test, learn)
    shares = [exact(ours[k : k + tested], test[k : k + tested]) for k in range(0, len(test), tested)]
    parts = ", ".join([f"{kind} {share:.2%}" for kind, share in zip(kinds, shares)])
    print(f"\nExact on {len(test)} values that it never saw: {exact(ours, test):.2%} ({parts})")
    print(f"The answer of the most similar phrase that was learned is exact for {exact(nearest, test):.2%}.")
    for (phrase, right), answer in [(p, a) for p, a in zip(test, ours) if p[1] != a][:8]:
        print(f"  wrong: {phrase} → {answer}, not {right}")
    shown = [max(pairs[:50], key=lambda pair: len(pair[0])) for pairs in kinds.values()]
    maps = [(*pair, net.attention(net.states(phrase))) for pair, phrase in zip(shown, text.inputs(shown))]
    folder.draw("translate-exact.png", (6.4, 4), lambda figure: drawings.exactness(figure, curves))
    folder.draw("translate-attention.png", (5.5 * len(maps), 5), lambda figure: drawings.attention(figure, maps))
    with folder.new("translate-test.csv") as path:
        phrases.write_table(path, test, {"network": ours, "most similar": nearest})
    with folder.new("translate-network.json") as path:
        path.write_text(json.dumps(net.state(), indent=0))
    return 130 if trainer.interrupted else 0


def loss(scores: list[Any], target: list[Any]) -> Any:
    """The mean cross-entropy over the places of an answer."""
    return cross_entropy(by_place(scores), by_place(target))

"""Review sentences: a network over the words of a sentence tells praise from complaint.

The data are 3,708 sentences of product reviews, each with the mean of 20 human ratings from −4 to 4: Hutto & Gilbert,
VADER (ICWSM 2014), MIT licence, beside them in `data/`. A sentence is positive where that mean is above 0. Where it is
within 0.5 of 0 people disagree about the sign: such sentences are neither learned from nor counted, only drawn. A fifth
of the reviews is held out whole, so that no two sentences of one reviewer stand on both sides.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupShuffleSplit

import nn
from demos import charts
from demos.backend import backend
from demos.drawings import BLUE, FAINT, INK, MUTED, ORANGE
from demos.folder import Folder
from engine import Value, no_grad

DATA = Path(__file__).with_name("data") / "amazon_review_sentences.tsv"
WORD = r"[a-z']+"
NEUTRAL = 0.5  # mean ratings closer to 0 are left out
EMBEDDING = 4  # numbers that stand for a word: what the first layer adds up where the word is present
SHOWN = 20  # words drawn on each side


class Sentence(NamedTuple):
    """A sentence of a review, and the mean of what people said of it, from -4 to 4."""

    review: str
    rating: float
    text: str


def run(options: argparse.Namespace) -> int:
    """Train, compare, draw; the exit status, which is 130 where Ctrl-C cut the training short."""
    folder, native = Folder(options.out), backend()
    learned, held_out = divided(options.seed)
    learn, test = ([s for s in part if abs(s.rating) >= NEUTRAL] for part in (learned, held_out))
    bag = CountVectorizer(token_pattern=WORD, binary=True, min_df=25 if options.quick else 2)
    X, y = bag.fit_transform([s.text for s in learn]).toarray(), [int(s.rating > 0.0) for s in learn]
    words = bag.get_feature_names_out().tolist()
    nearly = len(learned) + len(held_out) - len(learn) - len(test)
    print(f"{nearly} sentences, nearly neutral (mean rating within {NEUTRAL} of 0), are left out;")
    print(f"{len(learn):,} to learn from, {len(test)} of other reviews held out; {len(words):,} words\n", flush=True)

    net = nn.MLP(len(words), [EMBEDDING, 1], activation="tanh", seed=options.seed)
    trainer = nn.Trainer(
        net, X, y, loss="binary_cross_entropy", optimizer=nn.Adam(net, lr=0.01 if options.quick else 0.001),
        penalty=nn.l2(3e-4), epochs=options.epochs or (4 if options.quick else 60), validation=0.1, early_stopping=4,
        seed=options.seed, progress=False, backend=native, callbacks=say,
    )  # fmt: skip
    trainer.run()
    truth, test_bags = [int(s.rating > 0.0) for s in test], bag.transform([s.text for s in test]).toarray()
    answers = {
        "always the majority": [Counter(y).most_common(1)[0][0]] * len(test),
        "logistic regression": LogisticRegression(max_iter=1000).fit(X, y).predict(test_bags).tolist(),
        "the network": [int(z > 0.0) for z in logits(net, test_bags)],
    }
    for who, said in answers.items():
        print(f"held-out accuracy of {who:20} {sum(map(int.__eq__, said, truth)) / len(truth):7.2%}")
    weights = sorted(zip(word_weights(net, len(words)), words))
    scores = logits(net, bag.transform([s.text for s in held_out]).toarray())
    folder.draw("sentiment.png", (10.5, 7.4), lambda figure: draw(figure, weights, held_out, scores))
    return 130 if trainer.interrupted else 0


def divided(seed: int) -> list[list[Sentence]]:
    """The sentences of four fifths of the reviews, and those of the others."""
    rows = [line.split("\t") for line in DATA.read_text("utf-8").splitlines()]
    sentences = [Sentence(number.partition("_")[0], float(rating), text) for number, rating, text in rows]
    splitter = GroupShuffleSplit(1, test_size=0.2, random_state=seed)
    return [[sentences[i] for i in part] for part in next(splitter.split(rows, groups=[s.review for s in sentences]))]


def say(trainer: nn.Trainer) -> None:
    """Print how the training goes on."""
    loss, validation = (trainer.history[name][-1] for name in ("loss", "val_loss"))
    print(f"epoch {trainer.epoch:2}   loss {loss:.4f}, validation {validation:.4f}", flush=True)


def logits(net: nn.MLP, bags: Any) -> list[float]:
    """How sure the network is that a sentence is positive: the log of the odds."""
    with no_grad():
        return [net(bag).data for bag in bags.tolist()]


def word_weights(net: nn.MLP, count: int) -> list[float]:
    """The derivative of the logit by the presence of each word, at the sentence without words."""
    presence = [Value(0.0) for _ in range(count)]
    net(presence).backward()
    return [x.grad for x in presence]


def draw(figure: Figure, weights: list[tuple[float, str]], sentences: list[Sentence], scores: list[float]) -> None:
    """The words that weigh most, and what people and the network think of each held-out sentence."""
    left, right = figure.subplots(1, 2, width_ratios=[2, 3])
    charts.titled(left, "Words that weigh most", xlabel="dlogit / d(word is there)")
    charts.signed_bars(left, *zip(*weights[:SHOWN], *weights[-SHOWN:]))
    charts.titled(right, "Held-out sentences, as people and the network see them")
    seen = [(s.rating, z, abs(s.rating) >= NEUTRAL) for s, z in zip(sentences, scores)]
    for name, colour, points in (
        ("same sign", BLUE, [(r, z) for r, z, clear in seen if clear and (r > 0.0) == (z > 0.0)]),
        ("other sign", ORANGE, [(r, z) for r, z, clear in seen if clear and (r > 0.0) != (z > 0.0)]),
        ("nearly neutral, not counted", MUTED, [(r, z) for r, z, clear in seen if not clear]),
    ):
        style = {"s": 14, "color": colour, "alpha": 0.6, "linewidths": 0}
        right.scatter(*np.reshape(points, (-1, 2)).T, label=f"{name}: {len(points)}", **style)
    right.axhline(0.0, color=MUTED, linewidth=0.8)
    right.axvspan(-NEUTRAL, NEUTRAL, color=FAINT, alpha=0.5, linewidth=0)
    right.set(xlabel="mean rating by people, −4 to 4", ylabel="logit of the network, positive above 0")
    right.legend(frameon=False, labelcolor=INK, loc="lower right")

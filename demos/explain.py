"""Why this digit: the chain-rule paths from the pixels of an image to the logit that wins, drawn.

Each pixel is multiplied by a number `light`, which is 1. The chain rule of dlogit/dlight then runs from the light through
each pixel and each hidden neuron to the logit, and the product along such a path is what this pixel adds to the logit by
way of this neuron: in a network of relus all products and what the biases add sum up to the logit, with no remainder. The
data are the handwritten digits of the UCI repository (Alpaydin & Kaynak, 1998, CC BY 4.0), from the package scikit-learn.
"""

import argparse
from typing import NamedTuple

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import nn
from demos import explain_drawings
from demos.backend import backend
from demos.folder import Folder
from engine import Value, dot, draw, explain, no_grad, relu
from engine.formulas.chain import chain_rule

HIDDEN = 16
PRINTED, DRAWN, CLOSE = 3, 60, 7  # paths: pixels whose lines are printed; paths on the page; paths in the graph


class Path(NamedTuple):
    """A path from the light to the logit."""

    product: float  # of the local derivatives along it: what it adds to the logit
    pixel: int  # from 0 at the top left, in rows of 8
    neuron: int  # the hidden one


def run(options: argparse.Namespace) -> int:
    """Train, take one image apart, draw; the exit status, which is 130 where Ctrl-C cut the training short."""
    folder, native = Folder(options.out), backend()
    images, labels = load_digits(return_X_y=True)
    X, test, y, right = train_test_split(
        (images / 16.0).tolist(), labels.tolist(), test_size=0.2, random_state=options.seed, stratify=labels
    )
    net = nn.MLP(64, [HIDDEN, 10], seed=options.seed)
    trainer = nn.Trainer(
        net, X, y, loss="cross_entropy", optimizer=nn.Adam(net, lr=0.01), penalty=nn.l2(1e-3), seed=options.seed,
        epochs=options.epochs or (4 if options.quick else 30), progress=False, backend=native,
    )  # fmt: skip
    trainer.run()
    with no_grad():
        outputs = [[z.data for z in net(image)] for image in test]
    read = [zs.index(max(zs)) for zs in outputs]
    rival = LogisticRegression(max_iter=1000).fit(X, y)
    print(f"held-out digits read right by the network {sum(map(int.__eq__, read, right)) / len(right):.1%}, ", end="")
    print(f"by logistic regression {rival.score(test, right):.1%}\n")

    chosen = next((i for i in range(len(right)) if read[i] == right[i]), 0)
    image, digit = test[chosen], read[chosen]
    paths, biases = taken_apart(net, image, digit)
    added = sum(path.product for path in paths)
    print(
        f"Held-out image {chosen} is a {right[chosen]}, read as {digit}: its logit is z = {outputs[chosen][digit]:.4g}."
    )
    print(
        f"{len(paths)} paths from pixels add {added:.4g}, the biases {biases:.4g}. The {CLOSE} largest of these paths:"
    )
    print("(p23: the pixel in row 2, column 3; s7 and h7: neuron 7 before and after its relu)\n")
    z, pixels = close_up(net, image, digit, paths[:CLOSE])
    for pixel in list(dict.fromkeys(path.pixel for path in paths[:CLOSE]))[:PRINTED]:
        print(explain(z, pixels[pixel]), end="\n\n")
    print(explain(z, pixels[paths[0].pixel].args[0]), end="\n\n")
    z.backward()
    with folder.new("explain.svg") as path:
        draw(z, uid="explain", rankdir="LR").save(path)
    page = explain_drawings.page
    folder.draw("explain.png", (13, 5.6), lambda figure: page(figure, image, digit, paths, DRAWN, outputs[chosen]))
    return 130 if trainer.interrupted else 0


def taken_apart(net: nn.MLP, image: list[float], digit: int) -> tuple[list[Path], float]:
    """The paths from the light to a logit, the largest products first, and what the biases add."""
    light = Value(1.0)
    pixels = [light * x for x in image]
    logit = net(pixels)[digit]
    chains = chain_rule(logit)
    hidden = {id(neuron.b): k for k, neuron in enumerate(net.layers[0].neurons)}
    paths = []
    for k, pixel in enumerate(pixels):
        for path in chains[pixel].paths:  # each by a weighted sum of a hidden neuron
            product = path.product * image[k]
            if product:
                paths.append(Path(product, k, hidden[id(path.user.args[-1])]))
    biases = [neuron.b for layer in net.layers for neuron in layer.neurons if neuron.b in chains]
    return sorted(paths, key=lambda path: -abs(path.product)), sum(chains[b].sum * b.data for b in biases)


def close_up(net: nn.MLP, image: list[float], digit: int, paths: list[Path]) -> tuple[Value, dict[int, Value]]:
    """The same logit, with the same numbers, as a graph in which all that is on none of these paths is one number."""
    light = Value(1.0, label="light")
    pixels = {}
    for pixel in sorted({path.pixel for path in paths}):
        pixels[pixel] = light * Value(image[pixel], label=f"x{pixel // 8}{pixel % 8}")
        pixels[pixel].label = f"p{pixel // 8}{pixel % 8}"
    shown, weights = {}, []
    for k in sorted({path.neuron for path in paths}):
        neuron = net.layers[0].neurons[k]
        own = [path.pixel for path in paths if path.neuron == k]
        ws = [Value(neuron.w[i].data, label=f"w{k}_{i // 8}{i % 8}") for i in own]
        rest = sum(w.data * x for i, (w, x) in enumerate(zip(neuron.w, image)) if i not in own) + neuron.b.data
        s = dot(ws, [pixels[i] for i in own], Value(rest, label=f"rest{k}"))
        shown[k] = relu(s)
        s.label, shown[k].label = f"s{k}", f"h{k}"
    last = net.layers[1].neurons[digit]
    with no_grad():
        others = [(w.data, h.data) for k, (w, h) in enumerate(zip(last.w, net.layers[0](image))) if k not in shown]
    weights = [Value(last.w[k].data, label=f"v{k}") for k in shown]
    z = dot(weights, list(shown.values()), Value(sum(w * h for w, h in others) + last.b.data, label="rest"))
    z.label = "z"
    return z, pixels

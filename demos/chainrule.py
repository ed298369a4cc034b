"""The chain rule on the picture: an expression, a neuron and a network drawn, and a player to step through."""

import argparse
import os
import sys
import webbrowser
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from demos.folder import Folder
from engine import Value, draw, explain, film, names, tanh
from engine.arguments import install_line
from nn import MLP


def run(options: argparse.Namespace) -> int:
    """Draw what the README shows, and open the player; the exit status."""
    folder = Folder(options.out)

    a, b, c = Value(2.0), Value(-3.0), Value(10.0)
    e = a * b
    L = e + c
    names(locals())
    L.backward()
    save(folder, "expression.svg", draw(L, uid="expression"))

    x1, x2, w1, w2, b, y = Value(2.0), Value(0.5), Value(-0.5), Value(1.0), Value(0.7), Value(1.0)
    p1, p2 = w1 * x1, w2 * x2
    s = p1 + p2
    z = s + b
    n = tanh(z)
    e = n - y
    L = e**2
    names(locals())
    L.backward()
    print(f"\nThe chain rule of w1 in a neuron:\n\n{explain(L, w1)}\n")
    save(folder, "neuron.svg", draw(L, uid="neuron"))
    player = draw(L, uid="player").player()
    save(folder, "neuron.html", player)

    net = MLP(2, [16, 16, 1], seed=options.seed)
    score = net([0.5, -1.0])
    L = (score - 1.0) ** 2
    L.backward()
    save(folder, "network.svg", draw(L, uid="network"))
    steps = film(frames(20 if options.epochs is None else max(1, options.epochs)), uid="film")
    save(folder, "training.html", steps)
    show(folder.path / "neuron.html", opened=not options.no_open)

    if find_spec("cairosvg") and not options.quick:
        print("\nThe player and the training for pages that show no HTML, in a few seconds:\n", flush=True)
        save(folder, "neuron.gif", player)
        save(folder, "training.gif", steps)
    elif not options.quick:
        print(f"\nWith cairosvg both become GIFs too, for pages that show no HTML: {install_line('pdf')}")
    return 0


def frames(steps: int) -> Iterator[Value]:
    """One neuron learning one example: its loss at each step."""
    w, b = Value(-0.5, label="w"), Value(0.7, label="b")
    x, y = Value(2.0, label="x"), Value(1.0, label="y")
    for _ in range(steps):
        loss = (tanh(w * x + b) - y) ** 2
        loss.zero_grad()
        loss.backward()
        yield loss
        for p in (w, b):
            p.data -= 0.05 * p.grad


def show(page: Path, opened: bool) -> None:
    """Open a page in the browser, if who runs this sees one, and say where it is."""
    on_screen = sys.platform in ("win32", "darwin") or any(os.environ.get(k) for k in ("DISPLAY", "WAYLAND_DISPLAY"))
    address = page.resolve().as_uri()
    if opened and on_screen and sys.stdout.isatty() and webbrowser.open(address):
        print(f"\nThe player of the neuron is open in your browser: step forward, then backward. {address}")
    else:
        print(f"\nTo step through the neuron, forward and then backward, open this in a browser:\n{address}")


def save(folder: Folder, name: str, picture: Any) -> None:
    """Write a picture, a player or a film to the folder."""
    with folder.new(name) as path:
        picture.save(path)

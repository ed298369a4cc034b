"""`python -m engine.picture EXPR --at w=1 x=2 --out FILE`: an expression given as text, drawn."""

import argparse
import sys

from .drawing.layout import LayoutError
from .drawing.theme import THEMES
from .model.grouping import LEVELS
from .parsing import graph_of
from .picture import FORMATS, draw


def main(arguments: list[str] | None = None) -> int:
    """Draw an expression; 0 where it is drawn, 2 where it cannot be, with one line that says why."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.picture",
        description="Draw the chain rule of an expression: forward and backward, every local derivative.",
        epilog='Example: python -m engine.picture "tanh(w*x + b)" --at w=-3 x=2 b=1 --out neuron.html',
    )
    parser.add_argument("expression", help='such as "tanh(w*x + b)", or "z = w*x + b; tanh(z)" to name steps')
    parser.add_argument("--at", nargs="*", default=[], metavar="NAME=NUMBER", help="the value of each variable")
    parser.add_argument(
        "--out", metavar="FILE", help=f"a file ending in {', '.join(FORMATS)} (html is the player); without it, text"
    )
    parser.add_argument("--theme", choices=THEMES, default="auto")
    parser.add_argument("--level", choices=LEVELS, default="auto")
    options = parser.parse_args(arguments)
    try:
        root = graph_of(options.expression, dict(map(_pair, options.at)))
        root.backward()
        picture = draw(root, theme=options.theme, level=options.level, names={})
        print(picture.save(options.out) if options.out else picture)
    except (ValueError, LayoutError, OSError) as e:
        print(f"{parser.prog}: {e}", file=sys.stderr)
        return 2
    return 0


def _pair(text: str) -> tuple[str, float]:
    name, equals, number = text.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError(f"--at takes NAME=NUMBER, got {text!r:.60}")
    try:
        return name, float(number)
    except ValueError:
        raise ValueError(f"--at takes a number for {name}, got {number!r:.60}") from None


if __name__ == "__main__":
    sys.exit(main())

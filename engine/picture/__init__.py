"""The chain rule on the graph: pictures, a step player, a film, and the same in a terminal."""

from .frames import Film, film
from .layout import LayoutError
from .picture import Picture, draw, draw_dot, notebook_bundle, trace
from .player import Player
from .runs import Step, steps

__all__ = [
    "Film",
    "LayoutError",
    "Picture",
    "Player",
    "Step",
    "draw",
    "draw_dot",
    "film",
    "notebook_bundle",
    "steps",
    "trace",
]

"""The chain rule on the graph: pictures, a step player, a film, and the same in a terminal."""

from .drawing.layout import LayoutError, use_renderer
from .model.passes import Step, steps
from .picture import Picture, draw, draw_dot, notebook_bundle, trace
from .player.film import Film, film
from .player.live import LiveGraph
from .player.player import Player

__all__ = [
    "Film",
    "LayoutError",
    "LiveGraph",
    "Picture",
    "Player",
    "Step",
    "draw",
    "draw_dot",
    "film",
    "notebook_bundle",
    "steps",
    "trace",
    "use_renderer",
]

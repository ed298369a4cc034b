"""Checkpoint: the state of a training as plain data, checked before anything of it is used."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any


def check_state(who: str, state: Any, own: Mapping[str, Any], trained: int, given: int) -> None:
    """Refuse what is no state of a Trainer like this one.

    Args:
        who: the function that was called, for messages.
        state: what is to be loaded.
        own: the present state of the Trainer that is to take it.
        trained, given: on how many examples that one trains, of how many.

    Raises:
        TypeError: state is no dict.
        ValueError: something is missing in it, or it is of a training with other metrics or examples.

    >>> from nn.checkpoint import check_state
    >>> check_state("load_state", {"history": {"loss": []}, "order": [1, 0]}, {"history": {"loss": []}}, 2, 2)
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"{who} takes a dict such as state() returns, got {state!r:.60}")
    missing = [key for key in own if key not in state]
    if missing:
        raise ValueError(f"{who} takes a dict such as state() returns, got one without {missing[0]!r}")
    if list(state["history"]) != list(own["history"]):
        raise ValueError(
            f"{who} takes a history of {', '.join(own['history'])}, got one of {', '.join(state['history'])}; "
            "make the Trainer with the same validation and metrics"
        )
    order = [int(i) for i in state["order"]]
    if order and (len(order) != trained or not all(0 <= i < given for i in order)):
        raise ValueError(f"{who} takes a training on {trained} examples, got one on {len(order)}")


def generator_state(generator: random.Random) -> list[Any]:
    """The state of a generator as a list of numbers and lists."""
    version, internal, gauss = generator.getstate()
    return [version, list(internal), gauss]


def restored_generator(state: Any) -> random.Random:
    """A generator that goes on from such a state.

    >>> import random
    >>> from nn.checkpoint import generator_state, restored_generator
    >>> generator = random.Random(0)
    >>> restored_generator(generator_state(generator)).random() == generator.random()
    True
    """
    version, internal, gauss = state
    generator = random.Random(0)
    generator.setstate((int(version), tuple([int(i) for i in internal]), gauss))
    return generator

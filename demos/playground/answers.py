"""What the page asks of Python: `answer("tab.name", JSON)` calls `name` of tabs/tab.py, with and for JSON.

A function that the page may call takes a dict and returns a dict, and stands in its module's list `ASKED`. While it runs it
may tell the page something with `tell`, which the asking JavaScript hears before the answer.
"""

import json
from collections.abc import Callable
from importlib import import_module

Said = dict[str, object]
_told: Callable[[str], object] | None = None


def answer(call: str, given: str, told: Callable[[str], object] | None = None) -> str:
    """The answer of the function that the page calls, as JSON.

    >>> from demos.playground.answers import answer
    >>> answer("expression.run", '{"code": "print(1 + 1)"}')[:18]
    '{"printed": "2\\\\n",'
    """
    global _told
    tab, _, name = call.partition(".")
    module = import_module(f"demos.playground.tabs.{tab}")
    functions = {f.__name__: f for f in module.ASKED}
    _told = told
    try:
        return json.dumps(functions[name](json.loads(given)), allow_nan=False)
    finally:
        _told = None


def tell(said: Said) -> None:
    """Tell the page something before the answer."""
    if _told is not None:
        _told(json.dumps(said, allow_nan=False))

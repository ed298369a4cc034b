"""Your own engine: a learner's class is checked, and the smallest graph on which it is wrong is drawn."""

import contextlib

from demos.playground.answers import Said, tell
from demos.playground.tabs.engines import ENGINES
from demos.playground.tabs.expression import Printed
from engine.checks import check_engine


def check(given: Said) -> Said:
    """What `check_engine` says of {code}; how many graphs it has checked is told on the way."""
    printed = Printed()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        found = check_engine(str(given["code"]), lambda count: tell({"checked": count}))
    printed.flush()
    return {
        "ok": found.ok, "says": found.says, "notes": found.notes, "line": found.line, "svg": found.svg,
        "checked": found.checked,
    }  # fmt: skip


def built() -> Said:
    """What the page has of this tab before Python is there: engines to begin with."""
    return {"engines": [{"name": name, "code": code} for name, code in ENGINES]}


ASKED = [check]

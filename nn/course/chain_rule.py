"""The exercises of 03_chain_rule."""

from engine import Value

from .answers import WrongAnswerError, close, exercise, given, number

USERS = {"L": "", "p": "L", "u": "pL", "v": "p"}  # of u = a·b, v = a + b, p = u·v, L = p + u


@exercise("03.1")
def three_paths(answer: object) -> str | None:
    """The slope of a·b + a with b = a² at a = 3: paths of 9, 18 and 1."""
    slope = number(answer)
    if close(slope, 28.0):
        return None
    left_out = {10.0: "the one through b", 19.0: "the one through the factor a", 27.0: "the one through `+ a`"}
    for wrong, path in left_out.items():
        if close(slope, wrong):
            return f"one of the three paths is missing: {path}."
    if close(slope, 30.0):
        return "that is L itself, not how fast it moves with a."
    if close(slope, 16.0):
        return "db/da is 6; along the path through b that is one of two factors."
    if close(slope, 162.0):
        return "along a path the factors are multiplied, but over paths they are added."
    return f"{slope:g} is not the sum of the three paths: write the factors of each below one another."


@exercise("03.2")
def order_of_pushing(answer: object) -> str | None:
    """The names L, p, u, v, each after its users."""
    order = [_letter(name) for name in _listed(answer)]
    known = [name for name in order if name in USERS]
    strange = [name for name in order if name not in USERS and name not in ("a", "b")]
    if strange:
        return f"{strange[0]!r} is not one of the names L, p, u, v."
    for k, name in enumerate(known):
        if name in known[:k]:
            return f"{name} has more than one turn, and would pay twice."
        for user in USERS[name]:
            if user not in known[:k]:
                return f"when {name} passes its gradient on, {user}, which uses it, has not paid in yet."
    missing = [name for name in USERS if name not in known]
    if missing:
        return f"{missing[0]} never has its turn."
    inputs = [order.index(name) for name in ("a", "b") if name in order]
    return "an input has nothing to pass on; leave it out." if inputs and min(inputs) < 4 else None


def _listed(answer: object) -> list[object]:
    if isinstance(answer, str):
        answer = answer.replace(",", " ").split()
    if not isinstance(answer, (list, tuple)):
        raise WrongAnswerError("the answer is a list of names, in order.")
    return [given(name) for name in answer]


def _letter(name: object) -> str:
    if isinstance(name, Value):
        name = name.label
    return name.strip() if isinstance(name, str) else repr(name)[:40]

"""Loops turned so that a round ends with what it makes.

Recognition folds as soon as it can, wherever in a round that is: where the last instruction of one round happens to look
like what comes before the first, a loop begins with the end of the round before. Its rounds then feed each other for no
reason. The sequence of instructions stays as it is; only where a round begins is chosen anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..front.trace import VALUE
from .program import For, Key, Node, Polynomial, Statement, loops_of, statements_of


def turned(body: Sequence[Node]) -> list[Node]:
    """The same instructions, in loops that begin where their rounds do."""
    out: list[Node] = []  # what comes behind, the next item last
    for n in reversed(body):
        if not isinstance(n, For):
            out.append(n)
            continue
        n.body = turned(n.body)
        for k in range(_carried(n), 0, -1):
            if _is_round(n.body[:k], n, n.count, out[: -k - 1 : -1]):
                del out[-k:]
                first = _round(n.body[:k], n, Polynomial())
                n.body = [*n.body[k:], *_round(n.body[:k], n, Polynomial({((n.variable, 1),): 1, (): 1}))]
                out += [n, *reversed(first)]
                break
        else:
            out.append(n)
    out.reverse()
    return _completed(out)


def _completed(body: list[Node]) -> list[Node]:
    """Loops that take in the end of a round before them and the beginning of one behind them."""
    at = 0
    while at < len(body):
        n = body[at]
        k = _split(body, at, n) if isinstance(n, For) and _is_plain(n) else None
        if k is None or not isinstance(n, For):
            at += 1
            continue
        tails = _round(n.body[k:], n, Polynomial({((n.variable, 1),): 1, (): -1}))
        n.count, start, end = n.count + Polynomial({(): 1}), at - len(tails), at + 1 + k
        n.body = [*tails, *n.body[:k]]
        body[start:end], at = [n], start
    return body


def _split(body: Sequence[Node], at: int, n: For) -> int | None:
    """After how many items of a round a loop is cut, so that the rest is there before it and these are behind it."""
    for k in range(len(n.body) + 1):
        heads, tails = n.body[:k], n.body[k:]
        before, behind = body[max(0, at - len(tails)) : at], body[at + 1 : at + 1 + k]
        if (
            len(before) == len(tails)
            and len(behind) == k
            and _could(tails, before, heads, behind)
            and _is_round(heads, n, n.count, behind)
            and _is_round(tails, n, Polynomial.constant(-1), before)
        ):
            return k
    return None


def _could(tails: Sequence[Node], before: Sequence[Node], heads: Sequence[Node], behind: Sequence[Node]) -> bool:
    """Are these of one kind, item by item?"""
    pairs = [*zip(tails, before), *zip(heads, behind)]
    return all(_kind(m) == _kind(n) for m, n in pairs)


def _kind(n: Node) -> object:
    return n.op if isinstance(n, Statement) else (n.count.key(), len(n.body))


def _carried(n: For) -> int:
    """How many instructions at the beginning of a loop read what the round before made."""
    if not _is_plain(n):
        return 0
    made = _made(n.body)
    k = 0
    for m in n.body[:-1]:
        if not isinstance(m, Statement):
            break
        reads = [index for space, index in m.args if space == VALUE and index.uses(n.variable)]
        if not any(index.shifted(n.variable).key() in made for index in reads):
            break
        k += 1
    return k


def _made(body: Sequence[Node]) -> set[Key]:
    """What is there at the end of a round, by index."""
    found: set[Key] = set()
    for n in body:
        if isinstance(n, Statement):
            found.add(n.out.key())
            continue
        last = n.count + Polynomial({(): -1})
        for key in _made(n.body):
            index = Polynomial(dict(key)).at(n.variable, last)
            if index is not None:
                found.add(index.key())
    return found


def _is_plain(n: For) -> bool:
    """Is the count a number, and every index linear in the loop variable?"""
    indices = [p for s in statements_of(n) for p in (s.out, s.target, *[p for _, p in s.args])]
    indices += [loop.count for loop in loops_of(n.body)]
    return n.count.number() is not None and all((n.variable, 2) not in mono for p in indices for mono in p)


def _round(items: Sequence[Node], n: For, value: Polynomial) -> list[Node]:
    """Items of a loop, with something else for its variable."""
    number = value.number()
    return [_at(m, n.variable, value if number is None else number) for m in items]


def _at(m: Node, variable: int, value: int | Polynomial) -> Node:
    """An item, with something else for a variable."""

    def of(p: Polynomial) -> Polynomial:
        found = p.at(variable, value)
        if found is None:
            raise ValueError("an index takes a variable that it is linear in")
        return found

    if isinstance(m, Statement):
        return Statement(m.op, of(m.out), of(m.target), [(space, of(p)) for space, p in m.args])
    loop = For(m.variable, of(m.count))
    loop.body = [_at(inner, variable, value) for inner in m.body]
    return loop


def _is_round(items: Sequence[Node], n: For, value: Polynomial, others: Sequence[Node]) -> bool:
    """Are items of a loop, with something else for its variable, the same instructions as others? Most differ in the first."""
    return all(_are_alike(_round(items[:end], n, value), others[:end]) for end in (1, len(items)))


def _are_alike(left: Sequence[Node], right: Sequence[Node]) -> bool:
    """Are these the same instructions?"""
    names = dict[int, int]()
    return len(left) == len(right) and all(_is_like(m, n, names) for m, n in zip(left, right))


def _is_like(m: Node, n: Node, names: dict[int, int]) -> bool:
    """Is it the same instruction, where variables have other names? Loops say which."""
    if isinstance(m, For) and isinstance(n, For):
        if len(m.body) != len(n.body) or not _is_same(m.count, n.count, names):
            return False
        names[m.variable] = n.variable
        return all(_is_like(a, b, names) for a, b in zip(m.body, n.body))
    if isinstance(m, For) or isinstance(n, For) or m.op != n.op or len(m.args) != len(n.args):
        return False
    return (
        _is_same(m.out, n.out, names)
        and _is_same(m.target, n.target, names)
        and all(a == b and _is_same(p, q, names) for (a, p), (b, q) in zip(m.args, n.args))
    )


def _is_same(p: Polynomial, q: Polynomial, names: Mapping[int, int]) -> bool:
    """Is it the same index, where variables have these names?"""
    if not names:
        return p == q
    return {tuple(sorted((names.get(v, v), d) for v, d in mono)): c for mono, c in p.items()} == q

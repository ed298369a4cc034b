"""Rules on arrays: what it is called that several ops make, and what changes no number.

Guards against 0·inf are left out where what they guard is 0 behind them anyway: an infinity there makes a nan, and whoever
runs the arrays looks for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ..front.trace import INPUT
from .program import EXAMPLES, Affine, Array, Axis, Number, Operand, Read, composed, is_same, number_of, through, whole
from .sums import doubled, join_pairs, lay_flat

Places = list[Affine | None]  # None: all there are along an axis


def rewrite(arrays: Sequence[Array], guarded: bool) -> None:
    """Apply the rules, to producers first; guarded, without that on guards."""
    shown = set[Array]() if guarded else _shown(arrays)
    for array in arrays:
        array.args = [through(a) for a in array.args]
        if array in shown:
            _guards(array)
        for rule in RULES:
            rule(array)


def _shown(arrays: Sequence[Array]) -> set[Array]:
    """Those whose nan is one in the results, but where it meets a guard that is closed."""
    found, before = set(arrays), -1
    while len(found) != before:  # what a scan reads of the round before comes behind it
        before = len(found)
        for array in reversed(arrays):
            if array not in found or array.op not in LINEAR:
                for k, a in enumerate(array.args):
                    if isinstance(a, Read) and (
                        array.op not in LINEAR or array not in found or (array.op == "where" and not k)
                    ):
                        found.discard(a.array)
    for array in reversed(arrays):
        if array.op == "where" and isinstance(array.args[0], Read):
            found.discard(array.args[0].array)
    return found


def spell_out(arrays: Iterable[Array]) -> None:
    """Sums of guarded products, as the sums that they are."""
    for array in arrays:
        if array.op == "gated":
            c, w, x, start = array.args
            axes = [*array.axes, *array.over]
            product, guard, total = (Array(array.space, -1, (), axes[:n]) for n in (None, None, len(array.axes)))
            product.op, product.args = "mul", [w, x]
            guard.op, guard.args = "where", [c, whole(product), Number(0.0)]
            total.op, total.args, total.over = "total", [whole(guard)], array.over
            array.become("add", [start, whole(total)])


def spread(arrays: Sequence[Array]) -> None:
    """Give an axis of examples to what depends on one, producers first."""
    examples, found, before = Axis(EXAMPLES), set[Array](), -1
    while len(found) != before:  # what a scan reads of the round before comes behind it
        before = len(found)
        for array in arrays:
            if any(isinstance(a, Read) and a.array in found for a in array.args) or (
                array.op == "argument" and array.space == INPUT
            ):
                found.add(array)
    for array in arrays:
        for a in array.args:
            if isinstance(a, Read) and a.array in found:
                a.places.insert(0, Affine(0, {examples: 1}))
        if array in found:
            array.axes.insert(0, examples)
            array.along += 1


def summed(results: Sequence[Array], arrays: Sequence[Array]) -> list[Array]:
    """Sums of results over the examples: a product that nothing else reads is a product of matrices then."""
    uses = Counter(a.array for array in arrays for a in array.args if isinstance(a, Read))
    found = []
    for array in results:
        made = array
        while made.op == "move" and isinstance(made.args[0], Read) and uses[made.args[0].array] < 2:
            inner = made.args[0]
            if [p.plain() for p in inner.places] != made.axes:
                break
            made = inner.array
        examples = array.axes[0] if array.axes and array.axes[0].size == EXAMPLES else None
        total = Array(array.space, array.start, array.strides, [a for a in array.axes if a is not examples])
        if examples is None:
            total.op, total.args = "times_examples", [whole(array)]
        elif made.op == "mul" and made is not array and all(isinstance(a, Read) for a in made.args):
            total.op, total.args, total.over = "dot", made.args, [examples]
            total.axes = made.axes[1:]
        else:
            total.op, total.args, total.over = "total", [whole(array)], [examples]
        found.append(total)
    return found


def _neutral(array: Array) -> None:
    """x + 0, 1·x, -1·x, and a sum that starts from 0."""
    args, numbers = array.args, [number_of(a) for a in array.args]
    if array.op == "dot" and numbers[2:] == [0.0]:
        del args[2]
    elif array.op in ("add", "mul"):
        for k in (0, 1):
            if numbers[k] == {"add": 0.0, "mul": 1.0}[array.op]:
                array.become("move", [through(args[1 - k])])
                return
            if array.op == "mul" and numbers[k] == -1.0:
                array.become("neg", [args[1 - k]])
                return
            if array.op == "mul" and (twice := doubled(args[1 - k])) is not None and numbers[k] is not None:
                array.become("mul", [Number(2.0 * (numbers[k] or 0.0)), twice])
                return


def _along(array: Array, word: str) -> Axis | None:
    """The axis of an array along which its second operand is what a word gives of its first."""
    if len(array.args) != 2:
        return None
    x, y = array.args
    if not isinstance(x, Read) or not isinstance(y, Read) or y.array.op != word:
        return None
    inner = y.array.args[0]
    if not isinstance(inner, Read) or inner.array is not x.array:
        return None
    env, found = dict(zip(y.array.axes, y.places)), None
    for mine, its in zip(x.places, inner.places):
        all_of, some = its.plain(), mine.plain()
        if all_of is not None and all_of in y.array.over:
            if some is None or some.size != all_of.size:  # shares of more than is here
                return None
            found = some
        elif not is_same(composed(its, env), mine):
            return None
    return found


def _softmax(array: Array) -> None:
    """x - logsumexp(x) is log_softmax(x), and exp of it softmax(x); both are the same for x - max(x)."""
    if array.op == "sole":
        x, y = array.args  # y, but for infinities that tie
        if isinstance(y, Read):
            array.become("move", [y])
    elif array.op in ("sub", "gap"):
        array.args = [through(a) for a in array.args]
        axis = _along(array, "logsumexp")
        if axis is not None:
            array.become("log_softmax", array.args[:1])
            array.over = [axis]
            _unshifted(array)
    elif array.op == "exp":
        (x,) = array.args
        if isinstance(x, Read) and x.array.op == "log_softmax" and all(p.plain() for p in x.places):
            inner = x.array
            env = dict(zip(inner.axes, x.places))
            (z,) = inner.args
            along = env[inner.over[0]].plain()
            if isinstance(z, Read) and along is not None and along.size == inner.over[0].size:  # not some of the shares
                array.become("softmax", [Read(z.array, [composed(p, env) for p in z.places])])
                array.over = [along]
    elif array.op == "share":
        x = through(array.args[0])  # a softmax is one of its own accord, without what its parts add up to
        soft = isinstance(x, Read) and (x.array.op == "softmax" or (x.array.op == "exp" and _of_shares(x.array)))
        array.become(*(("move", [x]) if soft else ("div", array.args)))


def _of_shares(array: Array) -> bool:
    """Is it exp of what is left of a log_softmax?"""
    x = through(array.args[0])
    return isinstance(x, Read) and x.array.op == "log_softmax"


def _shares(array: Array) -> None:
    """exp(x - max(x)) over the sum of such is softmax(x)."""
    axis = _along(array, "total") if array.op == "div" else None
    terms, given = array.args[0] if array.args else None, array.args
    if axis is None or not isinstance(terms, Read) or terms.array.op != "exp":
        return
    (x,) = terms.array.args
    if isinstance(x, Read):
        env = dict(zip(terms.array.axes, terms.places))
        array.become("softmax", [Read(x.array, [composed(p, env) for p in x.places])])
        array.over = [axis]
        if not _unshifted(array):
            array.become("div", given)


def _unshifted(array: Array) -> bool:
    """Let a softmax of x - max(x) be that of x; was it one?"""
    (x,) = array.args
    if isinstance(x, Read) and x.array.op == "sub" and _along(x.array, "top") is not None:
        z = x.array.args[0]
        if isinstance(z, Read):
            env = dict(zip(x.array.axes, x.places))
            array.args = [Read(z.array, [composed(p, env) for p in z.places])]
            return True
    return False


def _guards(array: Array) -> None:
    """`where(c, x, 0)` is x where x is 0 as soon as c is."""
    if array.op != "where" or number_of(array.args[2]) != 0.0 or not isinstance(array.args[1], Read):
        return
    atoms = _atoms(array.args[0])
    if atoms and all(_vanishes(array.args[1], atom, 40) for atom in atoms):
        array.become("move", [through(array.args[1])])


def _atoms(condition: Operand) -> list[tuple[Array, Places]]:
    """What is 0 where a condition is: one of these, for all elements that are not said; empty: that is not known."""
    if not isinstance(condition, Read) or not condition.array.args:
        return []
    array, env = condition.array, dict(zip(condition.array.axes, condition.places))
    inner = [Read(a.array, [composed(p, env) for p in a.places]) if isinstance(a, Read) else a for a in array.args]
    of_relu = isinstance(inner[0], Read) and inner[0].array.op == "relu"
    if of_relu and (array.op == "step" or (array.op == "greater" and number_of(inner[1]) == 0.0)):
        return [(inner[0].array, list(inner[0].places))] if isinstance(inner[0], Read) else []
    if array.op == "any":
        return [
            (a, [None if p is None or any(x in p.slopes for x in array.over) else p for p in places])
            for a, places in _atoms(inner[0])
        ]
    if array.op == "where" and number_of(inner[2]) == 0.0:
        both = [_atoms(inner[0]), _atoms(inner[1])]
        return [*both[0], *both[1]] if all(both) else []
    return []


def _vanishes(x: Operand, atom: tuple[Array, Places], depth: int) -> bool:
    """Is it 0 where the elements of an array are, infinities aside?"""
    if not isinstance(x, Read):
        return number_of(x) == 0.0
    if not depth:
        return False
    array, env = x.array, dict(zip(x.array.axes, x.places))
    if array is atom[0]:
        return all(q is None or is_same(p, q) for p, q in zip(x.places, atom[1]))
    inner = [Read(a.array, [composed(p, env) for p in a.places]) if isinstance(a, Read) else a for a in array.args]
    zero = [_vanishes(a, atom, depth - 1) if array.op in PASSING else False for a in inner]
    if array.op == "where":
        closed = any(
            a is atom[0] and all(q is None or (p is not None and is_same(p, q)) for p, q in zip(places, atom[1]))
            for a, places in _atoms(inner[0])[:1]
        )
        other = zero[2] or (isinstance(inner[2], Read) and inner[2].array.op == "relu" and bool(_atoms(inner[0])))
        return (closed or zero[1]) and other
    if array.op in ("mul", "dot"):
        return (zero[0] or zero[1]) and all(zero[2:])
    return array.op in PASSING and zero[0] and (array.op == "div" or all(zero))


PASSING = frozenset(("move", "neg", "mul", "div", "dot", "total", "add", "sub", "where"))
LINEAR = frozenset((*PASSING, "concatenation", "flattened", "scan"))
RULES: Sequence[Callable[[Array], None]] = (_neutral, join_pairs, lay_flat, _softmax, _shares)

"""Names for Values: a user's variables, and a name for every node of a graph."""

from collections.abc import Iterable, Mapping
from itertools import product

from .value import Value


def names(namespace: Mapping[str, object]) -> dict[str, Value]:
    """Label the Values of a namespace by their variables' names: `names(locals())`.

    Values inside lists, tuples, dicts and NumPy arrays, up to two levels deep, become `w[0]` and `layer['b']`. A label
    that is there stays; a variable that starts with `_` is skipped; a Value with several names takes the first, and a
    variable of its own before a place in a list.

    Args:
        namespace: a mapping of names to anything.

    Returns:
        The labels it gave, each with its Value.

    Raises:
        TypeError: namespace is no mapping.

    >>> from engine import Value, names
    >>> a, w = Value(2.0), [Value(3.0), Value(4.0)]
    >>> list(names(dict(a=a, w=w)))
    ['a', 'w[0]', 'w[1]']
    >>> w[1].label
    'w[1]'
    """
    if not isinstance(namespace, Mapping):
        raise TypeError(f"names takes a mapping of names to Values, got {namespace!r:.60}; try names(locals())")
    # In and Out are the history of a notebook: what is there has a better name or none.
    level = [(k, v) for k, v in namespace.items() if isinstance(k, str) and k[:1] != "_" and k not in ("In", "Out")]
    given: dict[str, Value] = {}
    for _ in range(3):
        deeper: list[tuple[str, object]] = []
        for name, found in level:
            if isinstance(found, Value):
                if not found.label:
                    found.label = name
                    given[name] = found
            else:
                deeper.extend(_elements(name, found))
        level = deeper
    return given


def _elements(name: str, box: object) -> Iterable[tuple[str, object]]:
    if isinstance(box, (list, tuple)):
        return [(f"{name}[{i}]", element) for i, element in enumerate(box)]
    if isinstance(box, Mapping):
        return [(f"{name}[{key!r}]", element) for key, element in box.items() if isinstance(key, (str, int))]
    if type(box).__module__ == "numpy" and getattr(getattr(box, "dtype", None), "kind", "") == "O":
        shape: tuple[int, ...] = box.shape  # type: ignore[attr-defined]  # an ndarray, without importing NumPy
        places = product(*map(range, shape))
        return [(f"{name}[{', '.join(map(str, i))}]", box[i]) for i in places]  # type: ignore[index]  # as above
    return ()


def node_names(order: Iterable[Value]) -> dict[Value, str]:
    """A name for each node, no two alike: its label, the second of equal labels `x_2`, or `v7` by its place.

    >>> from engine import Value, topological_order
    >>> from engine.naming import node_names
    >>> x, y = Value(2.0, label="x"), Value(3.0, label="x")
    >>> list(node_names(topological_order(x * y)).values())
    ['x', 'x_2', 'v2']
    """
    order = list(order)
    taken = {v.label for v in order}
    named: dict[Value, str] = {}
    used: set[str] = set()
    last: dict[str, int] = {}
    for i, v in enumerate(order):
        name = label = v.label
        if not label:
            name = f"v{i}"
            while name in taken:
                name += "_"
        elif label in used:
            n = last.get(label, 1) + 1
            while f"{label}_{n}" in taken:
                n += 1
            last[label] = n
            name = f"{label}_{n}"
            taken.add(name)
        used.add(name)
        named[v] = name
    return named

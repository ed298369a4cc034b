"""Calls of one Module on many examples share a box, and so do the nodes that do the same around them.

Things are alike where the same is done with what comes out of them, by things that are alike, and where they are made
of things that are alike: so no box depends on itself.
"""

from collections.abc import Collection, Iterable, Mapping

from ...context import Scope
from ...value import Value
from .grouping import Bundle, Key, Partition, ScopeTree
from .nearest import MANY, nearest_first


def fold(partition: Partition, tree: ScopeTree) -> None:
    """Give calls of one Module in the same place one key, and alike the nodes around them; nothing where there are few.

    Args:
        partition: is changed; what it has apart keeps boxes of its own, as does what is made of it.
        tree: its scopes.
    """
    keys = partition.keys
    sums = _sums(partition)
    before = {v: keys[v] for v in sums}
    keys.update(sums)
    users, args = partition.dependencies()
    roots = dict.fromkeys(keys[r] for r in partition.sweep.roots)
    order = list(nearest_first(roots, {k: len(them) for k, them in users.items()}, args.__getitem__, len(users)))
    alike = _alike(order, users, args, _kinds(partition, order, roots))
    alike = [them for them in alike if len(them) >= MANY]
    if not any(isinstance(them[0], Scope) for them in alike):
        keys.update(before)
        return
    single = _single(order, args, partition.view.apart, tree, {key for them in alike for key in them})
    bundles: dict[Key, Bundle] = {}
    for them in alike:
        together = [key for key in reversed(them) if key not in single]
        if len(together) > 1:
            bundle = Bundle(_kind(together[0], partition), units=dict.fromkeys(together))
            bundles.update(dict.fromkeys(together, bundle))
    terms = {u for key in bundles for u in users[key]}
    keys.update((v, before[v]) for v, key in sums.items() if key not in terms)  # sums of what is not alike
    for v, key in keys.items():
        keys[v] = bundles.get(key, key)
    for key, bundle in bundles.items():
        held = dict.fromkeys([*partition.absorbed.get(bundle, ()), *partition.absorbed.pop(key, ())])
        partition.absorbed[bundle] = list(held)


def _kind(key: Key, partition: Partition) -> str:
    if isinstance(key, Scope):
        return "calls"
    if isinstance(key, Value) and key.op is None:
        return "parameters" if key in partition.parameters else "inputs"
    return "alike"


def _sums(partition: Partition) -> dict[Value, Bundle]:
    """Long sums that were made one addition at a time, as by Python's `sum`: a key for the additions of each."""
    keys, uses, seeds = partition.keys, partition.sweep.uses, partition.sweep.seeds
    top: dict[Value, Value] = {}
    chains: dict[Value, list[Value]] = {}
    for v in reversed(partition.sweep.order):
        if v.op is None or v.op.name != "add" or keys.get(v) is not v:
            continue
        users = {u.user for u in uses[v]}
        user = users.pop() if len(users) == 1 else None
        goes_on = user in top and user is not None and user.scope is v.scope and v not in seeds and not v.label
        top[v] = top[user] if goes_on and user is not None else v
        chains.setdefault(top[v], []).append(v)
    found: dict[Value, Bundle] = {}
    for chain in chains.values():
        if len(chain) >= MANY - 1:
            found.update(dict.fromkeys(chain, Bundle("sum")))
    return found


def _kinds(partition: Partition, order: Iterable[Key], roots: Collection[Key]) -> dict[Key, object]:
    """What a thing is by itself, in a word that those alike have too."""
    kinds: dict[Key, object] = {}
    for key in order:
        if isinstance(key, Scope):
            kind: object = getattr(key, "module", key)
        elif isinstance(key, Value):
            kind = key in partition.parameters if key.op is None else key.op
        else:
            kind = key
        kinds[key] = id(key if key in roots else kind)
    return kinds


def _alike(
    order: list[Key],
    users: Mapping[Key, Mapping[Key, frozenset[int]]],
    args: Mapping[Key, Collection[Key]],
    kinds: Mapping[Key, object],
) -> list[list[Key]]:
    """The things of a graph in classes: by what is done with each, then by what each is made of."""
    classes: dict[Key, object] = {}
    numbers: dict[object, int] = {}
    for key in order:
        done = frozenset((classes.get(u, id(u)), places) for u, places in users[key].items())
        classes[key] = numbers.setdefault((kinds[key], done), len(numbers))
    finer: dict[Key, int] = {}
    for key in reversed(order):
        made = frozenset(finer[a] for a in args[key] if a in finer and (a.__class__ is not Value or args[a]))
        finer[key] = numbers.setdefault((classes[key], made, "made of"), len(numbers))
    found: dict[int, list[Key]] = {}
    for key in order:
        found.setdefault(finer[key], []).append(key)
    return list(found.values())


def _single(
    order: list[Key],
    args: Mapping[Key, Collection[Key]],
    apart: Collection[Scope],
    tree: ScopeTree,
    alike: Collection[Key],
) -> set[Key]:
    """What keeps a box of its own: what belongs to some calls, what is made of them, and what nothing else uses."""
    if not apart:
        return set()
    found: set[Key] = set()
    for key in reversed(order):
        around = tree.chains[key] if isinstance(key, Scope) else tree.chain(key) if isinstance(key, Value) else ()
        if any(s in apart for s in around) or (key in alike and any(a in found for a in args[key])):
            found.add(key)
    leaves: dict[Key, bool] = {}
    for key in order:
        for a in args[key]:
            if isinstance(a, Value) and a.op is None:
                leaves[a] = leaves.get(a, True) and key in found
    return found.union(a for a, only in leaves.items() if only)

"""The exercises of 02_value_and_graph."""

from engine import Value, topological_order

from .answers import called, close, exercise, number

DEEP = 5_000


@exercise("02.1")
def eighth_power_in_three_products(answer: object) -> str | None:
    """A function eighth(x) whose graph is three products."""
    x = Value(2.0, label="x")
    y = called(answer, x, what="eighth(x)")
    if not isinstance(y, Value):
        return f"for a Value it returns {y!r:.40}, which does not remember where it comes from."
    order = topological_order(y)
    ops = [v.op.name for v in order if v.op is not None]
    if x not in order:
        return "x is not in the graph of the result."
    if not close(y.data, 256.0):
        return f"at x = 2 it gives {y.data:g}, and 2⁸ is another number: how many factors x does it have?"
    if set(ops) != {"mul"}:
        return f"it uses {', '.join(sorted(set(ops) - {'mul'}))}; multiplications only."
    if len(ops) > 3:
        return f"the value is right, with {len(ops)} multiplications; a product may be used more than once."
    third = called(answer, Value(3.0), what="eighth(x)")
    return None if close(third.data, 6561.0) else f"at x = 3 it gives {third.data:g}, and 3⁸ is another number."


@exercise("02.2")
def number_of_nodes(answer: object) -> str | None:
    """A function count(root) that counts each node once, at any depth."""
    a, b, c = Value(2.0), Value(-3.0), Value(10.0)
    for what, root in (("count(a * b + c)", a * b + c), ("count(x), x an input,", Value(1.0))):
        found, right = number(called(answer, root, what=what), what), len(topological_order(root))
        if found == right - 1:
            return f"{what} is {found:g}: is the result itself, or an input, left out?"
        if found == sum(v.op is not None for v in topological_order(root)):
            return f"{what} is {found:g}: inputs are numbers of the graph too."
        if found != right:
            return f"{what} is {found:g}; draw it and count the boxes."
    shared = Value(1.0)
    for _ in range(8):
        shared = shared + shared
    found = number(called(answer, shared, what="count of 8 doublings"))
    if found == 2**9 - 1:
        return f"8 doublings have {found:g} by your count: a number that is used twice is still one number."
    if found != 9:
        return f"8 doublings have {found:g} by your count; each adds one number to the first."
    chain = [one := Value(1.0)]  # in a list, which frees its last first: a browser's stack is short
    for _ in range(DEEP):
        chain.append(chain[-1] + one)
    what = f"count of a chain of {DEEP:,} sums"
    found = number(called(answer, chain[-1], what=what))
    return None if found == DEEP + 1 else f"{what} is {found:g}: the chain is longer."

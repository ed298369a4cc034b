"""Trees that contain themselves, and those of very many levels, are refused in the users' terms or gone through."""

import pytest

import engine
import nn
from engine import Value, grad, jit, vmap
from engine.compiler.front import flattening


def in_itself(make):
    tree = make()
    (tree.append if isinstance(tree, list) else lambda x: tree.update(a=x))(tree)
    return tree


def deep(wrap, levels):
    tree = 1.0
    for _ in range(levels):
        tree = wrap(tree)
    return tree


ODD = {
    "endless": in_itself(list),
    "endless behind a number": in_itself(lambda: [1.0]),
    "endless twice": [in_itself(list)] * 2,
    "endless dict": [in_itself(dict)],
    "lists": deep(lambda x: [x], 3000),
    "500 lists": deep(lambda x: [x], 500),
    "tuples": [deep(lambda x: (x,), 3000)],
    "dicts": [deep(lambda x: {"a": x}, 3000)],
}
X = Value(1.0)
NET = nn.MLP(2, [2, 1], seed=0)
ANY_TARGET = {"loss": lambda outputs, t: outputs**2, "epochs": 1, "progress": False}
CALLS = {
    "vmap": lambda x: vmap(lambda e: e)(x),
    "vmap along another axis": lambda x: vmap(lambda e: e, in_axes=1)(x),
    "result of vmap": lambda x: vmap(lambda e: x)([1.0, 2.0]),
    "result of vmap along another axis": lambda x: vmap(lambda e: x, out_axes=1)([1.0, 2.0]),
    "axes": lambda x: vmap(lambda e: e, in_axes=(x,))([1.0]),
    "jit": lambda x: jit(lambda e: 1.0)([x, "text", {1, 2}.pop]),
    "jit of vmap": lambda x: jit(vmap(lambda e: e))(x),
    "static": lambda x: jit(lambda e, k: e, static_argnames="k")(1.0, x),
    "grad": lambda x: grad(lambda e: 1.0)(x),
    "total": engine.total,
    "gradients": lambda x: engine.gradients(X * 2.0, x),
    "partials": engine.partials,
    "explain": engine.explain,
    "names": engine.names,
    "replay": lambda x: engine.replay(X * 2.0, x),
    "draw": engine.draw,
    "diagnose": lambda x: nn.diagnose(NET, [x], [1.0], loss="mse"),
    "fit": lambda x: nn.fit(NET, x, [1.0], loss="mse", progress=False),
    "target": lambda x: nn.fit(NET, [[1.0, 2.0]], x, loss="mse", progress=False),
    "a row": lambda x: nn.fit(NET, [x], [1.0], loss="mse", progress=False),
    "compiled": lambda x: nn.fit(NET, [[1.0, 2.0]], [x], backend="jit", **ANY_TARGET),
    "net": NET,
    "set_weights": NET.set_weights,
}


@pytest.mark.parametrize("tree", ODD)
@pytest.mark.parametrize("call", CALLS)
def test_a_tree_without_end_or_of_many_levels_hangs_nothing_and_no_recursion_is_too_deep(call, tree, monkeypatch):
    if (call, tree) != ("jit", "endless"):  # which meets the number itself
        monkeypatch.setattr(flattening, "LARGE", 5000)
    try:
        CALLS[call](ODD[tree])
    except (TypeError, ValueError) as error:
        assert " takes " in str(error) or " as " in str(error)


def test_depth_and_containing_itself_are_named():
    with pytest.raises(
        ValueError, match="vmap takes trees of up to 100 levels, got a deeper one, or one that contains"
    ):
        vmap(lambda x: x)(ODD["endless"])
    with pytest.raises(
        ValueError, match=r"diagnose takes rows of up to 20 levels, got a deeper one, .*, as row 0 of X"
    ):
        nn.diagnose(NET, [ODD["endless"]], [1.0], loss="mse")


def test_what_is_met_many_times_is_gone_through_once():
    tree = 1.0
    for _ in range(60):
        tree = (tree, tree)
    assert vmap(lambda x, shared: x, in_axes=(0, None))([1.0], tree) == [1.0]

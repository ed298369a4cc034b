"""What transforms take and give back: lists, tuples, dicts, arrays and Modules, the same tree out as in."""

import collections
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import (
    Value,
    derivative,
    dot,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    replay,
    sin,
    tanh,
    value_and_grad,
    vjp,
    vmap,
)
from engine.transforms.trees import flatten

Point = collections.namedtuple("Point", "x y")


class Line:
    """The least that a Module is to the transforms: w*x + b."""

    def __init__(self, w, b):
        self.w, self.b = w, b

    def __call__(self, x):
        return dot(self.w, x, self.b)

    def _flatten(self):
        def rebuild(leaves):
            return Line(list(leaves[:-1]), leaves[-1])

        return [*self.w, self.b], rebuild


def line():
    return Line([Value(2.0), Value(-1.0)], Value(0.5))


numbers = st.floats(-8.0, 8.0)
trees = st.recursive(
    numbers | st.none(),
    lambda t: (
        st.lists(t, max_size=3)
        | st.tuples(t, t)
        | st.dictionaries(st.text(max_size=2), t, max_size=3)
        | st.dictionaries(st.text(max_size=2), t, max_size=3).map(collections.OrderedDict)
        | st.builds(Point, t, t)
    ),
    max_leaves=8,
)


def weighted(tree):
    """1*a + 2*b + 3*c + … over the leaves of a tree."""
    return sum((i + 1.0) * x for i, x in enumerate(flatten(tree, "test", "tree").leaves))


def shape(tree):
    """A tree with its numbers left out, and the classes of its containers."""
    if isinstance(tree, dict):
        return type(tree), [(k, shape(v)) for k, v in tree.items()]
    if isinstance(tree, (list, tuple)):
        return type(tree), [shape(v) for v in tree]
    return None if tree is None else "number"


@given(trees)
def test_the_same_tree_comes_out_as_goes_in(tree):
    assert flatten(tree, "test", "tree").rebuild(flatten(tree, "test", "tree").leaves) == tree
    gradient = grad(weighted)(tree)
    assert shape(gradient) == shape(tree)
    count = len(flatten(tree, "test", "tree").leaves)
    assert flatten(gradient, "test", "tree").leaves == [i + 1.0 for i in range(count)]
    output, tangent = jvp(lambda t: t, (tree,), (gradient,))
    assert (output, tangent) == (tree, gradient)
    assert shape(output) == shape(tangent) == shape(tree)
    output, pullback = vjp(lambda t: t, tree)
    assert (output, pullback(gradient)) == (tree, (gradient,))


def test_a_counter_comes_back_as_a_counter_of_the_gradient():
    counter = collections.Counter(a=2, b=3)
    gradient = grad(lambda c: c["a"] ** 2 * c["b"])(counter)
    assert type(gradient) is collections.Counter
    assert gradient == {"a": 12.0, "b": 4.0}
    assert counter == {"a": 2, "b": 3}


@given(trees, trees)
def test_jacobians_have_a_tree_of_arguments_in_each_place_of_the_tree_of_outputs(inputs, outputs):
    def f(tree):
        y = weighted(tree)
        plan = flatten(outputs, "test", "tree")
        return plan.rebuild([x * y for x in plan.leaves])

    expected = flatten(outputs, "test", "tree")
    count = len(flatten(inputs, "test", "tree").leaves)
    rows = [flatten(inputs, "test", "tree").rebuild([x * (i + 1.0) for i in range(count)]) for x in expected.leaves]
    assert jacrev(f)(inputs) == expected.rebuild_blocks(rows)
    assert jacfwd(f)(inputs) == expected.rebuild_blocks(rows)


def test_tangents_are_matched_by_key_and_not_by_order():
    assert jvp(lambda p: p["a"] * p["b"], ({"a": 2.0, "b": 3.0},), ({"b": 10.0, "a": 1.0},)) == (6.0, 23.0)


def test_a_defaultdict_keeps_its_factory():
    d = collections.defaultdict(list, {"w": 2.0})
    gradient = grad(lambda p: p["w"] ** 2)(d)
    assert (type(gradient), gradient["w"], gradient["new"]) == (collections.defaultdict, 4.0, [])
    assert dict(d) == {"w": 2.0}


def test_the_arguments_themselves_are_left_as_they_are():
    xs, a = [1.0, [2.0]], np.array([1.0, 2.0])

    def f(xs, a):
        xs.append(3.0)
        a[0] = 5.0
        return xs[0] * xs[2] * a[1]

    assert grad(f, argnums=(0, 1))(xs, a)[0] == [6.0, [0.0]]
    assert (xs, a.tolist()) == ([1.0, [2.0]], [1.0, 2.0])


def test_integers_bools_and_numpy_scalars_are_numbers():
    assert grad(lambda x: x**2)(3) == 6.0
    assert grad(lambda xs: xs[0] * xs[1] * xs[2])([2, np.float32(0.5), True]) == [0.5, 2.0, 1.0]
    assert type(grad(lambda x: x**2)(np.float64(3.0))) is float
    assert type(value_and_grad(lambda x: np.int64(3))(1.0)[0]) is float


def test_a_tree_nested_five_thousand_deep_needs_no_recursion():
    tree = 3.0
    for _ in range(5000):
        tree = [tree]

    def innermost(t):
        while isinstance(t, list):
            t = t[0]
        return t**2

    assert innermost(grad(innermost)(tree)) == 36.0


# Arrays --------------------------------------------------------------------------------------------------------------


def test_arrays_reach_the_function_as_arrays_of_values_and_come_back_as_floats():
    seen = []

    def f(a):
        seen.append((type(a), a.dtype, a.shape, type(a.flat[0])))
        return (a**2).sum()

    a = np.arange(6, dtype=np.int32).reshape(2, 3)
    gradient = grad(f)(a)
    assert seen == [(np.ndarray, np.dtype(object), (2, 3), Value)]
    assert (gradient.dtype, gradient.tolist()) == (np.dtype(float), [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]])


@pytest.mark.parametrize("jacobian_of", [jacobian, jacfwd])
@pytest.mark.parametrize("shape_in", [(), (3,), (2, 2), (0,)])
@pytest.mark.parametrize("shape_out", [(), (2,), (2, 1, 3), (0,)])
def test_jacobians_of_arrays_have_the_shape_of_output_and_input(shape_in, shape_out, jacobian_of):
    matrix = np.arange(1.0, 1.0 + math.prod(shape_out) * math.prod(shape_in)).reshape(shape_out + shape_in)

    def f(a):
        y = np.empty(math.prod(shape_out), object)
        for i, row in enumerate(matrix.reshape(math.prod(shape_out), math.prod(shape_in))):
            y[i] = sum(m * x for m, x in zip(row, a.ravel()))
        return y.reshape(shape_out)

    found = jacobian_of(f)(np.ones(shape_in))
    assert (type(found), found.dtype, found.shape) == (np.ndarray, np.dtype(float), shape_out + shape_in)
    assert (found == matrix).all()


def test_arrays_in_trees_and_trees_of_arrays_have_jaxs_jacobians():
    def f(p):
        return {"sum": p["w"].sum() * p["b"], "both": (p["w"] * 2.0, [p["b"]])}

    p = {"w": np.array([1.0, 2.0]), "b": 3.0}
    found = jacobian(f)(p)
    assert found["sum"]["w"].tolist() == [3.0, 3.0]
    assert found["sum"]["b"] == 3.0
    assert found["both"][0]["w"].tolist() == [[2.0, 0.0], [0.0, 2.0]]
    assert found["both"][0]["b"].tolist() == [0.0, 0.0]
    assert found["both"][1][0]["w"].tolist() == [0.0, 0.0]
    assert found["both"][1][0]["b"] == 1.0


def test_hessians_and_products_of_arrays():
    matrix = np.array([[2.0, 1.0], [1.0, 4.0]])

    def f(a):
        return a @ matrix @ a / 2.0

    x, v = np.array([1.0, 2.0]), np.array([1.0, -1.0])
    assert hessian(f)(x).tolist() == matrix.tolist()
    assert hvp(f, (x,), (v,)).tolist() == (matrix @ v).tolist()
    blocks = hessian(lambda a, b: a @ a * b, argnums=(0, 1))(x, 3.0)
    assert blocks[0][0].tolist() == [[6.0, 0.0], [0.0, 6.0]]
    assert (blocks[0][1].tolist(), blocks[1][0].tolist(), blocks[1][1]) == ([2.0, 4.0], [2.0, 4.0], 0.0)


def test_arrays_of_values_come_back_as_arrays_of_objects_where_they_depend_on_them():
    a = np.array([Value(1.0), 2.0])
    gradient = grad(lambda a: (a**2).sum())(a)
    assert (gradient.dtype, type(gradient[0]), type(gradient[1])) == (np.dtype(object), Value, float)
    gradient[0].backward()
    assert a[0].grad == 2.0
    assert grad(lambda a: a.sum())(a).dtype == np.dtype(float)


def test_a_loss_may_return_an_array_without_axes():
    assert grad(lambda x: np.array(x * x))(3.0) == 6.0
    assert grad(lambda a: np.array(5.0))(3.0) == 0.0
    assert grad(lambda a: a**2)(np.array(3.0)).tolist() == 6.0


def test_ufuncs_of_numpy_work_inside_a_transform():
    found = grad(lambda a: np.sum(np.tanh(a) * np.exp(a)))(np.array([0.0, 1.0]))
    one = derivative(lambda x: tanh(x) * x.exp())
    assert found.tolist() == [one(0.0), one(1.0)]


def test_transforms_import_no_numpy():
    code = """
import sys
from engine import grad, hessian, jacobian, jvp, vmap, replay, Value
grad(lambda p: p["w"][0] ** 2)({"w": [3.0]})
hessian(lambda xs: xs[0] * xs[1])([1.0, 2.0]); jacobian(lambda x: [x])(1.0); jvp(lambda x: x, (1.0,), (1.0,))
vmap(lambda x: x)([1.0])
sys.exit("numpy" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Modules -------------------------------------------------------------------------------------------------------------


def test_a_gradient_of_a_module_is_a_module_whose_parameters_hold_the_gradients():
    net, x = line(), [3.0, 4.0]
    gradient = grad(lambda net: net(x) ** 2)(net)
    y = 2.0 * 3.0 - 4.0 + 0.5
    assert type(gradient) is Line
    assert [float(g) for g in gradient._flatten()[0]] == [2.0 * y * 3.0, 2.0 * y * 4.0, 2.0 * y]
    gradient.b.backward()
    assert [w.grad for w in (*net.w, net.b)] == [6.0, 8.0, 2.0], "outer derivatives flow through parameters"


def test_a_module_of_floats_has_a_gradient_of_floats():
    gradient = grad(lambda net: net([3.0, 4.0]))(Line([2.0, -1.0], 0.5))
    assert (type(gradient), gradient.w, gradient.b) == (Line, [3.0, 4.0], 1.0)


def test_modules_in_trees_and_beside_other_arguments():
    def loss(p, x):
        return sin(p["net"](x)) * p["scale"]

    found, dx = grad(loss, argnums=(0, 1))({"net": Line([1.0, 2.0], 0.0), "scale": 2.0}, [0.5, 0.25])
    c = 2.0 * math.cos(1.0)
    assert found["net"].w == pytest.approx([0.5 * c, 0.25 * c])
    assert (found["scale"], dx) == (pytest.approx(math.sin(1.0)), pytest.approx([c, 2.0 * c]))


def test_hessian_and_tangents_of_modules():
    net = Line([1.0, 2.0], 0.0)
    h = hessian(lambda net: net([3.0, 4.0]) ** 2)(net)
    assert type(h) is type(h.b) is Line
    assert (h.b.w, h.b.b, h.w[0].w) == ([6.0, 8.0], 2.0, [18.0, 24.0])
    product = hvp(lambda net: net([3.0, 4.0]) ** 2, (net,), (Line([0.0, 0.0], 1.0),))
    assert (type(product), product.w, product.b) == (Line, [6.0, 8.0], 2.0)
    found = jacobian(lambda net: [net([1.0, 0.0]), net([0.0, 1.0])])(net)
    assert [(m.w, m.b) for m in found] == [([1.0, 0.0], 1.0), ([0.0, 1.0], 1.0)]


# Many at once --------------------------------------------------------------------------------------------------------


def test_vmap_maps_lists_and_gives_lists():
    assert vmap(lambda x: x * 2.0)([1.0, 2.0, 3.0]) == [2.0, 4.0, 6.0]
    assert vmap(lambda row: row[0] * row[1])([[1.0, 2.0], [3.0, 4.0]]) == [2.0, 12.0]
    assert vmap(lambda p, x: p["w"] * x, in_axes=(None, 0))({"w": 10.0}, [1.0, 2.0]) == [10.0, 20.0]
    assert vmap(lambda p: p["a"] + p["b"])({"a": [1.0, 2.0], "b": [10.0, 20.0]}) == [11.0, 22.0]
    assert vmap(lambda p: p.x + p.y)(Point([1.0, 2.0], [10.0, 20.0])) == [11.0, 22.0]
    assert vmap(lambda p: p["a"])([{"a": 1.0}, {"a": 2.0}]) == [1.0, 2.0]
    assert vmap(lambda x, y=0.0: x + y)([1.0, 2.0], y=[10.0, 20.0]) == [11.0, 22.0]
    assert vmap(lambda x: x)([]) == []


def test_vmap_gives_trees_of_lists_and_lists_with_axes():
    assert vmap(lambda x: (x, {"double": 2.0 * x, "none": None}))([1.0, 2.0]) == (
        [1.0, 2.0],
        {"double": [2.0, 4.0], "none": None},
    )
    assert vmap(lambda x: [x, x * 10.0])([1.0, 2.0]) == [[1.0, 10.0], [2.0, 20.0]]
    assert vmap(lambda x: [x, x * 10.0], out_axes=1)([1.0, 2.0]) == [[1.0, 2.0], [10.0, 20.0]]
    assert vmap(lambda x: [x, x * 10.0], out_axes=-1)([1.0, 2.0]) == [[1.0, 2.0], [10.0, 20.0]]
    assert vmap(lambda x: [[x, x * 10.0]], out_axes=2)([1.0, 2.0]) == [[[1.0, 2.0], [10.0, 20.0]]]
    assert vmap(lambda x: ([x, x], x), out_axes=(1, 0))([1.0, 2.0]) == ([[1.0, 2.0], [1.0, 2.0]], [1.0, 2.0])
    assert vmap(lambda x: (x, 5.0), out_axes=(0, None))([1.0, 2.0]) == ([1.0, 2.0], 5.0)


def test_vmap_maps_any_axis_of_lists_and_arrays():
    rows = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    for axis in (1, -1):
        assert vmap(lambda c: c, in_axes=axis)(rows) == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
        assert vmap(lambda c: c, in_axes=axis)(np.array(rows)).tolist() == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
        assert vmap(lambda c: c.sum(), in_axes=axis)(np.array(rows)).tolist() == [5.0, 7.0, 9.0]
    nested = vmap(vmap(lambda x, y: x * y, in_axes=(None, 0)), in_axes=(0, None))
    assert nested([1.0, 2.0], [3.0, 4.0]) == [[3.0, 4.0], [6.0, 8.0]]
    assert nested(np.array([1.0, 2.0]), np.array([3.0, 4.0])).tolist() == [[3.0, 4.0], [6.0, 8.0]]
    found = vmap(lambda p, x: p["a"] * p["b"] * x, in_axes=({"a": 0, "b": None}, 0))(
        {"a": [1.0, 2.0], "b": 3.0}, [1, 2]
    )
    assert found == [3.0, 12.0]


def test_vmap_stacks_arrays_as_jax_does():
    a = np.arange(6.0).reshape(2, 3)
    assert vmap(lambda r: r * 2.0)(a).tolist() == (a * 2.0).tolist()
    assert vmap(lambda r: r * 2.0, out_axes=1)(a).tolist() == (a * 2.0).T.tolist()
    assert vmap(lambda r: r.sum())(a).dtype == np.dtype(float)
    assert vmap(lambda r: int(r[0]))(a).dtype.kind == "i"
    assert vmap(lambda r: Value(r[0]))(a).dtype == np.dtype(object)
    assert vmap(lambda x: x)(np.empty((0, 3))).shape == (0,)
    labels = vmap(lambda row, label: row[label], in_axes=(0, 0))(a, np.array([2, 0]))
    assert labels.tolist() == [2.0, 3.0], "integers stay integers"


def test_vmap_of_grad_gives_one_gradient_an_example():
    net = Line([2.0, -1.0], 0.5)
    xs = [[1.0, 2.0], [3.0, 4.0]]
    each = vmap(grad(lambda net, x: net(x)), in_axes=(None, 0))(net, xs)
    assert (type(each), each.w, each.b) == (Line, [[1.0, 3.0], [2.0, 4.0]], [1.0, 1.0])
    total = grad(lambda xs: sum(vmap(lambda x: x**2)(xs)))
    assert total([1.0, 2.0]) == [2.0, 4.0]


# What is refused, and in which words ---------------------------------------------------------------------------------


def square(x):
    return x * x


def endless():
    xs = [1.0]
    xs.append(xs)
    return xs


X, INNER = Value(2.0, label="x"), Value(2.0) * 3.0
ALL = [grad, value_and_grad, jacrev, jacfwd, hessian, derivative, vmap]

BAD = [
    *[(lambda t=t: t(3.0), TypeError, f"{t.__name__} takes a function, got the number 3.0") for t in ALL],
    (lambda: grad(square(X)), TypeError, "write grad(f), without calling f"),
    (lambda: vjp(3.0, 1.0), TypeError, "vjp takes a function"),
    (lambda: jvp(3.0, (1.0,), (1.0,)), TypeError, "jvp takes a function"),
    (lambda: hvp("f", (1.0,), (1.0,)), TypeError, "hvp takes a function, got 'f' (str)"),
    # What the function returns
    (lambda: grad(lambda x: [x, x])(1.0), TypeError, "grad takes a function that returns one number, got a list of 2 elements; jacobian"),
    (lambda: grad(lambda x: (x, x))(1.0), TypeError, "grad(f, has_aux=True) takes functions that return (output, aux)"),
    (lambda: grad(lambda x: {"loss": x})(1.0), TypeError, "got a dict with the keys 'loss'"),
    (lambda: grad(lambda x: None)(1.0), TypeError, "got None; does it return its result?"),
    (lambda: grad(lambda x: "1.0")(1.0), TypeError, "got '1.0' (str)"),
    (lambda: grad(lambda x: 1j)(1.0), TypeError, "got 1j (complex)"),
    (lambda: grad(lambda a: a)(np.ones(3)), TypeError, "got an array of shape (3,)"),
    (lambda: grad(lambda a: a)(np.ones(1)), TypeError, "got an array of shape (1,); jacobian"),
    (lambda: value_and_grad(lambda x: [x])(1.0), TypeError, "value_and_grad takes a function that returns one number, got a list of 1 element;"),
    (lambda: derivative(lambda x: [x])(1.0), TypeError, "derivative takes a function that returns one number"),
    (lambda: hvp(lambda x: [x], (1.0,), (1.0,)), TypeError, "returns one number"),
    (lambda: grad(square, has_aux=True)(1.0), TypeError, "grad with has_aux takes a function that returns (output, aux), got"),
    (lambda: jvp(lambda x: (x, x, x), (1.0,), (1.0,), has_aux=True), TypeError, "jvp with has_aux takes"),
    (lambda: jacobian(lambda x: [x, {"name": "abc"}])(1.0), TypeError, "got 'abc' (str) at the output[1]['name']"),
    (lambda: vjp(lambda x: {x}, 1.0), TypeError, "a set has no order, use a list"),
    (lambda: jacfwd(lambda x: 1j)(1.0), TypeError, "jacfwd takes real numbers, Values, and lists"),
    # What the function is given
    (lambda: grad(square)("2"), TypeError, "grad takes real numbers, Values, and lists, tuples, dicts, arrays and Modules of them, got '2' (str) at argument 0"),
    (lambda: grad(square)([1.0, {"w": ("a", 2.0)}]), TypeError, "got 'a' (str) at argument 0[1]['w'][0]"),
    (lambda: grad(square)(Point(1.0, 1j)), TypeError, "got 1j (complex) at argument 0.y"),
    (lambda: grad(lambda x, y: x, argnums=1)(1.0, object), TypeError, "at argument 1"),
    (lambda: grad(square)({1.0, 2.0}), TypeError, "a set has no order"),
    (lambda: grad(square)(range(3)), TypeError, "got range(0, 3) (range)"),
    (lambda: grad(square)(np.array(["a"])), TypeError, "grad takes arrays of real numbers and Values, got dtype <U1 at argument 0"),
    (lambda: grad(square)(np.array([1j])), TypeError, "got dtype complex128"),
    (lambda: grad(square)(np.array([1.0, "a"], object)), TypeError, "got 'a' (str) at argument 0[1]"),
    (lambda: grad(square)(Line(["a"], 1.0)), TypeError, "got 'a' (str) at argument 0 parameter 0"),
    (lambda: grad(square)(10**400), OverflowError, "got an int of 1329 bits"),
    (lambda: grad(square)(endless()), ValueError, "grad takes trees that end, got one that contains itself at argument 0[1]"),
    (lambda: derivative(square)([1.0]), TypeError, "derivative takes a function of one number, got a list of 1 element; use grad"),
    # Positions
    (lambda: grad(square, argnums=1)(1.0), ValueError, "got 1 for 1 positional argument;"),
    (lambda: grad(square)(x=1.0), ValueError, "got 0 for 0 positional arguments; give by position"),
    (lambda: grad(square, argnums=-2)(1.0), ValueError, "got -2"),
    (lambda: grad(square, argnums="x"), TypeError, "grad takes an int or a tuple of ints as argnums, got 'x'"),
    (lambda: grad(square, argnums=1.0), TypeError, "got 1.0"),
    (lambda: jacobian(square, argnums=(0, True)), TypeError, "jacrev takes an int or a tuple of ints"),
    (lambda: hessian(square, argnums=()), ValueError, "at least one position"),
    (lambda: grad(pow, argnums=np.array([0, 1])), TypeError, "takes an int or a tuple of ints as argnums, got array([0, 1])"),
    (lambda: grad(pow, argnums=(0, 0))(2.0, 3.0), ValueError, "grad takes each argument once in argnums, got argument 0 twice"),
    (lambda: jacfwd(pow, argnums=(1, -1))(2.0, 3.0), ValueError, "got argument 1 twice"),
    # Tangents and adjoints
    (lambda: jvp(square, 1.0, 1.0), TypeError, "jvp takes primals as a tuple, one entry for each argument of f, got the number 1.0; write (x,)"),
    (lambda: jvp(square, (1.0,), 1.0), TypeError, "jvp takes tangents as a tuple"),
    (lambda: hvp(square, np.ones(2), np.ones(2)), TypeError, "hvp takes primals as a tuple, one entry for each argument of f, got an array"),
    (lambda: jvp(square, (1.0,), ()), ValueError, "jvp takes as many tangents as primals, got 0 and 1"),
    (lambda: jvp(square, ([1.0, 2.0],), ([1.0],)), ValueError, "jvp takes tangent 0 in the shape of argument 0, which has a list of 2 elements there, got a list of 1 element"),
    (lambda: jvp(square, ({"a": [1.0]},), ({"a": 1.0},)), ValueError, "jvp takes tangent 0['a'] in the shape of argument 0"),
    (lambda: jvp(square, ({"a": 1.0},), ({"b": 1.0},)), ValueError, "which has a dict with the keys 'a' there, got a dict with the keys 'b'"),
    (lambda: jvp(square, (np.ones(2),), (np.ones(3),)), ValueError, "which has an array of shape (2,) there, got an array of shape (3,)"),
    (lambda: jvp(square, (np.ones(2),), ([1.0, 1.0],)), ValueError, "got a list of 2 elements"),
    (lambda: jvp(square, (1.0,), (None,)), ValueError, "which has the number 1.0 there, got None"),
    (lambda: jvp(square, (1.0,), ("a",)), TypeError, "got 'a' (str) at tangent 0"),
    (lambda: jvp(square, (Line([1.0], 1.0),), (Line([1.0, 2.0], 1.0),)), ValueError, "a Line of 2 parameters there, got a Line of 3 parameters"),
    (lambda: vjp(lambda x: [x, x], 1.0)[1](1.0), ValueError, "the pullback of vjp takes the adjoint in the shape of the output, which has a list of 2"),
    (lambda: vjp(square, 1.0)[1]([1.0]), ValueError, "which has the number 1.0 there, got a list of 1 element"),
    # Orders
    (lambda: derivative(square, 1.5), TypeError, "derivative takes a whole number from 0 as n, got 1.5"),
    (lambda: derivative(square, True), TypeError, "got True"),
    (lambda: derivative(square, -1), ValueError, "derivative takes a whole number from 0 as n, got -1"),
    # Replay
    (lambda: replay(INNER, {INNER: 1.0}), ValueError, "replay takes leaves of the graph, got a node"),
    (lambda: replay(INNER, {X: 1.0}), ValueError, "something that is not in the graph: Value(data=2.0, grad=–, label='x')"),
    (lambda: replay(INNER, {"x": 1.0}), ValueError, "got something that is not in the graph: 'x'"),
    (lambda: replay(X, {X: "1"}), TypeError, "replay takes"),
    (lambda: replay("x", {}), TypeError, "replay takes"),
    (lambda: replay(X, [1.0]), TypeError, "replay takes a dict {leaf: number}, got [1.0]"),
    # Mapping
    (lambda: vmap(square)(3.0), ValueError, "vmap takes lists and arrays to map over, got the number 3.0 as argument 0; in_axes=None"),
    (lambda: vmap(square)({"a": 3.0}), ValueError, "got the number 3.0 as argument 0['a']"),
    (lambda: vmap(square)(X), ValueError, "as argument 0"),
    (lambda: vmap(square, in_axes=None)([1.0]), ValueError, "vmap takes at least one argument to map over"),
    (lambda: vmap(pow)([1.0, 2.0], [1.0]), ValueError, "vmap takes mapped axes of one length, got 2 in argument 0 and 1 in argument 1"),
    (lambda: vmap(pow, in_axes=(0,))([1.0], [1.0]), ValueError, "one entry of in_axes for each positional argument, got 1 for 2"),
    (lambda: vmap(square, in_axes=1)([1.0]), ValueError, "vmap takes an axis from -1 to 0 for argument 0, a list of 1 element, got 1"),
    (lambda: vmap(square, in_axes=2)(np.ones((2, 2))), ValueError, "vmap takes an axis from -2 to 1 for argument 0, an array of shape (2, 2), got 2"),
    (lambda: vmap(square, in_axes=0.5)([1.0]), TypeError, "vmap takes integers and None as axes, got 0.5"),
    (lambda: vmap(square, in_axes=({"a": 0},))([1.0]), ValueError, "vmap takes in_axes in the shape of argument 0"),
    (lambda: vmap(square, out_axes=1)([1.0]), ValueError, "vmap takes an axis from -1 to 0 for the output"),
    (lambda: vmap(lambda x: [x] * int(x), out_axes=1)([1.0, 2.0]), ValueError, "one shape for all examples, got a list of 1 element for the first"),
    (lambda: vmap(lambda x: {"a": x} if x > 1 else {"b": x})([1.0, 2.0]), ValueError, "and a dict with the keys 'a' for example 1"),
    (lambda: vmap(lambda x: x, out_axes=None)([1.0, 2.0]), ValueError, "vmap takes out_axes=None for an output that is the same for all examples"),
]  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=[f"{i} {words[:40]}" for i, (_, _, words) in enumerate(BAD)])
def test_bad_input_is_refused_in_words_that_help(case):
    call, kind, words = case
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert words in str(caught.value)

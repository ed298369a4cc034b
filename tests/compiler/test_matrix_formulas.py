"""`explain` of functions and layers: the formulas in matrices are the textbooks', and what they say is what is computed."""

import random
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import engine
import nn
from engine import dot, explain, jit, relu, softmax, value_and_grad, vmap
from engine.compiler.arrays import formulas
from engine.compiler.arrays.formulas import Formulas
from engine.compiler.arrays.rows import Rows
from engine.compiler.arrays.scans import OfRound, Scan
from engine.formulas.notation import Part

RNG = random.Random(1)
ROWS = Rows(np)


def numbers(*shape):
    return [numbers(*shape[1:]) for _ in range(shape[0])] if shape else RNG.gauss(0.0, 1.0)


def lines(*args, **options):
    return str(explain(*args, **options)).splitlines()


def rows(layer, X):
    return [layer(x) for x in X]


def cross_entropy(net, x, y):
    return sum(-dot(t, engine.log_softmax(net(a))) for a, t in zip(x, y)) / len(x)


# What is said --------------------------------------------------------------------------------------------------------


def test_a_layer_is_the_textbooks():
    layer = nn.MLP(3, [4, 1], seed=0).layers[0]
    assert lines(layer, [1.0, 2.0, 3.0]) == [
        "Layer: W 4×3, b 4, x 3; L is any number computed from y",
        "y = relu(W·x + b)",
        "d = ∂L/∂y ⊙ [y > 0]",
        "∂L/∂W = d·xᵀ",
        "∂L/∂b = d",
        "∂L/∂x = Wᵀ·d",
    ]
    of_many = ["d = ∂L/∂y ⊙ [y > 0]", "∂L/∂W = dᵀ·X", "∂L/∂b[i] = Σⱼ d[j, i]"]
    assert lines(rows, layer, numbers(5, 3))[1:] == ["y = relu(X·Wᵀ + b)", *of_many]
    mapped = [line.replace("x", "X") for line in lines(vmap(layer), numbers(5, 3))]
    assert mapped[2:] == [*of_many, "∂L/∂X = d·W"]


def test_a_loss_is_what_is_differentiated_and_by_its_modules():
    y = [[float(k == i % 5) for k in range(5)] for i in range(20)]
    found = lines(cross_entropy, nn.MLP(8, [16, 5], seed=0), numbers(20, 8), y)
    assert found[3] == "L = Σᵢ −Σⱼ y[i, j]·log_softmaxⱼ(z0[i, j])/20"
    assert found[-4:] == ["∂L/∂W0 = d0ᵀ·x", "∂L/∂b0[i] = Σⱼ d0[j, i]", "∂L/∂W1 = d1ᵀ·h0", "∂L/∂b1[i] = Σⱼ d1[j, i]"]


def test_a_convolution_is_the_textbooks():
    assert lines(convolution, numbers(6, 6), numbers(3, 2))[1] == "y[i, j] = relu(Σ_{k,l} x[i+k, j+l]·w[k, l])"


def test_numbers_of_its_own_are_written_out_or_named_with_their_shape():
    def weighted(x):
        return [a * (k + 1) for k, a in enumerate(x)]

    assert lines(weighted, numbers(3))[:2] == [
        "weighted: x 3; L is any number computed from y",
        "y = [1, 2, 3] ⊙ x",
    ]
    assert lines(weighted, numbers(9))[:2] == [
        "weighted: x 9; c0 9 numbers; L is any number computed from y",
        "y = c0 ⊙ x",
    ]


def test_argnums_say_by_what():
    def f(a, b):
        return dot(a, b)

    assert lines(f, [1.0, 2.0, 4.0], [3.0, 4.0, 1.0], argnums=1)[1:] == ["L = aᵀ·b", "∂L/∂b = a"]
    assert lines(value_and_grad(f), [1.0, 2.0, 4.0], [3.0, 4.0, 1.0])[1:] == ["f = aᵀ·b", "∂L/∂a = b"]


def test_an_index_has_no_gradient():
    assert lines(lambda rows, i: [2.0 * a for a in engine.take(rows, i)], numbers(5, 3), 2)[1] == "y[j] = 2·rows[i, j]"


def test_of_several_results_each_has_its_gradient():
    def f(p):
        return p["x"] * 2.0, [p["z"]]

    assert lines(f, {"x": 1.0, "z": 2.0})[-2:] == ["∂L/∂x = 2·∂L/∂y_0", "∂L/∂z = ∂L/∂y_1[0]"]


def test_latex_and_html_say_the_same():
    explanation = explain(nn.MLP(3, [4, 1], seed=0).layers[0], [1.0, 2.0, 3.0])
    assert explanation.to_latex().splitlines()[1:4] == [
        r"y &= \operatorname{relu}\left(W \, x + b\right) \\",
        r"d &= \frac{\partial L}{\partial y} \odot [y > 0] \\",
        r"\frac{\partial L}{\partial W} &= d \, x^{\top} \\",
    ]
    bundle = explanation._repr_mimebundle_()
    said = ["".join(p.itertext()) for p in ET.fromstring(bundle["text/html"]).iter("p")]
    assert said[1] == "y=relu(W\u2062x+b)" and said[3] == "∂L∂W=d\u2062x⊤" and bundle["text/plain"] == str(explanation)


def test_names_are_escaped():
    odd = type("<script>", (nn.Module,), {"forward": lambda self, x_1, my_x: x_1 * my_x})()
    explanation = explain(odd, 2.0, 3.0)
    html = explanation.to_html()
    assert "script" not in html and ET.fromstring(html) is not None
    assert r"y &= x_{1} \, \mathit{my\_x} \\" in explanation.to_latex()


def test_what_is_no_array_program_is_refused_and_what_is_no_function_too():
    with pytest.raises(TypeError, match="takes a Value as root, got 3"):
        explain(3)
    with pytest.raises(TypeError, match="takes one Value as node"):
        explain(engine.Value(1.0), engine.Value(1.0), engine.Value(1.0))
    with pytest.raises(TypeError, match="2 is missing|takes|argument"):
        explain(lambda a, b: a, 2.0)


# What is said is what is computed -------------------------------------------------------------------------------------

CODE = {
    "product": "mm({0}, {1})", "elementwise": "elementwise({0}, {1})", "transposed": "T({0})", "inverse": "inverse({0})",
    "element": "element({0}, '{1}')", "call": "{0}({1})", "along": "along['{0}']('{1}', {2})", "sum": "along['sum']('{0}', {1})",
    "diag": "Diagonal({0})", "column": "column({0})", "cases": "where({0}, {1}, {2})", "list": "joined({0})",
    "rows": "stacked({0})", "equation": "{1}", "rounds": "{0}",
}  # fmt: skip


class Code(Formulas):
    """The formulas as code that says no more than they do: vectors are columns, beside a matrix rows."""

    def name(self, array):
        return Part(array.name)


class Diagonal:
    def __init__(self, v):
        self.v = v


def T(x):
    return x[None, :] if x.ndim == 1 else x.T


def as_array(x):
    """[x > 0], which is a list, as numbers."""
    return np.asarray(x[0], float) if isinstance(x, list) else x


def elementwise(a, b):
    return as_array(a) * as_array(b)


def mm(a, b):
    a, b = as_array(a), as_array(b)
    if isinstance(a, Diagonal):
        return b * a.v[:, None]
    if isinstance(b, Diagonal):
        return a * b.v
    if np.ndim(a) == 0 or np.ndim(b) == 0 or mm.by_index:
        return a * b
    if a.ndim == 1:
        assert b.shape[0] == 1
        return a[:, None] @ b
    found = a @ b
    return found[0] if found.shape[0] == 1 else found


def joined(*parts):
    return np.concatenate([np.ravel(x) for x in parts])


def beside(*parts):
    return np.hstack([x[:, None] if x.ndim == 1 else x for x in parts])


def element(x, index):
    if not mm.by_index:
        return x[eval(f"np.s_[{index}]")]
    count, axes = len(mm.sizes), {}
    for k, (letter, n) in enumerate(mm.sizes.items()):
        axes[letter] = np.arange(n).reshape([n if j == k else 1 for j in range(count)])
    places = eval(f"[{digits_first(index)}]", {}, {**mm.scalars, **axes})
    return x[tuple(np.asarray(p).astype(int) for p in places)] if places else x


def digits_first(index):
    """2k as 2*k."""
    return "".join(c + "*" * (c.isdigit() and d.isalpha()) for c, d in zip(index, index[1:] + " "))


def along(reduce):
    def found(letters, x):
        axes = tuple(list(mm.sizes).index(letter[0]) for letter in letters.split(","))
        return reduce(as_array(x), axes)

    return found


ALONG = {
    "sum": along(lambda x, axes: x.sum(axes, keepdims=True)), "max": along(lambda x, axes: x.max(axes, keepdims=True)),
    "mean": along(lambda x, axes: x.mean(axes, keepdims=True)), "any": along(lambda x, axes: x.any(axes, keepdims=True)),
    "softmax": along(lambda x, axes: ROWS.softmax(x, axes[0])),
    "log_softmax": along(lambda x, axes: ROWS.log_softmax(x, axes[0])),
    "logsumexp": along(lambda x, axes: np.expand_dims(ROWS.logsumexp(x, axes[0]), axes[0])),
}  # fmt: skip


def checked_lines(f, *args, monkeypatch):
    """How many formulas of a program are evaluated, each of what the arrays are; all give what NumPy gives."""
    for table, sign in ((formulas.COMMA, ", "), (formulas.BELOW, ", "), (formulas.DOTS, "…"), (formulas.FORMS, CODE)):
        monkeypatch.setitem(table, "text", sign)
    program = jit(f, backend="numpy").lower(*args).arrays
    flat = [np.ravel(np.array(a, float)) for a in args if not hasattr(a, "named_parameters")]
    modules = [np.array([p.data for p in a.parameters()]) for a in args if hasattr(a, "named_parameters")]
    views = program.views({0: np.empty(0), 1: np.concatenate([*modules, *flat])})
    assert [a for a in args if hasattr(a, "named_parameters")] == list(args[: len(modules)])
    space = {**program._space, **program._constants, "inf": np.inf, "nan": np.nan, "n": 1}
    space.update({a.name: v for a, v in zip(program.arguments, views[1:])})
    with np.errstate(all="ignore"):
        exec(program.text, space)
    values = {k: np.asarray(v) for k, v in space.items() if isinstance(v, (np.ndarray, float, np.floating))}
    written, count = Code("text", {}, program._constants), 0
    for d in program.definitions:
        lines, rounds = ([*d.starts, *d.lines], range(d.rounds)) if isinstance(d, Scan) else ([d], [0])
        for t in rounds:
            here = {**space, **values, **({d.letter: t} if isinstance(d, Scan) else {})}
            for line in lines:
                said = written.equation(line)
                if not any(x in said for x in ("…", "concatenation", "flat(")):
                    count += evaluated(said, line, written, here)
                elif is_local(line.array):  # which what follows needs
                    break
    return count


def is_local(array):
    """Does it last one round?"""
    return isinstance(array, OfRound) and array.name == array.of.name


def evaluated(said, d, written, values):
    """One line, whose array is what it says: that of NumPy, or one of a round, which then is known; returns 1."""
    mm.by_index = written._letters is not None
    mm.sizes = {letter: a.size for a, letter in (written._letters or {}).items()}
    mm.scalars = {k: v for k, v in values.items() if np.ndim(v) == 0}
    tools = {
        "mm": mm, "elementwise": elementwise, "T": T, "element": element, "along": ALONG, "Diagonal": Diagonal, "np": np,
        "column": lambda x: x[:, None], "inverse": lambda x: Diagonal(1.0 / x.v),
        "joined": joined if len(d.array.axes) == 1 else beside, "stacked": lambda *xs: np.vstack(xs),
    }  # fmt: skip
    found = as_array(eval(said, {**values, **tools}))
    if mm.by_index:
        count_of_axes = len(d.array.axes)
        assert all(n == 1 for n in np.shape(found)[count_of_axes:]), said
        found = np.reshape(found, np.shape(found)[:count_of_axes])
    found = np.broadcast_to(found, d.array.shape)
    expected = found if is_local(d.array) else eval(d.array.name, values)
    np.testing.assert_allclose(found, expected, 1e-9, 1e-12, err_msg=said)
    values[d.array.name] = found
    return 1


def attention(q, k, v):
    scores = [softmax([dot(a, b) for b in k]) for a in q]
    return [[dot(p, column) for column in zip(*v)] for p in scores]


def convolution(x, w):
    return [
        [relu(sum(x[i + u][j + v] * w[u][v] for u in range(3) for v in range(2))) for j in range(5)] for i in range(4)
    ]


def mixed(m, u, v):
    return [[engine.exp(a) * p + q / p - (a / q) ** 2 for a, q in zip(row, v)] for row, p in zip(m, u)]


def several(x, y):
    back = [a - 2.0 * b for a, b in zip(x, x[::-1])]
    odd = [engine.where(a > 0.0, b, a * b) for a, b in zip(x[1::2], y)]
    return back, odd, engine.mean(x), engine.logsumexp(y), [a / sum(x) for a in x]


def recurrent(W, U, xs):
    h = [0.0] * len(U)
    for x in xs:
        h = [engine.tanh(dot(w, x) + dot(u, h)) for w, u in zip(W, U)]
    return h


def running(x, a):
    found = [a]
    for k in x:
        found.append(found[-1] * k + a)
    return found


def images(q, k, v):
    return [attention(a, b, c) for a, b, c in zip(q, k, v)]


def squares(f):
    def total(*args):
        return engine.total([y * y for y in leaves(f(*args))])

    return value_and_grad(total)


def leaves(tree):
    return [y for x in tree for y in leaves(x)] if isinstance(tree, (list, tuple)) else [tree]


PROGRAMS = {
    "a batch through a network": (rows, [nn.MLP(3, [4, 5, 3], activation="tanh", seed=0), numbers(6, 3)]),
    "attention": (attention, [numbers(5, 3), numbers(6, 3), numbers(6, 4)]),
    "attention of several heads": (images, [numbers(3, 5, 3), numbers(3, 6, 3), numbers(3, 6, 4)]),
    "a convolution": (convolution, [numbers(6, 6), numbers(3, 2)]),
    "rows and columns": (mixed, [numbers(4, 3), numbers(4), numbers(3)]),
    "a recurrent net": (recurrent, [numbers(4, 3), numbers(4, 4), numbers(6, 3)]),
    "a running product": (running, [numbers(6), 0.5]),
    "pieces": (several, [numbers(9), numbers(4)]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_formula_gives_what_the_array_is(name, monkeypatch):
    f, args = PROGRAMS[name]
    assert checked_lines(f, *args, monkeypatch=monkeypatch) > 0
    assert checked_lines(squares(f), *args, monkeypatch=monkeypatch) > 2


def test_a_formula_that_forgets_to_transpose_is_seen(monkeypatch):
    f, args = PROGRAMS["attention"]
    monkeypatch.setattr(Formulas, "_transposed", lambda self, part: part.text)
    with pytest.raises((AssertionError, ValueError)):
        checked_lines(f, *args, monkeypatch=monkeypatch)

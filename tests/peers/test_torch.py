"""PyTorch in float64 agrees, to 1e-12 of the sum of absolute path contributions."""

import math
import random

import pytest
import torch

import engine
import nn
from engine import TABLE, Value, gradients, partials, topological_order

TOLERANCE = 1e-12
TORCH = {  # rows and their peers; a list is a stacked tensor
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "neg": torch.neg,
    "square": torch.square, "reciprocal": torch.reciprocal, "abs": torch.abs,
    "maximum": torch.maximum, "minimum": torch.minimum, "sign": torch.sign, "floor": torch.floor, "ceil": torch.ceil,
    "trunc": torch.trunc, "remainder": torch.remainder, "fmod": torch.fmod, "copysign": torch.copysign,
    "nan_to_num": torch.nan_to_num, "logaddexp2": torch.logaddexp2,
    "where": lambda c, a, b: torch.where(c != 0, a, b),
    "exp": torch.exp, "exp2": torch.exp2, "expm1": torch.expm1, "log": torch.log, "log2": torch.log2,
    "log10": torch.log10, "log1p": torch.log1p, "sqrt": torch.sqrt,
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan,
    "arcsin": torch.asin, "arccos": torch.acos, "arctan": torch.atan, "arctan2": torch.atan2,
    "sinh": torch.sinh, "cosh": torch.cosh, "tanh": torch.tanh,
    "arcsinh": torch.asinh, "arccosh": torch.acosh, "arctanh": torch.atanh,
    "hypot": torch.hypot, "logaddexp": torch.logaddexp, "deg2rad": torch.deg2rad, "rad2deg": torch.rad2deg,
    "xlogy": torch.xlogy, "xlog1py": torch.special.xlog1py, "rsqrt": torch.rsqrt, "round": torch.round,
    "fma": lambda a, b, c: torch.addcmul(c, a, b), "sinc": torch.sinc,
    "erf": torch.erf, "erfc": torch.erfc, "power": torch.pow,
    "relu": torch.relu, "sigmoid": torch.sigmoid,
    "logsigmoid": torch.nn.functional.logsigmoid,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),  # torch's own is x from 20 on
    "silu": torch.nn.functional.silu, "gelu": torch.nn.functional.gelu, "selu": torch.selu,
    "leaky_relu": lambda x, slope: torch.where(x > 0, x, slope * x),
    "elu": lambda x, alpha: torch.where(x > 0, x, alpha * torch.expm1(torch.clamp(x, max=0.0))),
    "clip": lambda x, low, high: torch.minimum(torch.maximum(x, low), high),
    "dot": lambda ws, xs, b: b + (torch.stack(ws) * torch.stack(xs)).sum(),
    "total": lambda xs: torch.stack(xs).sum(),
    "mean": lambda xs: torch.stack(xs).mean(),
    "logsumexp": lambda xs: torch.logsumexp(torch.stack(xs), 0),
}  # fmt: skip
# The terms of PyTorch's derivatives 1 - y*y, y*(1 - y) and y + 1, which cancel for large x.
TERMS = {"tanh": 1.0, "sigmoid": 1.0, "elu": 1.0, "selu": 1.0}
MAPPED = [TABLE[name] for name in TORCH]


def path_sums(root):
    """For each node the sum over its paths to the root of |product of partials|: the scale that rounding acts on."""
    order = topological_order(root)
    size = dict.fromkeys(order, 0.0)
    size[root] = 1.0
    for v in reversed(order):
        if v.op is not None and size[v]:
            for a, p in zip(v.args, partials(v)):
                if isinstance(a, Value) and p:
                    size[a] += size[v] * max(abs(p), TERMS.get(v.op.name, 0.0))
    return size


def value_size(root):
    """The largest number on the way to a root, relative to which its rounding is judged."""
    sizes = path_sums(root)
    return sum(s * abs(v.data) for v, s in sizes.items())


def agree(ours, theirs, scale):
    return math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE * scale + 1e-300)


def applied(row, operands, f):
    pairs = [operands[2 * k : 2 * k + 2] for k in range(row.lists)]
    return f(*pairs, *operands[2 * row.lists :])


def inside(row, xs):
    """Whether the operands lie well inside the row's domain, off its kink."""
    spans = [span for k, span in enumerate(row.domain) for _ in range(2 if k < row.lists else 1)]
    if not all(low + 0.05 < x < high - 0.05 for x, (low, high) in zip(xs, spans)):
        return False
    return row.kink is None or abs(applied(row, list(xs), row.kink)) > 1e-6


def expression(rng, steps):
    """The same random expression on both engines: (our leaves, our root, their leaves, their root)."""
    numbers = [rng.uniform(0.1, 2.0) for _ in range(4)]
    ours = [Value(x) for x in numbers]
    theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]
    nodes = list(zip(ours, theirs))
    for _ in range(steps):
        for _ in range(50):
            row = rng.choice(MAPPED)
            picks = [rng.choice(nodes[-10:]) for _ in range(row.arity + row.lists)]
            if inside(row, [v.data for v, _ in picks]):
                v = applied(row, [v for v, _ in picks], row)
                if 1e-3 < abs(v.data) < 50.0:
                    nodes.append((v, applied(row, [t for _, t in picks], TORCH[row.name])))
                    break
    root, twin = nodes[-1]
    for v, t in nodes[-4:-1]:
        root, twin = root * 0.5 + v, twin * 0.5 + t
    return ours, root, theirs, twin


def reached(leaves, root):
    return [
        x if x is not None else torch.zeros((), dtype=torch.float64)
        for x in torch.autograd.grad(root, leaves, allow_unused=True)
    ]


@pytest.mark.parametrize("seed", range(120))
def test_random_expressions_have_pytorchs_values_and_gradients(seed):
    rng = random.Random(seed)
    ours, root, theirs, twin = expression(rng, rng.randrange(3, 40))
    assert agree(root.data, twin.item(), value_size(root))
    sizes = path_sums(root)
    root.backward()
    for v, g in zip(ours, reached(theirs, twin)):
        assert agree(v.grad, g.item(), sizes.get(v, 0.0)), (v, g)


@pytest.mark.parametrize("row", MAPPED, ids=repr)
def test_each_row_has_pytorchs_value_first_and_second_derivative(row):
    rng = random.Random(row.name)
    points = 0
    while points < 20:
        xs = [rng.uniform(-3.0, 3.0) for _ in range(row.arity + row.lists)]
        if not inside(row, xs):
            continue
        points += 1
        ours = [Value(x) for x in xs]
        theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in xs]
        y, t = applied(row, ours, row), applied(row, theirs, TORCH[row.name])
        assert agree(y.data, t.item(), 1.0)
        if not t.requires_grad:
            continue
        firsts = torch.autograd.grad(t, theirs, create_graph=True, allow_unused=True)
        for g, d in zip(gradients(y, ours), firsts):
            assert agree(g.data, 0.0 if d is None else d.item(), 1.0)
            if d is None or not d.requires_grad:
                continue
            seconds = torch.autograd.grad(d, theirs, retain_graph=True, allow_unused=True)
            for h, s in zip(gradients(g, ours), seconds):
                assert agree(h.data, 0.0 if s is None else s.item(), 10.0)


def layers(rng, widths):
    return [[[rng.gauss(0.0, n**-0.5) for _ in range(n + 1)] for _ in range(m)] for n, m in zip(widths, widths[1:])]


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "gelu", "silu", "softplus"])
@pytest.mark.parametrize("widths", [(2, 16, 16, 1), (5, 8, 3), (3, 4, 4, 4, 4, 2)], ids=str)
def test_networks_have_pytorchs_losses_and_gradients(widths, activation):
    rng = random.Random(str(widths) + activation)
    weights = layers(rng, widths)
    rows = [[rng.uniform(-1.0, 1.0) for _ in range(widths[0])] for _ in range(8)]
    wants = [[rng.uniform(-1.0, 1.0) for _ in range(widths[-1])] for _ in range(8)]
    ours = [[[Value(w) for w in unit] for unit in layer] for layer in weights]
    theirs = [torch.tensor(layer, dtype=torch.float64, requires_grad=True) for layer in weights]
    losses, t = [], torch.tensor(rows, dtype=torch.float64)
    for x, want in zip(rows, wants):
        h = x
        for k, layer in enumerate(ours):
            h = [engine.dot(unit[:-1], h, unit[-1]) for unit in layer]
            if k < len(ours) - 1:
                h = [TABLE[activation](v) for v in h]
        losses += [(a - b) ** 2 for a, b in zip(h, want)]
    for k, layer in enumerate(theirs):
        t = t @ layer[:, :-1].T + layer[:, -1]
        if k < len(theirs) - 1:
            t = TORCH[activation](t)
    loss, twin = engine.mean(losses), ((t - torch.tensor(wants, dtype=torch.float64)) ** 2).mean()
    assert agree(loss.data, twin.item(), 1.0)
    sizes = path_sums(loss)
    loss.backward()
    twin.backward()
    for layer, tensor in zip(ours, theirs):
        for unit, line in zip(layer, tensor.grad.tolist()):
            for w, g in zip(unit, line):
                assert agree(w.grad, g, sizes[w])


ENDS = [-math.inf, -1.0, 0.0, 1e17, math.inf]


@pytest.mark.parametrize("b", ENDS)
@pytest.mark.parametrize("a", ENDS)
def test_logaddexp_at_infinities_is_pytorchs_and_logsumexp_the_same(a, b):
    theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (a, b)]
    y = torch.logaddexp(*theirs)
    want = [y.item(), *[g.item() for g in torch.autograd.grad(y, theirs)]]
    for f in (engine.logaddexp, lambda a, b: engine.logsumexp([a, b])):
        ours = [Value(a), Value(b)]
        y = f(*ours)
        y.backward()
        found = [y.data, *[v.grad for v in ours]]
        graph = [y.data, *[g.data for g in gradients(y, ours)]]
        value, slopes = engine.jit(engine.value_and_grad(f, (0, 1)))(a, b)
        for got in (found, graph, [value, *slopes]):
            assert got == pytest.approx(want, nan_ok=True)  # where PyTorch's own logsumexp has slopes of (1, 1) at 1e17


LOGITS = [
    [1e17, 1e17],
    [1e9, 1e9, 1e9 + 1.0],
    [1e3] * 3,
    [1.0, 2.0, -math.inf],
    [-math.inf, 0.5, -math.inf],
    [1e16, 0.0],
]


@pytest.mark.parametrize("zs", LOGITS, ids=str)
def test_huge_and_masked_logits_have_pytorchs_softmax_and_cross_entropy(zs):
    for label in range(len(zs)):
        theirs = torch.tensor(zs, dtype=torch.float64, requires_grad=True)
        loss = torch.nn.functional.cross_entropy(theirs[None], torch.tensor([label]))
        (slopes,) = torch.autograd.grad(loss, [theirs])
        ours = [Value(z) for z in zs]
        y = nn.cross_entropy(ours, label)
        y.backward()
        value, compiled = engine.jit(engine.value_and_grad(lambda zs, label=label: nn.cross_entropy(zs, label)))(zs)
        assert y.data == value == pytest.approx(loss.item(), rel=1e-14)
        for got in ([v.grad for v in ours], compiled):
            assert got == pytest.approx(slopes.tolist(), abs=1e-15)
    for f, g in ((engine.softmax, torch.softmax), (engine.log_softmax, torch.log_softmax)):
        assert f(zs) == pytest.approx(g(torch.tensor(zs, dtype=torch.float64), 0).tolist(), rel=1e-14)


NUMBERS = [-math.inf, -5.0, -2.5, -0.0, 0.0, 1.0, 3.0, 6.0, math.inf, math.nan]


@pytest.mark.parametrize("name", ["remainder", "fmod", "copysign", "logaddexp2"])
def test_rows_of_division_have_pytorchs_values_and_derivatives_at_ends_and_kinks(name):
    row, compiled = TABLE[name], engine.jit(engine.value_and_grad(TABLE[name], (0, 1)))
    for a in NUMBERS:
        for b in NUMBERS:
            theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (a, b)]
            y = TORCH[name](*theirs)
            want = [y.item(), *[g.item() for g in torch.autograd.grad(y, theirs)]]
            if (name == "copysign" and math.isinf(a)) or (name == "logaddexp2" and a == b == 0.0):
                want[1:] = [math.copysign(1.0, a) * math.copysign(1.0, b), 0.0] if name == "copysign" else [0.5, 0.5]
            ours = [Value(a), Value(b)]
            v = row(*ours)
            v.backward()
            value, slopes = compiled(a, b)
            for got in ([v.data, *[x.grad for x in ours]], [value, *slopes]):
                assert got[0] == pytest.approx(want[0], rel=1e-15, nan_ok=True), (a, b)
                if math.isfinite(want[0]):  # where the value is nan, PyTorch's slopes are of no rule
                    assert got[1:] == pytest.approx(want[1:], rel=1e-15, nan_ok=True), (a, b, got, want)

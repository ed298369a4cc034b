"""Other engines under our checks: what is right in them passes, and their true bugs are found.

micrograd and PyTorch as installed from the registry; only the adapters are ours.
"""

import inspect

import micrograd.engine
import pytest
import torch
from hypothesis import given, settings
from hypothesis.stateful import run_state_machine_as_test

from engine.checks import (
    Engine,
    GradientError,
    Graph,
    LifecycleError,
    check_engine,
    check_gradients,
    check_lifecycle,
    graphs,
    lifecycle_machine,
    random_graphs,
)
from engine.checks.engines import OPERATORS

# Adapters ------------------------------------------------------------------------------------------------------------


def micrograd_grads(output, leaves):
    output.backward()
    return [x.grad for x in leaves]


MICROGRAD = Engine(
    name="micrograd",
    make=micrograd.engine.Value,
    value=lambda v: v.data,
    grads=micrograd_grads,
    backward=lambda v: v.backward(),
    grad=lambda v: v.grad,
    args=lambda v: v._prev,
)
MICROGRAD_OPS = ["add", "mul", "sub", "neg", "square", "div", "relu"]

TORCH_NAMES = {
    "arctan2": "atan2", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh",
}  # fmt: skip
TORCH_OPS = [
    *("add mul sub neg square div exp log sin relu maximum".split()),
    *("abs arcsin arccos arctan arctan2 arcsinh arccosh arctanh cos cosh erf erfc exp2 expm1 hypot log10 log1p".split()),
    *("log2 logaddexp minimum reciprocal sigmoid sinh softplus sqrt tan tanh total dot".split()),
]  # fmt: skip


def torch_function(name):
    if name in OPERATORS:
        return OPERATORS[name]
    function = getattr(torch, TORCH_NAMES.get(name, name), None) or getattr(torch.nn.functional, name)
    return lambda *args: function(*[torch.as_tensor(a, dtype=torch.float64) for a in args])


def torch_grads(output, leaves):
    found = torch.autograd.grad(output, leaves, allow_unused=True)
    return [0.0 if g is None else float(g) for g in found]


def torch_jvp(f, point, tangent):
    primals = tuple(torch.tensor(x, dtype=torch.float64) for x in point)
    directions = tuple(torch.tensor(t, dtype=torch.float64) for t in tangent)
    return float(torch.func.jvp(f, primals, directions)[1])


TORCH = Engine(
    name="torch",
    make=lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True),
    value=lambda y: y.item(),
    grads=torch_grads,
    fn=torch_function,
    jvp=torch_jvp,
    backward=lambda y: y.backward(retain_graph=True),
    grad=lambda x: 0.0 if x.grad is None else float(x.grad),
)


# What is right in them -----------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(graphs(ops=MICROGRAD_OPS))
def test_gradients_of_micrograd_on_fresh_graphs_are_certified(graph):
    assert check_gradients(graph, engine=MICROGRAD, save=False).ok


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # PyTorch warns of itself
@pytest.mark.parametrize("modes", [("reverse",), ("forward",)])
def test_no_false_alarm_on_pytorchs_scalars(modes):
    """A verdict is wrong only where PyTorch's own double-precision formula is, which the report then names."""
    verdicts = {"ok": 0, "kink": 0, "inaccurate": 0, "inconclusive": 0, "singular": 0}
    for graph in random_graphs(300, seed=2, max_ops=12, ops=TORCH_OPS):
        for verdict, n in check_gradients(graph, engine=TORCH, modes=modes, save=False).verdicts.items():
            verdicts[verdict] += n
    assert verdicts["ok"] > 0.8 * sum(verdicts.values())


def test_digits_that_pytorchs_tanh_loses_are_reported_and_do_not_fail():
    report = check_gradients(lambda x: x.tanh(), 20.0, engine=TORCH)
    assert report.verdicts["inaccurate"] == 1
    assert report.ok


def test_a_wrong_rule_in_a_torch_function_is_named():
    class WrongSin(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x.cos() * (1.0 + 1e-9)

    theirs = TORCH._replace(fn=lambda name: WrongSin.apply if name == "sin" else torch_function(name))
    with pytest.raises(GradientError) as caught:
        for graph in random_graphs(50, seed=0, ops=["sin", "mul", "add"]):
            check_gradients(graph, engine=theirs, save=False)
    assert (caught.value.report.blame.op, caught.value.report.blame.part) == ("sin", "partial")


def test_pytorch_keeps_the_laws_of_the_lifecycle():
    check_lifecycle(TORCH)


# Their true bugs -----------------------------------------------------------------------------------------------------


def test_micrograds_own_source_is_right_but_for_what_happens_between_calls():
    source = inspect.getsource(micrograd.engine)
    found = check_engine(source)
    assert found.ok and "relu" in found.ops
    assert [note.split(":")[0] for note in found.notes] == [
        "between calls, repeated backward", "between calls, two losses share a subgraph",
    ]  # fmt: skip
    found = check_engine(source.replace("self.grad += other.data * out.grad", "self.grad += self.data * out.grad"))
    assert "The rule of mul is wrong for operand 1." in found.says


def test_micrograd_breaks_the_laws_it_is_known_to_break():
    with pytest.raises(LifecycleError) as caught:
        check_lifecycle(MICROGRAD)
    broken = {b.law: b.why for b in caught.value.broken}
    assert "repeated backward" in broken
    assert "two losses share a subgraph" in broken
    assert "edges are counted" in broken
    assert "RecursionError" in broken["a deep chain"]
    assert "one backward" not in broken


def test_the_state_machine_finds_micrograds_stale_inner_gradients():
    with pytest.raises(AssertionError, match="has gradient"):
        run_state_machine_as_test(
            lifecycle_machine(MICROGRAD), settings=settings(max_examples=300, database=None, print_blob=False)
        )


def test_the_nan_that_pytorch_gets_from_a_branch_not_taken_is_found():
    """where(x > 0, sqrt(x), 0) has derivative 0 below 0; PyTorch multiplies the branch not taken, 0 by nan."""

    def function(name):
        found = {"greater": torch.gt, "where": lambda c, a, b: torch.where(c, a, torch.zeros_like(a))}
        return found.get(name) or torch_function(name)

    graph = Graph.parse("-1.0 | greater 1 0.0 | sqrt 2 | where 2 1 0.0")
    with pytest.raises(GradientError) as caught:
        check_gradients(graph, engine=TORCH._replace(fn=function), save=False)
    assert caught.value.report.findings[1].got != caught.value.report.findings[1].got
    assert check_gradients(graph).findings[1].got == 0.0

"""Gradients over several calls: the state machine, and the laws in short."""

import pytest
from checks import scalar
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from planting import QUICK

from engine import Value, backprop
from engine.checks import CHAINRULE, LifecycleError, check_lifecycle, lifecycle_machine

TestLifecycle = lifecycle_machine().TestCase
TestLifecycle.settings = settings(stateful_step_count=25)


def remembering(mistake=""):
    """The small engine as one that accumulates: `backward` runs on gradients that are there already."""
    sweep = scalar.Sweep(mistake)

    def backward(root):
        inner = [v for v in scalar.postorder(root) if v.parents]
        for v in inner if mistake != "keeps_inner" else ():
            v.grad = 0.0
        if mistake == "keeps_inner":
            root.grad += 1.0
            order = scalar.postorder(root)[::-1]
            for v in order:
                for p, d in zip(v.parents, v.partials):
                    p.grad += v.grad * d
        else:
            before = {v: v.grad for v in scalar.postorder(root) if not v.parents}
            for v in before:
                v.grad = 0.0
            sweep(root, [])
            for v, old in before.items():
                v.grad += old

    def args(v):
        return set(v.parents) if mistake == "edges_in_a_set" else v.parents

    return scalar.engine(mistake)._replace(backward=backward, grad=lambda v: v.grad, args=args)


def test_our_engine_keeps_all_laws():
    check_lifecycle()


def test_an_engine_that_is_right_keeps_all_laws():
    check_lifecycle(remembering())


@pytest.mark.parametrize(
    ("mistake", "laws"),
    [
        ("keeps_inner", {"repeated backward", "two losses share a subgraph", "an inner node is a root too"}),
        ("edges_in_a_set", {"edges are counted", "one backward"}),
        ("overwrites", {"one backward"}),
    ],
)
def test_a_broken_law_is_named(mistake, laws):
    with pytest.raises(LifecycleError) as caught:
        check_lifecycle(remembering(mistake))
    assert laws <= {b.law for b in caught.value.broken}


def test_a_recursive_engine_breaks_on_a_deep_chain():
    def recursive(v, g=1.0):
        for p, d in zip(v.parents, v.partials):
            recursive(p, g * d)
        v.grad += g

    theirs = scalar.engine()._replace(backward=recursive, grad=lambda v: v.grad)
    with pytest.raises(LifecycleError, match="RecursionError"):
        check_lifecycle(theirs)


@pytest.mark.parametrize("mistake", ["keeps_inner", "overwrites", "first_user_only"])
def test_the_state_machine_finds_a_fault(mistake):
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            lifecycle_machine(remembering(mistake)),
            settings=settings(QUICK, max_examples=200, print_blob=False),
        )


def test_the_state_machine_finds_that_our_backward_forgets_to_reset(monkeypatch):
    original = backprop.backward

    def forgetful(root, gradient=1.0):
        if root.op is not None and root.grad:
            gradient += root.grad  # what the last call left
        original(root, gradient)

    monkeypatch.setattr(Value, "backward", forgetful)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(lifecycle_machine(), settings=settings(QUICK, max_examples=200, print_blob=False))


def test_a_machine_needs_backward_and_grad():
    bare = CHAINRULE._replace(backward=None)
    for function in (check_lifecycle, lifecycle_machine):
        with pytest.raises(ValueError, match="with backward= and grad="):
            function(bare)

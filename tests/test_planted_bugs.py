"""Bugs planted one by one, and the law that catches each: what a test has never failed on, it does not test.

`python -m pytest tests/test_planted_bugs.py -v` prints the list.
"""

import inspect
import math
import sys
from typing import NamedTuple

import planting
import pytest
import test_added_rows
import test_anomaly
import test_backward
import test_bad_input
import test_bits
import test_edges
import test_imports
import test_pickles
import test_rules
import test_scale
import test_value
from planting import edited, pushed, replaced, row, searched
from strategies import NAN, tapes

import engine
from engine import (
    TABLE,
    Value,
    adjoints,
    backprop,
    context,
    conversion,
    copying,
    edges,
    guards,
    ieee,
    lists,
    open_blocks,
    ops,
    readings,
    rule,
    topological_order,
    traversal,
)

T = TABLE
INTEGERS = tapes(test_backward.integers, rows=test_backward.INTEGER, max_steps=5)
KEPT = []

ACCURACY = test_rules.test_value_and_partials_are_within_4_and_16_ulps_of_the_reference
TOTAL = test_rules.test_no_row_raises_at_the_ends_of_the_floats
NUMPYS = test_rules.test_values_at_every_operand_are_numpys
EDGE = test_edges.test_edge_holds_in_every_mode
BITS = test_backward.test_backward_and_gradients_give_the_same_bits
ORDER = test_backward.test_the_marked_order_is_the_topological_order
SHARING = test_backward.test_sharing_is_copying
DROPPED = test_scale.test_no_node_is_left_of_a_dropped_graph
MESSAGES = test_bad_input.test_bad_input_is_refused_in_the_users_terms


class Planted(NamedTuple):
    bug: str
    plant: object  # puts it there
    law: object  # the test that catches it
    run: object = None  # runs that law on what shows the bug; None: the test as it is


# How a law is run ----------------------------------------------------------------------------------------------------


def accurate(name):
    return lambda examples=40: test_rules.within_its_bounds(T[name], points=examples)


def total(name):
    return lambda: TOTAL(T[name])


def cases(start):
    found = [case for case in test_edges.CASES if case.name.startswith(start)]
    assert found, start
    return lambda: [test_edges.hold(case) for case in found]


def told(start):
    (case,) = [case for case in test_bad_input.CASES if isinstance(case[2], str) and case[2].startswith(start)]
    return lambda: test_bad_input.told(case)


def interrupted():
    with test_backward.interrupting_row() as interrupting:
        test_backward.test_an_interrupted_backward_leaves_leaf_gradients_as_they_were(interrupting)


def seeds_of_hashes():
    test_bits.test_bits_do_not_depend_on_the_hash_seed(test_bits.bits(sys.executable, "0"))


def deep_chain():
    leaves, root = test_scale.chain(20_000)
    test_scale.is_workable(leaves[0], root)


def refused_row():
    try:
        test_added_rows.test_a_refused_row_leaves_no_method(engine.op)
    finally:
        if hasattr(Value, "gradients"):
            del Value.gradients


# Plants of more than a line ------------------------------------------------------------------------------------------


def order_of_hashes(patch):
    change = "TABLE['total'].forward = lambda xs: engine.ieee.total(sorted(xs, key=lambda x: hash(str(x))))\n"
    patch.setattr(test_bits, "SCRIPT", test_bits.SCRIPT.replace("rng = ", change + "rng = ", 1))


def tape_outlives_its_dump(patch):
    def reduce(self):
        copying._writing.tape = lambda: self
        return list, ([*topological_order(self.root), copying._End()],)

    patch.setattr(copying._writing, "tape", copying._writing.tape)  # put back afterwards
    patch.setattr(copying._Tape, "__reduce__", reduce)


def one_state_for_all_threads(patch):
    class Shared:
        found = None

        def get(self):
            return self.found

        def set(self, found):
            self.found = found

    shared = Shared()
    patch.setattr(open_blocks, "blocks", shared)
    patch.setattr(context, "latest_block", shared.get)


def memo_is_kept(patch):
    original = copying._there
    patch.setattr(copying, "_there", lambda a, memo: (KEPT.append(memo), original(a, memo))[1])


def imported(name, *found):
    """Patches an import into the file of a module, as if a function of it, or its annotations, asked for it."""

    def into(patch):
        original = test_imports.imports
        patch.setattr(test_imports, "imports", lambda path: original(path) + [*found] * (path.name == name))

    return into


def hooks_in_the_wrong_order(patch):
    patch.setattr(rule, "new_row_hooks", rule.new_row_hooks[::-1])


# fmt: off
PLANTED = [
    # Rules
    Planted("a partial with the wrong sign (cos)", row("cos", partials=(lambda x, y: ops.sin(x),)), ACCURACY, accurate("cos")),
    Planted("partials in swapped order (div)", row("div", partials=T["div"].partials[::-1]), ACCURACY, accurate("div")),
    Planted("weights and inputs confused (dot)", row("dot", partials=(*T["dot"].partials[1::-1], 1.0)), ACCURACY, accurate("dot")),
    Planted("a partial too large by 1e-14 (sin)", row("sin", partials=(lambda x, y: ops.cos(x) * (1 + 1e-14),)), ACCURACY, accurate("sin")),
    Planted("a factor forgotten (mean)", row("mean", partials=(lambda xs, y: [1.0] * len(xs),)), ACCURACY, accurate("mean")),
    Planted("n*x**n for n*x**(n - 1)", row("power", partials=(lambda x, n, y: n * y, T["power"].partials[1])), ACCURACY, accurate("power")),
    Planted("right at first order, wrong at second (sech2)", row("sech2", partials=(lambda x, y: 2.0 * y * ops.tanh(x),)), ACCURACY, accurate("tanh")),
    Planted("tanh' as 1 - y*y", row("tanh", partials=(lambda x, y: 1.0 - y * y,)), ACCURACY, accurate("tanh")),
    Planted("expm1 by subtraction", row("expm1", forward=lambda x: ieee.exp(x) - 1.0), ACCURACY, accurate("expm1")),
    Planted("log1p by addition", row("log1p", forward=lambda x: ieee.log(1.0 + x)), ACCURACY, accurate("log1p")),
    Planted("exp(-x*x) without splitting x*x", row("gauss", forward=lambda x: ieee.exp(-x * x)), ACCURACY, accurate("erf")),
    Planted("arctan' as 1/(1 + x*x)", row("arctan", partials=(lambda x, y: 1.0 / (1.0 + x * x),)), ACCURACY, accurate("arctan")),
    Planted("hypot by squares", row("hypot", forward=lambda a, b: ieee.sqrt(a * a + b * b)), ACCURACY, accurate("hypot")),
    Planted("the derivative of x**n cut at n = 0", edited(ops, "_slope", "1e-308), y / x", "1e-308), 0.0"), test_edges.test_the_first_power_partial_can_be_differentiated_in_a_zero_exponent),
    # Every operand
    Planted("a forward that raises (exp)", row("exp", forward=math.exp), TOTAL, total("exp")),
    Planted("a sigmoid that overflows", row("sigmoid", forward=lambda x: 1.0 / (1.0 + math.exp(-x))), TOTAL, total("sigmoid")),
    Planted("a complex power", row("power", forward=lambda x, n: x**n), TOTAL, total("power")),
    Planted("an int for a float (floor)", row("floor", forward=lambda x: math.floor(x) if math.isfinite(x) else x), TOTAL, total("floor")),
    Planted("a partial that raises on floats is not run on Values", edited(traversal, "_partial", "(ArithmeticError, ValueError)", "LookupError"), TOTAL, total("sqrt")),
    Planted("log(exp(a) + exp(b))", row("logaddexp", forward=lambda a, b: ieee.log(ieee.exp(a) + ieee.exp(b))), NUMPYS, lambda: test_rules.value_is_numpys(T["logaddexp"], (1000.0, 0.0))),
    Planted("step(nan) is 0", row("step", forward=lambda x: float(x > 0.0)), test_rules.test_conditions_are_numpys, lambda: test_rules.condition_is_numpys("step", [NAN])),
    # Edges
    Planted("relu' at 0 is 1", row("step", forward=lambda x: float(x >= 0.0)), EDGE, cases("relu at 0")),
    Planted("abs' at 0 is 1", row("sign", forward=lambda x: 1.0 if x >= 0.0 else -1.0), EDGE, cases("abs")),
    Planted("maximum gives a tie to its first argument", row("above", forward=lambda a, b: float(a >= b)), EDGE, cases("maximum at (3.0, 3.0)")),
    Planted("maximum drops a nan", row("maximum", forward=max), EDGE, cases("maximum at (1.0, nan)")),
    Planted("clip's bounds are exclusive", row("inside", forward=lambda x, low, high: float(low < x < high)), EDGE, cases("clip")),
    Planted("0**0 differentiated as 0*0**-1", edited(ops, "_slope", "return 0.0", "return n * power(x, n - 1.0)"), EDGE, cases("x**0 at 0")),
    Planted("arctan2 by squares", row("over", forward=lambda a, b: ieee.div(a, a * a + b * b)), EDGE, cases("arctan2 at (1e+200")),
    Planted("a branch not taken contributes (backward)", row("where", selects=False), EDGE, cases("where(x > 0, sqrt")),
    Planted("a branch not taken contributes (gradients)", edited(guards, "guarded_contribution", "if op.selects:", "if False:"), EDGE, cases("where(x > 0, sqrt")),
    # Traversal
    Planted("the second edge of a + a is dropped", pushed("_push_two", "if second and", "if second and a is not b and"), test_backward.test_a_plus_a_has_two_edges),
    Planted("= for +=", pushed("_push_two", "a.grad += g * d", "a.grad = g * d"), SHARING, searched(test_backward.sharing_is_copying, INTEGERS)),
    Planted("a shared node is counted once", pushed("_push_one", "v._a.grad += g * d", "v._a.grad = v._a.grad or g * d"), SHARING, searched(test_backward.sharing_is_copying, INTEGERS)),
    Planted("nodes visited breadth first", edited(backprop, "_sweep", "else reversed(order)", "else iter(__import__('planting').breadth_first(order))"), SHARING, searched(test_backward.sharing_is_copying, INTEGERS)),
    Planted("the last argument visited first", edited(traversal, "topological_order", "reversed(v._operands()[0])", "v._operands()[0]"), ORDER, searched(test_backward.order_is_topological, tapes())),
    Planted("a leaf met twice is listed twice", edited(backprop, "_marked_order", "            before.append(grad)\n            v.grad = zero", "            before.append(grad)"), ORDER, searched(test_backward.order_is_topological, tapes())),
    Planted("a shared list walked once, though nodes of it wait", edited(backprop, "_marked_order", "if not below:", "if True:"), test_backward.test_lists_of_operands_that_nodes_share_are_ordered_and_swept_as_others, searched(test_backward.orders_agree, test_backward.shared_lists())),
    Planted("gradients overwrites where it should add", edited(edges, "pushed", "term if total is None else total + term", "term"), BITS, searched(test_backward.backward_and_gradients_agree, tapes())),
    Planted("gradients of lists overwrites where it should add", edited(edges, "_Sums", "self.adjoints[a] + term", "term"), BITS, searched(test_backward.backward_and_gradients_agree, tapes())),
    Planted("inner nodes pushed again by a second backward", replaced(backprop, "backward", planting.accumulating_backward), test_backward.test_two_losses_that_share_a_node_add_up_in_the_leaf),
    Planted("leaves overwritten by a second backward", edited(backprop, "_sums", "g if old is UNREACHED else old + g", "g"), test_backward.test_backward_twice_doubles_the_leaf),
    Planted("operands read at backward time", pushed("_push_two", "p(v._x, v._y, v._data)", "p(a._data, getattr(b, '_data', b), v._data)"), test_backward.test_editing_a_leaf_after_forward_does_not_change_backward, searched(test_backward.edited_leaf_is_harmless, tapes())),
    Planted("gradients of an edited graph are given", replaced(edges, "_same", lambda x, y: True), test_backward.test_gradients_refuses_a_graph_whose_leaf_was_edited),
    Planted("the seed is forgotten", edited(backprop, "swept", "root.grad = gradient", "root.grad = 1.0"), test_backward.test_the_gradient_is_linear_in_its_seed, lambda: test_backward.seed_scales(test_backward.SHARED, 2.0)),
    Planted("an interrupt leaves half the gradients", edited(backprop, "swept", "_set_grads(leaves, before)", "pass"), test_backward.test_an_interrupted_backward_leaves_leaf_gradients_as_they_were, interrupted),
    # Scale, memory, bits
    Planted("a recursive walk", replaced(traversal, "topological_order", planting.recursive_order), test_scale.test_a_million_nodes_are_built_differentiated_printed_pickled_copied_and_dropped, deep_chain),
    Planted("gradients kept in .grad: a reference cycle", replaced(adjoints, "gradients", planting.kept_gradients), DROPPED, lambda: DROPPED(test_scale.USES["gradients"])),
    Planted("a memo that outlives its copy", memo_is_kept, DROPPED, lambda: DROPPED(test_scale.USES["deepcopy"])),
    Planted("a sum in the order of hashes", order_of_hashes, test_bits.test_bits_do_not_depend_on_the_hash_seed, seeds_of_hashes),
    # Values and contexts
    Planted("roots copied one by one lose what they share", edited(copying, "deepcopy", "if id(v) not in memo:", "if True:"), test_pickles.test_roots_that_share_nodes_still_share_them_after_one_dump),
    Planted("a failed dump spoils the next", tape_outlives_its_dump, test_pickles.test_a_failed_dump_leaves_later_dumps_right),
    Planted("no_grad in one thread stops another", one_state_for_all_threads, test_value.test_no_grad_is_a_context_a_decorator_and_one_per_thread),
    Planted("lists cut to the shorter one (dot)", edited(lists, "dot", "len(wd) != len(xd)", "False"), MESSAGES, told("dot takes as many weights")),
    Planted("the imaginary part dropped", replaced(conversion, "_is_complex", lambda x: False), MESSAGES, told("Value takes a real number, got np.complex64")),
    Planted("a refused op is half installed", hooks_in_the_wrong_order, test_added_rows.test_a_refused_row_leaves_no_method, refused_row),
    Planted("detect_anomaly watches forward only", edited(backprop, "_sweep", "context.active and", "False and"), test_anomaly.test_an_infinite_partial_in_backward),
    Planted("detect_anomaly names the line before", edited(readings, "user_line", "frame.f_lineno", "frame.f_lineno - 1"), test_anomaly.test_a_nan_in_forward),
    Planted("an import upwards", imported("value.py", ("engine.transforms", ["grad"], True)), test_imports.test_modules_import_downwards_only),
    Planted("an import of nn's rooms upwards", imported("layers.py", ("nn.training.fit", ["fit"], True)), test_imports.test_modules_import_downwards_only),
    Planted("a circle inside a room", imported("metrics.py", ("nn.training", ["trainer"], True)), test_imports.test_no_module_imports_itself_in_a_circle),
]
# fmt: on


@pytest.mark.parametrize("planted", PLANTED, ids=[f"{p.bug} -> {p.law.__name__}" for p in PLANTED])
def test_planted_bug_is_caught(planted, monkeypatch):
    planted.plant(monkeypatch)
    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        (planted.run or planted.law)()
    assert "plant the bug in its new form" not in str(caught.value)
    KEPT.clear()


RUNS = [p for p in PLANTED if p.run]  # the others are tests as they stand, which run without the bug anyway


@pytest.mark.parametrize("planted", RUNS, ids=[p.bug for p in RUNS])
def test_without_the_bug_the_same_law_holds(planted):
    few = {"examples": 20} if "examples" in inspect.signature(planted.run).parameters else {}
    planted.run(**few)

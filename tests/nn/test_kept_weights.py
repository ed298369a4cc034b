"""A Neuron keeps what it read of its weights while nothing changes, and sees every change."""

import copy
import pickle

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import engine
from engine import Operands, Value, context, dot, grad
from nn import SGD, Layer, Neuron

POINT = [1.5, -2.0, 0.25]


def edit_data(neuron, i, x):
    neuron.w[i].data = x


def replace(neuron, i, x):
    neuron.w[i] = Value(x)


def replace_by_its_equal(neuron, i, x):
    neuron.w[i] = Value(neuron.w[i].data)


def swap(neuron, i, x):
    neuron.w[i], neuron.w[i - 1] = neuron.w[i - 1], neuron.w[i]


def share(neuron, i, x):
    neuron.w[i] = neuron.w[i - 1]


def replace_all(neuron, i, x):
    neuron.w = [Value(x + k) for k in range(3)]


def load(neuron, i, x):
    neuron.load_state(dict.fromkeys(neuron.state(), x))


def train(neuron, i, x):
    neuron.zero_grad()
    (neuron(POINT) - x).backward()
    SGD(neuron, lr=0.1).step()


CHANGES = [edit_data, replace, replace_by_its_equal, swap, share, replace_all, load, train]
TWINS = [copy.copy, copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n)), lambda n: n]
changes = st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 2), st.floats(-3, 3)), max_size=6)


def agrees(neuron):
    """Whether a neuron's output and the gradients of its weights are those of its weights read now."""
    kept, fresh = neuron(POINT), dot(list(neuron.w), POINT, neuron.b)
    wrt = [*neuron.w, neuron.b]
    return kept.data == fresh.data and all(
        a.data == b.data for a, b in zip(engine.gradients(kept, wrt), engine.gradients(fresh, wrt))
    )


@settings(report_multiple_bugs=False)
@given(changes, st.sampled_from(TWINS))
def test_a_neuron_sees_every_change_of_its_weights(steps, twin):
    neuron = Neuron(3, nonlin=False, seed=0)
    neuron(POINT)
    for change, i, x in steps:
        change(neuron, i, x)
        assert agrees(neuron)
        neuron = twin(neuron)
        assert agrees(neuron)


def test_weights_are_read_once_for_a_batch_and_again_after_an_update():
    layer = Layer(3, 2, nonlin=False, seed=0)
    (first, _), (second, _) = layer(POINT), layer([2.0 * x for x in POINT])
    assert first._a[0] is second._a[0]  # one list of weights for both examples
    layer.neurons[1].b.data = 1.0
    assert layer(POINT)[0]._a[0] is not first._a[0]


def test_a_pickled_neuron_does_not_take_the_edits_of_another_process_for_its_own():
    neuron = Neuron(3, nonlin=False, seed=0)
    neuron(POINT)
    stamp = neuron._weights._edits
    neuron.w[0].data += 1.0  # what was kept is out of date
    twin = pickle.loads(pickle.dumps(neuron))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "edits", stamp)
        assert twin(POINT).data == dot(list(neuron.w), POINT, neuron.b).data


def test_a_gradient_by_a_neuron_differentiates_the_weights_it_is_given():
    neuron = Neuron(3, nonlin=False, seed=0)
    neuron(POINT)
    assert [w.data for w in grad(lambda n: n(POINT))(neuron).w] == POINT


@pytest.mark.parametrize("xs", [[1.0, 2.0], [1, Value(2.0)], (Value(1.0),), range(2)])
def test_operands_that_are_no_list_of_values_are_read_anew(xs):
    kept = Operands(xs).current(xs)
    assert kept.current(xs) is not kept
    assert [float(v) for v in kept.current(xs)] == [float(v) for v in kept]


def test_operands_refuse_what_is_no_number():
    with pytest.raises(TypeError, match="Operands takes real numbers and Values, got"):
        Operands([Value(1.0)]).current([[Value(1.0)]])


def keep_in_spite_of_edits(self, xs):
    return self if tuple(xs) in self._read else renewed(self, xs)


def keep_what_is_equal(self, xs):
    same = self._read and [float(v) for v in next(iter(self._read))] == [float(v) for v in xs]
    return self if same and self._edits == context.edits else renewed(self, xs)


renewed = Operands.current


@pytest.mark.parametrize("bug", [keep_in_spite_of_edits, keep_what_is_equal])
def test_a_planted_bug_is_caught(bug):
    with pytest.MonkeyPatch.context() as patch, pytest.raises((AssertionError, RuntimeError)):
        patch.setattr(Operands, "current", bug)
        law = test_a_neuron_sees_every_change_of_its_weights.hypothesis.inner_test
        settings(phases=[Phase.generate])(given(changes, st.sampled_from(TWINS))(law))()  # found is enough

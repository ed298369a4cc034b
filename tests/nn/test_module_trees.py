"""A Module as a tree of numbers, and the paths of what is in it."""

import gc
import pickle
import threading
import weakref

import pytest
from test_nn import POINT, Tied, numbers

import engine
from engine import Value, grad, hvp, jvp, scope, topological_order, value_and_grad, vmap
from nn import MLP, Layer, Module, Neuron, mse


class Around(Module):
    def __init__(self, inner):
        self.inner, self.w = inner, Value(1.0)


def test_modules_in_modules_are_shown_at_any_depth_and_so_is_one_that_is_in_itself():
    net = Layer(2, 1, seed=0)
    for _ in range(300):
        net = Around(net)
    lines = repr(net).splitlines()
    assert lines[0] == "Around: 303 parameters" and lines[299] == "  " * 299 + "inner: Around: 4 parameters"
    assert lines[300] == "  " * 300 + f"inner: {Layer(2, 1, seed=0)!r}" and len(lines) == 301
    loop = Around(None)
    loop.inner = loop
    assert repr(loop) == "Around: 1 parameter\n  inner: Around: …"


# As a tree of numbers ------------------------------------------------------------------------------------------------


def test_flatten_and_rebuild_give_the_module_back():
    model = Tied()
    leaves, rebuild = model._flatten()
    assert list(map(id, leaves)) == list(map(id, model.parameters()))
    twin = rebuild(leaves)
    assert type(twin) is Tied
    assert list(map(id, twin.parameters())) == list(map(id, leaves))
    assert twin.again is twin.shared is not model.shared
    assert twin.scales[1] is twin.shared[0][0]
    assert (twin.rate, twin.name) == (0.01, "tied")
    assert twin(POINT).data == model(POINT).data
    assert [n for n, _ in twin.named_parameters()] == [n for n, _ in model.named_parameters()]


def test_a_rebuilt_module_holds_what_it_is_given_and_can_be_flattened_again():
    model = Tied()
    inner = [Value(float(i)) * 2.0 for i in range(14)]
    twin = model._flatten()[1](iter(inner))
    assert all(a is b for a, b in zip(twin.parameters(), inner))
    leaves, rebuild = twin._flatten()
    assert all(a is b for a, b in zip(leaves, inner))
    again = rebuild([0.0] * 14)
    assert [repr(p) for p in again.parameters()] == ["Value(data=0.0, grad=–)"] * 14
    assert again.scales[1] is again.shared[0][0]
    assert again.rate == 0.01
    assert model.parameters()[0].data == 0.5


def test_a_neuron_whose_weights_were_set_to_numbers_computes_a_number():
    neuron = Neuron(2, activation="tanh", seed=0)
    neuron.w, neuron.b = [1.0, 2.0], 0.5
    assert neuron(POINT) == engine.tanh(-1.0)
    assert neuron.parameters() == []


def test_a_gradient_of_a_module_is_a_module_that_holds_what_backward_leaves():
    model = Tied()
    model(POINT).backward()
    gradient = grad(lambda m: m(POINT))(model)
    assert type(gradient) is Tied
    assert gradient.parameters() == [p.grad for p in model.parameters()]
    assert gradient.again is gradient.shared
    value, gradient = value_and_grad(lambda m: mse(m(POINT), 1.0))(model)
    assert value == (model(POINT).data - 1.0) ** 2


def test_a_gradient_has_as_many_parameters_where_two_of_them_are_one_number():
    net, x = MLP(2, [2, 2], seed=0), [1.0, 2.0]

    def squared(m):
        return (m(x)[0] + m(x)[1]) ** 2

    for f in (squared, lambda m: m(x)[0], lambda m: 1.0):
        for transformed in (grad(f), engine.jit(grad(f))):
            assert list(transformed(net).state()) == list(net.state())
    gradient = grad(squared)(net)
    assert numbers(engine.jit(grad(squared))(net)) == pytest.approx(numbers(gradient), rel=1e-14)
    through = jvp(grad(squared), (net,), (gradient,))[1]  # the second derivative, through what one number became
    assert numbers(hvp(squared, (net,), (gradient,))) == pytest.approx(numbers(through), rel=1e-12)
    for transformed in (vmap, lambda f, **axes: engine.jit(vmap(f, **axes))):
        every = transformed(grad(lambda m, x: m(x)[0] ** 2), in_axes=(None, 0))(net, [x, [0.5, -1.0]])
        assert [float(v) for v in every.layers[1].neurons[0].b] == [
            2.0 * net(x)[0].data,
            2.0 * net([0.5, -1.0])[0].data,
        ]


def test_forward_mode_and_second_derivatives_run_through_modules():
    net = MLP(2, [3, 1], activation="tanh", seed=0)
    gradient = grad(lambda m: m(POINT))(net)
    _, tangent = jvp(lambda m: m(POINT), (net,), (gradient,))
    assert float(tangent) == pytest.approx(sum(float(g) ** 2 for g in gradient.parameters()), rel=1e-14)
    product = hvp(lambda m: m(POINT) ** 2, (net,), (gradient,))
    e = 1e-6
    moved = [net._flatten()[1]([p.data + s * e * g for p, g in zip(net.parameters(), gradient.parameters())]) for s in (1, -1)]  # fmt: skip
    up, down = (grad(lambda m: m(POINT) ** 2)(m).parameters() for m in moved)
    slopes = [(a.data - b.data) / (2 * e) for a, b in zip(up, down)]
    assert numbers(product) == pytest.approx(slopes, rel=1e-6, abs=1e-8)


def test_vmap_runs_a_network_over_a_batch():
    net, X = MLP(2, [3, 1], seed=0), [[0.1, 0.2], [0.3, -0.4]]
    assert [float(y) for y in vmap(net)(X)] == [net(x).data for x in X]


# Paths ---------------------------------------------------------------------------------------------------------------


def paths(root):
    return [v.scope.path for v in topological_order(root) if v.op is not None and v.scope is not None]


def test_nodes_know_the_path_of_the_module_that_made_them():
    net = MLP(2, [2, 1], activation="tanh", seed=0)
    assert paths(net(POINT)) == ["layers.0.neurons.0"] * 2 + ["layers.0.neurons.1"] * 2 + ["layers.1.neurons.0"]


def test_one_call_has_one_scope_and_two_calls_have_two():
    net = MLP(2, [2, 1], activation="tanh", seed=0)
    y = net(POINT)
    a, b = [v for v in topological_order(y) if v.op and v.scope.path == "layers.0.neurons.0"]
    assert a.scope is b.scope
    assert a.scope.module is net.layers[0].neurons[0]
    assert net(POINT).scope is not y.scope
    assert y.scope.parent.parent.module is net


def test_paths_go_through_named_scopes_and_foreign_modules():
    inner = MLP(2, [1], seed=0)

    class Outer(Module):
        def __init__(self):
            self.blocks = [Neuron(2, activation="identity", seed=1)]

        def forward(self, x):
            with scope("loss"):
                return self.blocks[0](x) + inner(x)

    with scope("step"):
        y = Outer()(POINT)
    assert paths(y) == ["step.loss.blocks.0", "step.loss.MLP.layers.0.neurons.0", "step.loss"]


def test_nodes_made_outside_calls_have_no_scope_and_contexts_close_after_errors():
    def fails(z):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        MLP(2, [2, 1], activation=fails, seed=0)(POINT)
    assert (Value(1.0) + 1.0).scope is None
    assert not engine.context.active


def test_threads_do_not_mix_paths():
    nets, seen = {"a": MLP(2, [9, 9, 1], seed=0), "b": MLP(2, [1], seed=0)}, {}
    barrier = threading.Barrier(2)

    def work(name):
        barrier.wait()
        seen[name] = [paths(nets[name](POINT)) for _ in range(50)]

    threads = [threading.Thread(target=work, args=(name,)) for name in nets]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for name, net in nets.items():
        assert seen[name] == [paths(net(POINT))] * 50


def test_a_pickled_graph_has_its_paths_but_not_the_module():
    net = MLP(2, [20, 1], seed=0)
    y = net(POINT)
    text = pickle.dumps(y)
    assert b"MLP" not in text
    assert b"Neuron" not in text
    assert paths(pickle.loads(text)) == paths(y)
    assert type(pickle.loads(text).scope) is engine.Scope


def test_paths_of_a_wide_layer_take_linear_time():
    calls = []

    class Wide(Layer):
        def named_modules(self):
            calls.append(1)
            return super().named_modules()

    y = sum(Wide(1, 200, seed=0)([1.0]))
    assert len(set(paths(y))) == 200
    assert len(calls) == 1


def test_graphs_and_modules_are_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        net = MLP(2, [3, 1], seed=0)
        y = net(POINT)
        y.backward()
        assert y.scope.path
        marks = [weakref.ref(net), weakref.ref(y.scope.module)]
        del net, y
        assert [m() for m in marks] == [None, None]
    finally:
        gc.enable()


def test_detect_anomaly_names_the_users_line():
    net = MLP(1, [1], activation="identity", seed=0)
    net.layers[0].neurons[0].w[0].data = 1e308
    with engine.detect_anomaly(), pytest.raises(engine.AnomalyError, match=r"dot.*test_module_trees\.py:\d+"):
        net([1e10])

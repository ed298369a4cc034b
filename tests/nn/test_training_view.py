"""What a training view shows is the training's own, and looking changes nothing."""

import builtins
import copy

import pytest

import nn
from nn.training import view
from nn.training.view import View

X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.2]]
Y = [0, 1, 1, 0, 1]


class Looking(View):
    """A View that renders everything at each epoch."""

    def on_epoch_end(self, trainer):
        self.look(trainer)
        self.seen = (self.status, self.figure(), self.picture())


def trained(callbacks=(), net=None, y=Y, loss="binary_cross_entropy", **options):
    net = net or nn.Sequential(nn.Layer(2, 3, seed=0), nn.Dropout(0.3), nn.Layer(3, 1, nonlin=False, seed=1))
    history = nn.fit(net, X, y, loss=loss, epochs=3, seed=0, progress=False, callbacks=callbacks, **options)
    return net, history


def test_looking_changes_no_bit_of_the_training():
    net, history = trained([Looking(example=2)])
    other, plain = trained()
    assert history == plain
    assert net.state() == other.state()
    assert [p.grad for p in net.parameters()] == [p.grad for p in other.parameters()]


def test_the_picture_is_the_neuron_at_its_inputs_with_its_own_gradients():
    looking = Looking("layers.2.neurons.0", example=2)
    net, _ = trained([looking])
    neuron = net.layers[2].neurons[0]
    hidden = [h.data for h in net.layers[0](X[2])]
    picture = looking.picture()
    assert picture.model.sweep.roots[-1].data == neuron(hidden).data
    gradients = {b.name: picture.model.sweep.sum(b.value) for b in picture.model.boxes if b.value is not None}
    for i, h in enumerate(hidden):
        assert gradients[f"w[{i}]"] == h
        assert gradients[f"x[{i}]"] == neuron.w[i].data


def test_the_boundary_has_both_classes_where_the_network_says_so():
    looking = Looking()
    net, _ = trained([looking], net=nn.MLP(2, [4, 1], activation="tanh", seed=0))
    mesh = looking.figure().axes[1].collections[0]
    assert {float(c) for c in mesh.get_array().ravel()} <= {0.0, 1.0}
    left, right = looking.figure().axes[1].get_xlim()
    assert left <= 0.0 < 1.0 <= right


@pytest.mark.parametrize(
    ("y", "loss", "net", "axes"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], "mse", nn.MLP(2, [3, 1], seed=0), 2),
        ([0, 1, 2, 0, 1], "cross_entropy", nn.MLP(2, [3, 3], seed=0), 2),
        ([[0.0, 1.0]] * 5, "mse", nn.MLP(2, [3, 2], seed=0), 2),
    ],
)
def test_other_tasks_are_drawn_too(y, loss, net, axes):
    looking = Looking()
    trained([looking], net, y, loss, validation=0.4)
    assert len(looking.figure().axes) == axes
    assert [line.get_label() for line in looking.figure().axes[0].lines] == ["loss", "val_loss"]
    assert looking.status.startswith("epoch 3 of 3, loss ")


def test_modes_are_put_back_though_drawing_fails(monkeypatch):
    looking = View()
    net, _ = trained()
    trainer = nn.Trainer(net, X, Y, loss="binary_cross_entropy", progress=False)
    net.train()
    looking.look(trainer)
    monkeypatch.setattr(view, "draw", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        looking.picture()
    assert all(m.training for _, m in net.named_modules())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: View("layers.7"), ValueError, "training_view takes the path of a Neuron (layers.0.neurons.0, "),
        (lambda: View(example=5), ValueError, "training_view takes as example a number below 5, got 5"),
        (lambda: View(7), TypeError, "training_view takes the path of a Neuron as neuron, got 7"),
        (lambda: View(example=-1), ValueError, "training_view takes a whole number from 0 as example, got -1"),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error) as caught:
        trained([type("Begins", (), {"on_train_begin": lambda _, t: make().look(t)})()])
    assert message in str(caught.value)


def test_fit_takes_a_view_and_nothing_else_as_view(monkeypatch):
    with pytest.raises(TypeError, match=r"fit takes as view a training_view\(\), or True to show one, got 7"):
        trained(view=7)
    calls = []
    looking = Looking()
    trained(calls.append, view=looking)
    assert len(calls) == 3
    assert looking.seen[0].startswith("epoch 3 of 3")
    real = builtins.__import__

    def without(name, *more):
        if name == "anywidget":
            raise ModuleNotFoundError("No module named 'anywidget'", name="anywidget")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r'training_view needs anywidget: pip install -e "\.\[notebooks\]"'):
        nn.training_view()


def test_a_view_before_any_training_says_so():
    with pytest.raises(RuntimeError, match="pass it to nn.fit as view first"):
        View().figure()


def test_a_planted_bug_is_caught(monkeypatch):
    """A picture of the neuron itself, not of its twin: backward would add to the gradients that training reads."""
    monkeypatch.setattr(copy, "deepcopy", lambda x, memo=None: x)
    with pytest.raises(AssertionError):
        test_looking_changes_no_bit_of_the_training()

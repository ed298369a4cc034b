"""What a training view shows is the training's own, and looking changes nothing."""

import builtins
import copy
import itertools
import json
import math

import pytest

import nn
from engine import gradients
from nn.training import neuron_picture, view
from nn.training.view import View

X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.2]]
Y = [0, 1, 1, 0, 1]


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(view, "SIDE", 12)
    monkeypatch.setattr(view, "COARSE", 9)


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


TASKS = {
    "binary": (Y, "binary_cross_entropy", [4, 3, 1]),
    "classes": ([0, 1, 2, 0, 1], "cross_entropy", [4, 3, 3]),
    "numbers": ([0.1, 0.2, 0.3, 0.4, 0.5], "mse", [4, 3, 1]),
    "signs": ([-1, 1, 1, -1, 1], "hinge", [4, 3, 1]),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "path", ["layers.0.neurons.0", "layers.0.neurons.3", "layers.1.neurons.2", "layers.2.neurons.0"]
)
def test_the_picture_has_the_gradient_of_the_loss_and_the_numbers_of_the_net(task, path):
    y, loss, sizes = TASKS[task]
    looking = Looking(path, example=2)
    net, _ = trained([looking], nn.MLP(2, sizes, activation="tanh", seed=1), y, loss)
    neuron = next(m for p, m in net.named_modules() if p == path)
    goal = nn.training.objective.objective("test", loss)
    wanted = gradients(goal.value("test", net(X[2]), y[2]), [*neuron.w, neuron.b])
    picture = looking.picture()
    boxes = {b.name: b for b in picture.model.boxes if b.value is not None}
    for name, parameter, gradient in zip(
        ["w[0]", "w[1]", "w[2]", "w[3]"][: len(neuron.w)] + ["b"], [*neuron.w, neuron.b], wanted
    ):
        assert boxes[name].kind == "parameter"
        assert boxes[name].data == parameter.data
        assert boxes[name].grad == pytest.approx(gradient.data, rel=1e-12, abs=1e-15)
    assert boxes["L"].data == pytest.approx(goal.value("test", net(X[2]), y[2]).data, rel=1e-12)
    assert picture.model.sweep.roots[-1] is boxes["L"].value


def test_a_picture_keeps_its_boxes_while_the_numbers_change():
    sizes = []

    class Watching(View):
        def on_epoch_end(self, trainer):
            self.look(trainer)
            sizes.append({b.name: c.width for b, c in self.picture().drawing.typeset.contents.items()})

    nn.fit(nn.MLP(2, [3, 1], activation="tanh", seed=0), X, Y, loss="binary_cross_entropy", epochs=12, seed=0,
           callbacks=[Watching()], progress=False)  # fmt: skip
    assert all(a[name] <= b[name] for a, b in itertools.pairwise(sizes) for name in a)
    assert sizes[-1] == sizes[2]


def test_the_plane_has_the_probability_of_each_class_at_each_point():
    looking = Looking()
    net, _ = trained([looking], net=nn.MLP(2, [4, 1], activation="tanh", seed=0))
    surface = looking.surface(9)
    (left, right), (low, high) = surface["xs"], surface["ys"]
    assert left <= 0.0 < 1.0 <= right
    assert low <= 0.0 < 1.0 <= high
    for at, (i, j) in enumerate(itertools.product(range(9), range(9))):
        z = net([left + (right - left) * j / 8, low + (high - low) * i / 8]).data
        p = 1.0 / (1.0 + math.exp(-z))
        assert surface["shares"][at] == pytest.approx([1.0 - p, p], rel=1e-12)
    assert surface["classes"] == 2
    assert [k for *_, k in looking.points] == Y


def test_shades_grow_with_confidence_and_the_boundary_is_a_line():
    looking = Looking()
    trained([looking], net=nn.MLP(2, [4, 1], activation="tanh", seed=0))
    axes = looking.figure().axes[1]
    shades = {view._shade([1.0 - p, p], 2) for p in (0.5, 0.6, 0.8, 1.0)}
    assert len(shades) == 4, "two confidences have one shade"
    assert view._shade([0.5, 0.5], 2) == (1.0, 1.0, 1.0)
    assert axes.images[0].get_interpolation() == "bilinear"
    assert len({tuple(pixel) for row in axes.images[0].get_array() for pixel in row.tolist()}) > 50
    left, right = axes.get_xlim()
    assert left <= 0.0 < 1.0 <= right


def test_a_frame_is_json_with_all_epochs_from_the_first():
    frames = []

    class Watching(View):
        def on_epoch_end(self, trainer):
            self.look(trainer)
            frames.append(json.loads(json.dumps(self.frame())))

    trained([Watching()], net=nn.MLP(2, [4, 1], activation="tanh", seed=0), validation=0.4)
    assert [[len(f["curves"][name]) for name in ("loss", "val_loss")] for f in frames] == [[1, 1], [2, 2], [3, 3]]
    assert all(len(f["surface"]["shares"]) == f["surface"]["side"] ** 2 for f in frames)
    assert all("dL/dw[0] = dL/d" in f["neuron"][1] for f in frames)


@pytest.mark.parametrize(
    ("y", "loss", "net", "classes"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], "mse", nn.MLP(2, [3, 1], seed=0), 0),
        ([0, 1, 2, 0, 1], "cross_entropy", nn.MLP(2, [3, 3], seed=0), 3),
        ([-1, 1, 1, -1, 1], "hinge", nn.MLP(2, [3, 1], seed=0), 2),
        ([[0.0, 1.0]] * 5, "mse", nn.MLP(2, [3, 2], seed=0), 0),
    ],
)
def test_other_tasks_are_drawn_too(y, loss, net, classes):
    looking = Looking()
    trained([looking], net, y, loss, validation=0.4)
    assert len(looking.figure().axes) == 2
    assert looking.surface(4)["classes"] == classes
    assert [line.get_label() for line in looking.figure().axes[0].lines] == ["training", "held out"]
    assert looking.status.startswith("epoch 3 of 3, loss ")


def test_examples_that_are_no_points_have_no_plane():
    looking = Looking()
    nn.fit(nn.MLP(3, [3, 1], seed=0), [[*x, 1.0] for x in X], Y, loss="binary_cross_entropy", epochs=1, seed=0,
           callbacks=[looking], progress=False)  # fmt: skip
    assert looking.surface(4) is None
    assert "surface" not in looking.frame()
    assert len(looking.figure().axes) == 1


def test_the_page_without_a_kernel_has_both_pictures():
    looking = Looking(example=2)
    assert looking.html() == "no training yet"
    trained([looking])
    assert looking.html().count("<img ") == 2
    assert "layers.0.neurons.0 on example 2" in looking.html()


def test_modes_are_put_back_though_drawing_fails(monkeypatch):
    looking = View()
    net, _ = trained()
    trainer = nn.Trainer(net, X, Y, loss="binary_cross_entropy", progress=False)
    net.train()
    looking.look(trainer)
    monkeypatch.setattr(nn.Layer, "forward", lambda *_: 1 / 0)
    for look in (looking.picture, looking.figure):
        with pytest.raises(ZeroDivisionError):
            look()
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


def test_a_picture_of_the_neuron_alone_is_caught(monkeypatch):
    """The gradient of its own output, not of the loss: what follows the neuron counts nothing."""
    monkeypatch.setattr(neuron_picture, "_again", lambda v, there: next(iter(there.values())) * 1.0)
    with pytest.raises(AssertionError):
        test_the_picture_has_the_gradient_of_the_loss_and_the_numbers_of_the_net("binary", "layers.0.neurons.0")

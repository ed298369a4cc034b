"""The estimators among scikit-learn's own tools. That both pass check_estimator is tested in tests/peers."""

import inspect
import pickle
import sys
from functools import partial

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.exceptions import NotFittedError
from sklearn.metrics import ConfusionMatrixDisplay, get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nn
from engine import softmax
from engine.compiler.llvm import processor
from engine.compiler.llvm.native_code import PROGRAMS
from nn.sklearn import NetworkClassifier, NetworkRegressor

rng = np.random.default_rng(0)
X_MOONS, Y_MOONS = make_moons(120, noise=0.1, random_state=0)
X3 = rng.normal(size=(40, 3))
Y3 = np.array(["red", "green", "blue"])[np.argmax(X3, axis=1)]
YR = X3 @ [1.0, -2.0, 0.5]
QUICK = {"max_iter": 4, "random_state": 0, "hidden_layer_sizes": (5,)}


def weights(estimator):
    return list(estimator.network_.state().values())


@pytest.mark.parametrize("ours, theirs", [(NetworkClassifier, MLPClassifier), (NetworkRegressor, MLPRegressor)])
def test_parameters_have_the_names_of_scikit_learns_networks(ours, theirs):
    own = inspect.signature(ours).parameters
    assert set(own) - set(inspect.signature(theirs).parameters) == {"backend", "threads", "dtype", "private", "mesh"}
    assert list(own)[:2] == ["hidden_layer_sizes", "activation"]


@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
@pytest.mark.parametrize(
    "solver, same, digits",
    [
        ("sgd", {"solver": "sgd", "momentum": 0.0}, 1e-13),
        ("nesterov", {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True}, 1e-13),
        ("adam", {"solver": "adam"}, 1e-4),  # its epsilon stands elsewhere
    ],
)
@pytest.mark.parametrize("problem", ["two classes", "three classes", "numbers", "rows of numbers"])
def test_five_steps_are_those_of_scikit_learns_networks(problem, solver, same, digits, activation):
    X, y, ours, theirs = {
        "two classes": (X_MOONS, Y_MOONS, NetworkClassifier, MLPClassifier),
        "three classes": (X3, Y3, NetworkClassifier, MLPClassifier),
        "numbers": (X3, YR, NetworkRegressor, MLPRegressor),
        "rows of numbers": (X3, X3[:, :2] ** 2, NetworkRegressor, MLPRegressor),
    }[problem]
    outputs = 1 if y.ndim == 1 else y.shape[1]
    half = (
        0.5 * outputs if ours is NetworkRegressor else 1.0
    )  # the gradient of MLPRegressor: of half the sum of squares
    size = {"hidden_layer_sizes": (4,), "activation": activation, "batch_size": len(X), "random_state": 0}
    start = ours(**size, max_iter=1, solver="sgd", alpha=0.0, learning_rate_init=1e-300).fit(X, y)  # where it starts
    known = {"classes": np.unique(y)} if ours is NetworkClassifier else {}
    peer = theirs(**size, **same, alpha=0.3, learning_rate_init=0.05).partial_fit(X, y, **known)
    del peer._optimizer  # as if it had not moved
    for i, layer in enumerate(start.network_.layers):
        peer.coefs_[i] = np.array([[w.data for w in n.w] for n in layer.neurons]).T
        peer.intercepts_[i] = np.array([n.b.data for n in layer.neurons])
    for _ in range(5):
        peer.partial_fit(X, y)
    rate = 0.05 if solver == "adam" else 0.05 * half
    net = ours(**size, solver=solver, alpha=0.3 / half, learning_rate_init=rate, max_iter=5).fit(X, y)
    for i, layer in enumerate(net.network_.layers):
        w = np.array([[w.data for w in n.w] for n in layer.neurons]).T
        np.testing.assert_allclose(w, peer.coefs_[i], rtol=digits, atol=digits)
        np.testing.assert_allclose([n.b.data for n in layer.neurons], peer.intercepts_[i], rtol=digits, atol=digits)
    if ours is NetworkClassifier:
        np.testing.assert_allclose(net.predict_proba(X), peer.predict_proba(X), rtol=100 * digits, atol=100 * digits)
    else:
        np.testing.assert_allclose(net.predict(X), peer.predict(X), rtol=100 * digits, atol=100 * digits)


def test_a_pipeline_learns_moons():
    model = make_pipeline(StandardScaler(), NetworkClassifier(random_state=0))
    assert model.fit(X_MOONS, Y_MOONS).score(X_MOONS, Y_MOONS) > 0.95


def test_a_pipeline_is_cross_validated_and_searched():
    model = make_pipeline(StandardScaler(), NetworkClassifier(**QUICK))
    scores = cross_val_score(model, X3, Y3, cv=3)
    search = GridSearchCV(
        model,
        {"networkclassifier__learning_rate_init": [1e-9, 0.1], "networkclassifier__hidden_layer_sizes": [(5,)]},
        cv=3,
    ).fit(X3, Y3)
    assert scores.shape == (3,) and search.best_params_["networkclassifier__learning_rate_init"] == 0.1
    assert search.best_estimator_.predict(X3).dtype == Y3.dtype


def test_displays_and_scorers_of_scikit_learn_take_it():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    model = NetworkClassifier(**QUICK).fit(X_MOONS, Y_MOONS)
    shown = ConfusionMatrixDisplay.from_estimator(model, X_MOONS, Y_MOONS)
    pyplot.close("all")
    assert shown.confusion_matrix.sum() == len(Y_MOONS)
    assert 0.0 <= get_scorer("roc_auc")(model, X_MOONS, Y_MOONS) <= 1.0


def test_probabilities_are_those_of_the_network():
    three = NetworkClassifier(**QUICK).fit(X3, Y3)
    assert three.classes_.tolist() == ["blue", "green", "red"]
    for x, ps in zip(X3.tolist(), three.predict_proba(X3)):
        assert [p.data for p in softmax(three.network_(x))] == ps.tolist()
    two = NetworkClassifier(**QUICK).fit(X_MOONS, Y_MOONS == 1)
    assert two.classes_.tolist() == [False, True] and two.n_outputs_ == 1
    for x, ps in zip(X_MOONS.tolist(), two.predict_proba(X_MOONS)):
        assert two.network_(x).sigmoid().data == ps[1] and abs(ps.sum() - 1.0) < 1e-15


@pytest.mark.parametrize(
    "estimator, y", [(NetworkClassifier, Y3), (NetworkRegressor, YR), (NetworkRegressor, X3[:, :2])]
)
def test_partial_fit_goes_on_where_it_stopped_optimiser_included(estimator, y):
    whole = estimator(**QUICK, batch_size=len(y)).fit(X3, y)
    parts = estimator(**QUICK, batch_size=len(y))
    for _ in range(4):
        parts.partial_fit(X3, y, **({"classes": np.unique(y)} if estimator is NetworkClassifier else {}))
    assert weights(whole) == weights(parts) and whole.loss_curve_ == parts.loss_curve_ and parts.n_iter_ == 1


def test_a_batch_of_one_class_is_learned_in_partial_fit():
    model = NetworkClassifier(**QUICK, learning_rate_init=0.05)
    for _ in range(20):
        for c in ("red", "green", "blue"):
            model.partial_fit(X3[c == Y3], Y3[c == Y3], classes=["blue", "green", "red"])
    assert model.score(X3, Y3) > 0.8


def test_fit_begins_anew_and_warm_start_goes_on():
    cold = NetworkClassifier(**QUICK).fit(X3, Y3)
    first = weights(cold)
    assert weights(cold.fit(X3, Y3)) == first and cold.n_iter_ == 4
    warm = NetworkClassifier(**QUICK, warm_start=True).fit(X3, Y3)
    network = warm.network_
    assert weights(warm) == first
    warm.fit(X3, Y3)
    assert warm.network_ is network and warm.loss_curve_[-1] < warm.loss_curve_[3]


@pytest.mark.parametrize(
    "ours, theirs, y", [(NetworkClassifier, MLPClassifier, Y3), (NetworkRegressor, MLPRegressor, YR)]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_epochs_are_counted_as_scikit_learn_counts_them(ours, theirs, y):
    first = {"classes": np.unique(y)} if ours is NetworkClassifier else {}
    counts = []
    for estimator in (ours, theirs):
        model = estimator(hidden_layer_sizes=(4,), max_iter=10, n_iter_no_change=50, warm_start=True, random_state=0)
        seen = []
        for call in (model.fit, model.fit, partial(model.partial_fit, **first), model.fit):
            call(X3, y)
            seen.append((model.n_iter_, len(model.loss_curve_)))
        counts.append(seen)
    assert counts[0] == counts[1] == [(10, 10), (10, 20), (1, 21), (10, 31)]


def test_the_same_random_state_gives_the_same_bits_and_another_gives_others():
    nets = [weights(NetworkRegressor(max_iter=2, batch_size=8, random_state=s).fit(X3, YR)) for s in (1, 1, 2)]
    assert nets[0] == nets[1] != nets[2]


def test_training_stops_when_the_loss_stands_still():
    model = NetworkRegressor(**{**QUICK, "max_iter": 500}, tol=10.0, n_iter_no_change=3).fit(X3, YR)
    assert model.n_iter_ == 4
    assert NetworkRegressor(**{**QUICK, "max_iter": 9}, tol=10.0, n_iter_no_change=None).fit(X3, YR).n_iter_ == 9


def test_early_stopping_restores_the_best_weights_on_held_out_examples():
    model = NetworkRegressor((8,), early_stopping=True, validation_fraction=0.25, n_iter_no_change=2, tol=0.0,
                             learning_rate_init=0.3, max_iter=100, random_state=0).fit(X3, YR)  # fmt: skip
    twin = clone(model).set_params(early_stopping=False)
    assert model.n_iter_ < 100 and weights(model) != weights(twin.fit(X3, YR))
    assert not hasattr(model, "validation_scores_") and len(model.loss_curve_) == model.n_iter_


PROBLEMS = {
    "two classes": (NetworkClassifier, X3, Y3 == "red"),
    "three classes": (NetworkClassifier, X3, Y3),
    "numbers": (NetworkRegressor, X3, YR),
    "rows of numbers": (NetworkRegressor, X3, X3[:, :2]),
}


def assert_same_training(native, eager, X):
    assert native.n_iter_ == eager.n_iter_ and native.loss_curve_ == pytest.approx(eager.loss_curve_, rel=1e-9)
    assert weights(native) == pytest.approx(weights(eager), rel=1e-8, abs=1e-10)
    for say in ("predict_proba",) if isinstance(eager, NetworkClassifier) else ("predict",):
        np.testing.assert_allclose(getattr(native, say)(X), getattr(eager, say)(X), rtol=1e-8, atol=1e-10)


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize(
    "options",
    [{}, {"alpha": 0.0, "batch_size": 64}, {"solver": "nesterov", "alpha": 0.3},
     {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 1, "tol": 0.0, "max_iter": 30,
      "learning_rate_init": 0.3}],
)  # fmt: skip
@pytest.mark.parametrize("problem", PROBLEMS)
def test_native_code_trains_what_eager_mode_does(problem, options):
    estimator, X, y = PROBLEMS[problem]
    native, eager = (
        estimator(**{**QUICK, "batch_size": 8, **options}, backend=backend).fit(X, y) for backend in ("jit", "eager")
    )
    assert_same_training(native, eager, X)
    assert eager.n_iter_ < 30


def test_auto_is_native_code_where_it_is_there():
    PROGRAMS.clear()
    automatic = NetworkRegressor(**QUICK, backend="auto").fit(X3, YR)
    assert len(PROGRAMS) == 1
    assert weights(automatic) == weights(NetworkRegressor(**QUICK, backend="jit").fit(X3, YR))


@pytest.mark.usefixtures("unoptimised")
@pytest.mark.parametrize("problem", PROBLEMS)
def test_native_code_goes_on_where_it_stopped(problem):
    estimator, X, y = PROBLEMS[problem]
    native, eager = (estimator(**QUICK, warm_start=True, backend=b) for b in ("jit", "eager"))
    for model in (native, eager):
        model.fit(X, y).fit(X, y)
        for part in (slice(0, 15), slice(15, 40), slice(0, 1)):  # the last is one example, of one class
            model.partial_fit(X[part], y[part])
    assert eager.n_iter_ == 1 and len(eager.loss_curve_) == 11
    assert_same_training(native, eager, X)


def test_an_alpha_that_native_code_left_out_would_be_noticed(monkeypatch):
    monkeypatch.setattr("nn.training.traced.TracedRun.penalty", lambda self, ps: 0.0 * ps[0])
    with pytest.raises(AssertionError):
        test_native_code_trains_what_eager_mode_does("numbers", {"alpha": 0.3})


@pytest.mark.usefixtures("unoptimised")
def test_the_folds_of_a_search_compile_once_for_each_structure():
    PROGRAMS.clear()
    choices = {"hidden_layer_sizes": [(2,), (3,)], "learning_rate_init": [0.01, 0.1]}
    GridSearchCV(NetworkClassifier(**QUICK, batch_size=8, backend="jit"), choices, cv=3).fit(X3, Y3)
    assert len(PROGRAMS) == 2


def test_a_backend_is_a_parameter_like_any():
    model = NetworkRegressor(**QUICK, backend="jit")
    assert model.get_params()["backend"] == "jit" and "backend='jit'" in repr(model)
    twin = pickle.loads(pickle.dumps(clone(model).fit(X3, YR)))
    assert (twin.predict(X3) == model.fit(X3, YR).predict(X3)).all()
    assert weights(twin.partial_fit(X3, YR)) == weights(model.partial_fit(X3, YR))
    assert clone(model).set_params(backend="eager").backend == NetworkRegressor().backend == "eager"


def test_a_missing_llvmlite_is_named_and_auto_goes_on_without(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    processor.llvm.cache_clear()
    try:
        with pytest.raises(ImportError, match=r'NetworkClassifier takes backend=.jit. .* pip install -e "\.\[jit\]"'):
            NetworkClassifier(**QUICK, backend="jit").fit(X3, Y3)
        found = NetworkClassifier(**QUICK, backend="auto").fit(X3, Y3)
    finally:
        processor.llvm.cache_clear()
    assert "NetworkClassifier trains on NumPy: jit takes llvmlite" in capsys.readouterr().err
    assert weights(found) == pytest.approx(weights(NetworkClassifier(**QUICK).fit(X3, Y3)), rel=1e-9)


def test_sparse_and_dense_say_the_same():
    dense, sparse = (NetworkClassifier(**QUICK).fit(X, Y3) for X in (X3, csr_matrix(X3)))
    assert weights(dense) == weights(sparse)
    assert (sparse.predict_proba(csr_matrix(X3)) == dense.predict_proba(X3)).all()


def test_pickles_and_clones():
    model = NetworkClassifier(**QUICK).fit(X3, Y3)
    twin = pickle.loads(pickle.dumps(model))
    assert (twin.predict_proba(X3) == model.predict_proba(X3)).all()
    assert weights(twin.partial_fit(X3, Y3)) == weights(model.partial_fit(X3, Y3))
    with pytest.raises(NotFittedError):
        clone(model).predict(X3)


def test_its_network_is_a_module_like_any(tmp_path):
    model = NetworkRegressor(**QUICK).fit(X3, YR)
    nn.save(tmp_path / "net", model.network_)
    net = nn.load(tmp_path / "net")
    assert [net(x).data for x in X3.tolist()] == model.predict(X3).tolist() and not net.training


@pytest.mark.parametrize(
    "change, message",
    [
        ({"solver": "adm"}, "NetworkClassifier takes one of sgd, .* as solver, got 'adm'; did you mean 'adam'?"),
        ({"solver": None}, "NetworkClassifier takes one of sgd, .* as solver, got None"),
        ({"learning_rate_init": 0.0}, "takes a positive number as learning_rate_init, got 0.0"),
        ({"learning_rate_init": float("nan")}, "takes a positive number as learning_rate_init, got nan"),
        ({"alpha": -1.0}, "takes a number from 0 as alpha, got -1.0"),
        ({"alpha": "auto"}, "takes a number from 0 as alpha, got 'auto'"),
        ({"hidden_layer_sizes": (0,)}, "takes sizes, whole numbers from 1, as hidden_layer_sizes, got 0"),
        ({"hidden_layer_sizes": "16"}, "takes sizes such as .16,. as hidden_layer_sizes, got '16'"),
        ({"hidden_layer_sizes": (2.5,)}, "takes sizes, whole numbers from 1, as .*, got 2.5"),
        ({"activation": "logistic"}, "activation takes one of .*did you mean .sigmoid."),
        ({"batch_size": 0}, "NetworkClassifier takes a whole number from 1 as batch_size, got 0"),
        ({"batch_size": "auto"}, "NetworkClassifier takes a whole number from 1 as batch_size, got 'auto'"),
        ({"max_iter": -1}, "NetworkClassifier takes a whole number from 1 as max_iter, got -1"),
        ({"random_state": "0"}, "takes a whole number from 0 to 4294967295 as random_state, got .0."),
        ({"backend": "native"}, "NetworkClassifier takes one of eager, jit, numpy, xla, auto as backend, got 'native'"),
        ({"backend": None}, "NetworkClassifier takes one of eager, jit, numpy, xla, auto as backend, got None"),
    ],
)
def test_parameters_out_of_range_are_said(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        NetworkClassifier(**{**QUICK, **change}).fit(X3, Y3)


def test_classes_that_do_not_fit_are_said():
    with pytest.raises(ValueError, match="takes at least two classes in y, got one class, 'red'"):
        NetworkClassifier().fit(X3, ["red"] * 40)
    with pytest.raises(ValueError, match=r"takes all classes in the first call: partial_fit\(X, y, classes="):
        NetworkClassifier().partial_fit(X3, Y3)
    model = NetworkClassifier(**QUICK).fit(X3[Y3 != "red"], Y3[Y3 != "red"])
    with pytest.raises(ValueError, match=r"takes the classes it began with, \['blue', 'green'\], got \['red'\]"):
        model.partial_fit(X3, Y3)
    with pytest.raises(ValueError, match=r"it began with, \['blue', 'green'\], got \['a', 'b'\]"):
        model.partial_fit(X3[Y3 == "blue"], Y3[Y3 == "blue"], classes=["a", "b"])
    with pytest.raises(ValueError, match="takes the 1 targets it began with, got 2"):
        NetworkRegressor(**QUICK).fit(X3, YR).partial_fit(X3, X3[:, :2])

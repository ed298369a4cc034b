"""Networks as scikit-learn estimators, with the names of parameters that its own MLPClassifier and MLPRegressor have.

They stand wherever an estimator does: pipelines, cross-validation, grid searches, `Display` classes. A search runs on
many machines with one line more, `with joblib.parallel_config(backend="dask"):`. Needs the extra `sklearn`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from math import inf
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from engine import no_grad, sigmoid, softmax
from engine.arguments import flag, listed, named, number, real, shown, whole

from .activations import ActivationLike
from .arguments import is_whole
from .layers import MLP
from .losses import binary_cross_entropy, cross_entropy, mse
from .optim import OPTIMISERS, Optimiser
from .penalties import l2
from .training.early_stopping import EarlyStopping
from .training.fit import Trainer
from .training.objective import LossFunction, Objective, objective
from .training.privacy import Privacy, Spent, epsilon
from .training.targets import Target

Array = Any  # a NumPy array


@dataclass(eq=False, repr=False)
class _NetworkEstimator(BaseEstimator):
    """What classifier and regressor share: parameters, training, outputs."""

    hidden_layer_sizes: int | Iterable[int] = (16,)
    activation: ActivationLike = "relu"
    _: KW_ONLY
    solver: str = "adam"
    alpha: float = 0.0001
    batch_size: int = 32
    learning_rate_init: float = 0.01
    max_iter: int = 100
    random_state: object = None
    tol: float = 0.0001
    n_iter_no_change: int = 10
    early_stopping: bool = False
    validation_fraction: float = 0.1
    warm_start: bool = False
    verbose: bool = False
    backend: str = "eager"
    threads: int | str = 1
    dtype: str | None = None
    private: Privacy | None = None
    mesh: object = None

    def _read(self, X: object, y: object = "no_validation", **how: object) -> tuple[Array, Array]:
        """X as an array of float64, and y, checked by scikit-learn."""
        read = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64, **how)
        rows, targets = read if isinstance(read, tuple) else (read, None)
        return rows.toarray() if hasattr(rows, "toarray") else rows, targets

    def _fresh(self) -> bool:
        return not (flag(self._who, "warm_start", self.warm_start) and hasattr(self, "network_"))

    def _start(self, outputs: int) -> None:
        """A new network."""
        sizes = self.hidden_layer_sizes
        name, takes = "hidden_layer_sizes", "sizes such as (16,)"
        hidden = [sizes] if is_whole(sizes) else listed(self._who, name, sizes, takes)
        hidden = [whole(self._who, name, n, "sizes, whole numbers from 1,", least=1) for n in hidden]
        seed = self.random_state
        if seed is not None and seed is not np.random and not isinstance(seed, np.random.RandomState):
            seed = whole(self._who, "random_state", seed, most=2**32 - 1)
        self._random = check_random_state(seed)
        seed = int(self._random.randint(2**31 - 1))
        self.network_ = MLP(self.n_features_in_, [*hidden, outputs], activation=self.activation, seed=seed)
        self.n_outputs_ = outputs
        self.loss_curve_: list[float] = []
        self._spent: list[Spent] = []

    def _train(self, X: Array, y: list[Target], loss: LossFunction | Objective, epochs: int | None) -> None:
        """Train on: `max_iter` epochs with a new optimiser, or, for `partial_fit`, so many with the one at hand."""
        if epochs is None or not hasattr(self, "_optimiser"):
            self._optimiser = self._new_optimiser()
        alpha = number(self._who, "alpha", self.alpha, "a number from 0", lambda a: a >= 0.0)
        early = flag(self._who, "early_stopping", self.early_stopping)
        size = whole(self._who, "batch_size", self.batch_size, least=1)
        stopping = None
        private = self.private
        watched = early or private is None  # of a private training no loss of its own examples says when it ends
        if watched and epochs is None and self.n_iter_no_change is not None and real(self.n_iter_no_change) != inf:
            patience = whole(self._who, "n_iter_no_change", self.n_iter_no_change, least=1)
            change = number(self._who, "tol", self.tol, "a number from 0", lambda tol: tol >= 0.0)
            stopping = EarlyStopping(patience, "val_loss" if early else "loss", change, restore=early)
        trainer = Trainer(
            self.network_,
            X,
            y,
            loss=loss,
            optimizer=self._optimiser,
            epochs=whole(self._who, "max_iter", self.max_iter, least=1) if epochs is None else epochs,
            batch_size=size,
            seed=None if private is not None and self.random_state is None else int(self._random.randint(2**31 - 1)),
            validation=self.validation_fraction if early and epochs is None else None,
            early_stopping=stopping,
            penalty=l2(0.5 * alpha / min(size, len(X))) if alpha else None,
            progress=flag(self._who, "verbose", self.verbose),
            backend=self.backend,
            threads=self.threads,
            dtype=self.dtype,
            private=private,
            mesh=self.mesh,
            who=self._who,
        )
        history = trainer.run()
        self._spent += trainer.spent or [(1.0, 0.0, 1)]
        if private is not None:
            self.epsilon_ = epsilon(self._spent, private.delta)
        self.n_iter_ = trainer.epoch
        self.loss_curve_ += history["loss"]
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else inf

    def _new_optimiser(self) -> Optimiser:
        solver = named(self._who, "solver", self.solver, OPTIMISERS)
        rate = number(self._who, "learning_rate_init", self.learning_rate_init, "a positive number", lambda r: r > 0.0)
        optimiser = OPTIMISERS[solver](self.network_)
        optimiser.lr = rate
        return optimiser

    def _outputs(self, X: object) -> list[list[float]]:
        """The network's outputs as numbers, a list for each example."""
        check_is_fitted(self)
        rows, _ = self._read(X, reset=False)
        with no_grad():
            each = [self.network_(x) for x in rows.tolist()]
        return [[v.data for v in out] if isinstance(out, list) else [out.data] for out in each]

    @property
    def _who(self) -> str:
        return type(self).__name__

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class NetworkClassifier(ClassifierMixin, _NetworkEstimator):
    """A multi-layer perceptron that says to which class an example belongs, as scikit-learn's MLPClassifier does.

    Two classes have one output and binary cross-entropy, more have one each and cross-entropy. Scale the inputs, as for
    every network: `make_pipeline(StandardScaler(), NetworkClassifier())`.

    Args:
        hidden_layer_sizes: how many neurons each hidden layer has: a number, or several, or ().
        activation: that of the hidden layers: a name from `nn.ACTIVATIONS`, or a function of a Value.
        solver: how weights move: a name from `nn.optim.OPTIMISERS` ("nesterov" is what MLPClassifier calls "sgd").
        alpha: strength of the l2 penalty, alpha/(2 · examples in a batch) · Σw², biases left out.
        batch_size: examples in an update.
        learning_rate_init: the learning rate, positive.
        max_iter: how many times each example is used, at most.
        random_state: an int, a NumPy RandomState, or None, for where weights start and the order of examples.
        tol, n_iter_no_change: training ends when the loss was not better by tol for so many epochs; None never ends it.
        early_stopping: hold out `validation_fraction` of the examples, watch the loss there, and restore the best weights.
        validation_fraction: the part held out.
        warm_start: whether `fit` goes on from the weights of the last one.
        verbose: whether to show a progress bar.
        backend: "eager"; "jit" for native code (the extra jit; the last digits of a sum may differ), compiled once for all
            trainings of one structure, such as the folds of a cross-validation; "numpy" for the same in matrices,
            without LLVM; "xla" for the same on a GPU or what else JAX finds (the extra xla); "auto" for jit where it is there, else NumPy, where the training compiles, said in a line if not.
        threads: how many threads share the work of native code in large networks, or "auto"; the result is the same.
        dtype: what compiled code computes in, "float64" or "float32"; None: "float64", and "float32" with "xla".
        private: an `nn.Privacy`, for DP-SGD. It ends after `max_iter` then, or by validation data with `early_stopping`. What
            is not private: classes, the scaling of a pipeline, parameters that a search chose by these examples.
        mesh: with "xla", the devices that share each batch, as for `nn.Trainer`; in several processes random_state is an int.

    Attributes:
        classes_: the classes, sorted.
        network_: the trained Module: save, draw, diagnose or explain it.
        loss_curve_, loss_: the loss of each epoch since the weights were new, and of the last.
        epsilon_: with `private`, ε of all trainings since then; infinite if one of them was not private.
        n_iter_: how many epochs the last call of fit or partial_fit trained.
        n_features_in_, feature_names_in_, n_outputs_: what the data and the network looked like.

    >>> from sklearn.datasets import load_iris
    >>> from nn.sklearn import NetworkClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = NetworkClassifier((8,), random_state=0).fit(X, y)
    >>> classifier.score(X, y) > 0.9
    True
    """

    classes_: Array

    def fit(self, X: object, y: object) -> Self:
        """Train on examples X, (count, features), and their classes y, (count,): of any kind that can be sorted."""
        return self._learn(X, y, self._fresh(), None, None)

    def partial_fit(self, X: object, y: object, classes: object = None) -> Self:
        """Use each example once more; the first call names all classes there will be."""
        fresh = not hasattr(self, "network_")
        if fresh and classes is None:
            raise ValueError(f"{self._who} takes all classes in the first call: partial_fit(X, y, classes=...)")
        return self._learn(X, y, fresh, classes, 1)

    def _learn(self, given: object, targets: object, fresh: bool, classes: Array, epochs: int | None) -> Self:
        X, y = self._read(given, targets, reset=fresh)
        y = column_or_1d(y, warn=True)
        with np.errstate(invalid="ignore"):  # numbers too large for a class are told apart all the same
            check_classification_targets(y)
        if classes is not None:
            named = listed(self._who, "classes", classes, "a list of classes")
            try:
                classes = np.unique(column_or_1d(named))
            except (ArithmeticError, TypeError):
                raise TypeError(f"{self._who} takes classes of one kind as classes, got {shown(named)}") from None
        known = np.unique(y if classes is None else classes) if fresh else self.classes_
        if len(known) < 2:
            got = f"one class, {known.tolist()[0]!r}" if len(known) else "none"
            raise ValueError(f"{self._who} takes at least two classes in y, got {got}")
        unknown = np.setdiff1d(y, known)
        if len(unknown) or (not fresh and classes is not None and not np.array_equal(np.unique(classes), known)):
            raise ValueError(
                f"{self._who} takes the classes it began with, {known.tolist()!r:.100}, "
                f"got {(unknown if len(unknown) else np.unique(classes)).tolist()!r:.100}"
            )
        if fresh:
            self.classes_ = known
            self._start(1 if len(known) == 2 else len(known))
        loss = objective(self._who, binary_cross_entropy if len(known) == 2 else cross_entropy)
        labels: list[int] = np.asarray(np.searchsorted(known, y)).tolist()
        # What partial_fit is given may be of one class alone: nobody need be warned.
        self._train(X, labels, loss._replace(classes=False), epochs)
        return self

    def predict_proba(self, X: object) -> Array:
        """The probability of each class, (count, classes)."""
        rows = self._outputs(X)
        if self.n_outputs_ == 1:
            return np.array([[sigmoid(-z), sigmoid(z)] for (z,) in rows])
        return np.array([softmax(zs) for zs in rows])

    def predict(self, X: object) -> Array:
        """The most probable class of each example, (count,)."""
        best = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[best]


class NetworkRegressor(RegressorMixin, _NetworkEstimator):
    """A multi-layer perceptron that says a number, or several, about an example, as scikit-learn's MLPRegressor does.

    The loss is the mean squared error. Scale inputs and targets, as for every network:
    `TransformedTargetRegressor(make_pipeline(StandardScaler(), NetworkRegressor()), transformer=StandardScaler())`.

    Args:
        hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate_init: as for `NetworkClassifier`.
        max_iter, random_state, tol, n_iter_no_change, early_stopping, validation_fraction: as for `NetworkClassifier`.
        warm_start, verbose, backend, threads, dtype, private, mesh: as for `NetworkClassifier`.

    Attributes:
        network_, loss_curve_, loss_, epsilon_, n_iter_, n_features_in_, feature_names_in_, n_outputs_: as for `NetworkClassifier`.

    >>> from nn.sklearn import NetworkRegressor
    >>> X = [[i / 10.0] for i in range(-10, 11)]
    >>> regressor = NetworkRegressor(max_iter=200, random_state=0).fit(X, [x * x for (x,) in X])
    >>> regressor.score(X, [x * x for (x,) in X]) > 0.9
    True
    """

    def fit(self, X: object, y: object) -> Self:
        """Train on examples X, (count, features), and targets y, (count,) or (count, outputs)."""
        return self._learn(X, y, self._fresh(), None)

    def partial_fit(self, X: object, y: object) -> Self:
        """Use each example once more."""
        return self._learn(X, y, not hasattr(self, "network_"), 1)

    def _learn(self, given: object, targets: object, fresh: bool, epochs: int | None) -> Self:
        X, y = self._read(given, targets, reset=fresh, y_numeric=True, multi_output=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if fresh:
            self._start(outputs)
        elif outputs != self.n_outputs_:
            raise ValueError(f"{self._who} takes the {self.n_outputs_} targets it began with, got {outputs}")
        self._train(X, y.tolist(), mse, epochs)
        return self

    def predict(self, X: object) -> Array:
        """The outputs for each example, (count,) or (count, outputs)."""
        found = np.array(self._outputs(X))
        return found[:, 0] if self.n_outputs_ == 1 else found

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

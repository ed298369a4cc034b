"""NeuralNetwork: the class of the classic tutorials, `forward`, `backward`, `train`, `predict`, on scalars underneath."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isclose
from typing import TYPE_CHECKING

from engine import mean
from engine.arguments import listed, shown, whole
from engine.assignment import assign
from engine.compatibility import Told

from .activations import ActivationLike
from .arguments import plain
from .data import Row, check_order, is_listed, rows_or_row, targets
from .elsewhere import OF_NEURAL_NETWORK, check_attribute, told
from .init import Start, generator
from .layers import MLP, width
from .matrices import Matrix, array, numbers_and_shape
from .module import in_mode
from .optim import SGD
from .training.console import line
from .training.objective import LossFunction, Output, Outputs, head
from .training.settings import calls
from .training.trainer import History, Trainer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


_SETTINGS = (
    "layers", "alpha", "activation", "output", "loss", "batch_size", "seed", "validation", "callbacks", "objective",
    "optimizer",
)  # fmt: skip


class NeuralNetwork(Told):
    """Layers of neurons, trained by gradient descent: `O = σ(WX + b)`, and `W -= alpha · dL/dW`.

    Args:
        layers: how many inputs, then how many neurons in each layer, such as [2, 4, 1].
        alpha: the learning rate, positive.
        activation: that of the hidden layers, a name from `nn.activations.ACTIVATIONS` or a function.
        output: that of the last layer: such a name, or "softmax". By default sigmoid for one neuron and softmax for
            more; "identity" where the loss is mse, mae or huber.
        loss: a name from `nn.losses.LOSSES`, or a function (outputs, target) -> Value. By default
            binary_cross_entropy with sigmoid, cross_entropy with softmax, else mse.
        init: how weights start, a name or an initialiser (see `nn.init`); Glorot's, uniform, by default. Biases start
            at 0.
        batch_size: examples for each update; None for all at once.
        seed: an int, for the same weights and the same training on every run; None for a fresh one, kept in `seed`.
        validation: a part of the examples for `train` to hold out, such as 0.2, or (X, y).
        callbacks: see `nn.Trainer`.

    Attributes:
        model: the Module underneath, an MLP without the last activation.
        layers, alpha, activation, output, loss, batch_size, seed, validation, callbacks: as given.
        W, b: for each layer the weights, one row a neuron, and the biases: arrays that share their numbers with the
            Values of the model.
        dW, db: for each layer dL/dW and dL/db of the latest update, arrays of the same shapes.
        objective: the loss, with the targets it takes (see `nn.training.objective`).
        optimizer: plain gradient descent.
        history: what the latest `train` returned.

    The defaults (tanh, sigmoid, cross-entropy) learn XOR from most starts. The tutorials' own choice of sigmoid in the
    hidden layer with the squared error does not at this alpha: its gradients are products of numbers below 1/4, and in
    1,000 epochs it learned XOR from 0 of 20 starts at alpha 0.1. Ask for it by activation="sigmoid", output="sigmoid",
    loss="mse", with an alpha of 5 (20 of 20).

    It is no Module, since `train` means two things; `nn.summary`, `nn.save` and `nn.diagnose` take it all the same.

    Raises:
        ValueError, TypeError: an argument is not one of these.

    >>> import nn
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> network = nn.NeuralNetwork([2, 4, 1], seed=1)
    >>> history = network.train(X, y, displayUpdate=0)
    >>> (network.predict(X) > 0.5).astype(int).ravel().tolist()
    [0, 1, 1, 0]
    >>> network.W[0].shape, network.dW[0].shape
    ((4, 2), (4, 2))
    """

    _written = OF_NEURAL_NETWORK

    @told
    def __init__(
        self,
        layers: Sequence[int],
        alpha: float = 0.1,
        *,
        activation: ActivationLike = "tanh",
        output: Output | None = None,
        loss: str | LossFunction | None = None,
        init: Start | None = None,
        batch_size: int | None = None,
        seed: int | None = None,
        validation: object = None,
        callbacks: object = (),
    ) -> None:
        sizes = listed("NeuralNetwork", "layers", layers, "a list of sizes such as [2, 4, 1]")
        self.layers = [width("NeuralNetwork", "layers", n) for n in sizes]
        if len(self.layers) < 2:
            raise ValueError(
                f"NeuralNetwork takes at least two sizes as layers, inputs and outputs, got {self.layers}; "
                "such as [2, 4, 1]"
            )
        self.activation = activation
        self.output, self.loss, self.objective, self._shown = head("NeuralNetwork", self.layers[-1], output, loss)
        self._random, self.seed = generator(seed=seed)
        init = "glorot_uniform" if init is None else init
        self.model = MLP(self.layers[0], self.layers[1:], activation=activation, init=init, rng=self._random)
        self.optimizer = _descent(self.model, alpha)
        self.batch_size, self.validation, self.callbacks = batch_size, validation, callbacks
        self.history: History = {}
        self.dW: list[Array] = []
        self.db: list[Array] = []

    def __setattr__(self, name: str, x: object) -> None:
        check_attribute(self, name, x, _SETTINGS)
        super().__setattr__(name, x)

    @property
    def alpha(self) -> float:
        """The learning rate."""
        return self.optimizer.lr

    @alpha.setter
    def alpha(self, alpha: float) -> None:
        self.optimizer.lr = _descent(self.model, alpha).lr

    @property
    def W(self) -> list[Matrix]:  # noqa: N802  the matrix of O = σ(WX + b)
        """The weights of each layer, one row a neuron."""
        return [layer.W for layer in self.model.layers]

    @property
    def b(self) -> list[Matrix]:
        """The biases of each layer."""
        return [layer.b for layer in self.model.layers]

    def forward(self, X: object) -> Array:
        """The outputs for examples, a NumPy array of one row each; for one example, of one dimension.

        Args:
            X: a row of numbers for each example, or one row alone: lists, an array, a frame.

        Raises:
            ValueError, TypeError: X is nothing of the kind, or has the wrong number of columns.

        >>> import nn
        >>> network = nn.NeuralNetwork([2, 1], init="zeros", seed=0)
        >>> network.forward([[0, 0], [0, 1], [1, 1]]).shape, network.forward([0, 1]).tolist()
        ((3, 1), [0.5])
        """
        return self._outputs("forward", X)

    def predict(self, X: object) -> Array:
        """The outputs for examples, as `forward`, in evaluation mode.

        >>> import nn
        >>> nn.NeuralNetwork([2, 3], init="zeros", seed=0).predict([0, 1]).round(3).tolist()
        [0.333, 0.333, 0.333]
        """
        with in_mode(self.model, False):
            return self._outputs("predict", X)

    def backward(self, X: object, y: object, output: object = None) -> None:
        """One update: dL/dW and dL/db of the mean loss, kept as `dW` and `db`, then a step of gradient descent.

        Args:
            X, y: examples and their targets, or one row and its target.
            output: what `forward(X)` returned with the present weights; it is checked. It may be left out.

        Raises:
            ValueError, TypeError: X or y is not for this network, or output is not what forward(X) gives.

        >>> import nn
        >>> network = nn.NeuralNetwork([1, 1], alpha=1.0, init="zeros", seed=0)
        >>> network.backward([[2.0]], [1.0], network.forward([[2.0]]))
        >>> network.dW[0].tolist(), network.W[0].tolist()
        ([[-1.0]], [[1.0]])
        """
        examples, alone = self._examples("backward", X)
        check_order("backward", X, y)
        right = [y] if alone and not is_listed(y) else [plain(y)] if alone else y
        right = targets("backward", right, len(examples))
        outputs = [self.model(x) for x in examples]
        if output is not None:
            self._compare(output, outputs, alone)
        read = self.objective.target
        goals = [read("backward", t, self.layers[-1], f"row {i} of y") for i, t in enumerate(right)]
        self.model.zero_grad()
        mean([self.objective.value("backward", z, t) for z, t in zip(outputs, goals)]).backward()
        self.optimizer._step(*[(self, name, x) for name, x in self._gradients().items()])

    @told
    def train(self, X: object, y: object, epochs: int = 1000, displayUpdate: int = 100) -> History:
        """Train, and return the history: a dict of lists, "epoch", "loss" and with validation "val_loss".

        Args:
            X, y: examples and their targets.
            epochs: how often each example is used.
            displayUpdate: a line is printed after the first epoch and after each so many; 0 for none.

        Raises:
            ValueError, TypeError: an argument is not one of these; nothing has been trained then.

        Ctrl-C ends the training and returns the history so far.

        >>> import nn
        >>> network = nn.NeuralNetwork([1, 1], init="zeros", seed=0)
        >>> history = network.train([[0.0], [1.0]], [0, 1], epochs=2, displayUpdate=2)
        epoch 1 of 2: loss 0.6931472
        epoch 2 of 2: loss 0.6869362
        >>> len(history["loss"])
        2
        """
        every = whole("train", "displayUpdate", displayUpdate)

        def show(trainer: Trainer) -> None:
            if every and (trainer.epoch == 1 or trainer.epoch % every == 0):
                print(line(trainer.epoch, trainer.epochs, trainer.history))

        examples, alone = self._examples("train", X)
        if alone:
            raise ValueError("train takes rows of examples as X, got one row; write [X] and [y] for a single example")
        check_order("train", X, y)
        trainer = Trainer(
            self.model,
            examples,
            y,
            loss=self.objective,
            optimizer=self.optimizer,
            epochs=epochs,
            batch_size=self.batch_size,
            seed=int(self._random.random() * 2**32),
            validation=self.validation,
            callbacks=[show, *calls("train", self.callbacks)],
            progress=False,
            who="train",
        )
        self.history = trainer.run()
        if not trainer.interrupted:
            assign([], [], [(self, name, x) for name, x in self._gradients().items()])  # they still stand in the Values
        return self.history

    def get_weights(self) -> list[Array]:
        """The weights and biases as a list of arrays in Keras' order and shapes; see `nn.Module.get_weights`.

        >>> import nn
        >>> [array.shape for array in nn.NeuralNetwork([2, 4, 1], seed=0).get_weights()]
        [(2, 4), (4,), (4, 1), (1,)]
        """
        return self.model.get_weights()

    def set_weights(self, weights: Iterable[object]) -> None:
        """Set all weights and biases to the numbers of such a list, or none; see `nn.Module.set_weights`.

        >>> import nn
        >>> network, twin = nn.NeuralNetwork([2, 4, 1], seed=0), nn.NeuralNetwork([2, 4, 1], seed=1)
        >>> twin.set_weights(network.get_weights())
        >>> (twin.W[0] == network.W[0]).all().item()
        True
        """
        self.model.set_weights(weights)

    def __repr__(self) -> str:
        return (
            f"NeuralNetwork({self.layers}, alpha={self.alpha}, activation={self.activation!r}, output={self.output!r}, "
            f"loss={self.loss!r})"
        )

    def __getstate__(self) -> dict[str, object]:
        return {k: x for k, x in vars(self).items() if k not in ("objective", "_shown")}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)  # functions made here are made again: they have no names to be pickled by
        _, _, self.objective, self._shown = head("NeuralNetwork", self.layers[-1], self.output, self.loss)

    # Inside ----------------------------------------------------------------------------------------------------------

    def _examples(self, who: str, X: object) -> tuple[list[Row], bool]:
        """(rows, whether X was one row alone)."""
        examples, alone = rows_or_row(who, X)
        if isinstance(examples[0][0], list):
            raise ValueError(f"{who} takes X of one or two dimensions, got more; flatten each example first")
        if len(examples[0]) != self.layers[0]:
            count = self.layers[0]
            hint = "; for examples of one number write [[x] for x in X]" if alone and count == 1 else ""
            raise ValueError(
                f"{who} takes {count} number{'s' * (count != 1)} for each example, the inputs of layer 0, "
                f"got {len(examples[0])}{hint}"
            )
        return examples, alone

    def _outputs(self, who: str, X: object) -> Array:
        examples, alone = self._examples(who, X)
        return self._array((self.model(x) for x in examples), alone)

    def _array(self, sums: Iterable[Outputs], alone: bool) -> Array:
        found = array([self._shown(z) for z in sums])
        return found[0] if alone else found

    def _compare(self, output: object, outputs: list[Outputs], alone: bool) -> None:
        own, shape = numbers_and_shape(self._array(outputs, alone))
        try:
            given, other = numbers_and_shape(output)
        except (ArithmeticError, TypeError, ValueError):
            raise TypeError(f"backward takes what forward(X) returned as output, got {shown(output)}") from None
        if len(given) != len(own):
            raise ValueError(f"backward takes an output of shape {shape}, as forward(X) returned, got {other}")
        if not all(isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) or (a != a and b != b) for a, b in zip(given, own)):
            raise ValueError(
                "backward takes what forward(X) returns with the present weights as output, got other numbers"
            )

    def _gradients(self) -> dict[str, list[Array]]:
        """dL/dW and dL/db of the latest update."""
        return {"dW": [W.grad for W in self.W], "db": [b.grad for b in self.b]}


def _descent(model: MLP, alpha: float) -> SGD:
    try:
        return SGD(model, lr=alpha)
    except (TypeError, ValueError) as e:
        raise type(e)(f"NeuralNetwork takes a positive number as alpha, got {shown(alpha)}") from None

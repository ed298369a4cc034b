"""Elsewhere: what other libraries call things, and what is written here; for messages, asked only where a name is wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from inspect import BoundArguments, Signature, signature
from types import MappingProxyType
from typing import ParamSpec, TypeVar

import engine
from engine.arguments import nearest, shown

from .activations import ACTIVATIONS

P = ParamSpec("P")
R = TypeVar("R")

# Arguments of one meaning, a line each: what a call takes stands for what it does not know.
ARGUMENTS = [
    line.split()
    for line in """
    lr alpha learning_rate learning_rate_init eta step_size
    epochs epoch n_epochs num_epochs nb_epoch max_iter n_iter num_iter iterations steps n_steps num_steps
    batch_size batch batches batchsize bs minibatch_size mini_batch_size
    optimizer optimiser opt optim solver
    loss loss_fn loss_func loss_function criterion cost cost_function objective
    seed random_state random_seed rng generator
    validation validation_data validation_split validation_fraction val val_data val_split eval_set valid test
    metrics metric scoring score
    callbacks callback
    early_stopping patience n_iter_no_change
    schedule scheduler lr_scheduler lr_schedule learning_rate_schedule
    clip_norm clipnorm grad_clip gradient_clip gradient_clip_val max_norm max_grad_norm
    clip_value clipvalue
    accumulate accumulation_steps gradient_accumulation_steps accumulate_grad_batches
    private privacy dp differential_privacy
    penalty regularization regularisation regularizer kernel_regularizer
    progress verbose progress_bar show_progress disp
    displayUpdate display_update display verbose progress
    X x data inputs x_train X_train
    y Y target targets labels y_train
    net model network module
    activation act activations act_fn activation_fn activation_function nonlinearity hidden_activation
    init initializer initialiser kernel_initializer weight_init initialization
    nin n_in in_features input_size input_dim n_inputs num_inputs inputs
    nouts nout n_out layers sizes layer_sizes hidden hidden_sizes hidden_layer_sizes hidden_size hidden_dim output_size
    nout nouts n_out out_features output_size output_dim units n_outputs num_outputs
    layers sizes layer_sizes nouts hidden hidden_sizes hidden_layer_sizes structure
    output output_activation out_activation final_activation
    parameters params net model
    epsilon eps
    beta1 beta2 betas beta_1 beta_2 b1 b2
    rho decay
    weight_decay l2 decay
    rate p prob dropout drop
    count num_embeddings vocab_size vocabulary
    dimension embedding_dim dim size
    """.strip().splitlines()
]


def _all(names: str, text: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), text)


_RATE = "the learning rate in its optimizer, such as optimizer=nn.{made}(net, lr={x})"
TRAINING = {  # what a training takes elsewhere than in an argument of a like name
    **dict.fromkeys(ARGUMENTS[0], _RATE),
    **_all("momentum nesterov", "{name} in its optimizer, such as optimizer=nn.SGD(net, {name}={x})"),
    **_all("beta1 beta2 epsilon", "{name} in its optimizer, such as optimizer=nn.Adam(net, {name}={x})"),
    "weight_decay": "weight decay in its optimizer, such as optimizer=nn.AdamW(net, weight_decay={x})",
    **_all("l1 l2", "a penalty, penalty=nn.{name}({x})"),
    **_all("jit compile compiled device", "backend='jit' for native code on the processor"),
    "noise_multiplier": "the noise of a private training, private=nn.Privacy(noise={x})",
    "shuffle": "examples in a new order each epoch, which seed fixes",
    "dropout": "dropout as a layer of the net, nn.Dropout({x})",
}

NAMES = {  # of nn
    **_all("Dense Linear", "nn.Layer(nin, nout, activation='identity')"),
    **_all("Tensor Variable Parameter Value", "engine.Value(number)"),
    **_all("Model ModuleList ModuleDict", "nn.Module, which finds Modules in lists and dicts too, or nn.Sequential(…)"),
    **_all("Perceptron", "nn.Neuron(nin), or nn.MLP(nin, [neurons of each layer])"),
    **_all("PrivacyEngine DPSGD DPAdam", "nn.fit(net, X, y, loss='mse', private=nn.Privacy(noise=1.1))"),
    **_all("train trainer learn", "nn.fit(net, X, y, loss='mse')"),
    **_all("draw plot show", "engine.draw(net(x))"),
    **_all(
        "Softmax LogSoftmax", "loss='cross_entropy', which has softmax inside, or engine.softmax last in a Sequential"
    ),
    **_all("accuracy", "metrics='accuracy' in fit"),
    **_all("Flatten flatten", "rows that are flat, [x for row in image for x in row]"),
    **_all("functional F", "engine's functions, such as engine.relu(x) and engine.softmax(xs)"),
    **_all("BatchNorm BatchNorm1d BatchNorm2d BatchNormalization LayerNormalization", "nn.LayerNorm(nin)"),
    **_all("MSELoss mse_loss MeanSquaredError mean_squared_error squared_error", "nn.mse(outputs, targets)"),
    **_all("L1Loss l1_loss MeanAbsoluteError mean_absolute_error", "nn.mae(outputs, targets)"),
    **_all("HuberLoss SmoothL1Loss Huber", "nn.huber(outputs, targets)"),
    **_all(
        "CrossEntropyLoss CategoricalCrossentropy categorical_crossentropy NLLLoss nll_loss log_loss",
        "nn.cross_entropy(logits, targets)",
    ),
    **_all(
        "BCELoss BCEWithLogitsLoss BinaryCrossentropy binary_crossentropy bce BCE",
        "nn.binary_cross_entropy(logits, targets)",
    ),
    **_all("KLDivLoss KLDivergence kl_div", "nn.kl_divergence(logits, targets)"),
    **_all("HingeLoss Hinge hinge_loss", "nn.hinge(scores, targets)"),
    **_all(
        "Conv1d Conv2d Conv1D Conv2D MaxPool2d MaxPooling2D RNN LSTM GRU Transformer MultiheadAttention Attention",
        "it as a Module of your own, of Layers and engine's functions",
    ),
}
METHODS = {  # of Modules, of NeuralNetwork and of optimisers
    **_all("fit learn compile", "nn.fit(net, X, y, loss='mse')"),
    **_all("predict predict_proba infer", "net(x) for a row x, [net(x) for x in X] for many"),
    **_all("evaluate score loss", "nn.mse([net(x) for x in X], y), or another loss"),
    **_all("backward backwards", "loss.backward() on the Value that a loss returns"),
    **_all("step update", "nn.SGD(net, lr=0.1).step()"),
    **_all("params weights trainable_variables trainable_weights", "parameters(), or get_weights() as arrays"),
    **_all("weight kernel", "neurons[i].w, or the matrix W of a Layer"),
    **_all("bias biases", "b"),
    **_all("state_dict load_state_dict", "state() and load_state(state)"),
    **_all("save save_weights", "nn.save(path, net)"),
    **_all("load load_weights", "nn.load(path)"),
    **_all("summary", "nn.summary(net)"),
    **_all("draw plot", "engine.draw(net(x))"),
    **_all("add append", "nn.Sequential(first, second)"),
    **_all(
        "to cuda cpu gpu device",
        "nothing instead: nn.fit has backend='jit' for native code on the processor, and backend='xla' for a GPU",
    ),
    **_all("requires_grad requires_grad_", "trainable = False, which freezes a Module"),
    **_all("learning_rate", "lr, or alpha of a NeuralNetwork"),
    **_all("param_groups", "parameters and lr"),
}
HINTS = {  # at the end of a message where an argument is missing, or something follows it
    "loss": "; write loss='mse' for numbers, 'binary_cross_entropy' for yes or no, 'cross_entropy' for classes",
    "nouts": "; such as MLP(2, [4, 1])",
    "mode": "; nn.fit(net, X, y, loss='mse') trains",
    **dict.fromkeys(
        ARGUMENTS[0], "; the learning rate is for what trains: nn.SGD(net, lr=0.1), NeuralNetwork([2, 4, 1], alpha=0.1)"
    ),
}
OF_NEURAL_NETWORK = {
    **METHODS,
    **_all("fit learn compile step", "train(X, y), or backward(X, y) for one update"),
    **_all("evaluate score predict_proba", "predict(X), which returns the outputs"),
    **_all("parameters", "model.parameters()"),
    **_all("weights weight kernel", "W, the matrices of all layers"),
    **_all("lr learning_rate", "alpha"),
    **_all("draw plot", "engine.draw(network.model(x))"),
    **_all("save save_weights", "nn.save(path, network)"),
    **_all("summary", "nn.summary(network)"),
    **_all("state_dict load_state_dict state load_state", "model.state() and model.load_state(state)"),
}


# Names ---------------------------------------------------------------------------------------------------------------


def name_here(name: str, names: Collection[str]) -> str:
    """The end of a message about a name that nn has not.

    >>> from nn.elsewhere import name_here
    >>> name_here("Linear", []), name_here("Adm", ["Adam", "SGD"])
    ("; write nn.Layer(nin, nout, activation='identity')", "; did you mean 'Adam'?")
    """
    activation = {n.replace("_", ""): n for n in ACTIVATIONS}.get(name.lower().replace("_", ""))
    if name in NAMES:
        return f"; write {NAMES[name]}"
    if activation:
        return f"; write activation={activation!r} in a layer, nn.Activation({activation!r}) as one, engine.{activation}(x)"
    if name in engine.__all__:
        return f"; write engine.{name}"
    near = {n.lower(): n for n in names}
    return f"; did you mean {near[name.lower()]!r}?" if name.lower() in near else nearest(name, names)


# Calls ---------------------------------------------------------------------------------------------------------------


def told(function: Callable[P, R]) -> Callable[P, R]:
    """A function, or a method, that says what to write where a call does not fit it.

    >>> from nn.elsewhere import told
    >>> told(lambda lr=0.1: lr)(learning_rate=0.2)
    Traceback (most recent call last):
    TypeError: <lambda> takes lr, got learning_rate=0.2
    """

    @wraps(function)
    def called(*args: P.args, **named: P.kwargs) -> R:
        try:
            return function(*args, **named)
        except TypeError:
            who = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
            legal = signature(function)
            taken = [*legal.parameters.values()]
            of_object = taken[0].name == "self"
            check_call(who, legal.replace(parameters=taken[of_object:]), args[of_object:], named)
            raise

    return called


def check_call(
    who: str,
    legal: Signature,
    args: Sequence[object],
    named: Mapping[str, object],
    more: Mapping[str, str] = MappingProxyType({}),
) -> BoundArguments:
    """The arguments by name; a call that does not fit a signature is refused, and said what to write.

    Args:
        who: what was called, for messages.
        legal: what it takes.
        args, named: what it was given.
        more: what it takes elsewhere than in an argument, by the name that others give it.

    Raises:
        TypeError: it does not fit.
    """
    try:
        return legal.bind(*args, **named)
    except TypeError as error:
        unknown = [name for name in named if name not in legal.parameters]
        said = _unknown(unknown[0], named[unknown[0]], legal, more) if unknown else _misplaced(who, legal, args, named)
        raise TypeError(f"{who} {said}" if said else f"{who}() {error}") from None


def check_attribute(holder: object, name: str, x: object, known: Collection[str]) -> None:
    """Refuse to set an attribute of one of nn's objects by another name than its own; a class of the user's holds any.

    Args:
        holder: the object.
        name, x: what is set.
        known: its settings.

    Raises:
        AttributeError: the name is another's, or that of a setting misspelt.
    """
    kind = type(holder)
    if (
        name[0] == "_"
        or name in known
        or name in vars(holder)
        or hasattr(kind, name)
        or kind.__module__.partition(".")[0] != "nn"
    ):
        return
    written = next(iter(_ours(name, known)), getattr(kind, "_written", {}).get(name))
    hint = f"; write {written}" if written else nearest(name.lower(), known)
    if hint:
        raise AttributeError(f"{kind.__name__} has no {name!r} to set to {shown(x)}{hint}")


def _ours(name: str, known: Collection[str]) -> list[str]:
    """Arguments of the meaning that others give a name."""
    return next((ours for line in ARGUMENTS if name in line and (ours := [k for k in line if k in known])), [])


def _unknown(name: str, x: object, legal: Signature, more: Mapping[str, str]) -> str:
    """What is written instead of an argument that is not taken."""
    known = [p.name for p in legal.parameters.values() if p.kind is not p.VAR_KEYWORD]
    got = f"got {name}={shown(x)}"
    if name in more:
        return f"takes {more[name].format(name=name, x=shown(x))}, {got}"
    if ours := _ours(name, known):
        return f"takes {', '.join(ours)}, {got}{HINTS.get(ours[0], '') if name not in HINTS else ''}"
    return f"takes {', '.join(known)}, {got}{HINTS.get(name) or nearest(name, known)}"


def _misplaced(who: str, legal: Signature, args: Sequence[object], named: Mapping[str, object]) -> str:
    """What is written instead of a call with too many or too few arguments; "" where Python says it well."""
    taken = legal.parameters.values()
    placed = [p.name for p in taken if p.kind is p.POSITIONAL_OR_KEYWORD]
    by_name = [f"{p.name}=…" for p in taken if p.kind is p.KEYWORD_ONLY]
    sizes = [n for a in args for n in (a if isinstance(a, (list, tuple)) else [a])]
    got = ", ".join(map(shown, args))
    if placed[:2] == ["nin", "nouts"] and len(sizes) > 1 and all(isinstance(n, int) for n in sizes):
        return f"takes inputs and a list of layer sizes: write {who}({sizes[0]}, {sizes[1:]}), got {who}({got})"
    if placed[:1] == ["layers"] and len(sizes) > 1 and all(isinstance(n, int) for n in sizes):
        return f"takes a list of sizes: write {who}({sizes}), got {who}({got})"
    if len(args) > len(placed):
        rest = f"; write what follows by name: {', '.join(by_name)}" if by_name else HINTS.get(placed[-1], "")
        return f"takes {', '.join(placed)} by position, got {shown(args[len(placed)])} as well{rest}" if rest else ""
    required = [p.name for p in taken if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    for name in required:
        if name not in named and name not in placed[: len(args)]:
            return f"takes {', '.join(required)}, got no {name}{HINTS.get(name, '')}"
    return ""

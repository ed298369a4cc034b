"""What users of nn get wrong, and what they are told; and what looks odd and works."""

import warnings
from fractions import Fraction
from math import inf, nan

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import nn
from engine import Value

X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]


def network(**options):
    return nn.NeuralNetwork([2, 4, 1], seed=0, **options)


def three():
    return nn.NeuralNetwork([2, 4, 3], seed=0)


def fit(**given):
    options = {"loss": "binary_cross_entropy", "seed": 0, "progress": False, "epochs": 1, **given}
    net = options.pop("net", None) or nn.MLP(2, [3, 1], seed=0)
    return nn.fit(net, options.pop("X", X), options.pop("y", Y), **options)


# fmt: off
CASES = [
    # Networks
    (lambda: nn.NeuralNetwork([]), ValueError, 'NeuralNetwork takes at least two sizes as layers, inputs and outputs, got []; such as [2, 4, 1]'),
    (lambda: nn.NeuralNetwork([2]), ValueError, 'NeuralNetwork takes at least two sizes as layers, inputs and outputs, got [2]; such as [2, 4, 1]'),
    (lambda: nn.NeuralNetwork([2, 0, 1]), ValueError, 'NeuralNetwork takes whole numbers from 1 as layers, got 0'),
    (lambda: nn.NeuralNetwork([2, -3, 1]), ValueError, 'NeuralNetwork takes whole numbers from 1 as layers, got -3'),
    (lambda: nn.NeuralNetwork([2, 3.5, 1]), TypeError, 'NeuralNetwork takes whole numbers from 1 as layers, got 3.5'),
    (lambda: nn.NeuralNetwork([2, True, 1]), TypeError, 'NeuralNetwork takes whole numbers from 1 as layers, got True'),
    (lambda: nn.NeuralNetwork("2-4-1"), TypeError, "NeuralNetwork takes a list of sizes such as [2, 4, 1] as layers, got '2-4-1'"),
    (lambda: nn.NeuralNetwork(3), TypeError, 'NeuralNetwork takes a list of sizes such as [2, 4, 1] as layers, got 3'),
    (lambda: nn.NeuralNetwork([2, 1], 0), ValueError, 'NeuralNetwork takes a positive number as alpha, got 0'),
    (lambda: nn.NeuralNetwork([2, 1], -0.1), ValueError, 'NeuralNetwork takes a positive number as alpha, got -0.1'),
    (lambda: nn.NeuralNetwork([2, 1], nan), ValueError, 'NeuralNetwork takes a positive number as alpha, got nan'),
    (lambda: nn.NeuralNetwork([2, 1], inf), ValueError, 'NeuralNetwork takes a positive number as alpha, got inf'),
    (lambda: nn.NeuralNetwork([2, 1], "0.1"), TypeError, "NeuralNetwork takes a positive number as alpha, got '0.1'"),
    (lambda: nn.NeuralNetwork([2, 1], None), TypeError, 'NeuralNetwork takes a positive number as alpha, got None'),
    (lambda: nn.NeuralNetwork([2, 4, 1], activation="rleu"), ValueError, "activation takes one of identity, relu, leaky_relu, elu, selu, sigmoid, tanh, softplus, silu, gelu, or a function of a Value, got 'rleu'; did you mean 'relu'?"),
    (lambda: nn.NeuralNetwork([2, 4, 1], activation="softmax"), ValueError, "activation takes a function of one number, got 'softmax', which needs all outputs of a layer; train with loss='cross_entropy', which has it inside, or put engine.softmax last in a Sequential"),
    (lambda: nn.NeuralNetwork([2, 4, 1], activation=3), TypeError, 'activation takes a name or a function of a Value, got 3'),
    (lambda: nn.NeuralNetwork([2, 4, 1], output="softmax"), ValueError, 'NeuralNetwork takes softmax for two outputs or more, got one; use sigmoid'),
    (lambda: nn.NeuralNetwork([2, 4, 1], output="sigmod"), ValueError, "activation takes one of identity, relu, leaky_relu, elu, selu, sigmoid, tanh, softplus, silu, gelu, or a function of a Value, got 'sigmod'; did you mean 'sigmoid'?"),
    (lambda: nn.NeuralNetwork([2, 4, 1], loss="mean squared error"), ValueError, "NeuralNetwork takes one of mse, mae, huber, binary_cross_entropy, cross_entropy, hinge, kl_divergence, or a function (outputs, target) -> Value, as loss, got 'mean squared error'; did you mean 'mse'?"),
    (lambda: nn.NeuralNetwork([2, 4, 1], loss="cross_entropy"), ValueError, "NeuralNetwork takes output='softmax' with the loss cross_entropy, got 'sigmoid'"),
    (lambda: nn.NeuralNetwork([2, 4, 1], output="tanh", loss="binary_cross_entropy"), ValueError, "NeuralNetwork takes output='sigmoid' with the loss binary_cross_entropy, got 'tanh'"),
    (lambda: nn.NeuralNetwork([2, 4, 1], init="gloro_uniform"), ValueError, "init takes one of zeros, uniform, normal, glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal, or a function, got 'gloro_uniform'; did you mean 'glorot_uniform'?"),
    (lambda: nn.NeuralNetwork([2, 4, 1], seed=-1), ValueError, 'a network takes a whole number from 0 as seed, got -1'),
    (lambda: nn.NeuralNetwork([2, 4, 1], seed="0"), TypeError, "a network takes a whole number from 0 as seed, got '0'"),
    (lambda: nn.MLP(2, []), ValueError, 'MLP takes at least one layer size in nouts, got []; for one output write [1]'),
    (lambda: nn.Layer(0, 3), ValueError, 'Layer takes whole numbers from 1 as nin, got 0'),
    (lambda: nn.Dropout(1), ValueError, 'Dropout takes the part to drop, a number from 0 to below 1, as rate, got 1'),
    (lambda: nn.Dropout(1.5), ValueError, 'Dropout takes the part to drop, a number from 0 to below 1, as rate, got 1.5'),
    (lambda: nn.Dropout(-0.1), ValueError, 'Dropout takes the part to drop, a number from 0 to below 1, as rate, got -0.1'),
    (lambda: nn.Dropout(nan), ValueError, 'Dropout takes the part to drop, a number from 0 to below 1, as rate, got nan'),
    (lambda: nn.Dropout("half"), TypeError, "Dropout takes the part to drop, a number from 0 to below 1, as rate, got 'half'"),
    (lambda: nn.LayerNorm(0), ValueError, 'LayerNorm takes whole numbers from 1 as nin, got 0'),
    (lambda: nn.LayerNorm(3, epsilon=0), ValueError, 'LayerNorm takes a positive number as epsilon, got 0'),
    (lambda: nn.LayerNorm(3)([1.0, 2.0]), ValueError, 'LayerNorm takes 3 inputs, got 2'),
    (lambda: nn.Embedding(0, 2), ValueError, 'Embedding takes whole numbers from 1 as count, got 0'),
    (lambda: nn.Embedding(27, 2)(27), ValueError, 'Embedding takes whole numbers from 0 to 26, got 27'),
    (lambda: nn.Embedding(27, 2)([1, 2.5]), ValueError, 'Embedding takes whole numbers from 0 to 26, got 2.5'),
    (lambda: nn.Embedding(27, 2)(["a"]), TypeError, "Embedding takes whole numbers, got 'a'; give each thing a number first"),
    (lambda: nn.Sequential(), ValueError, 'Sequential takes at least one Module or function, got none'),
    (lambda: nn.Sequential(nn.Dropout), TypeError, "Sequential takes Modules and functions, got <class 'nn.blocks.Dropout'>; write Dropout(...)"),
    (lambda: nn.Sequential(3), TypeError, 'Sequential takes Modules and functions, got 3'),
    (lambda: nn.Sequential(nn.Layer(2, 3), nn.Layer(4, 1))([1.0, 2.0]), ValueError, 'layers.1 takes 4 inputs, got 3'),
    # What a network is called with
    (lambda: network().forward([[0, 1, 1]]), ValueError, 'forward takes 2 numbers for each example, the inputs of layer 0, got 3'),
    (lambda: network().forward([0, 1, 1]), ValueError, 'forward takes 2 numbers for each example, the inputs of layer 0, got 3'),
    (lambda: network().forward([]), ValueError, 'forward takes at least one example in X, got none'),
    (lambda: network().forward([[]]), ValueError, 'forward takes at least one number in each row of X, got an empty row'),
    (lambda: network().forward([[0, 1], [0]]), ValueError, 'forward takes rows of one length in X, got 2 numbers in row 0, 1 in row 1'),
    (lambda: network().forward([[0, nan]]), ValueError, 'forward takes finite numbers, got nan in column 1 of row 0 of X; fill or drop such examples first'),
    (lambda: network().forward(np.array([[0, 1], [inf, 0]])), ValueError, 'forward takes finite numbers, got inf in column 0 of row 1 of X; fill or drop such examples first'),
    (lambda: network().forward([["0", "1"]]), TypeError, "forward takes real numbers, got '0' in column 0 of row 0 of X; turn text and categories into numbers first"),
    (lambda: network().forward("01"), TypeError, "forward takes a list, an array or a frame as X, got '01'"),
    (lambda: network().forward(None), TypeError, 'forward takes a list, an array or a frame as X, got None'),
    (lambda: network().forward(3), TypeError, 'forward takes a list, an array or a frame as X, got 3'),
    (lambda: network().forward({0: 1}), TypeError, 'forward takes a list, an array or a frame as X, got {0: 1}'),
    (lambda: network().forward([[1j, 0]]), TypeError, 'forward takes real numbers, got 1j in column 0 of row 0 of X'),
    (lambda: network().forward(np.zeros((2, 2, 2))), ValueError, 'forward takes X of one or two dimensions, got more; flatten each example first'),
    (lambda: network().predict(np.zeros((0, 2))), ValueError, 'predict takes at least one example in X, got none'),
    (lambda: network().predict([[10**400, 0]]), ValueError, 'predict takes numbers that fit a float (up to 1.8e308), got a larger one in column 0 of row 0 of X'),
    (lambda: network().backward([[0, 1]], [1, 0]), ValueError, 'backward takes one target in y for each of 1 examples, got 2'),
    (lambda: network().backward([[0, 1]], [2]), ValueError, 'backward takes targets from 0 to 1 for binary_cross_entropy, got 2.0 in row 0 of y'),
    (lambda: network().backward([[0, 1]], [1], [[0.1]]), ValueError, 'backward takes what forward(X) returns with the present weights as output, got other numbers'),
    (lambda: network().backward([[0, 1]], [1], [[0.1], [0.2]]), ValueError, 'backward takes an output of shape (1, 1), as forward(X) returned, got (2, 1)'),
    (lambda: network().backward([[0, 1]], [1], "output"), TypeError, "backward takes what forward(X) returned as output, got 'output'"),
    (lambda: network().train([0, 1], 1), ValueError, 'train takes rows of examples as X, got one row; write [X] and [y] for a single example'),
    (lambda: network().train(X, [0, 1, 1]), ValueError, 'train takes one target in y for each of 4 examples, got 3'),
    (lambda: network().train(X, [0, 1, 1, 2]), ValueError, 'train takes targets from 0 to 1 for binary_cross_entropy, got 2.0 in row 3 of y'),
    (lambda: network().train(X, [0, 1, 1, nan]), ValueError, 'train takes finite numbers, got nan in row 3 of y; fill or drop such examples first'),
    (lambda: network().train(X, ["no", "yes", "yes", "no"]), TypeError, "train takes real numbers, got 'no' in row 0 of y; turn text and categories into numbers first"),
    (lambda: network().train(X, None), TypeError, 'train takes a list, an array or a frame as y, got None'),
    (lambda: network().train(X, [[0, 1]] * 4), ValueError, 'train takes as many targets as the network has outputs, 1, got 2 in row 0 of y'),
    (lambda: network().train(X, [0, 1, 1, -1]), ValueError, 'train takes targets from 0 to 1 for binary_cross_entropy, got -1.0 in row 3 of y; for -1 and 1 use (y + 1) / 2, or hinge'),
    (lambda: network().train(X, Y, epochs=0), ValueError, 'train takes a whole number from 1 as epochs, got 0'),
    (lambda: network().train(X, Y, epochs=-5), ValueError, 'train takes a whole number from 1 as epochs, got -5'),
    (lambda: network().train(X, Y, epochs=1.5), TypeError, 'train takes a whole number from 1 as epochs, got 1.5'),
    (lambda: network().train(X, Y, displayUpdate=-1), ValueError, 'train takes a whole number from 0 as displayUpdate, got -1'),
    (lambda: network().train(X, Y, displayUpdate=0.5), TypeError, 'train takes a whole number from 0 as displayUpdate, got 0.5'),
    (lambda: network(batch_size=0).train(X, Y), ValueError, 'train takes a whole number from 1 as batch_size, got 0'),
    (lambda: network(validation=1.5).train(X, Y), ValueError, 'train takes a part between 0 and 1 as validation, got 1.5'),
    (lambda: network(validation=0.01).train(X, Y), ValueError, 'train takes a validation part that leaves examples on both sides, got 0.01 of 4 examples'),
    (lambda: network(validation=[X]).train(X, Y), TypeError, 'train takes a part such as 0.2, or (X, y), as validation, got [[[0, 0], [0, 1], [1, 0], [1, 1]]]'),
    (lambda: network(callbacks=[3]).train(X, Y), TypeError, 'train takes functions of the trainer, or objects with any of on_train_begin, on_batch_end, on_epoch_end, on_train_end, as callbacks, got 3'),
    (lambda: three().train(X, [0, 1, 2, 3]), ValueError, 'train takes classes from 0 to 2, one for each output, got 3 in row 3 of y'),
    (lambda: three().train(X, [0, 1, 2, -1]), ValueError, 'train takes classes from 0 to 2, one for each output, got -1 in row 3 of y'),
    (lambda: three().train(X, [0, 1, 2, 0.5]), ValueError, 'train takes whole numbers as classes, got 0.5 in row 3 of y'),
    (lambda: three().train(X, [[0.5, 0.5], [1, 0], [0, 1], [1, 0]]), ValueError, 'train takes as many targets as the network has outputs, 3, got 2 in row 0 of y'),
    (lambda: three().train(X, [[0.5, 0.5, 0.5]] * 4), ValueError, 'train takes probabilities that sum to 1 as targets, got the sum 1.5 in row 0 of y'),
    (lambda: three().train(X, [[-0.5, 1, 0.5]] * 4), ValueError, 'train takes probabilities from 0 to 1 as targets, got -0.5 in row 0 of y'),
    (lambda: network(loss="hinge").train(X, Y), ValueError, 'train takes targets -1 and 1 for hinge, got 0.0 in row 0 of y; for 0 and 1 use 2*y - 1'),
    # Numbers that no float holds, and settings changed later
    (lambda: nn.SGD(nn.Layer(2, 1), lr=10**400), ValueError, 'SGD takes a positive number as lr, got an int of 1329 bits, which no float holds'),
    (lambda: nn.init.uniform(0, 10**400), ValueError, 'uniform takes a finite number as high, got an int of 1329 bits, which no float holds'),
    (lambda: nn.schedules.cosine(10**400), ValueError, 'cosine takes a positive number as total, got an int of 1329 bits, which no float holds'),
    (lambda: fit(clip_norm=10**400), ValueError, 'fit takes a positive number or None as clip_norm, got an int of 1329 bits, which no float holds'),
    (lambda: setattr(nn.SGD(nn.Layer(2, 1)), "lr", "x"), TypeError, "SGD takes a number from 0 as lr, got 'x'"),
    (lambda: setattr(nn.Adam(nn.Layer(2, 1)), "beta1", 1.0), ValueError, 'Adam takes a number from 0 to below 1 as beta1, got 1.0'),
    (lambda: setattr(nn.Dropout(0.5), "rate", None), TypeError, 'Dropout takes the part to drop, a number from 0 to below 1, as rate, got None'),
    (lambda: setattr(nn.l2(0.1), "strength", -1.0), ValueError, 'Penalty takes a number from 0 as strength, got -1.0'),
    (lambda: nn.l2(0.1)(None), TypeError, 'l2 takes a Module, got None'),
    (lambda: nn.save("net.safetensors", nn.Layer(2, 1), trainer="x"), TypeError, "save takes a Trainer as trainer, got 'x'"),
    (lambda: nn.save(0, nn.Layer(2, 1)), TypeError, 'save takes the path of a file, got 0'),
    (lambda: nn.load(None), TypeError, 'load takes the path of a file, got None'),
    (lambda: fit(metrics={"m": lambda true, predicted: None}), TypeError, "metrics takes functions (true, predicted) that return a number, got None from 'm'"),
    (lambda: fit(schedule=lambda t: None), TypeError, 'fit takes a schedule that returns a number, got None from it'),
    (lambda: fit(schedule=lambda t: -1.0), ValueError, 'fit takes a number from 0 as what the schedule returns, got -1.0'),
    (lambda: fit(penalty=lambda net: "x"), TypeError, "fit takes a penalty that returns a Value, got 'x' from it"),
    # fit
    (lambda: fit(net="MLP"), TypeError, "fit takes a Module as net, got 'MLP'"),
    (lambda: fit(net=network()), TypeError, "fit takes a Module as net, got NeuralNetwork([2, 4, 1], alpha=0.1, activation='tanh', outpu; train it by its own train, or pass its model"),
    (lambda: fit(X=[[1.0, 2.0, 3.0]] * 4), ValueError, 'layers.0 takes 2 inputs, got 3'),
    (lambda: fit(X=[1, 2, 3, 4]), ValueError, 'fit takes rows of numbers in X, got the number 1 as row 0; for one example write [X], for examples of one number [[x] for x in X]'),
    (lambda: fit(X=[]), ValueError, 'fit takes at least one example in X, got none'),
    (lambda: fit(X=[[0, 1], [1]]), ValueError, 'fit takes rows of one length in X, got 2 numbers in row 0, 1 in row 1'),
    (lambda: fit(X=[[0, 1], [1, None]]), TypeError, 'fit takes real numbers, got None in column 1 of row 1 of X; fill or drop such examples first'),
    (lambda: fit(X=[[0, nan]] * 4), ValueError, 'fit takes finite numbers, got nan in column 1 of row 0 of X; fill or drop such examples first'),
    (lambda: fit(X=[[[0], [1]], [[0], 1]]), ValueError, 'fit takes rows of one shape, got a number at 1 in row 1 of X'),
    (lambda: fit(y=[0, 1]), ValueError, 'fit takes one target in y for each of 4 examples, got 2'),
    (lambda: fit(y=[0, 1, 1, 5]), ValueError, 'fit takes targets from 0 to 1 for binary_cross_entropy, got 5.0 in row 3 of y'),
    (lambda: fit(loss="mze"), ValueError, "fit takes one of mse, mae, huber, binary_cross_entropy, cross_entropy, hinge, kl_divergence, or a function (outputs, target) -> Value, as loss, got 'mze'; did you mean 'mse'?"),
    (lambda: fit(loss=3), TypeError, 'fit takes a name or a function (outputs, target) -> Value as loss, got 3; give the function itself, loss=nn.mse, without calling it'),
    (lambda: fit(loss=lambda output, target: 0.5), TypeError, 'fit takes a loss that returns a Value, got 0.5 from it'),
    (lambda: fit(loss="cross_entropy"), ValueError, 'fit with cross_entropy takes a network of one output for each class, got one output; for two classes and one output use binary_cross_entropy'),
    (lambda: fit(optimizer="adm"), ValueError, "fit takes one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, or a function, as optimizer, got 'adm'; did you mean 'adam'?"),
    (lambda: fit(optimizer=[3]), TypeError, 'fit takes a name or a function as optimizer, got [3]'),
    (lambda: fit(optimizer=lambda net: 3), TypeError, 'fit takes a function of the net that makes an Optimiser, got one that made 3'),
    (lambda: fit(optimizer=nn.Adam([Value(1.0)])), ValueError, "fit takes an optimizer of the net's own parameters, got Adam(1 parameters, lr=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.0) of others"),
    (lambda: fit(optimizer=lambda net: nn.SGD(net, lr=-1)), ValueError, 'SGD takes a positive number as lr, got -1'),
    (lambda: fit(epochs=0), ValueError, 'fit takes a whole number from 1 as epochs, got 0'),
    (lambda: fit(epochs="10"), TypeError, "fit takes a whole number from 1 as epochs, got '10'"),
    (lambda: fit(batch_size=0), ValueError, 'fit takes a whole number from 1 as batch_size, got 0'),
    (lambda: fit(batch_size=True), TypeError, 'fit takes a whole number from 1 as batch_size, got True'),
    (lambda: fit(seed=-1), ValueError, 'fit takes a whole number from 0 as seed, got -1'),
    (lambda: fit(seed=0.5), TypeError, 'fit takes a whole number from 0 as seed, got 0.5'),
    (lambda: fit(validation=1.0), ValueError, 'fit takes a part between 0 and 1 as validation, got 1.0'),
    (lambda: fit(validation=0.0), ValueError, 'fit takes a part between 0 and 1 as validation, got 0.0'),
    (lambda: fit(validation=nan), ValueError, 'fit takes a part between 0 and 1 as validation, got nan'),
    (lambda: fit(validation=([[1, 2]], [1, 0])), ValueError, 'fit takes one target in validation y for each of 1 examples, got 2'),
    (lambda: fit(validation=([[1, 2, 3]], [1])), ValueError, 'layers.0 takes 2 inputs, got 3'),
    (lambda: fit(metrics=3), TypeError, "fit takes functions (true, predicted) as metrics, got 3 as '3'"),
    (lambda: fit(metrics={"loss": len}), ValueError, "fit takes names other than epoch, loss and val_… for metrics, got 'loss'; choose another"),
    (lambda: fit(metrics="f1"), ValueError, "fit takes 'accuracy' or functions (true, predicted) as metrics, got 'f1'; scikit-learn has many, such as sklearn.metrics.f1_score"),
    (lambda: fit(callbacks=["print"]), TypeError, "fit takes functions of the trainer, or objects with any of on_train_begin, on_batch_end, on_epoch_end, on_train_end, as callbacks, got 'print'"),
    (lambda: fit(early_stopping=0), ValueError, 'fit takes a whole number from 1 as early_stopping, got 0'),
    (lambda: fit(early_stopping=2.5), TypeError, 'fit takes a number of epochs or an EarlyStopping as early_stopping, got 2.5'),
    (lambda: fit(early_stopping=nn.EarlyStopping(2, monitor="val_loss")), ValueError, "EarlyStopping takes one of loss to monitor, got 'val_loss'; give validation data"),
    (lambda: fit(early_stopping=nn.EarlyStopping(2, monitor="acuracy")), ValueError, "EarlyStopping takes one of loss to monitor, got 'acuracy'"),
    (lambda: fit(schedule="cosin"), ValueError, "fit takes one of constant, step, cosine, one_cycle, warmup, or a function, as schedule, got 'cosin'; did you mean 'cosine'?"),
    (lambda: fit(schedule=0.5), TypeError, 'fit takes a name or a function as schedule, got 0.5'),
    (lambda: fit(accumulate=0), ValueError, 'fit takes a whole number from 1 as accumulate, got 0'),
    (lambda: fit(clip_value=0), ValueError, 'fit takes a positive number or None as clip_value, got 0'),
    (lambda: fit(clip_norm=-1.0), ValueError, 'fit takes a positive number or None as clip_norm, got -1.0'),
    (lambda: fit(clip_norm="1"), TypeError, "fit takes a positive number or None as clip_norm, got '1'"),
    (lambda: fit(penalty="l2"), TypeError, "fit takes a function of the net as penalty, such as nn.l2(1e-4), got 'l2'"),
    (lambda: fit(mesh=2), ValueError, """fit takes a mesh with backend="xla", which shares examples out, got 'eager'"""),
    (lambda: fit(backend="gpu"), ValueError, "fit takes one of eager, jit, numpy, xla, auto as backend, got 'gpu'"),
    (lambda: nn.EarlyStopping(2, mode="best"), ValueError, "EarlyStopping takes 'min' or 'max' as mode, got 'best'"),
    (lambda: nn.EarlyStopping(2, min_change=-1), ValueError, 'EarlyStopping takes a number from 0 as min_change, got -1'),
    (lambda: nn.l2(-1), ValueError, 'l2 takes a number from 0 as strength, got -1'),
    (lambda: nn.l2("strong"), TypeError, "l2 takes a number from 0 as strength, got 'strong'"),
    (lambda: nn.schedules.step(0), ValueError, 'step takes a positive number as every, got 0'),
    (lambda: nn.schedules.cosine(10, end=2), ValueError, 'cosine takes a number from 0 to 1 as end, got 2'),
    (lambda: nn.schedules.one_cycle(10, peak=1.0), ValueError, 'one_cycle takes a number between 0 and 1 as peak, got 1.0'),
    (lambda: nn.schedules.warmup(2, then=3), TypeError, 'warmup takes a schedule, such as nn.schedules.cosine(10), as then, got 3'),
    (lambda: nn.schedules.step(nan), ValueError, 'step takes a positive number as every, got nan'),
    (lambda: nn.huber(1.0, 2.0, delta=0), ValueError, 'huber takes a positive delta, got 0.0'),
    (lambda: nn.cross_entropy([1.0, 2.0], 1, label_smoothing=2), ValueError, 'cross_entropy takes a number from 0 to 1 as label_smoothing, got 2'),
    (lambda: nn.cross_entropy([1.0, 2.0], 1, class_weights=[1.0]), ValueError, 'cross_entropy takes one factor for each of 2 classes as class_weights, got 1'),
    (lambda: nn.cross_entropy([1.0, 2.0], 1, class_weights=[1.0, -1.0]), ValueError, 'cross_entropy takes finite class_weights from 0, got [1.0, -1.0]'),
    (lambda: nn.cross_entropy([1.0, 2.0], 1, class_weights=[1.0, inf]), ValueError, 'cross_entropy takes finite class_weights from 0, got [1.0, inf]'),
    (lambda: nn.binary_cross_entropy(1.0, 1, class_weights=[inf, 1.0]), ValueError, 'binary_cross_entropy takes finite class_weights from 0, got [inf, 1.0]'),
    (lambda: nn.kl_divergence([1.0, 2.0], [1.0]), ValueError, 'kl_divergence takes as many probabilities as logits, got 1 for 2'),
    (lambda: nn.RMSprop(nn.MLP(1, [1]), rho=1.0), ValueError, 'RMSprop takes a number from 0 to below 1 as rho, got 1.0'),
    (lambda: nn.summary(3), TypeError, 'summary takes a Module or a NeuralNetwork, got 3'),
]
# fmt: on


@pytest.mark.parametrize("case", CASES, ids=[f"{k}-{message}" for k, (_, _, message) in enumerate(CASES)])
def test_bad_input_is_refused_in_the_users_terms(case):
    wrong, error, message = case
    with pytest.raises((TypeError, ValueError, LookupError, RuntimeError)) as caught:
        wrong()
    assert type(caught.value) is error
    assert str(caught.value) == message


def test_there_are_at_least_eighty_cases_and_none_twice():
    assert len(CASES) >= 80
    assert len({(message, case.__code__.co_code, case.__code__.co_consts) for case, _, message in CASES}) == len(CASES)


def test_what_is_refused_has_trained_nothing():
    net = nn.MLP(2, [3, 1], seed=0)
    before = net.state()
    for bad in (
        {"y": [0, 1, 1, 5]},
        {"X": [[0, 0], [0, 1], [1, 0], [1, nan]]},
        {"validation": (X, [0, 1, 1, 2])},
        {"metrics": 3},
        {"penalty": "l2"},
        {"loss": lambda output, target: 0.5},
    ):
        with pytest.raises((TypeError, ValueError)):
            fit(net=net, **bad)
        assert net.state() == before
        assert all(p.grad == 0.0 for p in net.parameters())


def strided(array):
    """The same numbers, not contiguous."""
    wide = np.zeros((len(array), 2 * array.shape[1]))
    wide[:, ::2] = array
    return wide[:, ::2]


def read_only(array):
    array = np.array(array, float)
    array.flags.writeable = False
    return array


A = np.array(X, float)
WORKS = {
    "lists of ints": (X, Y),
    "tuples": (tuple(map(tuple, X)), tuple(Y)),
    "float64": (A, np.array(Y, float)),
    "float32": (A.astype(np.float32), np.array(Y, np.float32)),
    "int8 and uint8": (A.astype(np.int8), np.array(Y, np.uint8)),
    "bools": (A.astype(bool), np.array(Y, bool)),
    "objects": (A.astype(object), np.array(Y, object)),
    "read-only": (read_only(X), read_only([Y])[0]),
    "not contiguous": (strided(A), np.repeat(Y, 2)[::2]),
    "Fortran order": (np.asfortranarray(A), np.array(Y)),
    "negative strides": (A[::-1][::-1], np.array(Y[::-1])[::-1]),
    "a column of targets": (A, np.array(Y)[:, None]),
    "pandas": (pd.DataFrame(X, columns=["a", "b"]), pd.Series(Y, index=[9, 3, 7, 1])),
    "a pandas frame of targets": (pd.DataFrame(X), pd.DataFrame({"y": Y})),
    "sparse rows": (sparse.csr_matrix(A), Y),
    "a sparse array": (sparse.coo_array(A), Y),
    "lists of arrays": ([np.array(row) for row in X], [np.float32(t) for t in Y]),
    "fractions": ([[Fraction(a), Fraction(b)] for a, b in X], Y),
    "a generator of rows": (X, Y),
    "masked, nothing masked": (np.ma.array(A), np.ma.array(Y)),
    "a matrix": (np.asmatrix(A), Y),
}


@pytest.mark.parametrize("what", WORKS)
def test_every_kind_of_numbers_trains_to_the_same_bits(what):
    examples, right = WORKS[what]
    if what == "a generator of rows":
        examples = (row for row in X)
    ours, expected = nn.MLP(2, [3, 1], seed=0), nn.MLP(2, [3, 1], seed=0)
    fit(net=ours, X=examples, y=right, epochs=3, batch_size=2)
    fit(net=expected, epochs=3, batch_size=2)
    assert ours.state() == expected.state()
    if what != "a generator of rows":
        classic, other = network(), network()
        assert classic.train(examples, right, 3, 0) == other.train(X, Y, 3, 0)
        np.testing.assert_array_equal(classic.predict(examples), other.predict(X))


def test_a_masked_number_is_missing():
    with pytest.raises(TypeError, match="fit takes real numbers, got None in column 1 of row 2 of X"):
        fit(X=np.ma.array(A, mask=[[0, 0], [0, 0], [0, 1], [0, 0]]))


def test_a_batch_larger_than_the_data_is_all_of_it():
    whole, larger = nn.MLP(2, [3, 1], seed=0), nn.MLP(2, [3, 1], seed=0)
    assert fit(net=whole, batch_size=None, epochs=3) == fit(net=larger, batch_size=1000, epochs=3)
    assert whole.state() == larger.state()


def test_one_example_alone_trains_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit(X=[[0, 1]], y=[1], epochs=5)["loss"][-1] < 0.7


def test_a_column_for_a_network_of_many_inputs_names_both_numbers():
    with pytest.raises(ValueError, match=r"layers\.0 takes 2 inputs, got 1$"):
        fit(X=[[1], [2], [3], [4]])


def test_targets_that_only_look_like_classes_are_refused_with_their_place():
    with pytest.raises(ValueError, match="got 1.5 in row 2 of y"):
        three().train(X, np.array([0.0, 1.0, 1.5, 2.0]))
    three().train(X, np.array([0.0, 1.0, 1.0, 2.0]), 1, 0)

"""NumPy arrays and pandas frames, into trainings and out of them."""

import numpy as np
import pandas as pd
import pytest
from test_exchange import net

import nn
from engine import Value

X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
FRAME = pd.DataFrame(X, columns=["left", "right"], index=[9, 3, 7, 1])
SERIES = pd.Series(Y, index=FRAME.index)
GAPS = FRAME.astype("Int64").mask(FRAME == 1)
ARRAYS = {
    "frame": (FRAME, SERIES),
    "frame of nullable integers": (FRAME.astype("Int64"), SERIES.astype("Int64")),
    "frame of nullable floats": (FRAME.astype("Float32"), SERIES.astype("boolean")),
    "frame of categories": (FRAME.astype("category"), SERIES.astype("category")),
    "sparse frame": (FRAME.astype(pd.SparseDtype(float)), SERIES),
    "frame of two types": (FRAME.assign(right=FRAME["right"].astype(bool)), SERIES),
    "two columns of one name": (FRAME.set_axis(["a", "a"], axis=1), SERIES),
    "float32": (np.array(X, np.float32), np.array(Y, np.float32)),
    "objects": (np.array(X, object), np.array(Y, object)),
    "transposed": (np.array(X).T.copy().T, np.array(Y)[::-1][::-1]),
    "tuples": (tuple(map(tuple, X)), tuple(Y)),
    "named tuples": (list(FRAME.itertuples(index=False)), Y),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_every_entry_takes_numbers_of_every_kind(kind):
    examples, right = ARRAYS[kind]
    ours, theirs = net(), net()
    trained = nn.fit(ours, examples, right, loss="mse", epochs=2, seed=0, progress=False, validation=(examples, right))
    assert trained == nn.fit(theirs, X, Y, loss="mse", epochs=2, seed=0, progress=False, validation=(X, Y))
    assert ours.state() == theirs.state()
    assert nn.diagnose(ours, examples, right, loss="mse").kinds == nn.diagnose(ours, X, Y, loss="mse").kinds
    networks = nn.NeuralNetwork([2, 3, 1], seed=0), nn.NeuralNetwork([2, 3, 1], seed=0)
    networks[0].backward(examples, right, networks[0].forward(examples))
    networks[1].backward(X, Y)
    np.testing.assert_array_equal(networks[0].predict(examples), networks[1].predict(X))


@pytest.mark.parametrize("row", [FRAME.iloc[1], np.array([0, 1]), np.array([0, 1], np.float32), (0, 1), range(2),
                                 FRAME.astype("Int64").iloc[1], np.array([0, 1], object)], ids=str)  # fmt: skip
def test_one_row_of_every_kind_is_called_with(row):
    assert net()(row).data == net()([0.0, 1.0]).data
    for block in (nn.LayerNorm(2), nn.Activation("tanh"), nn.Embedding(3, 2, seed=0)):
        assert [y.data for y in block(row)] == [y.data for y in block([0.0, 1.0])]
    out = nn.Dropout(0.5, seed=1)(row)
    assert out == nn.Dropout(0.5, seed=1)([0.0, 1.0])
    assert all(type(y) is float for y in out)
    assert nn.NeuralNetwork([2, 3, 1], seed=0).predict(row).shape == (1,)


@pytest.mark.parametrize(
    "loss", [nn.mse, nn.mae, nn.huber, nn.binary_cross_entropy, nn.kl_divergence], ids=lambda f: f.__name__
)
def test_losses_take_targets_of_every_kind(loss):
    outputs = [[Value(0.5), Value(-1.0)]] * 2
    expected = loss(outputs, [[0.0, 1.0], [1.0, 0.0]]).data
    table = np.array([[0, 1], [1, 0]])
    for targets in (table, table.astype(bool), table.astype(object), pd.DataFrame(table), pd.DataFrame(table.astype(bool)),
                    pd.DataFrame(table, dtype="Int64"), [range(2), (1, 0)], list(pd.DataFrame(table).to_numpy())):  # fmt: skip
        assert loss(outputs, targets).data == expected
    assert nn.mse(pd.DataFrame(table), table) == 0.0


def test_classes_may_be_one_column_or_a_column_for_each():
    outputs = [[Value(0.5), Value(-1.0)]] * 4
    expected = nn.cross_entropy(outputs, Y).data
    for targets in (SERIES, np.array(Y), SERIES.astype("category"), pd.get_dummies(SERIES), np.eye(2)[Y]):
        assert nn.cross_entropy(outputs, targets).data == expected


def test_outputs_become_arrays():
    model = net()
    assert np.array([model(x) for x in X], float).tolist() == [model(x).data for x in X]
    assert pd.DataFrame(nn.fit(model, FRAME, SERIES, loss="mse", epochs=2, progress=False)).shape == (2, 2)


def fit(examples=X, right=Y, **options):
    return nn.fit(net(), examples, right, loss="mse", epochs=1, progress=False, **options)


def tutorial():
    return nn.NeuralNetwork([2, 3, 1], seed=0)


SHUFFLED = SERIES.loc[[3, 9, 7, 1]]
ORDER = "takes y in the order of X, got the same index in another order; write y.loc[X.index], or y.to_numpy() if they are meant to be paired by place"  # fmt: skip
SURPRISES = [
    (lambda: fit(FRAME, SHUFFLED), ValueError, f"fit {ORDER}"),
    (lambda: fit(FRAME, SHUFFLED.to_frame()), ValueError, f"fit {ORDER}"),
    (lambda: fit(FRAME, SERIES, validation=(FRAME, SHUFFLED)), ValueError, f"fit {ORDER}".replace("y ", "validation y ", 1).replace(" y.", " validation y.")),
    (lambda: tutorial().train(FRAME, SHUFFLED), ValueError, f"train {ORDER}"),
    (lambda: tutorial().backward(FRAME, SHUFFLED), ValueError, f"backward {ORDER}"),
    (lambda: nn.diagnose(net(), FRAME, SHUFFLED), ValueError, f"diagnose {ORDER}"),
    (lambda: nn.plot_gradient_flow(net(), FRAME, SHUFFLED), ValueError, f"plot_gradient_flow {ORDER}"),
    (lambda: fit(GAPS), TypeError, "fit takes real numbers, got <NA> in column 'right' of row 1 of X; fill or drop such examples first"),
    (lambda: fit(GAPS.astype(float)), ValueError, "fit takes finite numbers, got nan in column 'right' of row 1 of X; fill or drop such examples first"),
    (lambda: fit(FRAME, SERIES.astype("Int64").mask(SERIES == 1)), ValueError, "fit takes finite numbers, got nan in row 1 of y; fill or drop such examples first"),
    (lambda: fit(FRAME.assign(left=list("abcd"))), TypeError, "fit takes real numbers, got 'a' in column 'left' of row 0 of X; turn text and categories into numbers first"),
    (lambda: fit(FRAME.set_axis([3, 4], axis=1).astype(str)), TypeError, "fit takes real numbers, got '0' in column 3 of row 0 of X; turn text and categories into numbers first"),
    (lambda: tutorial().predict(GAPS), TypeError, "predict takes real numbers, got <NA> in column 'right' of row 1 of X; fill or drop such examples first"),
    (lambda: fit(FRAME.iloc[:0], SERIES.iloc[:0]), ValueError, "fit takes at least one example in X, got none"),
    (lambda: fit(np.zeros((4, 2, 2))), TypeError, "layers.0 takes 2 inputs, numbers or Values, got [0.0, 0.0] as x[0]; call it on one row at a time"),
    (lambda: net()(GAPS.iloc[1]), TypeError, "layers.0 takes 2 inputs, numbers or Values, got <NA> as x[1]; fill or drop missing ones"),
    (lambda: net()(["a", 1]), TypeError, "layers.0 takes 2 inputs, numbers or Values, got 'a' as x[0]"),
    (lambda: net()([1j, 1]), TypeError, "layers.0 takes 2 inputs, numbers or Values, got 1j as x[0]"),
    (lambda: net()(FRAME), ValueError, "layers.0 takes 2 inputs, got an array of shape (4, 2); call it on one row at a time"),
    (lambda: nn.Dropout(0.5, seed=0)([None, 1.0]), TypeError, "Dropout(0.5) takes a list of numbers and Values, got None in it; fill or drop missing ones first"),
    (lambda: nn.Dropout(0.5, seed=0)(["a"]), TypeError, "Dropout(0.5) takes a list of numbers and Values, got 'a' in it"),
    (lambda: nn.LayerNorm(2)(GAPS.iloc[1]), TypeError, "LayerNorm(2) takes a list of numbers and Values, got <NA> in it; fill or drop missing ones first"),
    (lambda: nn.Embedding(5, 2, seed=0)(FRAME), ValueError, "Embedding(5, 2) takes one row of whole numbers, got an array of shape (4, 2)"),
    (lambda: nn.NeuralNetwork([1, 2, 1], seed=0).predict(FRAME["left"]), ValueError, "predict takes 1 number for each example, the inputs of layer 0, got 4; for examples of one number write [[x] for x in X]"),
    (lambda: nn.diagnose(net(), X, Y, history=[1.0, None]), TypeError, 'diagnose takes a list of losses, or a dict with one as "loss", as history, got [1.0, None]'),
    (lambda: nn.plot_saliency(net(), FRAME), ValueError, "plot_saliency takes one example, got 4 rows; choose one of them"),
    (lambda: nn.MLP(2, np.array([[3, 1]])), TypeError, "MLP takes whole numbers from 1 as nouts, got array([3, 1])"),
    (lambda: nn.Adam(net(), lr=np.array([0.1])), TypeError, "Adam takes a positive number as lr, got array([0.1])"),
]  # fmt: skip


@pytest.mark.parametrize("case", SURPRISES, ids=[message for _, _, message in SURPRISES])
def test_what_would_surprise_is_refused_in_the_users_terms(case):
    wrong, error, message = case
    with pytest.raises((TypeError, ValueError)) as caught:
        wrong()
    assert str(caught.value) == message
    assert type(caught.value) is error


def test_frames_with_labels_of_their_own_are_paired_by_place():
    expected = fit()
    assert fit(FRAME, SERIES.reset_index(drop=True)) == expected
    assert fit(FRAME, SHUFFLED.to_numpy()) != expected
    assert fit(FRAME.set_axis([1, "a", 2, "b"]), SERIES.set_axis(["a", 1, "b", 2])) == expected  # labels without order
    assert fit(FRAME.set_axis([0, 0, 1, 1]), SERIES.set_axis([0, 0, 1, 1])) == expected


def test_a_frame_of_one_row_is_one_example_and_a_frame_of_losses_a_history():
    shown = nn.plot_saliency(net(), FRAME.iloc[1:2])
    assert [t.get_text() for t in shown.get_yticklabels()] == ["x[0] = 0", "x[1] = 1"]
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [1.0, 10.0, 1e9]})
    assert "exploding loss" in nn.diagnose(net(), FRAME, SERIES, history=history).kinds


def test_an_embedding_takes_a_number_of_no_dimension():
    table = nn.Embedding(5, 2, seed=0)
    assert table(np.array(3)) == table(3)

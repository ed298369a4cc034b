"""A training shared by devices and processes makes one device's weights; killed, it goes on; what differs is refused by all."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import shared_training

import nn

FLAGS = "--xla_backend_optimization_level=0"  # to compile sooner


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made, rng = tmp_path_factory.mktemp("examples"), np.random.default_rng(0)
    X = rng.normal(size=(64, 3))
    np.save(made / "X.npy", X)
    np.save(made / "y.npy", (X[:, 0] > X[:, 1]).astype(int))
    return made


def expected(folder, **options):
    """What eager mode finds."""
    made = shared_training.trainer(*shared_training.examples(folder), **options)
    made.run()
    return shared_training.found(made)


def ran(folder, part, *launch, flags=""):
    """(the exit status, what each process found, what was said) of a part of `shared_training`."""
    done = subprocess.run(
        [sys.executable, *launch, shared_training.__file__, folder, part], capture_output=True, text=True, timeout=300,
        env={**os.environ, "XLA_FLAGS": f"{FLAGS} {flags}", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(Path(nn.__file__).parents[1])},
    )  # fmt: skip
    said = re.findall(r"^(?:\[(\d)\] )?(\{.*\})$", done.stdout, re.M)
    return done.returncode, {number: json.loads(text) for number, text in said}, done.stderr


def assert_same(found, expected):
    np.testing.assert_allclose(found["weights"], expected["weights"], rtol=0.0, atol=1e-12)
    assert found["history"] == {name: pytest.approx(xs, rel=1e-12) for name, xs in expected["history"].items()}


@pytest.mark.parametrize(
    "mesh, error, text",
    [
        (0, ValueError, "whole number from 1 as mesh, got 0"),
        (2.0, TypeError, r'number of devices, "all", or a jax.sharding.Mesh, as mesh, got 2\.0'),
        (True, TypeError, "as mesh, got True"),
        ("some", TypeError, "as mesh, got 'some'"),
        ([1], TypeError, r"as mesh, got \[1\]"),
    ],
)
def test_what_is_no_mesh_is_refused(mesh, error, text):
    with pytest.raises(error, match=f"fit takes .*{text}"):
        nn.fit(nn.MLP(2, [1], seed=0), [[0.5, 1.0]], [0.5], loss="mse", backend="xla", mesh=mesh, progress=False)


def expected_of_streams(folder, processes):
    """What eager mode finds where of each batch of 16 every process gives as many, in the order of what it has."""
    own, each = 64 // processes, 16 // processes
    order = [p * own + k for b in range(0, own, each) for p in range(processes) for k in range(b, min(b + each, own))]
    made = shared_training.trainer(*[of[order] for of in shared_training.examples(folder)], **shared_training.STREAMED)
    shared_training.run_in_order(made)
    return shared_training.found(made)


def test_an_estimator_trains_on_a_mesh(capsys):
    from sklearn.base import clone

    from nn.sklearn import NetworkClassifier

    settings = {"hidden_layer_sizes": (), "max_iter": 1, "random_state": 0}
    X, y = [[0.5, 1.0], [1.0, 0.5], [0.0, 0.5]], ["a", "b", "a"]
    shared = clone(NetworkClassifier(backend="xla", mesh=1, dtype="float64", **settings)).fit(X, y)
    assert shared.loss_ == pytest.approx(NetworkClassifier(**settings).fit(X, y).loss_, rel=1e-12)
    assert capsys.readouterr().err.endswith("1 device of 1 process\n")
    with pytest.raises(ValueError, match="NetworkClassifier takes a whole number from 1 as mesh, got 0"):
        NetworkClassifier(backend="xla", mesh=0).fit(X, y)


ROWS, ONES = [[0.5, 1.0], [1.0, 0.5]], [1.0, 1.0]


def generated():
    yield ROWS, ONES


@pytest.mark.parametrize(
    "given, text",
    [
        (generated(), "list of them, as X where y is None, got <generator object .* which ends after one epoch"),
        (3, "function of the epoch that returns parts .X, y., or a list of them, as X where y is None, got 3"),
        (lambda epoch: 3, "function that returns parts .X, y., got 3 from it"),
        (lambda epoch: [1], "parts .X, y. of the examples, got 1 as part 0"),
        (ROWS, "a list, an array or a frame as X of part 0, got 0.5"),
        (lambda epoch: [], "at least one example in X, got none"),
        (lambda epoch: [(ROWS, ONES[:1])], "one target in y of part 0 for each of 2 examples, got 1"),
        (lambda epoch: [(ROWS, ONES), ([[0.5]], [1.0])], "rows of one length in X, got 2 numbers in example 0, 1 in example 2"),
        (lambda epoch: [(ROWS, ["one", 1.0])], "takes real numbers, got 'one' in y of example 0"),
        (lambda epoch: [([[0.5, np.nan]], [1.0])], "takes finite numbers, got nan in column 1 of row 0 of X of part 0"),
        (lambda epoch: [(ROWS, ONES)] * (1 + epoch), "as many examples in each epoch, got 2 in the first, more in epoch 2"),
    ],
)  # fmt: skip
def test_what_gives_no_examples_part_by_part_is_refused(given, text):
    net = nn.MLP(2, [1], seed=0)
    with pytest.raises((TypeError, ValueError), match=text):
        nn.fit(net, given, None, loss="mse", epochs=2, backend="xla", mesh=1, progress=False)


@pytest.mark.parametrize(
    "options, text",
    [
        ({"mesh": None}, "function of the epoch as X with backend=\"xla\" and a mesh, which of one device is mesh=1, got none"),
        ({"metrics": "accuracy", "loss": "binary_cross_entropy"}, "no metrics and no privacy where examples come part by part.* got metrics=accuracy"),
        ({"private": nn.Privacy()}, "no metrics and no privacy where examples come part by part.* got a private training"),
        ({"validation": 0.5}, r"\(X, y\) as validation of examples that come part by part, got 0.5"),
    ],
)  # fmt: skip
def test_what_wants_all_examples_is_refused_where_they_come_part_by_part(options, text):
    net = nn.MLP(2, [1], seed=0)
    with pytest.raises(ValueError, match=text):
        nn.fit(net, lambda epoch: [(ROWS, ONES)], None, **{"loss": "mse", "backend": "xla", "mesh": 1, **options})


def test_eight_devices_of_one_process(folder):
    status, said, errors = ran(folder, "in_one_process", flags="--xla_force_host_platform_device_count=8")
    assert status == 0, errors
    assert_same(said[""], expected(folder, **shared_training.FULL))
    assert_same(said[""]["private"], expected(folder, **shared_training.PRIVATE))
    assert said[""]["private, interrupted"] == [True, 1, 1]
    assert_same(said[""]["streamed"], expected_of_streams(folder, 1))
    assert "8 devices of 1 process" in errors
    assert re.match(
        r"fit takes a mesh of at most 8 devices, which JAX finds, got 9; .*XLA_FLAGS=--xla_force_host_platform_device_"
        r"count=9 .*jax_num_cpu_devices.*jax.distributed",
        said[""]["too many"],
    )
    assert said[""]["uneven"] == "fit takes a batch that 8 devices can share evenly, got 12 examples; try 8 or 16"


def test_two_processes_of_which_one_is_interrupted_then_killed_and_four_that_go_on(folder):
    status, said, errors = ran(folder, "killed", "-m", "nn.launch", "--processes", "2")
    assert status == 137, errors
    assert "launch: process 1 of 2 ended by SIGKILL, and so did all" in errors
    assert list(said) == ["0", "1"] or list(said) == ["1", "0"]
    takes = {
        "rows": "takes the same number of examples in all 2 processes, got 40 in process 0, 41 in process 1; every",
        "features": "takes 3 inputs",
        "net": "takes the same parameters of the net in all 2 processes, got those of digest",
        "a share": "takes the same examples in all 2 processes, got those of digest",
        "batch": r"takes the same batch_size and accumulate in all 2 processes, got \(8, 1\) in process 0, \(16, 1\) in",
        "number": "takes finite numbers, got nan in column 2 of row 63 of X",
        "uneven": "takes a batch that 2 devices can share evenly, got 15 examples; try 14 or 16",
    }
    for wrong, text in takes.items():
        assert all(re.search(text, said[number][wrong]) for number in "01"), (wrong, said)
    assert said["0"]["interrupted"] == said["1"]["interrupted"]  # as process 1 was asked to be
    assert said["0"]["interrupted"][:2] == [True, 1]
    assert [said[number]["stopped"] for number in "01"] == [1, 1]
    assert [said[number]["raised"] for number in "10"] == [
        "no space left",
        "fit stopped as process 1 of 2 did: no space left",
    ]
    assert all("same optimizer in all 2 processes, got SGD with {'lr': 0.01" in said[number]["rate"] for number in "01")
    assert said["0"]["number"].startswith("fit stopped as process 1 of 2 did: ")

    for number in "01":
        assert_same(said[number]["streamed"], expected_of_streams(folder, 2))
        assert (
            "same number of examples in all 2 processes, got 32 in process 0, 30 in process 1" in said[number]["count"]
        )
        assert said[number]["given later"].endswith(
            "takes as many examples in each epoch, got 32 in the first, 30 in epoch 5"
        )
    assert said["0"]["given later"].startswith("TrainingLoop stopped as process 1 of 2 did: fit takes")

    status, said, errors = ran(folder, "resumed", "-m", "nn.launch", "--processes", "4")
    assert status == 0, errors
    right = expected(folder)
    assert sorted(said) == ["0", "1", "2", "3"]
    for found in said.values():
        assert found["begun"] in (1, 2)  # whether process 0 was still to write
        assert_same(found, right)
        assert len(found["read"]) == 16
    assert len(set().union(*[found["read"] for found in said.values()])) == 64

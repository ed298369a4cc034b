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


def test_eight_devices_of_one_process(folder):
    status, said, errors = ran(folder, "in_one_process", flags="--xla_force_host_platform_device_count=8")
    assert status == 0, errors
    assert_same(said[""], expected(folder, **shared_training.FULL))
    assert_same(said[""]["private"], expected(folder, **shared_training.PRIVATE))
    assert said[""]["private, interrupted"] == [True, 1, 1]
    alone = shared_training.estimator(*shared_training.examples(folder))
    np.testing.assert_allclose(said[""]["estimator"], alone, rtol=0.0, atol=1e-12)
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

    status, said, errors = ran(folder, "resumed", "-m", "nn.launch", "--processes", "4")
    assert status == 0, errors
    right = expected(folder)
    assert sorted(said) == ["0", "1", "2", "3"]
    for found in said.values():
        assert found["begun"] in (1, 2)  # whether process 0 was still to write
        assert_same(found, right)
        assert len(found["read"]) == 16
    assert len(set().union(*[found["read"] for found in said.values()])) == 64

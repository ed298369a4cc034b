"""Demos, as a user runs them: in a process of their own, into a folder, stopped by Ctrl-C, and asked for nonsense."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demos.__main__ import DEMOS, title
from demos.folder import Folder
from nn import MLP

ROOT = Path(__file__).parents[1]
WRITTEN = {"digits-curves.png", "digits-wrong.png", "digits-confusion.png", "digits-network.json", "digits-neuron.svg"}
COMMAND = [sys.executable, "-W", "error", "-u", "-m", "demos"]


def run(*arguments, **kwargs):
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, **kwargs)


def accuracies(text):
    return [float(x) / 100.0 for x in re.findall(r"held-out accuracy +([\d.]+)%", text)]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    return run("digits", "--epochs", 2, "--seed", 3, "--out", folder / "new" / "out"), folder / "new" / "out"


def test_digits_are_learned_drawn_and_explained(digits):
    done, out = digits
    assert (done.returncode, done.stderr) == (0, "")
    assert accuracies(done.stdout)[-1] > 0.8
    assert {p.name for p in out.iterdir()} == WRITTEN
    for name in WRITTEN:
        assert f"{out / name}\n" in done.stdout
    for name in ("curves", "wrong", "confusion"):
        picture = (out / f"digits-{name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG\r\n")
        assert picture.endswith(b"IEND\xaeB`\x82")
        assert len(picture) > 10_000


def test_the_chain_rule_line_of_a_weight_is_true(digits):
    line = re.search(r"^∂loss/∂w\[\d+\] = (.*) = (.*) = (.*)$", digits[0].stdout, re.M)
    factors, product = [re.split("·", line[2]), line[3]]
    left, right, whole = (float(x.replace("−", "-")) for x in (*factors, product))
    assert line[1].count("·") == 1
    assert left * right == pytest.approx(whole, rel=1e-3)
    assert whole != 0.0


def test_the_saved_network_reads_as_well_as_was_said(digits):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    done, out = digits
    net = MLP(64, [16, 10], seed=0)
    net.load_state(json.loads((out / "digits-network.json").read_text()))
    X, y = load_digits(return_X_y=True)
    _, X, _, y = train_test_split(X / 16.0, y, test_size=0.2, random_state=3, stratify=y)
    read = [max(range(10), key=[z.data for z in net(x)].__getitem__) for x in X]
    assert f"{sum(r == t for r, t in zip(read, y))} of 360 held-out digits read right" in done.stdout


def test_the_same_seed_gives_the_same_files_to_the_last_bit(digits, tmp_path):
    again = run("digits", "--epochs", 2, "--seed", 3, "--out", tmp_path)
    assert accuracies(again.stdout) == accuracies(digits[0].stdout)
    for name in WRITTEN:
        assert (tmp_path / name).read_bytes() == (digits[1] / name).read_bytes()


def test_without_a_name_demos_are_listed_and_the_main_one_runs(tmp_path):
    done = run("--epochs", 0, "--out", tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    for name in DEMOS:
        assert f"  {name:11}{title(name)}\n" in done.stdout
    assert {p.name for p in tmp_path.iterdir()} == WRITTEN


def test_ctrl_c_saves_what_there_is_and_exits_with_130(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "digits", "--out", str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    said = ""
    while "epoch  1" not in said:
        said += process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate()
    assert process.returncode == 130
    assert errors == ""
    assert re.search(r"^Stopped by Ctrl-C in epoch \d+; what was learned until then is saved\.$", rest, re.M)
    assert {p.name for p in tmp_path.iterdir()} == WRITTEN
    assert len(json.loads((tmp_path / "digits-network.json").read_text())) == 1210


def test_an_unknown_demo_names_the_nearest():
    done = run("digts")
    assert done.returncode == 2
    assert f"name takes one of {', '.join(DEMOS)}, got 'digts'; did you mean 'digits'?" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--epochs", "-1"], "argument --epochs: takes whole numbers from 0 to 4294967295, got -1"),
        (["--epochs", "two"], "argument --epochs: takes whole numbers from 0 to 4294967295, got two"),
        (["--seed", "1.5"], "argument --seed: takes whole numbers from 0 to 4294967295, got 1.5"),
        (["--seed", str(2**32)], "argument --seed: takes whole numbers from 0 to 4294967295, got 4294967296"),
    ],
)
def test_bad_options_are_refused_in_the_users_terms(arguments, says):
    done = run(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        done = run("--out", out)
        assert done.returncode == 1
        assert f"--out takes a folder that can be written to, got {out}: " in done.stderr
        assert "epoch" not in done.stdout
        assert "Traceback" not in done.stderr


def test_a_missing_extra_names_the_pip_line(tmp_path):
    code = (
        "import sys; sys.modules['sklearn'] = None; from demos.__main__ import main; "
        f"sys.exit(main(['digits', '--out', {str(tmp_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "digits needs scikit-learn: pip install 'chainrule[demos]'\n"


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    folder = Folder(tmp_path)
    (tmp_path / "page").write_text("old")
    with pytest.raises(RuntimeError), folder.new("page") as path:
        path.write_text("half")
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["page"]
    assert (tmp_path / "page").read_text() == "old"


def test_chainrule_draws_what_the_readme_shows(tmp_path):
    done = run("chainrule", "--out", tmp_path)
    assert done.returncode == 0
    assert "∂L/∂w1 = ∂L/∂p1·∂p1/∂w1 = −1.543·2.0 = −3.085" in done.stdout
    kept = Path(__file__).parent.parent / "demos" / "pictures"
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {path.name for path in kept.iterdir()} - {"counterexample.svg"}
    for name in sorted(names):
        words = [re.findall(r">([^<>]+)<", (folder / name).read_text("utf-8")) for folder in (tmp_path, kept)]
        assert words[0] == words[1], f"{name}: run `python -m demos chainrule --out demos/pictures`"

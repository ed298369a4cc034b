"""Demos, as a user runs them: in a process of their own, into a folder, stopped by Ctrl-C, and asked for nonsense."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

import pytest
from small_demos import make_small

import demos
import nn
from demos import drawings
from demos.__main__ import DEMOS, NEEDS, main, title
from demos.folder import Folder
from nn.training.fit import Trainer

ROOT = Path(__file__).parents[2]
PAGES = {"digits-curves.png", "digits-wrong.png", "digits-confusion.png", "digits-saliency.png"}
WRITTEN = PAGES | {"digits-network.safetensors", "digits-neuron.svg"}
COMMAND = [sys.executable, "-W", "error", "-u", "-m", "demos"]
TEXTS = {name: (ROOT / "demos" / f"{name}.py").read_text("utf-8") for name in DEMOS}
TRAINED = [name for name in DEMOS if "Trainer(" in TEXTS[name]]
LOOPS = [name for name in DEMOS if name not in TRAINED and 'f"epoch' in TEXTS[name]]
SMALLEST = ("--quick", "--epochs", "1", "--seed", "3", "--out")


def run(*arguments, **kwargs):
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, **kwargs)


def said(text, out):
    """The files that a run says it wrote."""
    return {Path(line.strip()).name for line in text.splitlines() if line.startswith(f"  {out}{os.sep}")}


def written(out):
    return {path.name for path in out.iterdir()}


# Laws of every demo --------------------------------------------------------------------------------------------------


class Ended(NamedTuple):
    """What a demo did: its exit status, what it printed, and the folder that it wrote to."""

    status: int
    stdout: str
    stderr: str
    out: Path


class Smallest:
    """The smallest run of each demo, when it is asked for, in one process, since its imports take longer than most demos."""

    def __init__(self, folder):
        self.folder, self.ended = folder, {}
        python = [sys.executable, "-W", "error", "-X", "utf8", "-u"]
        command = [*python, "-m", "small_demos", str(folder), *SMALLEST]
        pipe, paths = subprocess.PIPE, {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])}
        options = {"env": {**os.environ, **paths}, "stdin": pipe, "stdout": pipe, "text": True, "bufsize": 1}
        self.process = subprocess.Popen(command, cwd=ROOT, **options)

    def __getitem__(self, name):
        if name not in self.ended:
            print(name, file=self.process.stdin)
            status = int(self.process.stdout.readline())
            printed = [(self.folder / f"{name}.{stream}").read_text("utf-8") for stream in (1, 2)]
            self.ended[name] = Ended(status, *printed, self.folder / name / "new")
        return self.ended[name]


@pytest.fixture(scope="session")
def smallest(tmp_path_factory):
    runs = Smallest(tmp_path_factory.mktemp("demos"))
    with runs.process as process:  # its pipes are closed at the end, and so it ends
        yield runs
    assert process.returncode == 0


def one_worker_each(names):
    """So that what one test of a demo compiles is there for the others."""
    return [pytest.param(name, marks=pytest.mark.xdist_group(f"demo {name}")) for name in names]


@pytest.mark.parametrize("name", one_worker_each(DEMOS))
def test_a_demo_ends_well_without_a_warning_and_says_each_file(name, smallest):
    done = smallest[name]
    assert (done.status, done.stderr) == (0, "")
    assert said(done.stdout, done.out) == written(done.out) != set()
    for path in done.out.iterdir():
        assert path.name.startswith(name) or name == "chainrule"
        assert_whole(path)


def assert_whole(path):
    blob = path.read_bytes()
    assert len(blob) > 1000
    if path.suffix == ".png":
        assert (blob[:8], blob[-8:]) == (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82")
    elif path.suffix == ".gif":
        assert (blob[:6], blob[-1:]) == (b"GIF89a", b";")
    elif path.suffix == ".svg":
        ElementTree.fromstring(blob)
    elif path.suffix == ".html":
        assert blob.rstrip().endswith(b"</html>")
    elif path.suffix == ".json":
        json.loads(blob)
    else:
        assert path.suffix in (".safetensors", ".csv", ".txt", ".onnx")


@pytest.mark.parametrize("name", one_worker_each(DEMOS))
def test_the_same_seed_gives_the_same_files_to_the_last_bit(name, smallest, tmp_path, monkeypatch):
    first = smallest[name].out
    make_small(name, monkeypatch.setattr)
    assert main([name, *SMALLEST, str(tmp_path)]) == 0  # in another process: this one
    assert written(tmp_path) == written(first)
    for path in first.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


class Interrupting(io.StringIO):
    """A terminal at which Ctrl-C is pressed once, after the first line that starts with some text."""

    def __init__(self, start=""):
        super().__init__()
        self.start, self.pressed = start, False

    def write(self, text):
        count, lines = super().write(text), self.getvalue().split("\n")[:-1]
        if not self.pressed and any(line.startswith(self.start) for line in lines):
            self.pressed = True
            signal.raise_signal(signal.SIGINT)
        return count


@pytest.fixture
def ctrl_c_works():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("name", DEMOS)
@pytest.mark.usefixtures("ctrl_c_works")
def test_ctrl_c_at_the_first_line_exits_with_130_and_leaves_whole_files(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Interrupting())
    assert main([name, *SMALLEST, str(tmp_path)]) == 130
    assert said(sys.stdout.getvalue(), tmp_path) == written(tmp_path)
    assert "Ctrl-C" in capsys.readouterr().err


@pytest.mark.parametrize("name", one_worker_each(TRAINED))
@pytest.mark.usefixtures("ctrl_c_works", "empty_pages")
def test_ctrl_c_in_training_keeps_what_was_learned_and_exits_with_130(name, tmp_path, monkeypatch, capsys):
    call, pressed = Trainer._call, []

    def press_once(self, event):
        call(self, event)
        if event == "on_epoch_end" and not pressed:
            pressed.append(True)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "_call", press_once)
    make_small(name, monkeypatch.setattr)
    assert main([name, *SMALLEST, str(tmp_path)]) == 130
    stdout, stderr = capsys.readouterr()
    assert "the network keeps what it has learned" in stderr
    assert said(stdout, tmp_path) == written(tmp_path)


@pytest.mark.parametrize("name", one_worker_each(LOOPS))
@pytest.mark.usefixtures("ctrl_c_works", "empty_pages")
def test_ctrl_c_in_a_loop_of_its_own_ends_a_demo_with_130_too(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Interrupting("epoch"))
    assert main([name, *SMALLEST, str(tmp_path)]) == 130
    assert sys.stdout.pressed
    assert said(sys.stdout.getvalue(), tmp_path) == written(tmp_path)


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_is_short_enough_to_be_read(name):
    assert len(TEXTS[name].splitlines()) < 120
    assert title(name).endswith(".")
    assert len(f"  {name:12}{title(name)}") <= 120


def test_every_demo_is_listed():
    files = Path(demos.__file__).parent.glob("*.py")
    assert {path.stem for path in files if "\ndef run(" in path.read_text("utf-8")} == set(DEMOS)


# The main one ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def digits(smallest):
    return smallest["digits"]


@pytest.mark.xdist_group("demo digits")
def test_digits_are_learned_drawn_and_explained(digits):
    assert (digits.status, digits.stderr) == (0, "")
    assert float(re.search(r"^\d+ of 360 held-out digits read right: ([\d.]+)%", digits.stdout, re.M)[1]) > 80.0
    assert float(re.search(r"logistic regression: ([\d.]+)%\.$", digits.stdout, re.M)[1]) > 90.0
    assert re.search(r"^That is \d+ mistakes, against \d+\.$", digits.stdout, re.M)
    assert written(digits.out) == WRITTEN
    for name in PAGES:
        assert len((digits.out / name).read_bytes()) > 10_000


FIGURES = {  # of a demo: the least, and how its output says it, beside that of a straight line
    "digits": (97.5, r"read right: ([\d.]+)%; scikit-learn's logistic regression: ([\d.]+)%"),
    "moons": (96.0, r"([\d.]+) % of the held-out points .*, a straight line: ([\d.]+) %"),
}


@pytest.mark.parametrize("name", one_worker_each(FIGURES))
@pytest.mark.usefixtures("empty_pages")
def test_a_whole_training_reaches_its_figure_and_beats_the_line(name, tmp_path, capsys):
    least, said = FIGURES[name]
    assert main([name, "--out", str(tmp_path)]) == 0
    reached, linear = map(float, re.search(said, capsys.readouterr().out).groups())
    assert reached >= least
    assert reached > linear > 90.0


@pytest.mark.xdist_group("demo activations")
def test_derivatives_of_activations_are_those_of_central_differences(smallest):
    out = smallest["activations"].stdout
    assert float(re.search(r"central differences, at 800 points each: (\S+)\.\n", out)[1]) < 1e-9
    assert re.search(r"^tanh +sech²\(x\) +1\.0000 +0\.0013 +0\.0013 +1$", out, re.M)
    assert re.search(r"^sigmoid +σ\(x\) · σ\(−x\) +0\.2500 +0\.0177 +0\.0177 +9\.5e-07$", out, re.M)


@pytest.mark.xdist_group("demo digits")
def test_the_chain_rule_line_of_a_weight_is_true(digits):
    line = re.search(r"^dp/dw\d+ = (.*) = (.*) = (.*)$", digits.stdout, re.M)
    left, right, whole = (float(x.replace("−", "-").strip("()")) for x in (*line[2].split("·"), line[3]))
    assert line[1].count("·") == 1
    assert left * right == pytest.approx(whole, rel=1e-3)
    assert whole != 0.0


@pytest.mark.xdist_group("demo digits")
def test_the_saved_network_reads_as_well_as_was_said(digits):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    net = nn.load(digits.out / "digits-network.safetensors")
    X, y = load_digits(return_X_y=True)
    _, X, _, y = train_test_split(X / 16.0, y, test_size=0.2, random_state=3, stratify=y)
    read = [max(range(10), key=[z.data for z in net(x)].__getitem__) for x in X]
    assert f"{sum(r == t for r, t in zip(read, y))} of 360 held-out digits read right" in digits.stdout


def test_without_a_name_the_main_one_runs_and_a_line_says_how_to_list_the_others(monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(f"demos.{DEMOS[0]}.run", lambda options: ran.append(options.quick) or 0)
    assert main(["--quick"]) == 0
    assert ran == [True]
    assert capsys.readouterr().out == "This runs digits, the main demo; python -m demos --help lists the others.\n"
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    for name in DEMOS:
        assert f"  {name:12}{title(name)}\n" in out


class Terminal(io.StringIO):
    """Someone reads along."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("terminal", "display", "arguments", "opens"),
    [
        (True, ":0", [], True),
        (True, ":0", ["--no-open"], False),
        (True, "", [], False),  # a browser of letters would take the terminal
        (False, ":0", [], False),
    ],
)
def test_chainrule_opens_the_player_where_someone_sees_it_and_else_says_where_it_is(
    terminal, display, arguments, opens, tmp_path, monkeypatch
):
    opened = []
    monkeypatch.setattr("demos.chainrule.webbrowser.open", lambda address: opened.append(address) or True)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "stdout", Terminal() if terminal else io.StringIO())
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["chainrule", "--quick", "--out", str(tmp_path), *arguments]) == 0
    address = (tmp_path / "neuron.html").as_uri()
    assert opened == [address] * opens
    assert address in sys.stdout.getvalue()


def test_a_terminal_without_the_letters_shows_question_marks(tmp_path):
    done = run("chainrule", "--quick", "--out", tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "dL/dw1 = dL/dp1??p1/?w1 = " in done.stdout  # for · and ∂


EAGER = """
import sys
sys.modules["llvmlite"] = None
from demos import digits
from demos.__main__ import main
from demos.folder import Folder
digits.COPIES = 1
def draw(folder, name, *_):
    with folder.new(name) as path:
        path.write_bytes(b"")
Folder.draw = draw  # an empty page: those with llvmlite are looked at
sys.exit(main(sys.argv[1:]))
"""


def test_without_llvmlite_digits_train_eagerly_until_ctrl_c_and_save_what_was_learned(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-u", "-c", EAGER, "digits", "--quick", "--out", str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    out = ""
    while "epoch  1" not in out:
        out += process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate()
    assert process.returncode == 130
    assert re.fullmatch(r"\nfit: interrupted after update \d+ of 23 in epoch \d+; the network keeps .*\n", errors)
    assert (
        'Training: eager, in Python; native code, many times faster, after pip install -e ".[jit]" in the folder' in out
    )
    assert written(tmp_path) == WRITTEN
    assert nn.load(tmp_path / "digits-network.safetensors").parameter_count == 4546


def test_curves_are_drawn_even_where_no_epoch_was_ended():
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    drawings.curves(figure, {name: [] for name in ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")})
    figure.savefig(io.BytesIO())


def test_an_unknown_demo_names_the_nearest():
    done = run("digts")
    assert done.returncode == 2
    assert f"name takes one of {', '.join(DEMOS)}, got 'digts'; did you mean 'digits'?" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--epochs", "0"], "argument --epochs: takes whole numbers from 1 to 4294967295, got 0"),
        (["--epochs", "-1"], "argument --epochs: takes whole numbers from 1 to 4294967295, got -1"),
        (["--epochs", "two"], "argument --epochs: takes whole numbers from 1 to 4294967295, got two"),
        (["--seed", "1.5"], "argument --seed: takes whole numbers from 0 to 4294967295, got 1.5"),
        (["--seed", str(2**32)], "argument --seed: takes whole numbers from 0 to 4294967295, got 4294967296"),
    ],
)
def test_bad_options_are_refused_in_the_users_terms(arguments, says):
    done = run(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", DEMOS)
def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(name, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main([name, "--out", str(out)]) == 1
        said, errors = capsys.readouterr()
        assert f"--out takes a folder that can be written to, got {out}: " in errors
        assert said == ""


def test_a_tilde_in_out_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with Folder("~/pictures").new("a.txt") as path:
        path.write_text("a")
    assert (tmp_path / "pictures" / "a.txt").read_text() == "a"


@pytest.mark.parametrize("module", NEEDS)
def test_a_missing_package_names_the_pip_line(module, tmp_path, monkeypatch, capsys):
    def missing(options):
        monkeypatch.setitem(sys.modules, module, None)
        __import__(f"{module}.anything")

    monkeypatch.setattr("demos.chainrule.run", missing)
    assert main(["chainrule", "--out", str(tmp_path)]) == 1
    package, extra = NEEDS[module]
    assert (
        capsys.readouterr().err
        == f'chainrule needs {package}: pip install -e ".[{extra}]" in the folder of chainrule\n'
    )
    assert re.search(rf"^{extra} = ", (ROOT / "pyproject.toml").read_text(), re.M)


def test_what_nn_says_about_a_missing_package_is_handed_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("demos.chainrule.run", lambda options: nn.plot_activation("tanh"))
    assert main(["chainrule", "--out", str(tmp_path)]) == 1
    needed = 'plot_activation takes matplotlib to draw; pip install -e ".[plots]" in the folder of chainrule\n'
    assert capsys.readouterr().err == needed


def test_no_message_looks_for_the_project_in_an_index():
    sources = [path for room in ("engine", "nn", "demos") for path in (ROOT / room).rglob("*.py")]
    assert not [path for path in sources if re.search(r"pip install [^-]?chainrule", path.read_text("utf-8"))]


def test_a_bug_in_a_demo_is_not_taken_for_a_missing_package_or_a_bad_folder(tmp_path, monkeypatch):
    for error in (ImportError("cannot import name 'y' from 'x'"), ModuleNotFoundError("x", name="x"), OSError("data")):

        def broken(options, error=error):
            raise error

        monkeypatch.setattr("demos.chainrule.run", broken)
        with pytest.raises(type(error)):
            main(["chainrule", "--out", str(tmp_path)])


def test_a_reader_that_stops_reading_ends_a_demo_quietly(tmp_path):
    shell = f"{sys.executable} -m demos chainrule --out {tmp_path} | head -1"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == f"  {tmp_path / 'expression.svg'}\n"
    assert done.stderr == ""


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    folder = Folder(tmp_path)
    (tmp_path / "page").write_text("old")
    with pytest.raises(RuntimeError), folder.new("page") as path:
        path.write_text("half")
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["page"]
    assert (tmp_path / "page").read_text() == "old"


def test_chainrule_draws_what_the_readme_shows(tmp_path):
    done = run("chainrule", "--quick", "--out", tmp_path)
    assert done.returncode == 0
    assert "dL/dw1 = dL/dp1·∂p1/∂w1 = −1.543·2.0 = −3.085" in done.stdout
    kept = ROOT / "demos" / "pictures"
    names = {path.name for path in tmp_path.iterdir()}
    others = {
        "counterexample.svg",
        "boundary.png",
        "jit.png",
        "neuron.gif",
        "training.gif",
    }  # elsewhere, or not quickly
    assert names == {path.name for path in kept.iterdir()} - others
    for name in sorted(names):
        words = [re.findall(r">([^<>]+)<", (folder / name).read_text("utf-8")) for folder in (tmp_path, kept)]
        assert words[0] == words[1], f"{name}: run `python -m demos chainrule --out demos/pictures`"

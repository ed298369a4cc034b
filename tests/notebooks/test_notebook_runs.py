"""Each notebook run afresh, alone in a folder, as after a download: it says what is kept, and its solutions are right."""

import re

import nbformat
import pytest

from notebooks.execution import SECONDS, VARIES, executed, kept, notebooks, said, solutions, tidied, words

PATHS = notebooks()
MEASURE = "import os\n\nprint(sum(os.times()[:4]))"


@pytest.fixture(
    scope="module", params=[pytest.param(p, id=p.stem, marks=pytest.mark.xdist_group(p.stem)) for p in PATHS]
)
def run(request, tmp_path_factory):
    """(the notebook as it is kept, a fresh run of it, what its solutions printed, seconds of CPU)."""
    old = nbformat.read(request.param, 4)
    folder = tmp_path_factory.mktemp("alone")
    more = solutions(old)
    new = executed(request.param, [MEASURE, *more], folder)
    own = len(old.cells)
    seconds = float(new.cells[own].outputs[0].text)
    solved = ["".join(said(cell.outputs)) for cell in new.cells[own + 1 :]]
    new.cells = new.cells[:own]
    print(f"\n{request.param.stem}: {seconds:.1f} s of CPU")
    return old, new, solved, seconds


def test_a_fresh_run_says_what_is_kept(run):
    old, new, _, _ = run
    for before, after in zip(old.cells, new.cells):
        assert before.source == after.source
        if before.cell_type == "code" and VARIES not in before.metadata.get("tags", []):
            assert said(before.outputs) == said(after.outputs), before.source
    assert kept(new, old).cells == old.cells  # so writing it back changes no byte


def test_a_fresh_run_warns_of_nothing(run):
    for cell in run[1].cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output.text


def test_its_solutions_are_right(run):
    assert run[2] == ["stdout: Right.\n"] * len(solutions(run[0]))
    assert len(run[2]) >= 2


def test_it_takes_less_than_a_minute(run):
    assert run[3] < SECONDS


def test_what_differs_between_runs_is_not_compared_and_all_else_is():
    from engine import Value, draw

    a = Value(2.0, label="a")
    first, second = draw(a * 3.0).html, draw(a * 3.0).html
    assert first != second
    assert words(first) == words(second) != words(draw(a * 4.0).html)
    assert re.search(r"\ba\b", words(first))


def test_outputs_are_kept_where_they_say_the_same():
    def book(text):
        output = nbformat.v4.new_output("stream", text=text)
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(x)", outputs=[output])])

    assert kept(tidied(book("2\n")), book("1\n")).cells[0].outputs[0].text == "2\n"
    timed = book("1 s\n")
    timed.cells[0].metadata["tags"] = [VARIES]
    new = book("2 s\n")
    new.cells[0].metadata["tags"] = [VARIES]
    assert kept(tidied(new), timed).cells[0].outputs[0].text == "1 s\n"


VIEWS = [
    "import nn\nfrom engine import Value, draw\na = Value(2.0)\nL = a * a\ndraw(L).live()",
    "view = nn.training_view()\nview",
    "nn.fit(nn.MLP(2, [3, 1]), [[0, 0], [0, 1], [1, 0]], [0, 1, 1], loss='mse', epochs=5, view=view, progress=False)['epoch']",
]


def test_what_is_kept_of_a_live_view_is_its_last_picture(tmp_path):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in VIEWS])
    nbformat.write(book, tmp_path / "views.ipynb")
    book = executed(tmp_path / "views.ipynb")
    live, training, plain = [[o.data for o in cell.outputs] for cell in book.cells]
    assert [len(live), len(training), len(plain)] == [1, 1, 1]
    assert "dL/da = " in live[0]["text/html"]
    assert live[0]["text/html"].count("<img ") == 1
    assert "epoch 5 of 5" in training[0]["text/html"]
    assert training[0]["text/html"].count("<img ") == 2
    assert plain[0] == {"text/plain": "[1, 2, 3, 4, 5]"}

"""The notebooks as they are kept: clean, small, readable where nothing runs, and with exercises that can be checked."""

import ast
import copy
import getpass
import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from nn.course import answers
from notebooks.execution import HERE, notebooks, solutions, tidied, words

ROOT = HERE.parent
FIRST = """
import sys

sys.path.append("..")  # the clone that this is in; take away the first # to install what it needs
"""
# No comment behind it, and double quotes: on Windows the line is read by cmd.exe.
INSTALL = {
    **dict.fromkeys(("03", "06", "08"), '# %pip install -e "..[demos,check]" anywidget'),
    "12": '# %pip install -e "..[demos,check,jit]"',
}
EXERCISES = {"04": 3}  # where it is not two
PATHS = notebooks()
each = pytest.mark.parametrize("path", PATHS, ids=[p.stem for p in PATHS])


def read(path):
    return nbformat.read(path, 4)


def code(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def texts(book):
    """The text cells without their code blocks."""
    return [re.sub(r"```.*?```|`[^`]*`", "", c.source, flags=re.S) for c in book.cells if c.cell_type == "markdown"]


def html(book):
    """Everything that is shown as HTML."""
    shown = [o.data["text/html"] for c in code(book) for o in c.outputs if "text/html" in o.get("data", {})]
    return [re.sub(r"<iframe.*?</iframe>", "", text, flags=re.S) for text in shown]


def test_the_course_is_whole():
    assert [p.stem[3:] for p in PATHS] == list(answers.NOTEBOOKS)
    assert [p.stem[:2] for p in PATHS] == [f"{k:02}" for k in range(13)]


def test_the_readme_lists_each_notebook_by_its_question():
    listed = re.findall(r"^\| (\d\d) \| \[(.*)\]\((.*)\) \|$", (HERE / "README.md").read_text("utf-8"), re.M)
    titles = [read(p).cells[0].source.splitlines()[0].removeprefix("# ") for p in PATHS]
    assert listed == [(p.name[:2], title, p.name) for p, title in zip(PATHS, titles)]


def test_the_course_is_small():
    assert sum(p.stat().st_size for p in PATHS) < 6_000_000


@each
def test_a_notebook_is_valid_and_tidy(path):
    book = read(path)
    nbformat.validate(book)
    assert tidied(copy.deepcopy(book)) == book, f"run `python -m notebooks {path.stem}`"
    assert path.read_text("utf-8").endswith("}\n")


@each
def test_the_first_code_cell_works_anywhere(path):
    first = code(read(path))[0]
    install = INSTALL.get(path.stem[:2], '# %pip install -e "..[demos,check]"')
    assert first.source.startswith(install + FIRST)
    assert not first.outputs


def test_nobody_is_told_to_install_the_project_from_an_index_where_it_is_not():
    texts = [p for p in ROOT.rglob("*") if p.suffix in (".md", ".ipynb", ".toml") and ".venv" not in p.parts]
    assert {ROOT / "README.md", HERE / "README.md", *PATHS} <= set(texts)
    assert not [p for p in texts if re.search(r"pip install [\"'\\]*chainrule", p.read_text("utf-8"))]


@each
def test_cells_are_short(path):
    long = {cell.id: n for cell in code(read(path)) if (n := len(cell.source.splitlines())) > 15}
    assert not long


@each
def test_a_notebook_opens_with_a_question_and_ends_with_what_is_next(path):
    book = read(path)
    assert re.match(r"# .+\?\n", book.cells[0].source + "\n")
    course = [f"{k:02}_{name}.ipynb" for k, name in enumerate(answers.NOTEBOOKS)] + ["../README.md"]
    following = course[course.index(path.name) + 1]
    assert re.search(rf"^Next: \[.*\]\({re.escape(following)}\)", book.cells[-1].source, re.M)


@each
def test_it_was_run_from_top_to_bottom_without_errors_or_warnings(path):
    cells = code(read(path))
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", cell.source


@each
def test_outputs_show_where_nothing_runs(path):
    """Images with a text, and HTML that stays whole where it is sanitised."""
    book = read(path)
    kinds = {kind for c in code(book) for o in c.outputs for kind in o.get("data", {})}
    assert kinds <= {"text/html", "text/plain"}, "a picture is an <img> in HTML; see notebooks/README.md"
    pictures = [tag for text in html(book) for tag in re.findall(r"<img[^>]*>", text)]
    assert pictures
    for tag in pictures:
        assert re.search(r'src="data:image/(png|svg\+xml);base64,', tag)
    for text in html(book):
        assert not re.search(r"<(svg|script|object|embed|canvas)\b", text)


@each
def test_every_picture_has_a_text(path):
    book = read(path)
    tags = [tag for text in html(book) + texts(book) for tag in re.findall(r"<img[^>]*>", text)]
    said = [re.search(r'alt="([^"]*)"', tag) for tag in tags]
    alts = [m[1] if m else "" for m in said]
    alts += [alt for text in texts(book) for alt in re.findall(r"!\[([^\]]*)\]\(", text)]
    assert [alt for alt in alts if len(alt.split()) < 3] == []


@each
def test_no_output_names_a_machine_or_a_person(path):
    names = {getpass.getuser(), socket.gethostname()} - {"root"}  # "root" is a word of this library
    pattern = r"/home/|/Users/|/root/|/tmp/|/var/|/work/|[A-Z]:\\\\|site-packages|ipykernel|\bfile://" + "".join(
        rf"|\b{re.escape(name)}\b" for name in sorted(names)
    )
    for cell in code(read(path)):
        for output in cell.outputs:
            text = output.get("text", "") + "".join(words(t) for t in output.get("data", {}).values())
            assert not re.search(pattern, text), cell.source


@each
def test_links_lead_somewhere(path):
    for text in texts(read(path)):
        for link in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text):
            if re.match(r"https://[\w.-]+\.\w+(/\S*)?$", link):
                continue
            target, _, anchor = link.partition("#")
            assert (path.parent / target).resolve().is_relative_to(path.parents[1].resolve())
            assert (path.parent / target).exists(), link
            assert not anchor or target.endswith((".md", ".ipynb", ".html")), link


@each
def test_formulas_need_no_script_from_the_network(path):
    for text in texts(read(path)):
        assert not re.search(r"\$|\\\(|\\\[|\\begin", text), text


@each
def test_its_exercises_are_asked_checked_and_solved(path):
    book = read(path)
    number = path.stem[:2]
    asked = [m[1] for c in code(book) for m in re.finditer(r'^check_answer\("([\d.]+)", ', c.source, re.M)]
    asked = [name for name, c in zip(asked, exercises(book)) if "No answer yet" in said_by(c)]
    assert asked == [f"{number}.{k + 1}" for k in range(EXERCISES.get(number, 2))]
    solved = [re.findall(r'^check_answer\("([\d.]+)", ', text, re.M) for text in solutions(book)]
    assert solved == [[name] for name in asked]
    assert set(asked) == {name for name in wanted(path) if name.startswith(number)}


def exercises(book):
    return [c for c in code(book) if re.search(r"^check_answer\(", c.source, re.M)]


def said_by(cell):
    return "".join(o.get("text", "") for o in cell.outputs)


def wanted(path):
    """The names of the checks that there are for a notebook."""
    with pytest.raises(ValueError, match="name of an exercise"):
        answers.verdict(f"{path.stem[:2]}.0", ...)  # loads the checks of this notebook
    return answers.CHECKS


@each
def test_folded_solutions_fold(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown" and "<details" in cell.source:
            assert cell.source.startswith("<details>\n<summary>Solution</summary>\n\n```python\n")
            assert cell.source.endswith("\n\n</details>")
            for block in solutions(nbformat.v4.new_notebook(cells=[cell])):
                ast.parse(block)


@pytest.mark.parametrize("folder", ["notebooks", "."])
def test_the_first_cell_finds_the_library_of_a_clone_that_is_not_installed(tmp_path, folder):
    """With no packages at all: what the core imports is the standard library. VS Code may run it in the clone's root."""
    clone = tmp_path / "clone"
    (clone / "notebooks").mkdir(parents=True)
    for name in ("engine", "nn"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    script = FIRST + "import engine\nfrom nn.course import check_answer\nprint(engine.__file__)"
    command = [sys.executable, "-S", "-c", script]
    done = subprocess.run(command, cwd=clone / folder, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).resolve() == (clone / "engine" / "__init__.py").resolve()


# Each rule fails on a notebook that breaks it --------------------------------------------------------------------------


def output(kind, **fields):
    return lambda book: code(book)[1].outputs.append(nbformat.v4.new_output(kind, **fields))


def in_html(old, new):
    def change(book):
        found = [o for c in code(book) for o in c.outputs if old in o.get("data", {}).get("text/html", "")]
        assert found
        found[0].data["text/html"] = found[0].data["text/html"].replace(old, new)

    return change


def in_source(old, new):
    def change(book):
        found = [c for c in book.cells if old in c.source]
        assert found
        for cell in found:
            cell.source = cell.source.replace(old, new)

    return change


def attribute(name, value):
    return lambda book: setattr(code(book)[1], name, value)


FAULTS = [
    (lambda book: book.metadata.update(author="somebody"), test_a_notebook_is_valid_and_tidy),
    (attribute("id", "other"), test_a_notebook_is_valid_and_tidy),
    (lambda book: code(book)[1].metadata.update(execution={"start": "12:00"}), test_a_notebook_is_valid_and_tidy),
    (lambda book: book.cells.pop(1), test_the_first_code_cell_works_anywhere),
    (attribute("source", "pass\n" * 16), test_cells_are_short),
    (lambda book: book.cells.pop(), test_a_notebook_opens_with_a_question_and_ends_with_what_is_next),
    (in_source("What does a nudge do?", "Nudges"), test_a_notebook_opens_with_a_question_and_ends_with_what_is_next),
    (attribute("execution_count", 7), test_it_was_run_from_top_to_bottom_without_errors_or_warnings),
    (
        output("stream", name="stderr", text="UserWarning"),
        test_it_was_run_from_top_to_bottom_without_errors_or_warnings,
    ),
    (output("error", ename="E", evalue="e"), test_it_was_run_from_top_to_bottom_without_errors_or_warnings),
    (output("display_data", data={"image/png": "AAAA"}), test_outputs_show_where_nothing_runs),
    (
        output("display_data", data={"application/vnd.jupyter.widget-view+json": {}}),
        test_outputs_show_where_nothing_runs,
    ),
    (output("display_data", data={"text/html": "<svg></svg>"}), test_outputs_show_where_nothing_runs),
    (in_html('src="data:', 'src="https://example.org/'), test_outputs_show_where_nothing_runs),
    (in_html('alt="', 'title="'), test_every_picture_has_a_text),
    (in_source("Next:", "![](x.png) Next:"), test_every_picture_has_a_text),
    (output("stream", name="stdout", text="/home/ann/x.py"), test_no_output_names_a_machine_or_a_person),
    (output("stream", name="stdout", text=socket.gethostname()), test_no_output_names_a_machine_or_a_person),
    (in_source("(02_value_and_graph.ipynb)", "(02_values.ipynb)"), test_links_lead_somewhere),
    (in_source("(02_value_and_graph.ipynb)", "(../../etc.ipynb)"), test_links_lead_somewhere),
    (in_source("Next:", "$x^2$ Next:"), test_formulas_need_no_script_from_the_network),
    (in_source('check_answer("01.2"', 'check_answer("01.1"'), test_its_exercises_are_asked_checked_and_solved),
    (in_source("predicted = 2 + 9 * 0.01\n", "predicted = = 2\n"), test_folded_solutions_fold),
    (in_source("<summary>Solution</summary>\n\n", "<summary>Solution</summary>\n"), test_folded_solutions_fold),
]


@pytest.mark.parametrize(
    ("fault", "rule"), FAULTS, ids=[f"{k}-{rule.__name__[5:]}" for k, (_, rule) in enumerate(FAULTS)]
)
def test_each_rule_is_broken_by_a_planted_fault(fault, rule, tmp_path):
    path = tmp_path / "notebooks" / "01_derivatives.ipynb"
    path.parent.mkdir()
    for other in PATHS:
        (path.parent / other.name).touch()
    book = read(HERE / path.name)
    nbformat.write(book, path)
    rule(path)
    fault(book)
    path.write_text(json.dumps(book) + "\n", "utf-8")
    with pytest.raises((AssertionError, nbformat.ValidationError, SyntaxError)):
        rule(path)

"""Every example of the README and of the texts that it leads to runs and prints what it shows; what they name is there."""

import doctest
import re
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`((?:engine|nn|tests|demos|notebooks)/[\w./]*)`")
COUNTEREXAMPLE = ROOT / "demos" / "pictures" / "counterexample.svg"
TEXTS = ("README.md", "engine/README.md", "notebooks/coming_from.md", "tests/benchmarks/README.md")
README, HOUSE = ((ROOT / name).read_text(encoding="utf-8") for name in TEXTS[:2])


@pytest.mark.parametrize("name", ["README.md", "engine/README.md"])
def test_every_example_prints_what_it_shows(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    profile = settings.get_current_profile_name()
    settings.load_profile("ci")  # always the same examples
    examples = doctest.DocTestParser().get_doctest((ROOT / name).read_text("utf-8"), {}, name, name, 0)
    assert len(examples.examples) >= 12
    out = []
    try:
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=out.append)
    finally:
        settings.load_profile(profile)
    assert result.failed == 0, "".join(out)
    if name == "README.md":
        shown, made = (
            re.findall(r"<text[^>]*>(.*?)</text>", re.sub(r' id="[^"]*"', "", path.read_text("utf-8")), re.S)
            for path in (COUNTEREXAMPLE, tmp_path / COUNTEREXAMPLE.name)
        )
        assert shown == made, "the README shows another counterexample than its example finds"


def test_a_newcomer_reads_the_readme_in_five_minutes():
    assert len(README.splitlines()) < 200


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_leads_to_a_file(name):
    text, folder = (ROOT / name).read_text("utf-8"), (ROOT / name).parent
    links = re.findall(r"!?\[[^\]]*\]\(([^)#]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    assert links or name != "README.md"
    assert [link for link in links if not link.startswith("http") and not (folder / link).exists()] == []


def test_every_path_that_the_texts_name_exists():
    named = [path for name in TEXTS for path in NAMED.findall((ROOT / name).read_text("utf-8"))]
    assert len(named) >= 40
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_house_names_every_room_and_the_way_through_the_heart():
    packages = {path.parent for path in ROOT.glob("engine/**/__init__.py")} | {
        path.parent for path in ROOT.glob("nn/**/__init__.py")
    }
    rooms = {path for path in packages if not any(path in other.parents for other in packages)} | {
        *ROOT.glob("engine/[a-z]*.py")
    }
    unnamed = [room for path in rooms if (room := path.relative_to(ROOT).as_posix()) not in HOUSE]
    assert unnamed == []
    for text in (README, HOUSE):
        heart = re.search(r"read `(\w+\.py)`, `(\w+\.py)`, `(\w+\.py)`, in this order", text)
        assert sum(len((ROOT / "engine" / name).read_text("utf-8").splitlines()) for name in heart.groups()) <= 700


def test_the_picture_of_the_course_is_the_one_in_its_notebook():
    import base64

    picture = base64.b64encode((ROOT / "demos" / "pictures" / "boundary.png").read_bytes()).decode()
    assert picture in (ROOT / "notebooks" / "06_train_moons.ipynb").read_text("utf-8")


def test_the_course_is_linked_by_its_questions():
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        question = re.search(r'"# (.*?)(?:\\n)?"', path.read_text("utf-8"))[1]
        assert f"[{question}](notebooks/{path.name})" in README

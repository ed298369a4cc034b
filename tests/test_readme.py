"""Every example of the README runs and prints what it shows, and what it points to is there."""

import doctest
import re
from pathlib import Path

from hypothesis import settings

import engine

ROOT = Path(__file__).parent.parent
COUNTEREXAMPLE = ROOT / "demos" / "pictures" / "counterexample.svg"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_example_of_the_readme_prints_what_it_shows(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    table = dict(engine.TABLE)
    profile = settings.get_current_profile_name()
    settings.load_profile("ci")  # always the same examples
    examples = doctest.DocTestParser().get_doctest(README, {}, "README.md", "README.md", 0)
    assert len(examples.examples) >= 15
    out = []
    try:
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=out.append)
    finally:
        settings.load_profile(profile)
        for name in engine.TABLE.keys() - table.keys():
            del engine.TABLE[name]
            delattr(engine.Value, name)
    assert result.failed == 0, "".join(out)
    shown, made = (
        re.findall(r"<text[^>]*>(.*?)</text>", re.sub(r' id="[^"]*"', "", path.read_text("utf-8")), re.S)
        for path in (COUNTEREXAMPLE, tmp_path / COUNTEREXAMPLE.name)
    )
    assert shown == made, "the README shows another counterexample than its example finds"


def test_every_link_of_the_readme_leads_to_a_file():
    links = re.findall(r"!?\[[^\]]*\]\(([^)#]+)\)", README) + re.findall(r'(?:src|srcset|href)="([^"]+)"', README)
    assert links
    missing = [link for link in links if not link.startswith("http") and not (ROOT / link).exists()]
    assert not missing


def test_every_room_and_test_the_readme_names_exists():
    named = re.findall(r"`((?:engine|nn|tests|demos|notebooks)/[\w./]*)`", README)
    assert len(named) >= 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_names_every_room_and_the_way_through_the_heart():
    packages = {path.parent for path in ROOT.glob("engine/**/__init__.py")} | {
        path.parent for path in ROOT.glob("nn/**/__init__.py")
    }
    rooms = {path for path in packages if not any(path in other.parents for other in packages)} | {
        *ROOT.glob("engine/[a-z]*.py")
    }
    unnamed = [room for path in rooms if (room := path.relative_to(ROOT).as_posix()) not in README]
    assert unnamed == []
    heart = re.search(r"read `(\w+\.py)`, `(\w+\.py)`, `(\w+\.py)`, in this order", README)
    assert sum(len((ROOT / "engine" / name).read_text("utf-8").splitlines()) for name in heart.groups()) <= 700


def test_the_picture_of_the_course_is_the_one_in_its_notebook():
    import base64

    picture = base64.b64encode((ROOT / "demos" / "pictures" / "boundary.png").read_bytes()).decode()
    assert picture in (ROOT / "notebooks" / "06_train_moons.ipynb").read_text("utf-8")


def test_the_course_is_linked_by_its_questions():
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        question = re.search(r'"# (.*?)(?:\\n)?"', path.read_text("utf-8"))[1]
        assert f"[{question}](notebooks/{path.name})" in README

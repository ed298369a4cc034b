"""Who may import whom, read from the source; and that `import engine` needs the standard library only."""

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import engine

ROOT = Path(__file__).parents[1]
CORE = [
    "arguments",
    "writing",
    "ieee",
    "readings",
    "ops",
    "context",
    "value",
    "assignment",
    "operators",
    "backprop",
    "adjoints",
    "copying",
]  # may import those before
PACKAGES = {  # may import these, and themselves
    "transforms": {*CORE},
    "formulas": {*CORE},
    "picture": {*CORE, "transforms", "formulas"},
    "checks": {*CORE, "transforms", "formulas", "picture"},
    "compiler": {*CORE, "transforms"},
}
ROOMS_OF_THEIR_OWN = {  # whose public names are not all in engine
    "engine.arguments", "engine.assignment", "engine.formulas.chain", "engine.checks", "engine.compiler", "engine.formulas.formula", "engine.picture",
    "engine.writing",
}  # fmt: skip
ABOUT = {  # files that are about one third-party package
    "engine/checks/balls.py": {"flint"},
    "engine/checks/stateful.py": {"hypothesis"},
    "engine/checks/strategies.py": {"hypothesis"},
    "engine/compiler/llvm/kit.py": {"llvmlite"},
    "nn/sklearn.py": {"sklearn", "numpy"},
}


def rooms():
    """Room to the rooms that it may import."""
    may = {name: set(CORE[:k]) for k, name in enumerate(CORE)}
    return may | {name: allowed | {name} for name, allowed in PACKAGES.items()}


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


def for_types_only(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports(path):
    """(module, names, in a function) for each import of a file; modules are absolute, as dotted names."""
    package = [*path.relative_to(ROOT).parent.parts]
    found = []

    def visit(node, inside):
        if isinstance(node, ast.Import):
            found.extend((a.name, (), inside) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            found.append((".".join([*base, *filter(None, [node.module])]), [a.name for a in node.names], inside))
        if not for_types_only(node):
            function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for child in ast.iter_child_nodes(node):
                visit(child, inside or function)

    visit(ast.parse(path.read_text(encoding="utf-8")), False)
    return found


def room(path):
    parts = path.relative_to(ROOT / "engine").with_suffix("").parts
    return parts[0]


def rooms_of(module, names):
    """The rooms of engine that one import reaches."""
    parts = module.split(".")
    if parts[0] != "engine":
        return []
    return [parts[1]] if len(parts) > 1 else [n for n in names if (ROOT / "engine" / f"{n}.py").exists()]


def wrong_imports():
    may, wrong = rooms(), []
    for path in sources("engine"):
        here = room(path)
        if here == "__init__":
            continue
        for module, names, _ in imports(path):
            wrong += [
                f"{path.relative_to(ROOT)} imports {there}"
                for there in rooms_of(module, names)
                if there not in may.get(here, ())
            ]
    return wrong


def test_modules_import_downwards_only():
    assert wrong_imports() == []


def test_every_room_has_its_place():
    found = {room(path) for path in sources("engine")} - {"__init__"}
    assert found <= set(rooms()), "a new room needs a place in the order of this test and in the README"


@pytest.mark.parametrize("package", [*(f"engine/{name}" for name in PACKAGES), "nn"])
def test_no_module_of_a_package_imports_itself_in_a_circle(package):
    below, whole = {}, package.split("/")
    for path in sources(package):
        name = path.relative_to(ROOT / package).with_suffix("").parts[0]
        below.setdefault(name, set()).update(
            n
            for module, names, inside in imports(path)
            if not inside and module.split(".")[: len(whole)] == whole
            for n in (module.split(".")[len(whole) :][:1] or names)
            if n != name
        )
    while below:
        lowest = {name for name, others in below.items() if not others & set(below)}
        assert lowest, f"a circle among {sorted(below)}"
        below = {name: others for name, others in below.items() if name not in lowest}


@pytest.mark.parametrize("package", ["engine", "nn"])
def test_third_party_packages_are_imported_where_they_are_used(package):
    for path in sources(package):
        name = path.relative_to(ROOT).as_posix()
        allowed = {*sys.stdlib_module_names, "engine", "nn", *ABOUT.get(name, ())}
        foreign = {m.split(".")[0] for m, _, inside in imports(path) if not inside} - allowed
        assert not foreign, f"{name} imports {foreign} at module level"


@pytest.mark.parametrize("package", ["nn", "demos"])
def test_nn_and_demos_use_public_names_of_engine_only(package):
    for path in sources(package):
        for module, names, _ in imports(path):
            if module.split(".")[0] == "engine":
                assert module == "engine" or module in ROOMS_OF_THEIR_OWN, f"{path.relative_to(ROOT)} imports {module}"
                public = set(importlib.import_module(module).__all__)
                assert set(names) <= public, f"{path.relative_to(ROOT)} imports {set(names) - public} of {module}"
            if package == "nn":
                assert module.split(".")[0] != "demos"


@pytest.mark.parametrize("package", ["engine", "nn"])
def test_a_plain_import_loads_the_standard_library_only(package):
    script = (
        f"import sys; before = set(sys.modules); import {package}\n"
        "new = {m.split('.')[0] for m in set(sys.modules) - before} - sys.stdlib_module_names - {'engine', 'nn'}\n"
        "print(sorted(new))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "[]"


def test_public_names_exist_and_heavier_rooms_wait_for_first_use():
    for name in engine.__all__:
        assert getattr(engine, name) is not None
    script = "import sys, engine; print([m for m in sys.modules if m.startswith(('engine.picture', 'engine.checks'))])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["engine", "nn"])
def test_completion_offers_what_is_public_loaded_or_not(package):
    script = f"import {package} as p; print(set(p.__all__) - set(dir(p)), 'import_module' in dir(p))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "set() False"


def test_every_package_is_installed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    there = {
        path.parent.relative_to(ROOT).as_posix()
        for top in ("engine", "nn")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert {name.replace("/", ".") for name in there} == set(listed)

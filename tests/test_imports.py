"""Who may import whom, read from the source; and that `import engine` needs the standard library only."""

import ast
import functools
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import engine

ROOT = Path(__file__).parents[1]
# A room (a module, or a package and what is in it) imports those of the lines above its own; so do its annotations and
# its functions. `__init__` puts the rooms together.
ORDER = {
    "engine": """
        ieee arguments writing open_blocks
        exponentials
        special
        incomplete
        context
        readings
        conversion
        row_checks
        rule
        untabled traversal
        ops
        anomaly copying
        backprop
        compatibility
        value
        leaves lists assignment functions by_number
        gated guards
        edges taking
        dot_uses
        pulled
        adjoints
        transforms formulas
        picture.model
        picture.drawing
        picture.player
        picture
        checks compiler.front
        compiler.loops
        compiler.arrays compiler.llvm
        compiler
        explanation
    """,
    "nn": """
        arguments launch place
        activations canvas init losses matrices schedules updates
        elsewhere
        structure
        weights twin
        pattern
        deferred
        module data
        layers optimiser penalties
        blocks optim
        summary training
        network sklearn
        files diagnosis
        exchange plots course
    """,
}
ROOMS_OF_THEIR_OWN = {  # whose public names are not all in engine
    "engine.arguments", "engine.assignment", "engine.compatibility", "engine.formulas.chain", "engine.checks", "engine.compiler", "engine.formulas.formula", "engine.picture",
    "engine.writing",
}  # fmt: skip
ABOUT = {  # files that are about one third-party package
    "engine/checks/balls.py": {"flint"},
    "engine/checks/stateful.py": {"hypothesis"},
    "engine/checks/strategies.py": {"hypothesis"},
    "engine/compiler/llvm/vectors.py": {"llvmlite"},
    "nn/sklearn.py": {"sklearn", "numpy"},
}


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


@functools.cache
def imports(path):
    """(module, names, in a function) for each import of a file, for types too; modules are absolute, as dotted names."""
    package = [*path.relative_to(ROOT).parent.parts]
    found = []

    def visit(node, inside):
        if isinstance(node, ast.Import):
            found.extend((a.name, (), inside) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            found.append((".".join([*base, *filter(None, [node.module])]), [a.name for a in node.names], inside))
        function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or for_types_only(node)
        for child in ast.iter_child_nodes(node):
            visit(child, inside or function)

    visit(ast.parse(path.read_text(encoding="utf-8")), False)
    return found


def for_types_only(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def below():
    """Each module of engine and nn, with the modules of its package that it imports anywhere."""
    found = {}
    for package in ORDER:
        for path in sources(package):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            reached = [
                f"{module}.{n}" if is_module(f"{module}.{n}") else module
                for module, names, _ in imports(path)
                if module.split(".")[0] == package
                for n in names or [""]
            ]
            found[name] = {m for m in reached if m != name}
    return found


def room(module):
    """The room that a module is in: the longest of its package's order that is it or holds it."""
    package, _, rest = module.partition(".")
    rooms = [r for r in ORDER[package].split() if rest == r or rest.startswith(r + ".")]
    return max(rooms, key=len, default=None)


def places(package):
    """Each room of a package, with its line in the order."""
    return {r: k for k, line in enumerate(ORDER[package].strip().splitlines()) for r in line.split()}


def upward_imports():
    wrong = []
    for name, reached in below().items():
        package = name.partition(".")[0]
        here, at = room(name), places(package)
        if name != package:
            wrong += [f"{name} imports {m}" for m in reached if room(m) != here and not at.get(room(m), 99) < at[here]]
    return wrong


def circles():
    """The modules that reach themselves by imports, and what leads to them; a room's `__init__` is a module too."""
    found = {name: reached for name, reached in below().items() if name not in ORDER}
    while found:
        lowest = {name for name, reached in found.items() if not reached & found.keys()}
        if not lowest:
            return sorted(found)
        found = {name: reached for name, reached in found.items() if name not in lowest}
    return []


def test_modules_import_downwards_only():
    assert upward_imports() == []


def test_no_module_imports_itself_in_a_circle():
    assert circles() == []


def test_every_room_has_its_place():
    unknown = [name for name in below() if name not in ORDER and room(name) is None]
    assert not unknown, "a new room needs a place in the order of this test and in engine/README.md"
    for package in ORDER:
        assert [r for r in places(package) if not is_module(f"{package}.{r}")] == []


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

"""The committed type stubs are what the table of rules and the updates of optimisers generate."""

import ast
import inspect
import subprocess
import sys

import pytest

import engine
from tests.support.stubs import ROOT, STUBS


@pytest.mark.parametrize("file", STUBS)
def test_stub_is_what_is_generated(file):
    committed = (ROOT / file).read_text(encoding="utf-8")
    assert committed == STUBS[file](), "run `python -m tests.support.stubs`"


def test_stub_of_value_lists_every_method_of_value():
    text = STUBS["engine/value.pyi"]()
    show = "import engine; print(*[n for n in vars(engine.Value) if hasattr(engine.Value, n)])"  # in a process of its own: other tests add rows
    names = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.split()
    missing = [name for name in names if f"def {name}(" not in text and f"    {name}:" not in text]
    assert set(missing) <= {
        "__dir__",
        "__doc__",
        "__module__",
        "__slots__",
        "__init_subclass__",
        "__reduce_ex__",
        "__static_attributes__",
        "__firstlineno__",
        "__repr__",
    }, missing


def test_methods_call_their_arguments_as_the_stub_does():
    for body in ast.parse(STUBS["engine/value.pyi"]()).body:
        for stub in body.body if isinstance(body, ast.ClassDef) else []:
            if isinstance(stub, ast.FunctionDef) and not stub.name.startswith("_") and not stub.decorator_list:
                _, *own = inspect.signature(getattr(engine.Value, stub.name)).parameters.values()
                if inspect.Parameter.VAR_POSITIONAL not in [p.kind for p in own]:
                    assert [p.name for p in own] == [a.arg for a in stub.args.args[1:]], stub.name

"""A call of every public callable, and which callables are public: what a sweep of odd values starts from."""

import inspect
from importlib import import_module

import engine_exemplars  # noqa: F401  it fills EXEMPLARS
import nn_exemplars  # noqa: F401  it too
from exemplar import EXEMPLARS

import nn

PACKAGES = ("engine", "engine.checks", "engine.compiler", "engine.picture", "nn", "nn.sklearn", "nn.course")
# What needs no exemplar, and why: exceptions and results that the library itself makes, whose methods have one.
MADE_BY_THE_LIBRARY = {
    "AnomalyError", "EngineCheck", "Film", "Finding", "Activated", "Generator", "GradientError", "LayoutError", "LifecycleError", "LiveGraph", "NoRowError", "Op", "Operands", "Picture",
    "Player", "Report", "Step",
}  # fmt: skip
# What nn asks of the compiler with what it has read, and where JAX is: tests/xla tries odd meshes on fit itself.
BETWEEN_PACKAGES = {"Mesh", "anyone", "said_by_processes", "together"}
PURE = {
    "random",  # of a Generator: what a user brings
    "update",  # of an optimiser: a function of scalars for one parameter, which loops record; its Optimiser asks
}


def public():
    """(name, callable) for each that a user may call: of the packages, of the modules they name, and methods."""
    seen = set()
    modules = [import_module(package) for package in PACKAGES]
    modules += [getattr(nn, name) for name in nn.__all__ if inspect.ismodule(getattr(nn, name))]
    for module in modules:
        own = [name for name, x in vars(module).items() if getattr(x, "__module__", "") == module.__name__]
        for name in getattr(module, "__all__", own):
            x = getattr(module, name)
            if name.startswith("_") or not callable(x) or id(x) in seen or name in BETWEEN_PACKAGES:
                continue
            seen.add(id(x))
            path = f"{'engine' if module.__name__ == 'engine.compiler' else module.__name__}.{name}"
            if not inspect.isclass(x):
                yield path, x
                continue
            if name not in MADE_BY_THE_LIBRARY:
                yield path, x
            for method, f in inspect.getmembers(x, callable):
                f = getattr(f, "__func__", f)
                if (
                    method.startswith("_")
                    or method in PURE
                    or inspect.isclass(f)
                    or not (getattr(f, "__module__", None) or "").startswith(("engine", "nn"))
                ):
                    continue
                if id(f) not in seen:
                    seen.add(id(f))
                    yield f"{path}.{method}", f


def covered(name, x):
    """Whether a public callable has an exemplar, under its name or the class that it was inherited from, or needs none."""
    package = name.split(".")[0]
    if list(inspect.signature(x).parameters) in ([], ["self"]):
        return True  # what is called without arguments takes no odd value
    return name in EXEMPLARS or f"{package}.{getattr(x, '__qualname__', name)}" in EXEMPLARS

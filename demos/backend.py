"""The backend that demos train with: native code where llvmlite is installed, else eager; said in a line."""

import functools


@functools.cache
def backend() -> str:
    """ "jit" or "eager", as `nn.fit` takes it; the first call prints which and why."""
    try:
        import llvmlite.binding  # noqa: F401  is it there?
    except ImportError:
        print("Training: eager, in Python; pip install 'chainrule[jit]' makes it about 100 times faster.", flush=True)
        return "eager"
    print("Training: native code, compiled by llvmlite from the scalar graph.", flush=True)
    return "jit"

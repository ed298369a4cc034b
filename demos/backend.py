"""The backend that demos train with: native code where llvmlite is installed, else eager; said in a line."""

import functools

from engine.arguments import install_line


@functools.cache
def backend() -> str:
    """ "jit" or "eager", as `nn.fit` takes it; the first call prints which and why."""
    try:
        import llvmlite.binding  # noqa: F401  is it there?
    except ImportError:
        print(f"Training: eager, in Python; native code, many times faster, after {install_line('jit')}.", flush=True)
        return "eager"
    print("Training: native code, compiled by llvmlite from the scalar graph.", flush=True)
    return "jit"

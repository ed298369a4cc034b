"""How programs are compiled where that is most of a test, which is not about it."""

from engine.compiler.llvm import memory
from engine.compiler.llvm.native_code import Programs


def outline(put):
    """Elementary functions once a program, as in long ones, and not wherever they are applied: half as much for LLVM.

    In line they are in test_contract, every row in both types, and in all tests without such a fixture.

    Args:
        put: `setattr`, undone in the end.
    """
    put(memory, "INLINE_BELOW", 0)


def leave_passes_out(put):
    """Programs without LLVM's own passes, for what is decided before them. They take most of the time."""
    compiled = Programs.compiled
    put(
        Programs, "compiled",
        lambda self, text, _, __, cpu, ___=True, meanwhile=None: compiled(self, text, 0, False, cpu, meanwhile=meanwhile),
    )  # fmt: skip
    outline(put)

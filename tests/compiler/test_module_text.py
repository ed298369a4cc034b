"""The text that LLVM reads says what llvmlite's own says of the same module."""

import numpy as np
import pytest

from engine import jit, maximum, tanh, total, value_and_grad, vmap
from engine.compiler import TrainingLoop, compilation
from engine.compiler.llvm.module_text import module_text


@pytest.fixture
def read(monkeypatch):
    """What LLVM read, by our text and by llvmlite's."""
    from llvmlite import binding

    found = []

    def both(module):
        text = module_text(module)
        found.append([str(binding.parse_assembly(t)) for t in (text, str(module))])
        return text

    monkeypatch.setattr(compilation, "module_text", both)
    return found


def loss(w, rows):
    return total([maximum(tanh(w[0] * x + w[1]), 0.25) / (w[2] + x) for x in rows])


@pytest.mark.parametrize("contract", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_text_of_a_module_is_what_llvmlite_says(read, dtype, contract):
    w, rows = [0.5, -0.2, 1.5], [0.1 * k for k in range(40)]
    jit(value_and_grad(loss), dtype=dtype, contract=contract, checked=True).lower(w, rows)
    jit(vmap(lambda x: tanh(x) / (1.0 + x * x)), dtype=dtype, contract=contract, threads=2).lower(np.array(rows))
    loop = TrainingLoop(
        lambda p, x: maximum(tanh(p[0] * x[0] + p[1]), 0.1) / p[2],
        lambda p, g, slots, settings: (p - settings[0] * g, slots),
        np.array(w), np.array(rows)[:, None], settings=1, dtype=dtype, contract=contract,
    )  # fmt: skip
    loop.run(epochs=2, settings=[0.01])
    assert len(read) == 3
    for ours, theirs in read:
        assert ours == theirs

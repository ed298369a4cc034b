"""Copies inside transforms, side by side with JAX: connected, and pickled neither here nor there."""

import copy
import pickle

import jax
import pytest

import engine

jax.config.update("jax_enable_x64", True)

FUNCTIONS = {
    "copy": lambda p: copy.copy(p[0]) * p[1],
    "deepcopy": lambda p: copy.deepcopy(p[0]) ** 2 * p[1],
    "deepcopy of the tree": lambda p: sum([x**2 for x in copy.deepcopy(p)]),
    "copy of a node": lambda p: copy.copy(p[0] * p[1]) * p[0],
    "deepcopy of a node": lambda p: copy.deepcopy(p[0] * p[1]) * p[0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("wrapped", [lambda m, f: m.grad(f), lambda m, f: m.jit(m.grad(f)), lambda m, f: m.hessian(f)])
def test_derivatives_through_copies_are_those_of_jax(name, wrapped):
    f, p = FUNCTIONS[name], [1.5, -2.0]
    ours, theirs = wrapped(engine, f)(p), wrapped(jax, f)(p)
    leaves = jax.tree_util.tree_leaves
    assert leaves(ours) == pytest.approx([float(x) for x in leaves(theirs)], rel=1e-15)


@pytest.mark.parametrize("wrap", ["grad", "jit"])
def test_neither_pickles_what_it_traces(wrap):
    for module in (engine, jax):
        with pytest.raises((TypeError, jax.errors.ConcretizationTypeError)):
            getattr(module, wrap)(lambda x: pickle.loads(pickle.dumps(x)) * x)(2.0)

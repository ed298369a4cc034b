"""A whole GPT against JAX and PyTorch: its loss and all gradients, in eager mode and compiled, from nets and from arrays."""

import random

import numpy as np
import pytest

from demos import gpt
from demos.first_names import LETTERS
from demos.gpt import GPT, linear, loss, norm, spelled
from engine import dot, jit, logsumexp, relu, softmax, total, value_and_grad

NAMES = ("letters", "places", "query", "key", "value", "mixed", "up", "down", "scores")


def arrays(net):
    """The parameters of a net by name, as arrays."""
    rows = {**{name: getattr(net, name) for name in NAMES[1:]}, "letters": net.letters.weight}
    return {name: np.array([[v.data for v in row] for row in rows[name]]) for name in NAMES}


def numbers(name):
    """(the letters of a name after the stop before it, those that follow)"""
    every = [LETTERS.index(c) for c in f".{name}."]
    return every[:-1], every[1:]


def by_jax(p, name):
    """(loss, gradients) by JAX."""
    import jax
    import jax.numpy as jnp

    letters, following = map(np.array, numbers(name))
    width, size = p["places"].shape[1], gpt.SIZE

    def normed(x):
        return x / jnp.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)

    def cost(p):
        x = p["letters"][letters] + p["places"][: len(letters)]
        q, k, v = ((normed(x) @ p[m].T).reshape(-1, width // size, size) for m in ("query", "key", "value"))
        seen = jnp.where(jnp.tri(len(letters)) > 0.0, jnp.einsum("thd,shd->hts", q, k) * size**-0.5, -jnp.inf)
        x = x + jnp.einsum("hts,shd->thd", jax.nn.softmax(seen), v).reshape(-1, width) @ p["mixed"].T
        x = x + jax.nn.relu(normed(x) @ p["up"].T) @ p["down"].T
        return -jnp.take_along_axis(jax.nn.log_softmax(normed(x) @ p["scores"].T), following[:, None], 1).sum()

    with jax.enable_x64(True):
        value, slopes = jax.jit(jax.value_and_grad(cost))({name: jnp.array(a) for name, a in p.items()})
        return float(value), {name: np.asarray(a) for name, a in slopes.items()}


def by_torch(p, name):
    """(loss, gradients) by PyTorch, with its own attention and norm."""
    import torch
    from torch.nn import functional

    letters, following = map(torch.tensor, numbers(name))
    ps = {name: torch.tensor(a, requires_grad=True) for name, a in p.items()}
    width, size = p["places"].shape[1], gpt.SIZE

    def normed(x):
        return functional.rms_norm(x, (width,), eps=1e-5)

    x = functional.embedding(letters, ps["letters"]) + ps["places"][: len(letters)]
    parts = [(normed(x) @ ps[m].T).reshape(-1, width // size, size).transpose(0, 1) for m in ("query", "key", "value")]
    seen = functional.scaled_dot_product_attention(*parts, is_causal=True)
    x = x + seen.transpose(0, 1).reshape(-1, width) @ ps["mixed"].T
    x = x + functional.relu(normed(x) @ ps["up"].T) @ ps["down"].T
    cost = functional.cross_entropy(normed(x) @ ps["scores"].T, following, reduction="sum")
    cost.backward()
    return cost.item(), {name: a.grad.numpy() for name, a in ps.items()}


PEERS = pytest.mark.parametrize("peer", [by_jax, by_torch])


def assert_same(found, expected):
    (value, slopes), (right, gradients) = found, expected
    assert float(value) == pytest.approx(right, rel=1e-12)
    for name in NAMES:
        assert np.array(slopes[name], float) == pytest.approx(gradients[name], rel=1e-9, abs=1e-13), name


@PEERS
@pytest.mark.parametrize(("name", "places"), [("anthony", 8), ("jo", 12)])
def test_the_net_of_the_demo_has_the_gradients_of_peers(peer, name, places):
    net = GPT(12, random.Random(4))
    ((rows,), (letters,)) = spelled([name], places)
    value, slopes = value_and_grad(lambda net: loss(net(rows), letters))(net)
    assert_same((value, arrays(slopes)), peer(arrays(net), name))


@pytest.fixture
def small(monkeypatch):
    """A net that compiles in a moment."""
    for name, size in {"WIDTH": 6, "WIDE": 8, "SIZE": 3}.items():
        monkeypatch.setattr(gpt, name, size)
    return GPT(5, random.Random(4))


def plain(p, letters, following):
    """The same in the idiom of one-file GPTs: one place after the other, keys and values in lists that grow."""
    keys, values, costs = [], [], []
    for place, (letter, after) in enumerate(zip(letters, following)):
        x = [a + b for a, b in zip(p["letters"][letter], p["places"][place])]
        query, key, value = (linear(p[m], norm(x)) for m in ("query", "key", "value"))
        keys.append(key)
        values.append(value)
        seen = []
        for k in range(0, len(x), gpt.SIZE):
            part = slice(k, k + gpt.SIZE)
            weights = softmax([dot(query[part], key[part]) * gpt.SIZE**-0.5 for key in keys])
            seen += [dot(weights, column) for column in list(zip(*values))[part]]
        x = linear(p["mixed"], seen, x)
        x = linear(p["down"], [relu(a) for a in linear(p["up"], norm(x))], x)
        z = linear(p["scores"], norm(x))
        costs.append(logsumexp(z) - dot(p["one hot"][after], z))
    return total(costs)


@pytest.mark.parametrize(("peer", "form"), [(by_jax, np.array), (by_torch, np.ndarray.tolist)])
def test_letters_index_rows_in_a_compiled_gpt_of_growing_lists(peer, form, small):
    p = {name: form(a) for name, a in {**arrays(small), "one hot": np.eye(27)}.items()}
    compiled, eager = jit(value_and_grad(plain)), value_and_grad(plain)
    for name in ("jo", "al"):
        expected = peer(arrays(small), name)
        assert_same(compiled(p, *numbers(name)), expected)
        assert_same(eager(p, *numbers(name)), expected)
    assert len(compiled.compilations) == 1


def test_one_compilation_of_a_masked_gpt_serves_every_length(small):
    compiled = jit(value_and_grad(lambda net, rows, letters: loss(net(rows), letters)))
    for name in ("anna", "jo", "a"):
        ((rows,), (letters,)) = spelled([name], 5)
        value, slopes = compiled(small, rows, letters)
        assert_same((value, arrays(slopes)), by_torch(arrays(small), name))
    assert len(compiled.compilations) == 1

"""The demo's GPT (16 wide, 4 heads, one block) learns a name of 7 letters and its end, a step Adam's, beside peers."""

import random

from .peers import np

PLACES, NAME, LR, STEPS = 8, "jessica", 0.01, 100
NAMES = ("letters", "places", "query", "key", "value", "mixed", "up", "down", "scores")


def problem():
    """(the network, the letters read, what follows each) as the demo has them."""
    from demos.gpt import GPT, spelled

    return GPT(PLACES, random.Random(0)), *spelled([NAME], PLACES)


def ours():
    """(a loop of `nn`'s, a function of STEPS steps from the start that returns the parameters)."""
    import nn
    from demos.gpt import loss

    net, rows, letters = problem()
    start = [p.data for p in net.parameters()]
    trainer = nn.Trainer(
        net, rows, letters, loss=loss, optimizer=nn.Adam(net, lr=LR), batch_size=1, epochs=1, backend="jit",
        progress=False,
    )  # fmt: skip
    trainer.run()
    loop = trainer._backend.native._loop
    steps = loop.prepared(epochs=STEPS, settings=[[LR, 1.0 + k] for k in range(STEPS)])

    def run():
        loop.parameters[:], loop.slots[:] = start, 0.0
        steps()
        return loop.parameters

    return loop, run


def arrays():
    """(the parameters as matrices, numbers of the letters read, what is added where a place is hidden, what follows)."""
    net, (read,), (letters,) = problem()
    tables = [getattr(net, name) for name in NAMES]
    matrices = [np.array([[v.data for v in row] for row in getattr(t, "weight", t)]) for t in tables]
    hidden = np.triu(np.full((PLACES, PLACES), -1e9), 1)
    return matrices, np.array(read, int), hidden, np.array(letters)


def scores(p, read, hidden, library, rsqrt, softmax, relu):
    """The network on arrays of JAX or PyTorch; in products and sums, which XLA fuses, it is faster than by batched matmul."""
    letters, places, query, key, value, mixed, up, down, out = p
    x = letters[read] + places

    def norm(x):
        return x * rsqrt((x * x).mean(-1)[:, None] + 1e-5)

    qkv = norm(x) @ library.concatenate([query, key, value]).T
    q, k, v = (qkv[:, i : i + 16].reshape(PLACES, 4, 4) for i in (0, 16, 32))
    looks = softmax(library.moveaxis((q[:, None] * k[None]).sum(-1), 2, 0) * 0.5 + hidden)
    x = x + (library.moveaxis(looks, 0, 2)[..., None] * v[None]).sum(1).reshape(PLACES, 16) @ mixed.T
    x = x + relu(norm(x) @ up.T) @ down.T
    return norm(x) @ out.T


def jax_steps():
    """A function of STEPS steps from the start, in one fori_loop."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    p, read, hidden, want = arrays()

    def loss(p):
        z = scores(p, read, hidden, jnp, jax.lax.rsqrt, jax.nn.softmax, jax.nn.relu)
        return -(jax.nn.log_softmax(z) * want).sum()

    def step(k, state):
        p, m, v = state
        g, t = jax.grad(loss)(p), k + 1.0
        m = [0.9 * m + 0.1 * g for m, g in zip(m, g)]
        v = [0.999 * v + 0.001 * g * g for v, g in zip(v, g)]
        rate, root = LR / (1 - 0.9**t), 1 - 0.999**t
        return [p - rate * m / (jnp.sqrt(v / root) + 1e-8) for p, m, v in zip(p, m, v)], m, v

    many = jax.jit(lambda p: jax.lax.fori_loop(0, STEPS, step, (p, *[[jnp.zeros_like(a) for a in p]] * 2))[0])
    p = list(map(jnp.asarray, p))
    return lambda: jax.block_until_ready(many(p))


def torch_step():
    """A step of PyTorch's eager mode, called once a step."""
    import torch

    torch.set_num_threads(1)
    p, *rest = arrays()
    p, (read, hidden, want) = [torch.tensor(a, requires_grad=True) for a in p], map(torch.tensor, rest)
    adam = torch.optim.Adam(p, lr=LR)

    def step():
        z = scores(p, read, hidden, torch, torch.rsqrt, lambda a: a.softmax(-1), torch.relu)
        adam.zero_grad()
        (-(z.log_softmax(-1) * want).sum()).backward()
        adam.step()

    return step

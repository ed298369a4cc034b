"""Rows of the table, and what goes along an axis, where a library of arrays has no such function: written for NumPy and JAX alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from ... import ieee
from ...rule import TABLE

Numbers = Any  # an array, or a number of the library's


class Rows:
    """Functions for a text of arrays.

    Args:
        np: numpy, or jax.numpy.
    """

    def __init__(self, np: ModuleType) -> None:
        self._np = np

    def named(self) -> dict[str, Callable[..., Numbers]]:
        """By name, each of them."""
        np = self._np
        written = (self.relu, self.where, self.sigmoid, self.softplus, self.logistic_pdf, self.sech2, self.elu, self.gap,
                   self.above, self.logsumexp, self.log_softmax, self.softmax, self.einsum, self.full, self.take, self.expand,
                   self.concatenate)  # fmt: skip
        return {
            **self._formulas(),
            **{
                name: getattr(np, name)
                for name in ("sum", "max", "mean", "any", "arange", "array", "empty", "repeat", "reshape", "stack")
            },
            **{f.__name__: f for f in written},
            "edge": self.where,
            "leaky_relu": lambda x, slope: np.where(x > 0.0, x, slope * x),
            "selu": lambda x: ieee.SELU_SCALE * self.elu(x, ieee.SELU_ALPHA),
            "logsigmoid": lambda x: -self.softplus(-x),
            "isfinite": lambda x: np.isfinite(x) + 0.0,
            "deg2rad": lambda x: x * TABLE["deg2rad"].partials[0],
            "rad2deg": lambda x: x * TABLE["rad2deg"].partials[0],
            "share": lambda a, b: a / b,
            "reciprocal": lambda x: 1.0 / x,
            "identity": lambda x: x,
            "move": lambda x: x,
            "detached": lambda x: x,
            "held": lambda x: x,
        }

    def _formulas(self) -> dict[str, Callable[..., Numbers]]:
        """Rows that are other rows put together, as `engine.ieee` does it, with both sides of a branch computed."""
        np = self._np
        softly = self._softly
        return {
            "step": lambda x: np.where(x > 0.0, 1.0, np.where(x <= 0.0, 0.0, x)),
            "sign": lambda x: np.where(x > 0.0, 1.0, np.where(x < 0.0, -1.0, x)),
            "inside": lambda x, a, b: np.where(
                (a <= x) & (x <= b), 1.0, np.where((x == x) & (a == a) & (b == b), 0.0, np.nan)
            ),
            "clip": lambda x, a, b: np.where(
                a <= b, np.where(x < a, a, np.where(x > b, b, x)), np.where((a > b) & (x == x), b, np.nan)
            ),
            "nan_to_num": np.nan_to_num,
            "rsqrt": lambda x: 1.0 / np.sqrt(x),
            "difference_of_squares": lambda a, b: (a - b) * (a + b),
            "xlogy": lambda a, b: np.where((a == 0.0) & (b == b), 0.0, a * np.log(b)),
            "xlog1py": lambda a, b: np.where((a == 0.0) & (b == b), 0.0, a * np.log1p(b)),
            "bose": lambda x: np.where(x > 40.0, np.exp(-x), 1.0 / np.expm1(x)),
            "logaddexp": lambda a, b: softly(a, b, np.exp, 1.0),
            "logaddexp2": lambda a, b: softly(a, b, np.exp2, math.log(2.0)),
            "silu": lambda x: np.maximum(x, -1e4) * self.sigmoid(x),  # no -inf times 0
            "gauss": lambda x: self.bell(x, 1.0),
            "normal_pdf": lambda x: self.bell(x, 0.5) / ieee.SQRT_2_PI,
        }

    def _softly(self, a: Numbers, b: Numbers, exp: Callable[[Numbers], Numbers], base: float) -> Numbers:
        """The larger, and what a sum of powers has beyond it."""
        np = self._np
        return np.where(a == b, a + math.log(2.0) / base, np.maximum(a, b) + np.log1p(exp(-np.abs(a - b))) / base)

    def parts(self, x: Numbers) -> tuple[Numbers, Numbers]:
        """x, cut to what a bell has room for, in two parts: the square of the first is exact."""
        np = self._np
        near = np.clip(x, -64.0, 64.0)
        steps = 2.0**6 if near.dtype == np.float32 else 2.0**20
        head = np.round(near * steps) / steps
        return head, near - head

    def bell(self, x: Numbers, c: float) -> Numbers:
        """exp(-c·x²), with its digits where it is small; no product of two exp, of which XLA makes one again."""
        head, tail = self.parts(x)
        found = self._np.exp(-c * head * head)
        return found + found * self._np.expm1(-c * tail * (2.0 * head + tail))

    def relu(self, x: Numbers) -> Numbers:
        return self._np.maximum(x, 0.0)

    def where(self, c: Numbers, a: Numbers, b: Numbers) -> Numbers:
        return self._np.where(c, a, b)

    def sigmoid(self, x: Numbers) -> Numbers:
        e = self._np.exp(-self._np.abs(x))
        return self._np.where(x >= 0.0, 1.0, e) / (1.0 + e)

    def softplus(self, x: Numbers) -> Numbers:
        return self._np.maximum(x, 0.0) + self._np.log1p(self._np.exp(-self._np.abs(x)))

    def logistic_pdf(self, x: Numbers) -> Numbers:
        e = self._np.exp(-self._np.abs(x))
        return e / ((1.0 + e) * (1.0 + e))

    def sech2(self, x: Numbers) -> Numbers:
        e = self._np.exp(-2.0 * self._np.abs(x))
        return 4.0 * e / ((1.0 + e) * (1.0 + e))

    def elu(self, x: Numbers, alpha: Numbers = 1.0) -> Numbers:
        return self._np.where(x > 0.0, x, alpha * self._np.expm1(self._np.minimum(x, 0.0)))

    def gap(self, a: Numbers, b: Numbers) -> Numbers:
        return self._np.where((a == self._np.inf) & (b == self._np.inf), 0.0, a - b)

    def above(self, a: Numbers, b: Numbers) -> Numbers:
        return self._np.where(a > b, 1.0, self._np.where(a < b, 0.0, self._np.where(a == b, 0.5, self._np.nan)))

    def nested(self, x: Numbers, axis: int) -> tuple[Numbers, Numbers, Numbers]:
        """(x - top, exp of it, the sum of these without the largest, which is 1)."""
        top = x.max(axis=axis, keepdims=True)
        shifted = x - top
        terms = self._np.exp(shifted)
        return (
            shifted,
            terms,
            self._np.where(shifted == 0.0, 0.0, terms).sum(axis=axis, keepdims=True)
            + ((shifted == 0.0).sum(axis=axis, keepdims=True) - 1.0),
        )

    def logsumexp(self, x: Numbers, axis: int = -1) -> Numbers:
        top = x.max(axis=axis, keepdims=True)
        _, _, rest = self.nested(x, axis)
        return self._np.where(self._np.abs(top) == self._np.inf, top, top + self._np.log1p(rest)).squeeze(axis)

    def log_softmax(self, x: Numbers, axis: int = -1) -> Numbers:
        shifted, _, rest = self.nested(x, axis)
        return shifted - self._np.log1p(rest)

    def softmax(self, x: Numbers, axis: int = -1) -> Numbers:
        _, terms, rest = self.nested(x, axis)
        return terms * self._np.exp(-self._np.log1p(rest))

    def einsum(self, spelled: str, *arrays: Numbers) -> Numbers:
        return self._np.einsum(spelled, *arrays, optimize=True)

    def full(self, shape: tuple[int, ...], x: Numbers) -> Numbers:
        return self._np.broadcast_to(x, shape)

    def expand(self, x: Numbers, axis: int) -> Numbers:
        """With an axis more, counted from the end."""
        x = self._np.asarray(x)
        return self._np.expand_dims(x.reshape((1,) * (-axis - 1 - x.ndim) + x.shape), axis)

    def concatenate(self, parts: Sequence[Numbers], axis: int = 0) -> Numbers:
        """Parts that broadcast against each other, side by side."""
        most = max(axis + 1, -axis, *[self._np.ndim(p) for p in parts])
        axis %= most
        parts = [self._np.reshape(p, (1,) * (most - self._np.ndim(p)) + self._np.shape(p)) for p in parts]
        shapes = [list(p.shape) for p in parts]
        for shape in shapes:
            shape[axis] = 1
        others = self._np.broadcast_shapes(*shapes)
        return self._np.concatenate(
            [self._np.broadcast_to(p, (*others[:axis], p.shape[axis], *others[axis + 1 :])) for p in parts], axis
        )

    def take(self, rows: Numbers, i: Numbers) -> Numbers:
        at = self._np.asarray(i).astype(int)
        if not self._np.ndim(at):
            return rows[..., at]
        at = at[..., None]
        count = max(rows.ndim, at.ndim)  # axes in front that one of them has not are those of the other
        return self._np.take_along_axis(*[x[(None,) * (count - x.ndim)] for x in (rows, at)], -1)[..., 0]

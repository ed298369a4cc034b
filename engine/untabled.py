"""Rows outside the table: a derivative of other rows, or one that takes numbers before what it is differentiated in.

Like the partials of a row, theirs are made of other rows; these are looked up when they run, since the table is below none
of them. No user's row has the name of one. By its numbers a partial is nan, which nobody asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, nan
from typing import Any

from . import incomplete, special
from .rule import ATOM, TABLE, Formula, Op

POSITIVE = (0.0, inf)


class Untabled(Op):
    """A row outside the table.

    Attributes:
        key: its name, and its order where it is a derivative; `untabled` finds it by this.
    """

    key: tuple[str, int]

    def __reduce__(self) -> tuple[object, ...]:
        return untabled, self.key


def untabled(name: str, n: int) -> Untabled:
    """The row of a name and an order; that of polygamma is made when it is first needed."""
    if (name, n) not in _ROWS:
        _ROWS.setdefault((name, n), _polygamma(n))  # another thread may have made it meanwhile
    return _ROWS[name, n]


def _row(
    name: str, n: int, forward: Callable[..., float], *partials: Formula | float, domain: Sequence[tuple[float, float]],
    reference: Formula, rounding: tuple[float, float], said: str = "", order: str = "",
) -> Untabled:  # fmt: skip
    said, slots = said or name, order + ", ".join([f"{{{i}:0}}" for i in range(len(partials))])
    return Untabled(
        f"{name}.{n}" if n else name, forward, partials, key=(name, n), domain=domain, reference=reference,
        rounding=rounding, text=f"{said}({slots})", binding=ATOM, kink=None, selects=False, lists=0, defaults=(),
        tex=rf"\operatorname{{{said.replace('_', chr(92) + '_')}}}\left({slots}\right)",
    )  # fmt: skip


def _polygamma(n: int) -> Untabled:
    return _row("polygamma", n, lambda x: special.polygamma(n, x), lambda x, y: untabled("polygamma", n + 1)(x),
                domain=(POSITIVE,), reference=lambda m, x: m.psi(n, x), rounding=(10.0 + n, 0.0), order=f"{n}, ")  # fmt: skip


def _slope_of_gamma_density(a: float, x: Any, y: Any) -> Any:
    if a == 1.0:
        return -y
    at_zero = untabled("gamma_density", 1)(a - 1.0, x) - y if a > 1.0 else -inf
    return _at(x, 0.0, at_zero, y * ((a - 1.0) / x - 1.0))


def _slope_of_beta_density(a: float, b: float, x: Any, y: Any) -> Any:
    """Of each factor of the density, at its 0 by the density of a power less."""
    density = untabled("beta_density", 1)
    left = right = 0.0
    if a != 1.0:
        left = (a - 1.0) / x * y
        left = _at(x, 0.0, (a + b - 1.0) * density(a - 1.0, b, x), left) if a > 1.0 else left
    if b != 1.0:
        right = (b - 1.0) / (1.0 - x) * y
        right = _at(x, 1.0, (a + b - 1.0) * density(a, b - 1.0, x), right) if b > 1.0 else right
    return left - right


def _at(x: Any, edge: float, there: Any, formula: Any) -> Any:
    return TABLE["edge"](TABLE["equal"](x, edge), there, formula)


# fmt: off
_ROWS = {row.key: row for row in (
    _row("erfinv", 1, special.erfinv_slope, lambda x, y: 2.0 * TABLE["erfinv"](x) * y * y, said="erfinv_slope", domain=((-1.0, 1.0),), reference=lambda m, x: m.exp(m.erfinv(x) ** 2) * m.sqrt(m.pi) / 2, rounding=(30.0, 0.0)),
    _row("erfcinv", 1, special.erfcinv_slope, lambda x, y: 2.0 * TABLE["erfcinv"](x) * y * y, said="erfcinv_slope", domain=((0.0, 2.0),), reference=lambda m, x: -m.exp(m.erfcinv(x) ** 2) * m.sqrt(m.pi) / 2, rounding=(30.0, 0.0)),
    _row("gammainc", 0, incomplete.gammainc, nan, lambda a, x, y: untabled("gamma_density", 1)(a, x), domain=(POSITIVE, POSITIVE), reference=lambda m, a, x: m.gammainc(a, x, False), rounding=(16.0, 4.0)),
    _row("gammaincc", 0, lambda a, x: incomplete.gammainc(a, x, True), nan, lambda a, x, y: -untabled("gamma_density", 1)(a, x), domain=(POSITIVE, POSITIVE), reference=lambda m, a, x: m.gammainc(a, x, True), rounding=(16.0, 4.0)),
    _row("gamma_density", 1, incomplete.gamma_density, nan, _slope_of_gamma_density, domain=(POSITIVE, POSITIVE), reference=lambda m, a, x: m.exp((a - 1) * m.log(x) - x - m.loggamma(a)), rounding=(16.0, 4.0)),
    _row("betainc", 0, incomplete.betainc, nan, nan, lambda a, b, x, y: untabled("beta_density", 1)(a, b, x), domain=(POSITIVE, POSITIVE, (0.0, 1.0)), reference=lambda m, a, b, x: m.betainc(a, b, x), rounding=(30.0, 4.0)),
    _row("beta_density", 1, incomplete.beta_density, nan, nan, _slope_of_beta_density, domain=(POSITIVE, POSITIVE, (0.0, 1.0)), reference=lambda m, a, b, x: m.exp((a - 1) * m.log(x) + (b - 1) * m.log(1 - x) + m.loggamma(a + b) - m.loggamma(a) - m.loggamma(b)), rounding=(30.0, 4.0)),
)}
# fmt: on

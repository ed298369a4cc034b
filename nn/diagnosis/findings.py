"""Findings: what a diagnosis says, and the report that shows it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import fsum, hypot, sqrt
from typing import TYPE_CHECKING, overload

from engine import Value

from .observation import UnitLayer

if TYPE_CHECKING:
    from engine.picture import Picture

ILLNESSES = (
    "not finite", "no gradient", "symmetric weights", "dead units", "saturation", "vanishing gradients",
    "exploding gradients", "exploding loss", "learning rate too large",
)  # fmt: skip


@dataclass(frozen=True)
class Symptom:
    """One thing that is wrong.

    Attributes:
        kind: one of `ILLNESSES`.
        layer: the path of the layer that it is about; "" where it is about the whole network.
        figure: the number that tells how bad it is; the message says what it counts.
        message: what was seen, with layer and figure.
        remedy: what to do.
        node: for what is not finite, the node where it begins, with what is just below it; else None.
    """

    kind: str
    layer: str
    figure: float
    message: str
    remedy: str
    node: Value | None = field(default=None, repr=False)

    @property
    def picture(self) -> Picture | None:
        """The node where it begins, as `engine.draw` shows it; None where there is no such node."""
        if self.node is None:
            return None
        from engine import draw  # pictures are a heavy room

        shown: Picture = draw(self.node, level="full", names={})
        return shown

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}\n   → {self.remedy}"


class Diagnosis(Sequence[Symptom]):
    """The findings about a network, the most basic first: a sequence, empty where nothing is wrong.

    Attributes:
        findings: a list of Findings.
        layers: what each layer did (`nn.diagnosis.observation.UnitLayer`).
        loss: the mean loss of the examples that were looked at.
        about: what was looked at, in words.
        saturated: for each layer the share of saturated outputs.
    """

    def __init__(
        self, findings: Sequence[Symptom], layers: Sequence[UnitLayer], saturated: Sequence[float], loss: float,
        about: str,
    ) -> None:  # fmt: skip
        self.findings, self.layers, self.saturated = list(findings), list(layers), list(saturated)
        self.loss, self.about = loss, about

    @property
    def kinds(self) -> list[str]:
        """The kinds of what was found, each once."""
        return list(dict.fromkeys([f.kind for f in self.findings]))

    @overload
    def __getitem__(self, i: int) -> Symptom: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Symptom]: ...
    def __getitem__(self, i: int | slice) -> Symptom | Sequence[Symptom]:
        return self.findings[i]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Symptom]:
        return iter(self.findings)

    def table(self) -> list[list[str]]:
        """The layers as rows of text, the head first."""
        rows = [["layer", "units", "activation", "dead", "saturated", "output", "gradient"]]
        for layer, saturated in zip(self.layers, self.saturated):
            outputs = [y for u in layer.units for y in u.outputs]
            mean = fsum([y / len(outputs) for y in outputs])
            std = hypot(*[y - mean for y in outputs]) / sqrt(len(outputs))  # squares of large ones would overflow
            rows.append(
                [
                    layer.path,
                    str(len(layer.units)),
                    layer.activation,
                    str(len(layer.dead)) if layer.dead else "–",
                    f"{saturated:.0%}" if saturated else "–",
                    f"{mean:.2g} ± {std:.2g}",
                    f"{layer.gradient:.2g}",
                ]
            )
        return rows

    def __str__(self) -> str:
        count = len(self.findings)
        head = f"{count} finding{'s' * (count != 1)}" if count else "nothing wrong"
        lines = [f"{head} ({self.about})"]
        lines += [f"{i}. {f}" for i, f in enumerate(self.findings, 1)]
        if self.layers:
            table = self.table()
            widths = [max([len(row[k]) for row in table]) for k in range(len(table[0]))]
            lines.append("")
            lines += ["  ".join([cell.ljust(w) for cell, w in zip(row, widths)]).rstrip() for row in table]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [f"<pre>{html.escape(str(self))}</pre>"]
        parts += [picture.html for f in self.findings if (picture := f.picture) is not None]
        return "".join(parts)

"""Reads drawn pictures back: the boxes and edges of an SVG, the data of a page, printed numbers, graphs with scopes."""

import base64
import json
import re
import xml.etree.ElementTree as ET
import zlib
from contextlib import ExitStack
from html.parser import HTMLParser
from typing import NamedTuple

from strategies import applied

from engine import TABLE, Value, scope
from engine.picture.model.sentences import START

NS = "{http://www.w3.org/2000/svg}"


class DrawnBox(NamedTuple):
    name: str
    head: str
    cells: dict  # key: text
    title: str
    classes: set


class DrawnEdge(NamedTuple):
    lines: list
    title: str
    classes: set
    width: float


class Drawn:
    """What stands in an SVG: boxes and edges by the last part of their ids."""

    def __init__(self, svg, uid):
        self.root = ET.fromstring(svg)
        self.boxes, self.edges = {}, {}
        for g in self.root.iter(NS + "g"):
            classes = set(g.get("class", "").split())
            key = g.get("id", "").removeprefix(uid + "_")
            if "node" in classes:
                self.boxes[key] = self._box(g, f"a_{uid}_{key}_", classes)
            elif "edge" in classes and key:  # those of the legend have no id
                style = g.find(NS + "path").get("style", "stroke-width:1.2px")
                lines = ["".join(t.itertext()) for t in g.findall(NS + "text")]
                width = float(re.search(r"stroke-width:([\d.]+)px", style)[1])
                self.edges[key] = DrawnEdge(lines, g.find(NS + "title").text, classes, width)

    @staticmethod
    def _box(g, prefix, classes):
        texts = g.findall(NS + "text")
        cells = {t.get("id").removeprefix(prefix): "".join(t.itertext()) for t in texts if t.get("id")}
        head = "".join(texts[0].itertext())
        return DrawnBox(texts[0].text, head, cells, g.find(NS + "title").text, classes)

    def rows(self, key):
        cells = self.boxes[key].cells
        return [cells[f"c{i}"] for i in range(10) if f"c{i}" in cells]


def page_data(html):
    """The JSON of a player or a film."""
    text = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)[1]
    return json.loads(text if text[0] == "{" else zlib.decompress(base64.b64decode(text)))


class Tags(HTMLParser):
    """How often each element occurs in a page, and every attribute that could run or load something."""

    def __init__(self, html):
        super().__init__()
        self.count, self.active = {}, []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.active += [
            (tag, k, v) for k, v in attrs if k.startswith("on") or k in ("href", "xlink:href", "src", "srcset")
        ]


# Printed numbers -----------------------------------------------------------------------------------------------------


def number(text):
    """The float that a printed number stands for, parentheses and all."""
    text = text.strip().removeprefix("(").removesuffix(")").replace("−", "-").replace("∞", "inf")
    return float(text)


def rounding(x):
    """Half a unit of the fourth significant digit."""
    return 5.1e-4 * abs(x)


def row_product(row):
    """(value, rounding error) of one chain-rule row: `= −1.543·2.0`, `+ 0.25 by 16 edges`, `dL/dL = 1`."""
    if row.startswith("d"):
        return number(row.rpartition(" = ")[2]), 0.0
    body = row[2:]
    if body.endswith(START):
        return number(body.removesuffix(START)), rounding(1.0)
    factors = [number(t) for t in re.sub(r" by [\d,]+ edges?$", "", body).split("·")]
    product = factors[0] * (factors[1] if len(factors) > 1 else 1.0)
    return product, 2.1 * rounding(product)


# Graphs --------------------------------------------------------------------------------------------------------------


def built_in_scopes(tape, places):
    """A tape's nodes, each made inside the scopes of its place: a list of words such as "a", "a.b", or ""."""
    nodes = [Value(x) for x in tape.leaves]
    opened = {}
    for i, (name, operands) in enumerate(tape.steps):
        found = [nodes[-min(o, len(nodes))] if isinstance(o, int) else o for o in operands]
        if not any(isinstance(o, Value) for o in found):
            found[0] = nodes[-1]
        with ExitStack() as stack:
            place = places[i % len(places)] if places else ""
            around = ""
            for part in filter(None, place.split(".")):
                around = f"{around}.{part}"
                if around not in opened:
                    opened[around] = scope(part)
                stack.enter_context(opened[around])
            nodes.append(applied(TABLE[name], found))
    return nodes


def state(nodes):
    """All that a graph holds, to the bit and to the object."""
    return [
        (
            id(v),
            v._data,
            repr(v.grad),
            id(v.grad),
            v.op,
            [id(a) if isinstance(a, Value) else a for a in v.args],
            id(v._about),
            v.label,
        )
        for v in nodes
    ]

"""Looks, sizes and files: contrast in both themes, size budgets, every format, the notebook's forms, the films."""

import itertools
import math
import re
import unicodedata
import xml.etree.ElementTree as ET

import pytest
from drawn import NS, Drawn, page_data
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import moderate, tapes
from test_picture_shows import loss_of
from test_picture_truth import GRAPHS, swept

from engine import Value, draw, film, scope, steps, tanh, total
from engine.formulas.formula import number_text
from engine.picture import LayoutError
from engine.picture.drawing.export import FAMILIES, fitting_fonts
from engine.picture.drawing.theme import DARK, LIGHT
from engine.picture.model.text_widths import text_width, widest
from engine.picture.player.updates import Leaf, updates


def neuron():
    """Thirteen nodes: two inputs, a tanh neuron, a squared error."""
    x1, x2, w1, w2, b, y = (
        Value(x, label=n) for x, n in zip([2.0, 0.5, -0.5, 1.0, 0.7, 1.0], ["x1", "x2", "w1", "w2", "b", "y"])
    )
    with scope("neuron"):
        p1, p2 = w1 * x1, w2 * x2
        s = p1 + p2
        z = s + b
        n = tanh(z)
    with scope("loss"):
        d = n - y
        loss = d**2
    for v, name in zip([p1, p2, s, z, n, d, loss], ["p1", "p2", "s", "z", "n", "d", "L"]):
        v.label = name
    loss.backward()
    return loss


# Contrast -------------------------------------------------------------------------------------------------------------


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    dark, light = sorted([luminance(a), luminance(b)])
    return (light + 0.05) / (dark + 0.05)


def rules(svg):
    """(selectors, body) of each rule that all renderers read, and of each in the media query for dark."""
    style = re.search(r"<style>(.*?)</style>", svg, re.DOTALL)[1].replace(":not(a)", "")
    plain, _, dark = style.partition("@supports not")[0].partition("@media (prefers-color-scheme:dark)")
    return [re.findall(r"([^{}@]+)\{([^{}]*)\}", part) for part in (plain.partition("@")[0], dark)]


def fill(found, wanted):
    """The colour that the last rule for a class fills with."""
    hits = [
        colour[1]
        for selectors, body in found
        for s in selectors.split(",")
        if s.split(" ", 1)[-1] == wanted and (colour := re.search(r"fill:(#[0-9a-f]{6})", body))
    ]
    return hits[-1]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_all_text_has_a_contrast_of_four_and_a_half(theme):
    found, colours = rules(draw(neuron(), uid="t").svg)[theme], (LIGHT, DARK)[theme]
    texts = {fill(found, s) for s in ("text", ".h", ".x", ".k", ".d", "text.pos", "text.neg", ".l .v")}
    papers = {fill(found, s) for s in (".paper", ".box", ".leaf .box", ".cluster rect")} | {colours["highlight"]}
    assert texts == {colours[c] for c in ("muted", "ink", "positive", "negative")}
    assert papers == {colours[c] for c in ("paper", "node", "leaf", "group", "highlight")}
    for text in texts:
        for paper in papers:
            assert contrast(text, paper) >= 4.5, (text, paper)
    for line in ("line", "positive", "negative"):  # what is no text but must be seen
        assert contrast(colours[line], colours["paper"]) >= 3.0


def test_a_theme_that_is_asked_for_does_not_follow_the_reader():
    root = neuron()
    assert "prefers-color-scheme" in draw(root).svg
    for theme, colours in (("light", LIGHT), ("dark", DARK)):
        svg = draw(root, theme=theme).svg
        assert "prefers-color-scheme" not in svg
        assert fill(rules(svg)[0], ".paper") == colours["paper"]


def as_libreoffice_reads(svg):
    """(element, its properties) of a drawing, as LibreOffice 7.4 was seen to read a style sheet.

    What stands in @-rules counts, whatever they ask for. A selector is an element, a class or both, after one of the
    parent's. The first class counts most.
    """
    root = ET.fromstring(svg)
    sheet = re.sub(r"@[^{]*\{[^{}]*\{[^{}]*\}", lambda m: m[0][m[0].index("{") + 1 :], root.find(f"{NS}style").text)
    sheet = re.sub(r"@[^{]*\{", "", sheet)
    found = {}
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", sheet):
        for s in selectors.split(","):
            found.setdefault(s, {}).update(d.split(":", 1) for d in body.split(";") if d)
    parents = {child: parent for parent in root.iter() for child in parent}

    def words(e):
        tag, classes = e.tag.removeprefix(NS), (e.get("class") or "").split()
        return [*[f".{c}" for c in classes], *[f"{tag}.{c}" for c in classes], tag]

    for e in root.iter():
        style, parent = {}, parents.get(e)
        for word in reversed(words(e)):
            style |= found.get(word, {})
        for around in reversed(words(parent)) if parent is not None else []:
            for word in reversed(words(e)):
                style |= found.get(f"{around} {word}", {})
        yield e, style


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_libreoffice_which_knows_little_of_style_sheets_sees_the_colours_and_sizes(theme):
    picture, colours = draw(neuron(), uid="t", theme=theme), DARK if theme == "dark" else LIGHT
    tones = {"pos": colours["positive"], "neg": colours["negative"]}
    seen = []
    for e, style in as_libreoffice_reads(picture.svg):
        tag, classes = e.tag.removeprefix(NS), (e.get("class") or "").split()
        seen += classes
        if "box" in classes:
            assert style["fill"] in (colours["leaf"], colours["node"]) and style["stroke"] in (
                colours["line"],
                colours["ink"],
            )
        elif {"d", "g"} & {*classes}:
            assert style["text-anchor"] == "end" and style["font-size"] == "12px" and "Mono" in style["font-family"]
            assert style["fill"] == next(
                (tones[c] for c in classes if c in tones), colours["ink" if "d" in classes else "muted"]
            )
        elif "h" in classes:
            assert (style["font-size"], style["font-weight"], style["fill"]) == ("14px", "700", colours["ink"])
        elif tag in ("text", "tspan"):
            assert style["fill"] in (colours["muted"], colours["ink"]) or {"pos", "neg"} & {*classes}
        elif tag in ("path", "polygon"):
            assert set(style.values()) & {*tones.values(), colours["line"]}
    assert {"box", "d", "g", "h", "x", "l", "pos", "neg", "edge"} <= set(seen)
    for g in ET.fromstring(picture.svg).iter(f"{NS}g"):
        if "edge" in g.get("class", "") and {"pos", "neg"} & {*g.get("class").split()}:
            assert g.get("class").split()[0] in ("pos", "neg")


def test_dark_changes_every_colour_and_nothing_else():
    plain, dark = rules(draw(neuron(), uid="t").svg)
    coloured = {k: v for k, v in plain if "#" in v}
    assert {k.replace(" text", "") for k in coloured} <= {k.replace(" text", "") for k, _ in dark}
    assert not [body for _, body in dark if re.sub(r"[\w-]+:#[0-9a-f]{6};?", "", body)]
    assert "var(" not in draw(neuron()).svg  # which many renderers do not know, and then paint black


def test_hue_is_the_sign():
    drawn = Drawn(draw(neuron(), uid="t").svg, "t")
    data = page_data(draw(neuron(), uid="t").player().html)
    for e in data["edges"]:
        sign = {"pos"} if e["contribution"] > 0 else {"neg"}
        assert drawn.edges[e["id"]].classes & {"pos", "neg", "off"} == sign
    widths = {e["id"]: abs(e["contribution"]) for e in data["edges"]}
    largest = max(widths.values())
    for i, flow in widths.items():
        assert drawn.edges[i].width == pytest.approx(1.2 + 2.6 * math.sqrt(flow / largest), abs=0.006)
    order = sorted(widths, key=widths.get)
    drawn_widths = [drawn.edges[i].width for i in order]
    assert drawn_widths == sorted(drawn_widths)
    assert max(drawn_widths) == 3.8
    assert min(drawn_widths) >= 1.2


# Sizes ----------------------------------------------------------------------------------------------------------------


def test_the_neuron_has_thirteen_nodes_and_fits_its_budgets():
    picture = draw(neuron())
    assert len(picture.model.boxes) == 13
    assert len(picture.svg.encode()) < 40_000
    assert len(picture.player().html.encode()) < 100_000


@pytest.mark.parametrize("sizes", [[1, 1], [2, 2, 1], [2, 16, 16, 1], [8, 32, 4, 1]])
def test_a_notebook_output_stays_under_half_a_megabyte(sizes):
    picture = draw(loss_of(sizes))
    assert len(picture._repr_mimebundle_()["text/html"]) < 500_000
    assert len(picture.player()._repr_mimebundle_()["text/html"]) < 500_000


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("x.svg", b"<svg xmlns="), ("x.png", b"\x89PNG\r\n"), ("x.html", b"<!doctype html>"),
        ("x.dot", b"digraph "), ("x.tex", b"\\begin{align*}"), ("x.txt", b"L = d"),
    ],
)  # fmt: skip
def test_each_format_is_written(tmp_path, name, start):
    path = tmp_path / name
    path.write_text("old")
    assert draw(neuron()).save(path) == str(path)
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_pdf_is_written_or_the_message_says_what_to_install(tmp_path):
    try:
        draw(neuron()).save(tmp_path / "x.pdf")
    except LayoutError as e:  # neither cairosvg nor a system Graphviz
        assert 'pip install -e ".[pdf]"' in str(e)
        assert not list(tmp_path.iterdir())
    else:
        assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF-")


def test_without_cairosvg_the_layout_program_writes_the_png(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cairosvg", None)
    draw(neuron()).save(tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_without_cairosvg_an_image_has_the_colours_of_its_theme_too(tmp_path, monkeypatch, theme):
    import sys

    from PIL import Image

    monkeypatch.setitem(sys.modules, "cairosvg", None)
    root = neuron()
    root.label = 'L" COLOR="#ffffff" BGCOLOR="#000000'
    with Image.open(draw(root, theme=theme).save(tmp_path / "x.png")) as image:
        found = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
        corner = image.convert("RGBA").getpixel((2, 2))
    colours, other = (DARK, LIGHT) if theme == "dark" else (LIGHT, DARK)
    rgb = {word: tuple(int(colours[word][i : i + 2], 16) for i in (1, 3, 5)) for word in colours}
    assert corner == (*rgb["paper"], 255)
    assert {rgb[word] for word in ("node", "leaf", "group", "negative", "positive", "ink", "line")} <= found
    assert tuple(int(other["leaf"][i : i + 2], 16) for i in (1, 3, 5)) not in found


def test_in_an_image_of_the_layout_program_words_keep_off_sides_and_arrows(tmp_path, monkeypatch):
    import sys

    from PIL import Image

    monkeypatch.setitem(sys.modules, "cairosvg", None)
    x = Value(3.0, label="x")
    y = tanh(x)
    y.label = "y"
    y.backward()
    muted = tuple(int(LIGHT["muted"][i : i + 2], 16) for i in (1, 3, 5))
    with Image.open(draw(y).save(tmp_path / "y.png")) as image:
        pixels, (width, height) = image.convert("RGB").load(), image.size
    inked = [[x for x in range(width) if pixels[x, y] != (255, 255, 255)] for y in range(height)]
    rows = [(line, [x for x in line if pixels[x, i] == muted]) for i, line in enumerate(inked)]
    gaps = [min(words) - min(line) for line, words in rows if words]
    assert len(gaps) > 20
    assert min(gaps) >= 8


def test_the_strips_of_a_box_have_cells_of_one_size_under_each_other():
    import xml.etree.ElementTree as ET

    tables = [ET.fromstring(t) for t in re.findall(r"label=<(<TABLE.*?</TABLE>)>", draw(loss_of([2, 20, 1])).dot)]
    strips = [[t for t in table.iter("TABLE") if t is not table] for table in tables]
    found = [{(t.get("FIXEDSIZE"), t.get("WIDTH"), len(t.findall(".//TD"))) for t in box} for box in strips if box]
    assert any(len(box) > 2 for box in strips)
    assert all(len(sizes) == 1 and sizes.pop()[0] == "TRUE" for sizes in found)


@pytest.mark.parametrize("converter", ["cairosvg", "the layout program"])
def test_a_picture_too_large_for_a_png_says_what_to_do(tmp_path, monkeypatch, converter):
    import sys

    if converter != "cairosvg":
        monkeypatch.setitem(sys.modules, "cairosvg", None)
    root = total([Value(float(i)) for i in range(500)])
    picture = draw(root, level="full")
    assert picture.drawing.width > 32_767
    with pytest.raises(
        ValueError, match=r"at most 32,767 pixels a side .* got \d\d,\d{3} by \d+; save \.svg, .*level="
    ):
        picture.save(tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
    assert picture.save(tmp_path / "x.svg")


FONTS = {  # how wide a machine's fonts set a text, as a multiple of what the boxes were made for
    "Helvetica and Menlo": lambda family, mono, bold: 1.0,
    "DejaVu alone, which stands in for all": lambda family, mono, bold: 1.0 if mono else 1.24,
    "DejaVu and Liberation": lambda family, mono, bold: 1.0 if family.startswith(("Liberation", "DejaVu")) else 1.24,
    "one wider than any": lambda family, mono, bold: 1.4,
    "a proportional font for Menlo": lambda family, mono, bold: 0.89 if family == "Menlo" and not bold else 1.0,
}


@pytest.mark.parametrize("machine", FONTS)
def test_a_converter_gets_fonts_whose_text_keeps_inside_its_box(machine):
    def width(family, bold, text):
        mono = family in FAMILIES["mono"]
        return FONTS[machine](family, mono, bold) * text_width(
            text, 1.0, "mono" if mono else "bold" if bold else "sans"
        )

    found = fitting_fonts(width)
    for family, mono, bold in itertools.product((found.sans, found.mono), (False, True), (False, True)):
        if (family in FAMILIES["mono"]) == mono:
            sample, face = "size of all gradients = 0.123456789", "mono" if mono else "bold" if bold else "sans"
            drawn = width(family, bold, sample) * found.scale
            assert 0.8 * text_width(sample, 1.0, face) <= drawn
            assert drawn <= max(1.02 * text_width(sample, 1.0, face), 1.02 * widest(sample, 1.0, face))
    assert found.scale >= 0.95 or machine == "one wider than any"  # letters are made smaller where they must
    assert (found.mono == "Menlo") == (len({FONTS[machine](f, True, False) for f in FAMILIES["mono"]}) == 1)
    svg = draw(neuron()).drawing.svg("light", found)
    families = set(re.findall(r"font-family:([^;}]*)", svg))
    assert families == {f"'{found.sans}'", f"'{found.mono}'"}  # cairo reads the first of a list only
    largest = max(float(size) for size in re.findall(r"font-size:([\d.]+)px", svg))
    assert largest == pytest.approx(14 * found.scale, rel=1e-3)


def test_an_animated_image_names_the_extra_that_it_takes(tmp_path, monkeypatch):
    import sys

    for missing in ("cairosvg", "cairocffi"):
        monkeypatch.setitem(sys.modules, missing, None)
    made = draw(neuron()).player()
    with pytest.raises(
        ModuleNotFoundError, match=r'save takes \.gif with cairosvg .*pip install -e "\.\[pdf\]".*\.html'
    ):
        made.save(tmp_path / "x.gif")
    assert not list(tmp_path.iterdir())


def test_a_picture_is_saved_as_its_player_where_the_ending_is_one_of_a_page(tmp_path, monkeypatch):
    from engine.picture.player import page

    monkeypatch.setattr(page, "animated", lambda *_: b"GIF89a")
    assert draw(neuron()).save(tmp_path / "x.gif") == str(tmp_path / "x.gif")
    assert (tmp_path / "x.gif").read_bytes() == b"GIF89a"


def test_an_animation_too_long_or_too_large_is_refused(tmp_path):
    x = Value(0.5)
    for _ in range(200):
        x = tanh(x)
    with pytest.raises(ValueError, match=r"save takes at most 300 frames as \.gif, got 402; save \.html"):
        draw(x, level="full").player().save(tmp_path / "x.gif")
    with pytest.raises(ValueError, match=r"save takes at most 300 frames as \.gif, got 301; save \.html"):
        film(training(301, fresh())).save(tmp_path / "x.gif")
    wide = draw(total([Value(float(i)) for i in range(260)]), level="full").player()
    with pytest.raises(
        ValueError, match=r"pixels in all frames as \.gif, got 263 frames of \d\d,\d{3} by \d+; save \.html"
    ):
        wide.save(tmp_path / "x.gif")
    assert not list(tmp_path.iterdir())


def test_other_endings_and_places_are_refused(tmp_path):
    picture = draw(neuron())
    with pytest.raises(ValueError, match=r"ends in \.svg, .*got 'x\.bmp'"):
        picture.save("x.bmp")
    with pytest.raises(ValueError, match=r"ends in \.html or \.gif, got '.*x\.svg'; for others draw"):
        picture.player().save(tmp_path / "x.svg")
    with pytest.raises(
        FileNotFoundError, match=r"save takes the path of a file in a folder that exists, got '.*x\.svg'; make "
    ):
        picture.save(tmp_path / "no" / "x.svg")
    assert not list(tmp_path.iterdir())
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(IsADirectoryError, match=r"save takes the path of a file, got the folder '.*folder\.svg'"):
        picture.save(tmp_path / "folder.svg")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.svg"]


def test_a_path_that_cannot_be_written_to_is_named_as_it_was_given(tmp_path):
    long = str(tmp_path / ("x" * 300 + ".dot"))
    with pytest.raises(OSError, match=r"save takes a path that can be written to, got '.*/xxx.*; try another") as e:
        draw(neuron()).save(long)
    assert "/." not in str(e.value)  # nothing of the file that is written aside
    with pytest.raises(ValueError, match="save takes a path without null characters"):
        draw(neuron()).save(str(tmp_path / "a\0b.dot"))
    with pytest.raises(ValueError, match=r"save takes a path that ends in \.svg, .*got 'dot'"):
        draw(neuron()).save("dot")
    assert not list(tmp_path.iterdir())


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert draw(neuron()).save("~/x.dot") == str(tmp_path / "x.dot")
    assert (tmp_path / "x.dot").read_text().startswith("digraph")


def test_a_picture_with_a_given_uid_is_the_same_bytes_each_time():
    assert draw(neuron(), uid="t").svg == draw(neuron(), uid="t").svg
    assert draw(neuron()).uid != draw(neuron()).uid
    assert draw(neuron(), uid="t").player().html == draw(neuron(), uid="t").player().html


def test_the_alternative_text_has_every_chain_rule_line():
    picture = draw(neuron())
    alt = re.search(r'alt="([^"]*)"', picture.html)[1]
    for step in steps(neuron()):
        if step.phase == "backward":
            assert step.equation in alt


def test_a_value_shows_itself_in_a_notebook_and_no_more_than_html_and_text():
    root = neuron()
    shown = root._repr_mimebundle_()
    assert shown.keys() == {"text/html", "text/plain"}
    assert shown["text/plain"] == repr(root)
    assert shown["text/html"].startswith("<img alt=")
    assert draw(root).player()._repr_mimebundle_().keys() == {"text/html", "text/plain"}


def test_a_notebook_names_nodes_by_its_variables(monkeypatch):
    import sys
    import types

    a, b = Value(2.0), Value(3.0)
    c = a * b
    shell = types.SimpleNamespace(user_ns={"_": c, "_3": c, "Out": [c], "first": a, "xs": [b], "loss": c})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert "loss = first · xs[0] = 6.0" in c._repr_mimebundle_()["text/html"]
    assert (a.label, b.label, c.label) == ("", "", "")


def test_importing_the_engine_does_not_import_the_picture():
    import subprocess
    import sys

    code = "import sys, engine; print([m for m in sys.modules if 'picture' in m or m in ('json', 'numpy', 'html')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_drawn_graph_is_freed_without_the_collector():
    import gc

    def use():
        root = neuron()
        picture = draw(root)
        assert picture.svg
        assert picture.player().html
        assert picture.latex()
        assert str(picture)
        assert steps(root)
        assert film([root]).html

    use()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        use()
        gc.collect()
        kept = {type(x).__name__ for x in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.enable()
        gc.garbage.clear()
    assert not kept & {"Value", "Box", "Arrow", "PictureModel", "Assembly", "Typeset", "Sweep", "Picture", "Drawing"}


# The terminal ---------------------------------------------------------------------------------------------------------


def columns(line):
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line)


@settings(max_examples=GRAPHS)
@given(tapes(moderate, max_steps=30), st.booleans())
def test_the_terminal_picture_keeps_to_eighty_columns_and_shows_the_engines_numbers(tape, full):
    root, _order = swept(tape)
    picture = draw(root, level="full" if full else "auto", names={})
    text = str(picture)
    assert all(columns(line) <= 80 for line in text.splitlines())
    for b in picture.model.boxes:
        if b.value is not None and b.kind != "tag":
            line = re.compile(
                rf"^ *(?:\[\d+\] )?{re.escape(b.name)} (?:=|\().*(?:\n +)?data +{re.escape(number_text(b.value.data))}"
                rf"  grad +{re.escape(number_text(b.value.grad))}$",
                re.MULTILINE,
            )
            assert line.search(text), b.name


def test_the_terminal_picture_of_a_deep_graph_stays_readable():
    v = Value(0.5, label="x")
    for _ in range(79):
        v = tanh(v)
    v.label = "L"
    v.backward()
    lines = str(draw(v, names={})).splitlines()
    assert all(columns(line) <= 80 for line in lines)
    assert any(line.lstrip().startswith("[79] x (input)") for line in lines)


# Films ----------------------------------------------------------------------------------------------------------------


def training(n, weights):
    for i in range(n):
        for w in weights:
            w.zero_grad()
        x = float(i % 3)
        h = tanh(weights[0] * x + weights[1])
        loss = (h - 0.3) ** 2
        loss.label = "L"
        loss.backward()
        yield loss
        for w in weights:
            w.data -= 0.5 * w.grad


def fresh():
    return [Value(1.0, label="w"), Value(0.5, label="b")]


def test_each_frame_of_a_film_has_the_numbers_of_its_step():
    weights, kept = fresh(), []

    def watched():
        for loss in training(20, weights):
            kept.append((loss.data, [w.data for w in weights], [w.grad for w in weights]))
            yield loss

    made = film(watched(), uid="t")
    frames = page_data(made.html)["frames"]
    assert len(frames) == 20
    leaves = {b.name: b.id for b in made.drawing.model.boxes}
    for f, (loss, data, grads) in zip(frames, kept):
        assert f["loss"] == number_text(loss)
        for name, x, g in zip("wb", data, grads):
            assert f["numbers"][leaves[name]] == [x, g]
            assert f["words"][f"{leaves[name]}_d"][0] == number_text(x)
            assert f["words"][f"{leaves[name]}_g"] == [number_text(g), "pos" if g > 0 else "neg" if g < 0 else ""]


def test_a_list_of_kept_losses_gives_the_film_of_a_generator():
    kept = page_data(film(list(training(6, fresh())), uid="t").html)
    live = page_data(film(training(6, fresh()), uid="t").html)
    assert kept == live


def test_constants_that_change_from_step_to_step_change_in_the_film():
    frames = page_data(film(training(3, fresh()), uid="t").html)["frames"]
    heads = [
        next(text for key, (text, _) in f["words"].items() if key.endswith("_x") and "w ·" in text) for f in frames
    ]
    assert [h.strip() for h in heads] == ["= w · 0", "= w · 1", "= w · 2"]


def test_a_film_says_the_rate_and_how_each_parameter_moves():
    frames = page_data(film(training(6, fresh()), uid="t").html)["frames"]
    leaves = [b.name for b in film(training(1, fresh()), uid="t").drawing.model.boxes if b.is_leaf]
    assert sorted(leaves) == ["b", "w"]
    for f, after in itertools.pairwise(frames):
        assert "learning rate 0.5:" in f["rule"]
        found = {line[0]: line for line in f["lines"]}
        assert len(found) == len([n for n in "wb" if n in found]) == 2
        for name, line in found.items():
            head, numbers, end = line.split(" = ")
            assert head == f"{name} ← {name} − 0.5·dL/d{name}"
            before, step = numbers.replace("\u2212", "-").split(" - 0.5·")
            here = float(before) - 0.5 * float(step.strip("()"))
            assert here == pytest.approx(float(end.replace("\u2212", "-")), abs=1e-3)
            assert end in {word for word, _ in after["words"].values()}
    assert (frames[-1]["lines"], frames[-1]["rule"]) == ([], "The last step.")
    assert [f["height"] for f in frames] == [loss.data for loss in training(6, fresh())]


def moved(step, steps=8):
    """Leaves of two parameters and an example that changes, moved by `step(k, parameter, gradient)`."""
    xs = [1.0, -0.5]
    for k in range(steps):
        grads = [2.0 * xs[0] + 0.1 * k, -1.0 + xs[1]]
        example = Leaf("x", "dL/dx", float(k % 3), 0.25)
        yield [Leaf("w", "dL/dw", xs[0], grads[0]), Leaf("b", "dL/db", xs[1], grads[1]), example]
        xs = [step(k, x, g) for x, g in zip(xs, grads)]


@pytest.mark.parametrize("rate", [0.05, 1e-4, 1e-9, 3.0])
def test_gradient_descent_is_told_by_its_rate(rate):
    found = updates(list(moved(lambda k, x, g: x - rate * g)))
    assert {u.rate for u in found} == {number_text(rate)}
    assert all([line[0] for line in u.lines] == ["w", "b"] for u in found)


def test_a_rate_that_falls_is_told_at_each_step():
    found = updates(list(moved(lambda k, x, g: x - 0.1 / (k + 1) * g)))
    assert [u.rate for u in found] == [number_text(0.1 / (k + 1)) for k in range(7)]


@pytest.mark.parametrize(
    "step",
    [
        lambda k, x, g: x - 0.1 * math.copysign(1.0, g),
        lambda k, x, g: x + 0.1 * g,
        lambda k, x, g: x - 0.1 * g * abs(g),
    ],
)
def test_what_is_no_gradient_descent_is_not_called_so(step):
    found = updates(list(moved(step)))
    assert all(u.rate == "" and "←" not in "".join(u.lines) for u in found)
    assert found[0].lines[0].startswith("w: 1.0 → ")


def test_one_leaf_alone_is_no_evidence_of_a_rate_that_changes():
    leaves = [[Leaf("w", "dL/dw", x, g)] for x, g in ((1.0, 2.0), (0.9, 2.0), (0.5, 2.0))]
    assert [u.rate for u in updates(leaves)] == ["", ""]
    assert [u.rate for u in updates(leaves[:2])] == ["0.05"]


def test_every_word_of_a_frame_fits_its_box():
    from engine.picture.drawing.rows import PAD_X

    made = film(training(12, fresh()))
    sizes = {b.id: c.width for b, c in made.drawing.typeset.contents.items()}
    for f in made.frames:
        for key, content in f.contents.items():
            assert max(r.width for r in content.rows) + 2 * PAD_X <= sizes[key] + 1.0


@pytest.mark.parametrize("frames", [None, 5, 2.0])
def test_what_is_no_list_of_losses_is_refused_as_a_film(frames):
    with pytest.raises(TypeError, match=r"film takes the losses of many steps, got .*; try a list"):
        film(frames)


@pytest.mark.parametrize("timeout", [0, -1.0, math.nan, "3", True, None])
def test_a_film_takes_the_timeouts_that_a_picture_takes(timeout):
    with pytest.raises(ValueError, match="film takes a positive number of seconds as timeout, got "):
        film([neuron()], timeout=timeout)


def test_a_film_of_graphs_of_two_shapes_is_refused():
    a = Value(2.0, label="a")
    with pytest.raises(ValueError, match=r"one shape, got 3 nodes in frame 1 and 2 in frame 0"):
        film([a * a, a * a + a])
    with pytest.raises(ValueError, match="at least one frame"):
        film([])
    with pytest.raises(TypeError, match="many steps, got one Value"):
        film(a * a)

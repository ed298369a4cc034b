"""Export: pictures as files, and the formats that a converter makes, in the fonts that it really has.

A browser walks down a list of families. cairo takes the first and replaces it in silence, often by a wider one, so the
families are tried here against the widths that the boxes were sized with.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO

from ...arguments import install_line
from ...writing import write_whole
from ..model.text_widths import BOLD, MONO, SANS, text_width, widest
from .layout import INSTALL, LayoutError, program_output

FAMILIES = {
    SANS: ("Helvetica", "Arial", "Liberation Sans", "Nimbus Sans", "Arimo", "sans-serif"),
    MONO: ("Menlo", "DejaVu Sans Mono", "Liberation Mono", "Courier New", "Courier", "monospace"),
}
SAMPLE = "size of all parameter gradients = 0.123456789"
LONGEST_SIDE, MOST_PIXELS = 32_767, 2**28  # of an image: as cairo counts, and a gigabyte of memory
ALIKE = 0.02  # a fiftieth wider is less than the padding of a box; a proportional font in place of Menlo is further off


@dataclass(frozen=True, slots=True)
class Fonts:
    """One family for words, one for numbers, and the factor on all font sizes."""

    sans: str
    mono: str
    scale: float


def fitting_fonts(width: Callable[[str, bool, str], float]) -> Fonts:
    """The first families whose text is as wide as expected; where there are none, the narrowest, made to fit the boxes.

    Args:
        width: a function of (family, bold, text) that gives the width at size 1.

    >>> fitting_fonts(lambda family, bold, text: 0.6 * len(text)).mono
    'Menlo'
    """
    chosen, largest = {}, 1.0
    for face, families in FAMILIES.items():
        faces = [BOLD if bold and face == SANS else face for bold in (False, True)]
        widths = {family: [width(family, bold, SAMPLE) for bold in (False, True)] for family in families}
        expected, room = ([of(SAMPLE, 1.0, f) for f in faces] for of in (text_width, widest))
        alike = [f for f in families if all(abs(w / e - 1.0) <= ALIKE for w, e in zip(widths[f], expected))]
        chosen[face] = alike[0] if alike else min(families, key=lambda f: max(widths[f]))
        if not alike:
            largest = max(largest, *(w / r for w, r in zip(widths[chosen[face]], room)))
    return Fonts(chosen[SANS], chosen[MONO], 1.0 / largest)


def cairo_width(family: str, bold: bool, text: str) -> float:
    """How wide cairo sets `text` at size 1, in the family or in what it puts in its place."""
    import cairocffi

    context = cairocffi.Context(cairocffi.ImageSurface(cairocffi.FORMAT_A8, 1, 1))
    context.select_font_face(
        family, cairocffi.FONT_SLANT_NORMAL, cairocffi.FONT_WEIGHT_BOLD if bold else cairocffi.FONT_WEIGHT_NORMAL
    )
    context.set_font_size(100)
    return float(context.text_extents(text)[4]) / 100


def cairo_fonts() -> Fonts:
    """The fonts in which cairo sets a picture.

    Raises:
        ModuleNotFoundError: cairosvg is missing, or the cairo library.
    """
    try:
        import cairosvg  # noqa: F401  which is what draws in them

        return fitting_fonts(cairo_width)
    except (ImportError, OSError):
        raise ModuleNotFoundError(
            f"save takes .gif with cairosvg and the cairo library ({install_line('pdf')}); .html and .svg need neither",
            name="cairosvg",
        ) from None


def gif(frames: Iterable[bytes], seconds: Sequence[float], scale: float, colours: Sequence[str]) -> bytes:
    """An animated image of SVG sources of one size, in a loop.

    Args:
        frames: the sources.
        seconds: how long each is shown.
        scale: pixels of the image to one of the drawing.
        colours: all that it has, at most 256; the nearest stands for another.
    """
    import cairosvg
    from PIL import Image

    palette = Image.new("P", (1, 1))
    palette.putpalette([int(c[i : i + 2], 16) for c in colours for i in (1, 3, 5)])
    made = (Image.open(BytesIO(cairosvg.svg2png(bytestring=svg, scale=scale))).convert("RGB") for svg in frames)
    first, *more = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in made]
    out = BytesIO()
    milliseconds = [round(1000 * s) for s in seconds]
    first.save(out, "GIF", save_all=True, append_images=more, duration=milliseconds, loop=0, optimize=True)
    return out.getvalue()


def saved(path: "str | os.PathLike[str]", content: bytes) -> str:
    """Write a file whole or not at all.

    Raises:
        OSError: the folder is not there, or not writable, or the path is no file's.
    """
    there = os.path.expanduser(os.fspath(path))
    if "\0" in there:
        raise ValueError(f"save takes a path without null characters, got {there!r:.80}")
    write_whole("save", there, content)
    return there


def fits_pixels(size: tuple[int, int], scale: float) -> bool:
    """Whether an image so large can be made."""
    width, height = size[0] * scale, size[1] * scale
    return max(width, height) <= LONGEST_SIDE and width * height <= MOST_PIXELS


def converted(svg: Callable[[Fonts], str], size: tuple[int, int], dot: str, kind: str, timeout: float) -> bytes:
    """PNG or PDF: by cairosvg from our own drawing where it is installed, else by the layout program from the DOT text.

    A PNG has twice the pixels of the drawing, or as many, where twice are too many for cairo.

    Raises:
        LayoutError: neither can.
        ValueError: the drawing is too large for a PNG.
    """
    scale = 2 if fits_pixels(size, 2) else 1
    if kind == "png" and not fits_pixels(size, scale):
        raise ValueError(
            f"save takes pictures of at most {LONGEST_SIDE:,} pixels a side and {MOST_PIXELS:,} in all as .png, got "
            f"{size[0]:,} by {size[1]:,}; save .svg, .pdf or .html, or draw less (level='layer', a smaller graph)"
        )
    try:
        import cairocffi
        import cairosvg
    except (ImportError, OSError):  # OSError: the package without the cairo library
        pass
    else:
        to_png, to_pdf = partial(cairosvg.svg2png, scale=float(scale)), cairosvg.svg2pdf
        try:
            source = svg(fitting_fonts(cairo_width)).encode()
            return bytes((to_png if kind == "png" else to_pdf)(bytestring=source))
        except (MemoryError, cairocffi.CairoError) as e:
            raise LayoutError(
                f"save takes pictures that cairo can draw as .{kind}, but of {size[0]:,} by {size[1]:,} pixels it gave: "
                f"{str(e) or 'no memory'}; save .svg or .html, or draw less (level='layer', a smaller graph)"
            ) from None
    start = b"\x89PNG" if kind == "png" else b"%PDF"
    why = f"the layout program wrote something else; {INSTALL}"
    try:
        made = program_output(dot, kind, timeout)
    except LayoutError as e:
        made, why = b"", str(e)
    if not made.startswith(start):
        raise LayoutError(
            f"save takes .{kind} with cairosvg ({install_line('pdf')}) or a Graphviz that writes {kind}: {why}"
        )
    return made

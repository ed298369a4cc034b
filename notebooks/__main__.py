"""`python -m notebooks [NAME ...]`: run notebooks afresh, tidy them, and write them back; `site` builds the pages."""

import sys
import time

import nbformat
from nbclient.exceptions import CellExecutionError

from engine.writing import write_whole
from notebooks.execution import executed, kept, notebooks


def main(names: list[str]) -> int:
    """The exit status of a command line."""
    if names[:1] == ["site"]:
        from notebooks.website.build import main as site

        return site(names[1:])
    try:
        paths = notebooks(names)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for path in paths:
        start = time.perf_counter()
        try:
            new = kept(executed(path), nbformat.read(path, 4))
        except CellExecutionError as error:
            print(f"{path.name} was left as it is: {error}", file=sys.stderr)
            return 1
        write_whole("notebooks", str(path), nbformat.writes(new).rstrip("\n").encode() + b"\n")
        print(f"{path.name:36}{time.perf_counter() - start:6.1f} s{path.stat().st_size / 1000:8.0f} KB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

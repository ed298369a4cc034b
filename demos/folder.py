"""The folder that a demo writes to: checked before the work, and never holding half a file."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.writing import write_whole


class UnwritableError(Exception):
    """A folder that cannot be made, or not be written to; the message is for who chose it."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"--out takes a folder that can be written to, got {path}: {error.strerror or error}; "
            "try another with --out FOLDER"
        )


class Folder:
    """A folder that can be written to, made where there is none.

    Args:
        path: where.

    Raises:
        UnwritableError: it cannot be made, or not be written to.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(os.path.expanduser(path))  # a shell leaves the ~ of --out=~/pictures as it is
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise UnwritableError(self.path, error) from error

    @contextmanager
    def new(self, name: str) -> Iterator[Path]:
        """A path to write a file to; it takes its name when all of it is written, and the name is printed."""
        aside, final = self.path / f".{os.getpid()}-{name}", self.path / name
        try:
            yield aside
            write_whole("--out", str(final), aside.read_bytes())
        except OSError as error:
            raise UnwritableError(self.path, error) from error
        finally:
            aside.unlink(missing_ok=True)
        print(f"  {final}", flush=True)

    def draw(self, name: str, size: tuple[float, float], picture: Callable[..., None]) -> None:
        """A page that `picture(figure)` draws with matplotlib, which needs no screen here."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")
        picture(figure)
        with self.new(name) as path:
            figure.savefig(path, dpi=120, format="png")

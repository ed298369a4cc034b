"""A notebook run afresh: executed in a kernel of its own, tidied, and compared with what is kept."""

import base64
import hashlib
import html
import os
import re
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
SECONDS = 60  # that a notebook may take
VARIES = "nbval-ignore-output"  # the tag of a cell whose output depends on the machine
WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def notebooks(names: list[str] | None = None) -> list[Path]:
    """The notebooks of the course, or those whose names start so."""
    paths = sorted(HERE.glob("[0-9][0-9]_*.ipynb"))
    if not names:
        return paths
    found = [p for p in paths if any(p.name.startswith(Path(name).stem) for name in names)]
    if not found:
        raise ValueError(f"notebooks takes names among {', '.join(p.stem for p in paths)}, got {', '.join(names)}")
    return found


def executed(path: Path, more: list[str] | None = None, folder: Path | None = None) -> Any:
    """A fresh run of a notebook, as a new one; the file is not touched.

    Args:
        path: the notebook.
        more: sources of code cells to run after its own.
        folder: where the kernel runs; the notebook's own if left out.
    """
    book = nbformat.read(path, 4)
    book.cells += [nbformat.v4.new_code_cell(source) for source in more or []]
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    book.metadata["kernelspec"] = dict(KERNEL)
    # The kernel sees every warning, and runs where the notebook is; nothing else of this shell is asked for.
    env = {**os.environ, "PYTHONWARNINGS": "default", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    client = NotebookClient(
        book,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        timeout=2 * SECONDS,
        record_timing=False,
        resources={"metadata": {"path": str(folder or path.parent)}},
    )
    client.execute(env=env)
    return tidied(book)


def tidied(book: Any) -> Any:
    """The same notebook without anything that does not belong to it; ids made of the sources."""
    book.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    book.nbformat, book.nbformat_minor = 4, 5
    seen: dict[str, int] = {}
    count = 0
    for cell in book.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        cell.source = cell.source.strip("\n")
        digest = hashlib.sha256(f"{cell.cell_type} {cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        # A widget is nothing without its kernel, and has another id on each run: what stands beside it is kept.
        cell.outputs = _joined([o for o in cell.outputs if WIDGET not in o.get("data", {})])
        for output in cell.outputs:
            output.pop("transient", None)
            if "execution_count" in output:
                output.execution_count = count
    return book


def _joined(outputs: list[Any]) -> list[Any]:
    """Pieces of one stream as one: where they were cut depends on the clock."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def kept(new: Any, old: Any) -> Any:
    """The new notebook, with the old outputs of cells where the new ones say the same."""
    outputs = {cell.id: cell.outputs for cell in tidied(old).cells if cell.cell_type == "code"}
    for cell in new.cells:
        same = cell.cell_type == "code" and cell.id in outputs and said(outputs[cell.id]) == said(cell.outputs)
        if same or (cell.id in outputs and outputs[cell.id] and VARIES in cell.metadata.get("tags", [])):
            cell.outputs = outputs[cell.id]
    return new


def said(outputs: list[Any]) -> list[str]:
    """What outputs say, as text: without the bytes of pictures, and without what is new on every run."""
    return [line for output in outputs for line in _said(output)]


def _said(output: Any) -> list[str]:
    if output.output_type == "stream":
        return [f"{output.name}: {output.text}"]
    if output.output_type == "error":
        return [f"{output.ename}: {output.evalue}"]
    return [f"{kind}: {words(text) if kind == 'text/html' else text}" for kind, text in sorted(output.data.items())]


def words(text: str) -> str:
    """HTML with its pictures as the words that are in them; frames, which show the same once more, left out."""
    text = re.sub(r"<style>.*?</style>|<iframe.*?</iframe>", "", text, flags=re.S)
    text = re.sub(r'src="data:image/svg\+xml;base64,([^"]*)"', lambda m: _drawn(m[1]), text)
    text = re.sub(r'src="data:image/png;base64,[^"]*"|width="\d+"|height="\d+"|style="min-width:\d+px"', "", text)
    return re.sub(r'class="vz-\w+"', "", text)


def _drawn(data: str) -> str:
    svg = base64.b64decode(data).decode()
    return html.escape(" ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg)))


def solutions(book: Any) -> list[str]:
    """The code of the folded solutions, in order."""
    folded = [c.source for c in book.cells if c.cell_type == "markdown" and "<details>" in c.source]
    return [code for source in folded for code in re.findall(r"^```python\n(.*?)^```$", source, re.S | re.M)]

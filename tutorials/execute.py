"""Execute the tutorials and store their outputs: ``python tutorials/execute.py``.

Needs the extra ``test``. The figure of the cell with the tag ``main-figure`` is written to ``docs/_static`` as well,
where the README shows it.
"""

import base64
import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "docs" / "_static"


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook, run from its first cell to its last in a new kernel; an error stops it."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of the run
        if cell.cell_type == "code":
            cell.outputs = [_without_paths(output) for output in cell.outputs if not _is_about_widgets(output)]
    return notebook


def _is_about_widgets(output: nbformat.NotebookNode) -> bool:
    """Without ipywidgets, which draw progress bars in a browser, tqdm warns once; nobody looks at this run."""
    return output.output_type == "stream" and "TqdmWarning" in output.text


def _without_paths(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Warnings name a temporary file of the kernel, another one in every run."""
    if output.output_type == "stream":
        output.text = re.sub(r"^\S*ipykernel_\d+\S*:\d+: ", "", output.text, flags=re.MULTILINE)
    return output


def main_figure(notebook: nbformat.NotebookNode) -> bytes:
    """The PNG of the cell with the tag ``main-figure``."""
    cells = [cell for cell in notebook.cells if "main-figure" in cell.metadata.get("tags", [])]
    images = [
        output.data["image/png"] for cell in cells for output in cell.outputs if "image/png" in output.get("data", {})
    ]
    return base64.b64decode(images[0])


if __name__ == "__main__":
    for path in sorted(HERE.glob("*.ipynb")):
        notebook = executed(path)
        nbformat.write(notebook, path)
        (STATIC / f"{path.stem}.png").write_bytes(main_figure(notebook))

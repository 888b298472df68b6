"""`ag.report`: one page about a network."""

from pathlib import Path
from typing import TYPE_CHECKING

from argen._bridge.files import check_path, replaced
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import read_entry

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["report"]


@takes_mudata
def report(
    adata: "AnnData | MuData",
    path: str | Path,
    *,
    key: str = "argen_dag",
    title: str | None = None,
    date: str | None = None,
    gene_symbols: str | None = None,
) -> Path:
    """Write one HTML page about a network and everything that it rests on, for a reviewer.

    The page needs nothing but a browser: figures are inside, no script, no font and no picture is loaded. It begins
    with a summary in words and the edges ranked by what they are worth (:func:`argen.get.evidence`) and with what the
    checks found (:func:`argen.get.check`). Then what was used and dropped, the design, calibration, instruments, the
    network, its strongest edges with every diagnostic that was computed, systems that have no solution, cycles,
    sensitivity, stability, over-identification, what the screen could have found, parameters and versions of every
    step, and how to cite. A diagnostic that was not computed is named with the function that computes it; one that was
    made from other data, or from another network, is flagged. Numbers are shown to three digits, all their digits are
    in the attribute ``data-value``. Only what the `get` functions compute on reading is computed, `adata` stays as it
    is, and the same input gives the same page.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    path
        File to write, ending in ``.html``; one that is there is replaced.
    key
        Name of the network.
    title
        Heading; default ``"Causal network"`` with the number of edges and perturbations.
    date
        A date, or any text, to print below the heading. Default: none, the page does not depend on the clock.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    The path of the file.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key`.
    argen.errors.InputError
        `path` does not end in ``.html``, is a folder, or is in a folder that is not there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = ag.report(adata, Path(folder) / "network.html").read_text(encoding="utf-8")
    >>> page.count("<h1>")
    1
    """
    path = check_path(path, (".html",), "report.html")
    read_entry(adata, key, "network")
    from argen._report._sections import write_page

    page = write_page(adata, key, title, date, gene_symbols)
    with replaced(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path

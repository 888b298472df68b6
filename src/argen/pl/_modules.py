"""The network by modules, with the gene sets that they are in."""

from typing import TYPE_CHECKING

import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import entries, read_entry
from argen._bridge.validate import check_count, check_number
from argen.errors import InputError
from argen.get._opened import OpenedNetwork
from argen.pl._axes import on_paper
from argen.pl._named_rows import short
from argen.pl._network import draw_network
from argen.pl._network.modules import KnownModules
from argen.pl._network.most_connected import MAX_GENES
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_modules"]

_LONGEST_TERM = 36  # letters


@takes_mudata
@on_paper
def argen_modules(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_modules",
    enrichment: str | bool = True,
    n_terms: int = 2,
    min_abs_coef: float = 0.0,
    max_genes: int = MAX_GENES,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw the network by modules, each with the gene sets that are over-represented in it.

    Every module is a tinted region with its number, its first term or its genes with the most edges; edges between
    modules are dashed. Below stand the first significant terms of each module. All else is as in
    :func:`argen.pl.argen_network` with the layout ``"module"``.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_modules`.
    key
        Name of the modules.
    enrichment
        Name of the result of :func:`argen.tl.argen_enrichment` of these modules. ``True``: the one that is there, if
        any; ``False``: no terms.
    n_terms
        Terms below the drawing for each module.
    min_abs_coef
        Leave out edges whose absolute effect is smaller.
    max_genes
        Of more genes than this the ones with the most edges are drawn.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into. Default: a new figure of the size that the network needs.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`.

    Raises
    ------
    argen.errors.MissingResultError
        No modules under `key`, or no such enrichment.
    argen.errors.InputError
        The enrichment is not of these modules, or an argument cannot be used.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate(genes=30, cells_per_perturbation=150, n_controls=1500, rng=3)
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    >>> ag.tl.argen_modules(adata)
    >>> axes = ag.pl.argen_modules(adata, show=False)
    """
    from argen import get

    n_terms = check_count("n_terms", n_terms, 1)
    check_number("min_abs_coef", min_abs_coef, 0.0)
    entry = read_entry(adata, key, "modules")
    genes = get.modules(adata, table="genes", key=key, gene_symbols=gene_symbols)
    tests = _tests_of(adata, key, enrichment)
    network = OpenedNetwork(adata, entry.settings["key"], gene_symbols=gene_symbols)
    graph = network.graph(responders=entry.settings.get("responders", False))
    terms = {} if tests is None else _terms(get.enrichment(adata, key=tests), n_terms)
    known = KnownModules(
        dict(zip(genes["gene"], genes["module"], strict=True)), {number: words[0] for number, words in terms.items()}
    )
    notes = [f"module {number}: {'; '.join(words)}" for number, words in sorted(terms.items())]
    if tests is not None and not terms:
        notes = ["no gene set is significant in a module"]
    drawn = draw_network(
        graph, min_abs_coef=min_abs_coef, layout="module", edge_labels=False, max_genes=max_genes, notes=notes,
        modules=known, ax=ax,
    )  # fmt: skip
    return finish(drawn, show)


def _tests_of(adata: "AnnData", key: str, enrichment: object) -> str | None:
    """Name of the tests of these modules, None if there are none or none are wanted."""
    if enrichment is False:
        return None
    if enrichment is True:
        found = [entry.key for entry in entries(adata, "enrichment") if entry.settings.get("modules") == key]
        return min(found, key=lambda name: (name != "argen_enrichment", name), default=None)
    if not isinstance(enrichment, str):
        msg = f"enrichment={enrichment!r}: give True, False, or the name of a result of ag.tl.argen_enrichment."
        raise InputError(msg)
    if (of := read_entry(adata, enrichment, "enrichment").settings.get("modules")) != key:
        what = "other groups" if of is None else f"the modules {of!r}"
        msg = f"enrichment={enrichment!r} tests {what}, not the modules {key!r}."
        raise InputError(msg)
    return enrichment


def _terms(tests: pd.DataFrame, n: int) -> dict[int, list[str]]:
    """The first significant terms of each module, by its number."""
    found = tests[tests["significant"]]
    return {
        int(str(group).removeprefix("module ")): [short(str(term), _LONGEST_TERM) for term in part["term"].head(n)]
        for group, part in found.groupby("group", observed=True, sort=False)
    }

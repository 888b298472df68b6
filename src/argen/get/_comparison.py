"""Tables of a network that was compared between levels."""

from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import warn_if_stale
from argen._bridge.validate import check_option
from argen.errors import MissingResultError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["comparison"]

_TABLES = (
    "edges", "contrasts", "levels", "replicates", "total_effects", "total_effect_contrasts", "total_effect_levels",
    "knockdowns", "designs", "skipped", "responders", "responder_contrasts", "responder_levels",
    "responder_replicates",
)  # fmt: skip
_TEXTS = ("level", "reference", "replicate", "change", "flags")
# What each table starts with: the smallest p-value first.
_SORTED = {
    "edges": "q_p",
    "contrasts": "p",
    "responders": "q_p",
    "responder_contrasts": "p",
    "total_effects": "q_p",
    "total_effect_contrasts": "p",
}


@takes_mudata
def comparison(
    adata: "AnnData | MuData",
    *,
    table: Literal[
        "edges",
        "contrasts",
        "levels",
        "replicates",
        "total_effects",
        "total_effect_contrasts",
        "total_effect_levels",
        "knockdowns",
        "designs",
        "skipped",
        "responders",
        "responder_contrasts",
        "responder_levels",
        "responder_replicates",
    ] = "edges",
    key: str = "argen_compare",
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """What differs between the levels that :func:`argen.tl.argen_compare` compared.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_compare`.
    table
        Which of its tables; ``"replicates"`` is there if it was given `replicate`, those of
        responders with `responders`.
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    The table of that name, described in :func:`argen.tl.argen_compare`; differences and heterogeneity start with the
    smallest p-value. Rows with genes that `adata` no longer holds are left out.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`, or none for replicates or responders.
    argen.errors.InputError
        There is no such table.

    Warns
    -----
    argen.errors.ArgenWarning
        The network was searched again since.

    See Also
    --------
    argen.pl.argen_compare, argen.pl.argen_forest : the figures.

    Examples
    --------
    >>> import anndata as ad
    >>> import argen as ag
    >>> screens = {name: ag.datasets.simulate("paper_fig2", rng=i) for i, name in enumerate(["control", "drug"])}
    >>> adata = ad.concat(screens, label="condition", index_unique="-")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["condition", "L"], depth="depth")
    >>> ag.tl.argen_compare(adata, by="condition")
    >>> len(ag.get.comparison(adata, table="levels")) == 2 * len(ag.get.comparison(adata))
    True
    """
    check_option("table", table, _TABLES)
    entry = read_entry(adata, key, "comparison")
    if table not in entry.tables:
        needed = "replicate=" if "responders" in entry.tables or table == "replicates" else "responders="
        msg = f"adata.uns[{key!r}] has no table {table!r}: run ag.tl.argen_compare with {needed}."
        raise MissingResultError(msg)
    warn_if_stale(adata, entry, responders=table.startswith("responder"))
    names = ShownNames(adata, entry, gene_symbols, leaves_out=table not in ("designs", "skipped"))
    stored = entry.tables[table]
    ends = tuple(end for end in ("source", "target", "perturbation") if end in stored)
    shown = names.table(stored, ends) if ends else names.rename(stored)
    if table in _SORTED:
        shown = shown.sort_values(_SORTED[table], kind="stable")
    texts = {name: shown[name].astype(str) for name in _TEXTS if name in shown}
    return shown.assign(**texts).reset_index(drop=True)

"""What the genes of a network do to the measured genes that are no nodes of it."""

from typing import TYPE_CHECKING

import pandas as pd

from argen._bridge.diagnostics.power import with_pair_mde
from argen._bridge.intervals import interval_95
from argen._bridge.modality import takes_mudata
from argen._bridge.responders.total import read_total_effects, total_pairs
from argen._bridge.results.entries import Entry, read_entry
from argen.get._names import ShownNames

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["responder_pairs_of", "responders"]


def responder_pairs_of(adata: "AnnData", names: ShownNames, step: Entry, power: float) -> pd.DataFrame:
    """Total effects outside the network of a step, see :func:`argen.get.pairs`."""
    entry = read_total_effects(adata, step)
    family = {"alpha": entry.settings["alpha"], "hc": entry.settings["hc"]}
    table = with_pair_mde(total_pairs(entry), entry.tables["genes"], **family, power=power)
    return names.table(table.assign(source=table["source"].astype(str)), ("target",))


@takes_mudata
def responders(adata: "AnnData | MuData", *, key: str = "argen_responders", selected: bool = True) -> pd.DataFrame:
    """Direct effects of the genes of a network on responders, strongest evidence first.

    *Direct* is relative to the genes of the network: a path through genes that are no nodes of it is direct.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_responders`.
    key
        Name of the result.
    selected
        Only the selected edges; ``False`` gives every candidate that was tested.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per edge: ``source`` (node), ``target`` (responder), ``coef``, ``se``, ``ci_low``, ``ci_high`` (95 %),
    ``z``, ``p``, ``padj`` (Benjamini–Hochberg over all candidates), ``threshold`` (of the p-values), ``selected``,
    ``F``, ``weak``, ``condition``, ``p_robust``, ``ci_low_robust``, ``ci_high_robust``, ``robust_set`` (as in
    :func:`argen.get.edges`), ``significant`` (whether the total effect of the source on the target is) and ``flags``.
    With a joint network ``inclusion`` (probability of the edge) in place of the columns from ``threshold`` on but
    ``selected`` and ``significant``, and only pairs with an inclusion of .01 or a p of .05.
    Genes that `adata` no longer holds are left out.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate(genes=40, perturbations=10, rng=2)
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    >>> ag.tl.argen_responders(adata)
    >>> bool(ag.get.responders(adata)["selected"].all())
    True
    """
    entry = read_entry(adata, key, "responders")
    table = ShownNames(adata, entry, gene_symbols).table(entry.tables["edges"])
    if selected:
        table = table[table["selected"]]
    at = table.columns.get_loc("se") + 1
    for place, ends in enumerate(interval_95(table["coef"], table["se"])):
        table.insert(at + place, ("ci_low", "ci_high")[place], ends)
    strength = table["z"].abs().fillna(-1.0)
    return table.iloc[strength.argsort(kind="stable")[::-1]].reset_index(drop=True)

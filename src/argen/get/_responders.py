"""What the genes of a network do to the measured genes that are no nodes of it."""

from typing import TYPE_CHECKING

import pandas as pd

from argen._bridge.diagnostics.power import with_pair_mde, with_responder_mde
from argen._bridge.intervals import interval_95
from argen._bridge.modality import takes_mudata
from argen._bridge.responders.stored import USUAL, read_responders, responders_of
from argen._bridge.responders.total import read_total_effects, total_key, total_pairs
from argen._bridge.results.entries import Entry, entries, find_entry, read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import step_key_of_network, warn_if_stale
from argen._bridge.results.tables import EDGE_KINDS
from argen._bridge.runtime import warn_user
from argen._bridge.validate import check_level, name_some
from argen._core.diagnostics.power import bh_level
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["edges_to_responders", "regulated", "regulators", "responder_pairs_of", "responders"]


def responder_pairs_of(adata: "AnnData", names: ShownNames, step: Entry, power: float) -> pd.DataFrame:
    """Total effects outside the network of a step, see :func:`argen.get.pairs`."""
    entry = read_total_effects(adata, step)
    table = total_pairs(entry)
    level = bh_level(table["p"].to_numpy(), int(table["significant"].sum()), entry.settings["alpha"])
    table = with_pair_mde(table, entry.tables["genes"], level=level, hc=entry.settings["hc"], power=power)
    return names.table(table.assign(source=table["source"].astype(str)), ("target",))


def _edges(names: ShownNames, entry: Entry, *, selected: bool) -> pd.DataFrame:
    table = names.table(entry.tables["edges"])
    table = table[table["selected"]] if selected else table
    at = table.columns.get_loc("se") + 1
    for place, ends in enumerate(interval_95(table["coef"], table["se"])):
        table.insert(at + place, ("ci_low", "ci_high")[place], ends)
    strength = table["z"].abs().fillna(-1.0)
    return table.iloc[strength.argsort(kind="stable")[::-1]].reset_index(drop=True)


def edges_to_responders(
    adata: "AnnData",
    names: ShownNames,
    network: Entry,
    responders: object,
    *,
    selected: bool = True,
) -> pd.DataFrame:
    """Edges from the genes of a network to responders; `responders` names the result, True the usual one."""
    entry = read_responders(adata, network, responders)
    return _edges(names, entry, selected=selected)


@takes_mudata
def responders(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_responders",
    selected: bool = True,
    power: float = 0.8,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """Direct effects of the genes of a network on responders, strongest evidence first.

    *Direct* is relative to the genes of the network: a path through genes that are no nodes of it is direct.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_responders`.
    key
        Name of the result.
    selected
        Only the selected edges; ``False`` gives every candidate that was tested, and the possible mediators that were
        only adjusted for (``tested`` is False).
    power
        Probability with which an effect of the size ``mde`` would have been selected.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per edge: ``source`` (node), ``target`` (responder), ``coef``, ``se``, ``ci_low``, ``ci_high`` (95 %),
    ``z``, ``p``, ``padj`` (Benjamini–Hochberg over all candidates), ``threshold`` (of the p-values), ``selected``,
    ``tested`` (False: a possible mediator, which the equation adjusts for), ``F``, ``weak``, ``condition``,
    ``p_robust``, ``ci_low_robust``, ``ci_high_robust``, ``robust_set`` (as in
    :func:`argen.get.edges`), ``significant`` (whether the total effect of the source on the target is), ``loop`` (pairs
    of candidates whose order was decided although the data lead both ways: had the loop been cut elsewhere, the edge
    would be another), ``flags``, and ``mde``, the smallest direct effect (absolute) that the test at the level a =
    ``threshold`` finds with probability `power`, :math:`(z_{1-a/2} + z_{power}) se`; read it where nothing was found.
    With a joint network ``inclusion`` (probability of the edge) in place of the columns from ``threshold`` on but
    ``selected`` and ``significant``, and only pairs with an inclusion of .01 or a p of .05.
    Genes that `adata` no longer holds are left out.

    Raises
    ------
    argen.errors.InputError
        `power` is not between 0 and 1.
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
    check_level("power", power)
    entry = read_entry(adata, key, "responders")
    warn_if_stale(adata, entry)
    return with_responder_mde(_edges(ShownNames(adata, entry, gene_symbols), entry, selected=selected), power)


@takes_mudata
def regulators(
    adata: "AnnData | MuData",
    *,
    gene: str,
    network: str = "argen_dag",
    responders: bool | str = True,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """Everything that acts on one measured gene: total effects of all perturbations, and the direct ones among them.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`, and :func:`argen.tl.argen_responders` for genes that are no nodes.
    gene
        A node or a responder.
    network
        Name of the network.
    responders
        Name of the result for responders; ``True``: the one that was made from this network, if there is one (where
        there are others alone, a warning says so);
        ``False``: nodes alone.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per perturbation, direct ones first, then by the strength of the total effect: ``source``, ``target``,
    ``effect`` (total, natural log fold change), ``effect_se`` (missing where a large step has none, see
    :func:`argen.get.pairs`), ``effect_padj`` (in the family of the network or that of responders), ``significant``;
    ``coef`` (direct, per unit of the source's log expression), ``coef_se``, ``coef_padj``, ``direct`` (a selected
    edge), ``tested`` (True:
    the direct effect was tested; False: it was adjusted for without a test, as that of a possible mediator, which has a
    ``coef`` but no ``coef_padj``; missing: neither, the source stands in no equation of the target). The gene's own
    perturbation is not among them.

    Raises
    ------
    argen.errors.MissingResultError
        No network.
    argen.errors.StaleResultError
        The descendant step of the network is gone.
    argen.errors.InputError
        The gene has no tested effect.

    Warns
    -----
    argen.errors.ArgenWarning
        The gene is a responder, and the results for responders that are there were made from other networks, or from
        what this one was before it was searched again: no direct effect on it is known.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> sorted(ag.get.regulators(adata, gene="X3").query("direct")["source"])
    ['X1', 'X2', 'X7']
    """
    return _of_gene(adata, "target", gene, network, responders, gene_symbols)


@takes_mudata
def regulated(
    adata: "AnnData | MuData",
    *,
    perturbation: str,
    network: str = "argen_dag",
    responders: bool | str = True,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """Everything that one perturbed gene acts on: total effects on all tested genes, and the direct ones among them.

    Parameters
    ----------
    adata, network, responders, gene_symbols
        As in :func:`regulators`.
    perturbation
        A perturbed gene, measured or not.

    Returns
    -------
    The columns of :func:`regulators`, one row per gene that is not its own.

    Raises
    ------
    argen.errors.MissingResultError
        No network.
    argen.errors.StaleResultError
        The descendant step of the network is gone.
    argen.errors.InputError
        The perturbation has no tested effect.

    Warns
    -----
    argen.errors.ArgenWarning
        The results for responders that are there were made from other networks, or from what this one was before it
        was searched again: no direct effect on a responder is known.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.get.regulated(adata, perturbation="X1")["target"].head(2).tolist()
    ['X2', 'X3']
    """
    return _of_gene(adata, "source", perturbation, network, responders, gene_symbols)


def _of_gene(
    adata: "AnnData",
    end: str,
    name: str,
    network: str,
    responders: object,
    gene_symbols: str | None,
) -> pd.DataFrame:
    """Total and direct effects of the pairs at one end of which a gene is."""
    from argen import get

    entry = read_entry(adata, network, "network")
    names = ShownNames(adata, entry, gene_symbols)
    step = step_key_of_network(adata, network)
    has_totals = responders is not False and find_entry(adata, total_key(step)) is not None
    totals = get.pairs(adata, key=step, responders=has_totals, gene_symbols=gene_symbols)
    edges = [get.edges(adata, key=network, selected=False, gene_symbols=gene_symbols)]
    has_none = responders is True and responders_of(adata, entry) is None
    if isinstance(responders, str) or (responders is True and not has_none):
        edges.append(edges_to_responders(adata, names, entry, responders, selected=False))
    direct = pd.concat([table[["source", "target", "coef", "se", "padj", "selected"]] for table in edges])
    direct["tested"] = direct["padj"].notna().astype("boolean").where(direct["coef"].notna())
    if not isinstance(name, str):
        msg = f"{'gene' if end == 'target' else 'perturbation'}={name!r}: give the name of one."
        raise InputError(msg)
    shown = names.given(name)
    if not (totals[end] == shown).any():
        what = "gene" if end == "target" else "perturbation"
        there = name_some(map(repr, sorted(totals[end].unique())))
        more = "" if has_totals else " Effects on further genes: ag.tl.argen_descendants(responders='all')."
        msg = f"{what}={name!r} has no tested effect; there are {there}.{more}"
        raise InputError(msg)
    columns = {"effect": "effect", "se": "effect_se", "padj": "effect_padj", "significant": "significant"}
    totals = totals[totals[end] == shown]
    if has_none and has_totals and (totals["kind"] == EDGE_KINDS[1]).any():
        _warn_of_others(adata, entry)
    table = totals[["source", "target", *columns]].rename(columns=columns)
    strength = (table["effect"] / table["effect_se"]).abs()
    table["strength"] = strength.fillna(totals["z"].abs()).fillna(-1.0)  # most pairs of a large step have no error
    found = direct.rename(columns={"se": "coef_se", "padj": "coef_padj", "selected": "direct"})
    table = table.merge(found, on=["source", "target"], how="left")
    table["direct"] = table["direct"].eq(other=True)
    table = table.sort_values(["direct", "strength"], ascending=False, kind="stable", ignore_index=True)
    return table.drop(columns="strength")


def _warn_of_others(adata: "AnnData", network: Entry) -> None:
    """Warn if there are results for responders, none of which was made from this very network."""
    others = {entry.key: entry.settings["key"] for entry in entries(adata, "responders")}
    if others:
        # The usual result of another network is not to be lost.
        more = ", key_added=..." if others.get(USUAL, network.key) != network.key else ""
        warn_user(
            f"{name_some(f'adata.uns[{key!r}]' for key in others)}: made from another network than the one in "
            f"adata.uns[{network.key!r}] now, so that no effect on a gene that is no node counts as direct. Run "
            f"ag.tl.argen_responders(network={network.key!r}{more})."
        )

"""Tables of what says when to believe a network."""

from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge.diagnostics.record import DIAGNOSTICS
from argen._bridge.diagnostics.sensitivity import BASE, found_in_each
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import Entry, read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import warn_if_stale
from argen._bridge.results.tables import EDGE_KINDS
from argen._bridge.validate import check_option
from argen.errors import MissingResultError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["calibration", "overidentification", "sensitivity", "stability"]

# Tables of a calibration that have rows of edges to responders, if they were asked for.
_WITH_RESPONDERS = ("summary", "equations", "qq", "skipped")
# Columns of the tables of guides that hold names of genes.
_BY = {
    "perturbation": ("perturbation",),
    "guide": ("target",),
    "pair": ("source", "target"),
    "edge": ("source", "target"),
    "equation": ("target",),
}


@takes_mudata
def calibration(
    adata: "AnnData | MuData",
    *,
    table: Literal["summary", "pseudo_perturbations", "equations", "qq", "positive_controls", "skipped"] = "summary",
    key: str = "argen_calibration",
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    r"""Empirical error rates of the analysis, and what they rest on.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_calibration`.
    table
        Which of its tables.
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    ``"summary"``: per kind of ``nulls`` (``"guides"``, ``"splits"``, ``"edges"``, and ``"responders"`` if they were
    asked for) the number of pseudo-perturbations or splits (``n_pseudo``) and of null tests
    (``n_tests``), the shares rejected at .05, .01 and .001 (``rate_05``, ``rate_01``, ``rate_001``, each with a
    standard error ``…_se`` over pseudo-perturbations or splits), ``level`` in force (``mde_level`` of the pairs:
    Benjamini and Hochberg's cut-off max(r, 1) alpha / m; of edges the mean of the thresholds applied; of responders the
    ``threshold`` of their result), the share rejected there (``rate_level``, ``rate_level_se``, ``rate_level_high``:
    one-sided 95 % limit; edges each at the threshold of its equation), tests and discoveries of the analysis
    (``n_real``, ``n_discoveries``), false ones to be expected if all nulls were true (``expected_false`` =
    ``rate_level`` × ``n_real``, ``expected_false_high``), and ``inflation`` (:math:`\lambda`, median of the
    :math:`\chi^2_1` quantiles of p over .455).
    ``"pseudo_perturbations"``: ``nulls``, ``name``, ``n_cells``, ``n_cells_wanted``, ``n_tests``, ``rate_05``,
    ``min_p``, ``n_below_level``.
    ``"equations"``: ``target``, ``n_candidates``, ``size_factor`` (placebo groups over real ones), ``smallest_group``,
    ``n_tests``, ``rate_05``, ``n_below_threshold``, ``reason`` (why left out); with responders ``kind``
    (``"network"``, ``"responder"``).
    ``"qq"``: ``nulls``, ``expected``, ``observed``, ``low``, ``high``.
    ``"positive_controls"``: ``perturbation``, ``n_cells``, ``effect`` (natural log fold change), ``se``, ``p``,
    ``test``, ``falls``, ``detected`` (falls with p at most the level in force).
    ``"skipped"``: ``what``, ``reason``, ``n``.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        There is no such table.

    Warns
    -----
    argen.errors.ArgenWarning
        The network was searched again since, or the table has edges to responders, and the result of
        :func:`argen.tl.argen_responders` that they are of is gone or was replaced.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_calibration(adata)
    >>> bool(ag.get.calibration(adata, table="positive_controls")["detected"].all())
    True
    """
    check_option("table", table, DIAGNOSTICS["calibration"].tables)
    entry = _read(adata, key, "calibration", responders=table in _WITH_RESPONDERS)
    names = ShownNames(adata, entry, gene_symbols, leaves_out=False)
    return names.rename(entry.tables[table]).reset_index(drop=True)


@takes_mudata
def overidentification(
    adata: "AnnData | MuData",
    *,
    by: Literal["perturbation", "guide", "pair", "edge", "equation"] = "perturbation",
    key: str = "argen_overidentification",
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """Whether the guides of each perturbation agree, as :func:`argen.tl.argen_overidentification` has tested it.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_overidentification`.
    by
        One row per perturbation, guide, pair of a perturbation and another gene, candidate edge, or equation (gene with
        candidate parents).
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    The table of that name, described in :func:`argen.tl.argen_overidentification`; all but those of perturbations and
    guides start with the smallest p. Rows with genes that `adata` no longer holds are left out.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        `by` is none of those.

    Examples
    --------
    >>> import argen as ag
    >>> mdata = ag.datasets.simulate("paper_fig2", n_cells=3000, guides_per_target=2, guide_counts=True)
    >>> ag.pp.argen_guides(mdata)
    >>> adata = mdata["rna"]
    >>> ag.tl.argen_dag(adata, covariates=["L"], depth="depth")
    >>> ag.tl.argen_overidentification(adata)
    >>> len(ag.get.overidentification(adata, by="pair"))
    56
    """
    check_option("by", by, list(_BY))
    entry = _read(adata, key, "overidentification")
    table = ShownNames(adata, entry, gene_symbols).table(entry.tables[f"{by}s"], _BY[by])
    if "J" in table.columns:
        table = table.sort_values("p", kind="stable")
    texts = [
        c for c in ("perturbation", "source", "target", "guide", "disagrees", "flags", "reason") if c in table.columns
    ]
    return table.assign(**{column: table[column].astype(str) for column in texts}).reset_index(drop=True)


@takes_mudata
def sensitivity(
    adata: "AnnData | MuData", *, key: str = "argen_sensitivity", gene_symbols: str | None = None
) -> pd.DataFrame:
    """Edges of a network with the variations of :func:`argen.tl.argen_sensitivity` that have them.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_sensitivity`.
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per edge of any variation: ``source``, ``target``, ``selected`` (in the network itself), ``share`` (of the
    variations that have it), ``stable`` (all have it; where a loop is reversed, the other way round will do), ``coef``
    with its range ``coef_low``, ``coef_high`` over the network and all variations in which it is a candidate,
    ``lost_in`` and ``found_in`` (in words: the variations that lose an edge of the network, and those that find another
    one), one boolean column per variation; edges of the network first, the most stable first.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_sensitivity(adata, alphas=[0.001])
    >>> list(ag.get.sensitivity(adata))[10:]
    ['ties', 'edges alpha 0.001', 'descendants alpha 0.001', 'first stage ancestors', 'first stage shared']
    """
    entry = _read(adata, key, "sensitivity")
    names = ShownNames(adata, entry, gene_symbols)
    table = entry.tables["edges"]
    each = found_in_each(entry.tables["searches"], len(table)).drop(columns=BASE).rename(columns=names.names.in_text)
    return names.table(table.join(each))


@takes_mudata
def stability(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_stability",
    selected: bool = True,
    responders: bool = False,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """Edges of a network with how often draws of the cells find them again.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_stability`.
    key
        Name of the result.
    selected
        Only the edges of the network; ``False`` gives every candidate, and every edge that a draw selected.
    responders
        Append the edges to responders, for which :func:`argen.tl.argen_stability` was asked; the column ``kind`` tells
        which they are.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per edge: ``source``, ``target``, ``selected``, ``stability`` (share of the draws, calibrated),
    ``bootstrap_frequency`` (not calibrated: inflated for nulls), ``candidate_frequency``, ``order_frequency``,
    ``ci_low``, ``ci_high`` (95 % interval of the effect from the draws); the most stable first. With `responders` also
    ``kind`` (``"network"``, ``"responder"``); responders, which follow, have no ``bootstrap_frequency`` and
    ``order_frequency``.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`, or none for responders.
    argen.errors.InputError
        `responders` is neither ``True`` nor ``False``.

    Warns
    -----
    argen.errors.ArgenWarning
        The network was searched again since, or responders are asked for, and the result of
        :func:`argen.tl.argen_responders` that they are of is gone or was replaced.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_stability(adata, n_draws=20)
    >>> bool(ag.get.stability(adata)["stability"].is_monotonic_decreasing)
    True
    """
    check_option("responders", responders, (True, False))
    entry = read_entry(adata, key, "stability")
    if responders and "responders" not in entry.tables:
        msg = (
            f"adata.uns[{key!r}] has no edges to responders. Run ag.tl.argen_stability(responders=True) after "
            "ag.tl.argen_responders."
        )
        raise MissingResultError(msg)
    warn_if_stale(adata, entry, responders=responders)
    names = ShownNames(adata, entry, gene_symbols)

    def table_of(name: str) -> pd.DataFrame:
        table = names.table(entry.tables[name])
        return table[table["selected"]].reset_index(drop=True) if selected else table

    if not responders:
        return table_of("edges")
    parts = [table_of("edges").assign(kind=EDGE_KINDS[0]), table_of("responders").assign(kind=EDGE_KINDS[1])]
    return pd.concat(parts, ignore_index=True)


def _read(adata: "AnnData", key: str, kind: str, *, responders: bool = False) -> Entry:
    """The result, with a warning if the network, or what it says of responders, was made again since."""
    entry = read_entry(adata, key, kind)
    warn_if_stale(adata, entry, responders=responders)
    return entry

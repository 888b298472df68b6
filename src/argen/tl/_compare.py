"""The same network in two conditions, several batches or cell types: what differs, with its error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from argen._bridge import log
from argen._bridge.comparison.candidates import open_compared
from argen._bridge.comparison.compare import comparison_tables
from argen._bridge.comparison.refits import refit_levels
from argen._bridge.comparison.responders import open_responders
from argen._bridge.comparison.tables import NOT_SHOWN
from argen._bridge.comparison.units import find_units
from argen._bridge.diagnostics.calibration import Notes
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import new_entry, write_entry
from argen._bridge.runtime import progress_bars, resolve_n_jobs
from argen._bridge.validate import check_count, check_key, check_level, check_option, counted, name_some
from argen._core.parallel import worker_pool
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_compare"]


@takes_mudata
def argen_compare(  # noqa: PLR0913
    adata: "AnnData | MuData",
    *,
    by: str | None = None,
    network: str = "argen_dag",
    levels: Sequence[str] | None = None,
    reference: str | None = None,
    replicate: str | None = None,
    min_cells: int | None = None,
    responders: bool | str = False,
    alpha: float = 0.05,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "argen_compare",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Compare a network between conditions, batches or cell types: the same edges, estimated in each.

    In every level of the column `by` the equations of the network are estimated from the cells of that level alone:
    the same candidate parents for every gene, in the same causal order, with the options of the network. Nothing is
    searched again, so that a coefficient means the same in all levels. The levels share no cell, hence for edge
    :math:`k \to t` in level b and in the reference a

    .. math:: \hat\delta = \hat\theta_b - \hat\theta_a, \qquad \mathrm{se}^2 = s_a^2 + s_b^2, \qquad
              z = \hat\delta / \mathrm{se},

    with Benjamini and Hochberg's adjustment over all edges and levels. Over all levels, with weights
    :math:`w_u = 1/s_u^2`, Cochran's :math:`Q = \sum_u w_u(\hat\theta_u - \bar\theta)^2` is :math:`\chi^2` with
    (levels − 1) degrees of freedom if they agree :cite:p:`Cochran1954`. Total effects are compared in the same way.

    What changed is named only where the *difference* is significant (`padj` below `alpha`): that an edge is significant
    here and not there shows nothing. ``"gained"`` (``"lost"``) needs more: the edge is significant in the level (in the
    reference), and in the other one its 95 % interval covers 0 and stays within half of that effect.

    Errors of total effects have the degrees of freedom of the descendant step, the cells of the perturbation in the
    level less one; differences those of Welch and Satterthwaite.

    **Replicates.** These errors are those of cells: they hold for the very mice, donors or libraries that were
    sequenced. With `replicate`, every replicate of a level is estimated alone, and the level's effect is their mean,
    with the variance :math:`\tau^2` between replicates of :cite:t:`PauleMandel1982`, the error
    :math:`1 / \sqrt{\sum 1/(s^2 + \tau^2)}` and, after :cite:t:`HartungKnapp2001`, t with replicates − 1 degrees of
    freedom (their factor is 1 with this :math:`\tau^2`, and never taken below 1 :cite:p:`Rover2015`). Differences get
    the degrees of freedom of Welch and Satterthwaite, heterogeneity those of Welch's analysis of variance
    :cite:p:`Welch1951`. ``by="replicate"``, or `replicate` alone, asks whether the replicates agree, and gives that
    mean over them.

    Parameters
    ----------
    adata
        After :func:`argen_dag` or another function that finds networks.
    by
        Column of `obs` with the condition, batch or cell type of each cell. It may be one of the covariates: within a
        level it is left out. Default: `replicate`.
    network
        Name of the network. Of :func:`argen_dag` all candidate edges are compared, with its own options; of
        :func:`argen_joint` those that its table lists and that run along its order; of all others their edges. The
        latter two are estimated by two-stage equations, each gene on its listed parents, with first stages that are
        shrunk (as :func:`argen_dag` does by default): their coefficients are those equations', not the network's own,
        and the graph must not have a cycle.
    levels
        Levels to compare, two at least. Default: all.
    reference
        Level that differences are taken from. Default: one that is called control, untreated or the like, else the
        first.
    replicate
        Column of `obs` with the replicate of each cell (donor, mouse, library): what could have been done again as a
        whole. Two per level at least.
    min_cells
        Fewest cells of a perturbation, and of the controls, in every level (in every replicate of it). A perturbation
        with fewer in one of them is left out of the equations in all, since otherwise the same edge would mean
        something else there; the table ``skipped`` lists it. Default: that of the descendant step.
    responders
        Compare the direct effects on responders, too, with the candidates of a result of :func:`argen_responders` that
        was made from the network: its name, or `True` for the usual one. They are tests of their own.
    alpha
        Level of the false discovery rate of differences, and of an effect in one level.
    descendants
        Descendant step whose design is used for a network that was made from none (an imported one).
    n_jobs
        Threads; default all that the process may use. No number depends on it.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets `adata.uns[key_added]`, with the ``tables``

    ``edges``
        One row per candidate edge: ``source``, ``target``, ``selected`` (in the network), ``pooled``, ``pooled_se``
        (all cells in one regression), ``n_levels`` with an estimate, ``Q``, ``df``, ``q_p``, ``q_padj``, ``I2`` (share
        of the variation beyond the errors), and the mean over levels taken as a sample: ``tau``, ``mean``, ``mean_se``,
        ``mean_low``, ``mean_high`` (95 %, Hartung and Knapp). With two levels also ``difference``, ``se``, ``z``,
        ``t_df``, ``p``, ``ci_low``, ``ci_high``, ``padj`` and ``change``.
    ``contrasts``
        One row per edge and level but the reference: ``source``, ``target``, ``selected``, ``level``, ``reference``,
        ``coef``, ``coef_reference``, ``difference`` with ``se``, ``z``, ``t_df`` (∞: normal), ``p``, ``ci_low``,
        ``ci_high``, ``padj``, and ``change``: ``"gained"``, ``"lost"``, ``"stronger"``, ``"weaker"``, ``"reversed"``,
        ``"different"`` (opposite signs, not both of them certain), ``"no difference shown"`` or ``"not compared"`` (no
        usable estimate in one of them).
    ``levels``
        One row per edge and level: ``coef``, ``se``, ``z``, ``t_df``, ``p``, ``ci_low``, ``ci_high``, ``n_cells`` (of
        the perturbation of the source), ``F`` and ``weak`` (below 10), ``flags`` (why an estimate is not compared);
        with `replicate` also ``n_replicates`` and ``tau``.
    ``replicates``
        With `replicate`: the same for every replicate of every level.
    ``total_effects``, ``total_effect_contrasts``, ``total_effect_levels``
        The same for total effects of all pairs; above 3 million pairs and levels for those of the descendant relation.
    ``knockdowns``
        The same as ``levels`` for the effect of each perturbation on its own gene.
    ``responders``, ``responder_contrasts``, ``responder_levels``, ``responder_replicates``
        With `responders`: the same as for the edges, ``target`` being a responder.
    ``designs``
        One row per level, or replicate of it: ``n_cells``, ``n_controls``, ``smallest_perturbation`` (cells),
        ``covariates``, ``covariates_left_out`` (which do not vary there).
    ``skipped``
        What was left out: ``what`` (``"levels"``, ``"replicates"``, ``"perturbations"``, ``"edges"``, ``"cells"`` (with
        no value of `by` or `replicate`), ``"covariates"``, ``"total effects"``, ``"responders"``), ``reason``, ``n``.
        Cells, levels, replicates and perturbations are told of in a logged warning, too.

    and ``settings``, ``made_from`` (ids of data, descendant step and network).

    Raises
    ------
    argen.errors.MissingResultError
        No network under `network`.
    argen.errors.StaleResultError
        The data have changed since.
    argen.errors.InputError
        `by` or `replicate` is no column; unknown levels; fewer than two levels with enough cells and control cells of
        their own (controls that levels share would make their errors depend on each other); the network has a cycle.

    See Also
    --------
    argen.get.comparison : the tables.
    argen.pl.argen_compare, argen.pl.argen_forest : the figures.
    argen.tl.argen_sensitivity : the search itself without each replicate.

    Examples
    --------
    >>> import anndata as ad
    >>> import argen as ag
    >>> screens = {name: ag.datasets.simulate("paper_fig2", rng=i) for i, name in enumerate(["control", "drug"])}
    >>> adata = ad.concat(screens, label="condition", index_unique="-")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["condition", "L"], depth="depth")
    >>> ag.tl.argen_compare(adata, by="condition")
    >>> list(ag.get.comparison(adata, table="designs")["covariates_left_out"])
    ['condition', 'condition']
    """
    by = _column(by, replicate)
    replicate = None if replicate == by else replicate
    check_level("alpha", alpha)
    check_key("descendants", descendants)
    threads, notes = resolve_n_jobs(n_jobs), Notes()
    compared = open_compared(adata, network, descendants, key_added=key_added, kind="comparison", notes=notes)
    step = compared.step
    least = step.settings.min_cells if min_cells is None else check_count("min_cells", min_cells, 2)
    start = log.info(f"comparing {network!r} between levels of {by!r}")
    check_option("responders", responders, (responders,) if isinstance(responders, str) else (True, False))
    wanted = open_responders(adata, compared, responders)
    plan = find_units(adata, step, by, levels, reference, replicate, least, notes)
    with worker_pool(threads) as map_, progress_bars() as bar:
        track = bar("comparison, sets of cells", len(plan.units) + 1)
        refits = refit_levels(
            adata, compared, plan, wanted, by=by, min_cells=least, notes=notes, map_=map_, track=track
        )
    tables = comparison_tables(refits, compared, wanted, alpha, notes, has_replicates=replicate is not None)
    settings = {
        "key": network,
        "by": by,
        "levels": refits.levels.names,
        "reference": refits.levels.reference,
        "replicate": replicate,
        "min_cells": least,
        "alpha": alpha,
        "descendants": step.entry.key,
    }
    made_from = step.made_from | {"network": compared.entry.id}
    if wanted is not None:
        settings["responders"], made_from["responders"] = wanted.entry.key, wanted.entry.id
    adata = adata.copy() if copy else adata
    write_entry(adata, new_entry(key_added, "comparison", settings, tables, made_from))
    _tell(notes)
    contrasts = tables["contrasts"]
    changed = int((~contrasts["change"].isin([NOT_SHOWN, "not compared"])).sum())
    log.info(
        "    finished",
        time=start,
        deep=f"{counted(len(tables['edges']), 'edge')} in {name_some(refits.levels.names)}: "
        f"{counted(changed, 'difference')} from {refits.levels.reference!r} shown\n"
        f"added\n    {key_added!r} (adata.uns)",
    )
    return adata if copy else None


def _tell(notes: Notes) -> None:
    """Log what was left out; where cells went with it, as a warning. Perturbations were told of before."""
    for kind in ("cells", "levels", "replicates"):
        rows = [(reason, n) for what, reason, n in notes.rows if what == kind]
        if rows:
            number = counted(sum(n for _, n in rows), kind[:-1])
            reasons = (f"{reason} ({n})" if len(rows) > 1 and kind == "cells" else reason for reason, n in rows)
            log.warning(f"{number} left out: {name_some(reasons, 5)} (table 'skipped')")
    for what, reason, _ in notes.rows:
        if what not in ("cells", "levels", "replicates"):
            log.info(f"    {what}: {reason}")


def _column(by: object, replicate: object) -> str:
    """The column of the levels."""
    for name, value in (("by", by), ("replicate", replicate)):
        if value is not None and not isinstance(value, str):
            msg = f"{name}={value!r} is not the name of a column of adata.obs."
            raise InputError(msg)
    if by is None and replicate is None:
        msg = (
            "Name the column of adata.obs with the condition of each cell by by=, or that of replicates by replicate=."
        )
        raise InputError(msg)
    return by if by is not None else replicate

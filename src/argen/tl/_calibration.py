"""Whether the p-values of the analysis hold what they promise on this very screen."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.diagnostics.calibration import (
    Notes,
    PseudoPerturbations,
    calibration_tables,
    names_of_splits,
    read_control_guides,
)
from argen._bridge.diagnostics.responder_calibration import ResponderPlacebo, fit_responders
from argen._bridge.modality import takes_mudata
from argen._bridge.responders.stored import CandidateEdges, asked_responders
from argen._bridge.results.entries import write_entry
from argen._bridge.results.searched import SearchedNetwork, open_network
from argen._bridge.runtime import Bar, announce_compilation, progress_bars, resolve_n_jobs
from argen._bridge.validate import check_count, check_key, counted, read_seed
from argen._core.dag.covariance import COVARIANCES
from argen._core.diagnostics.calibration import Placebo, draw_splits, fit_placebo, fit_pseudo_perturbations
from argen._core.parallel import Map, worker_pool
from argen.errors import DesignError, InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_calibration"]


@takes_mudata
def argen_calibration(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    guides: str = "argen_guides",
    n_splits: int = 20,
    responders: bool | str = False,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_calibration",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Measure the error rates of the analysis on control cells, where nothing is to be found.

    *Descendants.* Every non-targeting guide is treated as a perturbation: the control cells whose only guide it is are
    tested against all other control cells, on every gene of the network, with the test and covariates of the stored
    step. The same is done with `n_splits` random splits of the controls in the sizes of the perturbations. Splits tell
    whether the test keeps its level in groups of these sizes; guides tell in addition of batches, off-target effects
    and whatever else makes cells with one guide differ from cells with another.

    *Edges.* In the equation of gene t the group of every candidate parent is replaced by a random split of the control
    cells of its size (all groups smaller by a common factor where they exceed half of the controls), and

    .. math:: \theta = M^{-1} \xi_t^{\mathrm{placebo}}, \qquad
              V = M^{-1} (V_t^{\mathrm{placebo}} + \sum_k \theta_k^2 V_k) M^{-\top},

    with M and the first stages :math:`V_k` of the network, is tested as the edges are. What the edges assume is not
    tested by it: an ancestor that was missed, a wrong order, and causes that depend on the guide (survival, a batch
    that is left out) make false edges while every rate here is at its level.

    *Edges to responders*, if they are asked for, are tested in the same way: the groups of all genes in the equation of
    a responder are replaced, those that are adjusted for included, and M is that of the stored result, saturated in all
    perturbations. Tested candidates count. Of more than 300 equations so many are drawn at random.

    *Positive controls* are the on-target effects.

    Parameters
    ----------
    adata
        After :func:`argen_dag`, whose options are used again.
    key
        Name of the network.
    guides
        Name of the guides of :func:`argen.pp.argen_guides`. Without them, or with fewer than two non-targeting guides
        that have ``min_cells`` cells (of the descendant step), there are random splits alone, and the log says so.
    n_splits
        Number of random splits, at least 2.
    responders
        ``True``: edges to responders, too, those of the result of :func:`argen_responders` that was made from this
        network; a text names another one that was. No other number depends on it.
    rng
        Seed of the splits, or a generator that a seed is drawn from.
    n_jobs
        Threads; default all that the process may use. No number depends on it.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets `adata.uns[key_added]`, with the ``tables``

    ``summary``
        Empirical error rates, a row per kind of ``nulls`` (``"guides"``, ``"splits"``, ``"edges"``,
        ``"responders"``).
    ``pseudo_perturbations``
        One row per non-targeting guide and split.
    ``equations``
        One row per equation of the network: its placebo tests, or the reason why there are none. With `responders`
        those of the equations of responders follow, and the column ``kind`` (``"network"``, ``"responder"``) tells
        which they are.
    ``qq``
        Expected and observed :math:`-\log_{10} p` with a pointwise 95 % band, at most 500 points per kind.
    ``positive_controls``
        On-target effect of each perturbation, and whether it is detected.
    ``skipped``
        What was left out or done otherwise: ``what``, ``reason``, ``n``.

    and ``settings``, ``made_from`` (ids of data, descendant step, network and, if they were asked for,
    responders). The columns are explained in :func:`argen.get.calibration`.

    Raises
    ------
    argen.errors.MissingResultError
        No network of :func:`argen_dag` under `key`, or no result for responders.
    argen.errors.StaleResultError
        The data have changed since, or the result for responders was made from another network.
    argen.errors.DesignError
        Fewer control cells than twice the ``min_cells`` of the descendant step.
    argen.errors.InputError
        An argument cannot be used, the slots of the guides have changed, or the result for responders was made from a
        joint network, which has no equations.

    See Also
    --------
    argen.get.calibration : the tables.
    argen.pl.argen_calibration : quantile–quantile plots.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_calibration(adata)
    >>> ag.get.calibration(adata)["nulls"].tolist()
    ['splits', 'edges']
    """
    n_splits, seed = check_count("n_splits", n_splits, 2), read_seed(rng)
    check_key("guides", guides)
    if key_added == guides:
        msg = f"key_added={key_added!r} would overwrite the guides of that name. Choose another name."
        raise InputError(msg)
    threads = resolve_n_jobs(n_jobs)
    network = open_network(adata, argen_calibration, key, key_added=key_added, kind="calibration")
    made, screen = network.step.settings, network.step.screen
    min_cells = made.min_cells
    _check_controls(int(screen.n_per_group[-1]), min_cells)
    edges = asked_responders(adata, network, responders)
    notes = Notes()
    names, members = read_control_guides(adata, screen, guides, min_cells, notes)
    start = log.info("testing pseudo-perturbations and placebo edges")
    for _, reason, _ in notes.rows:
        log.info(f"    {reason}")
    announce_compilation(made.family)
    with worker_pool(threads) as map_, progress_bars() as bar:
        pseudo = _fit_pseudo(network, names, members, n_splits, seed, notes, map_, bar)
        placebo = _fit_placebo(network, n_splits, seed, notes, map_, bar)
        how = {"n_splits": n_splits, "seed": seed, "notes": notes, "map_": map_, "bar": bar}
        beside = None if edges is None else _fit_responders(adata, network, edges, how)
    step, found = network.step, (pseudo, placebo, made.alpha, notes, beside)
    tables = calibration_tables(screen, step.tests, network.relation, network.dag, *found)
    adata = adata.copy() if copy else adata
    covariance = COVARIANCES[network.settings.covariance].of_moments
    settings = {"guides": guides, "n_splits": n_splits, "seed": seed, "covariance": covariance}
    of_responders = None if edges is None else edges.entry
    write_entry(adata, network.diagnostic(key_added, "calibration", settings, tables, responders=of_responders))
    log.info("    finished", time=start, deep=_report(tables, key_added))
    return adata if copy else None


def _check_controls(n_controls: int, min_cells: int) -> None:
    if n_controls < 2 * min_cells:
        msg = (
            f"{counted(n_controls, 'control cell')}: a split and what it is compared with need min_cells={min_cells} "
            "each. Name further control labels in ag.tl.argen_descendants, or lower its min_cells."
        )
        raise DesignError(msg)


def _fit_pseudo(
    network: SearchedNetwork,
    names: list[str],
    members: list[np.ndarray],
    n_splits: int,
    seed: int,
    notes: Notes,
    map_: Map,
    bar: Bar,
) -> dict[str, PseudoPerturbations]:
    """Guides, if there are any, and splits."""
    step, made = network.step, network.step.settings
    screen, options = step.screen, {"test": made.test, "hc": made.hc, "pooled": made.pooled}

    def fit(nulls: str, names: list[str], members: list[np.ndarray], wanted: np.ndarray) -> PseudoPerturbations:
        track = bar(f"calibration, {nulls}", len(members))
        tests = fit_pseudo_perturbations(screen, members, phi=step.phi, map_=map_, track=track, **options)
        return PseudoPerturbations(names, members, wanted, tests)

    found = {}
    if names:
        found["guides"] = fit("guides", names, members, np.array([len(cells) for cells in members]))
    n_controls, sizes = int(screen.n_per_group[-1]), screen.n_per_group[:-1]
    splits, wanted = draw_splits(n_controls, sizes, n_splits, seed, made.min_cells)
    if n_cut := sum(len(cells) < size for cells, size in zip(splits, wanted, strict=True)):
        notes.add("splits", "smaller than the perturbation they stand for: half of the controls at most", n_cut)
    found["splits"] = fit("splits", list(names_of_splits(n_splits)), splits, wanted)
    return found


def _fit_placebo(network: SearchedNetwork, n_splits: int, seed: int, notes: Notes, map_: Map, bar: Bar) -> Placebo:
    settings, step = network.settings, network.step
    if COVARIANCES[settings.covariance].needs_influence:
        notes.add("edges", "Murphy–Topel covariance in place of the stacked one: they agree near no effect", 0)
    return fit_placebo(
        step.screen,
        network.relation,
        network.dag,
        np.isfinite(np.diag(step.tests.effect)),
        first_stage=settings.first_stage,
        covariance=COVARIANCES[settings.covariance].of_moments,
        hc=settings.edges_hc,
        phi=step.phi,
        n_splits=n_splits,
        seed=seed,
        min_cells=step.settings.min_cells,
        forbidden=network.prior.forbidden,
        map_=map_,
        track=bar("calibration, equations", len(network.dag.equations)),
    )


def _fit_responders(
    adata: "AnnData", network: SearchedNetwork, edges: CandidateEdges, how: Mapping[str, Any]
) -> ResponderPlacebo:
    if COVARIANCES[edges.entry.settings["covariance"]].needs_influence:
        reason = "Murphy–Topel covariance in place of the stacked one: they agree near no effect"
        how["notes"].add("edges to responders", reason, 0)
    return fit_responders(adata, network, edges, **how)


def _report(tables: Mapping[str, pd.DataFrame], key: str) -> str:
    lines = []
    for row in tables["summary"].itertuples():
        if row.n_tests == 0:
            lines.append(f"{row.nulls}: no tests, see the table 'skipped'")
            continue
        lines.append(
            f"{row.nulls}: {row.rate_05:.3f} of {row.n_tests} null tests below .05, {row.rate_level:.2g} at the level "
            f"in force ({row.level:.2g}): {row.expected_false:.1f} (at most {row.expected_false_high:.1f}) of "
            f"{row.n_discoveries} discoveries can be expected to be false"
        )
    controls = tables["positive_controls"]
    lines.append(f"{controls['detected'].sum()} of {counted(len(controls), 'on-target effect')} detected")
    return "\n    ".join(lines) + f"\nadded\n    {key!r}, tables and parameters (adata.uns)"

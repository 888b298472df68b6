"""What if: the effects of perturbations, alone or together, that a network predicts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from argen._bridge import log
from argen._bridge.gene_names import gene_names
from argen._bridge.modality import takes_mudata
from argen._bridge.prediction.given import Given, perturbations_table, read_given
from argen._bridge.prediction.network import Leaves, StoredNetwork, read_leaves, read_network
from argen._bridge.prediction.observed import correlation_of_seen
from argen._bridge.prediction.tables import genes_table, paths_table
from argen._bridge.prediction.uncertainty import Estimates, by_cells, by_draws, without_errors
from argen._bridge.results.entries import check_free, new_entry, write_entry
from argen._bridge.results.searched import open_network, open_with_step
from argen._bridge.runtime import announce_compilation, progress_bars, resolve_n_jobs, warn_user
from argen._bridge.validate import check_count, check_key, check_option, counted, name_some
from argen._core.parallel import worker_pool
from argen._core.predict.effects import Effects, predicted_effects
from argen.baselines._external.methods import METHODS
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_predict"]


@takes_mudata
def argen_predict(  # noqa: PLR0913
    adata: "AnnData | MuData",
    perturbations: Mapping[str, float | Literal["observed"]] | Sequence[str],
    *,
    network: str = "argen_dag",
    hold: bool | Sequence[str] = False,
    responders: bool | str = True,
    intervals: bool = True,
    n_paths: int = 5,
    gene_symbols: str | None = None,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "argen_predict",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Predict what perturbations, alone or together, do to every gene of a network and to every responder.

    With the direct effects :math:`\Theta` [source, target] of the selected edges and the shifts :math:`s` of the log
    levels of the perturbed genes,

    .. math:: x = s\,(I - \Theta)^{-1}, \qquad x_r = \sum_k x_k \Theta_{kr} \text{ for a responder } r.

    **What a perturbation is.** By default it *multiplies* the level of its gene, on top of what the gene's parents do:
    a guide against JAK2 with 0.2 leaves a fifth of whatever there would be without it. That is what CRISPR interference
    and activation do, whose effect on transcription acts beside that of the regulators. Where a perturbed gene is
    downstream of another one both add up. With ``hold=True`` the level is *set* to the fold, as a knock-out or an
    over-expressed copy does, and edges into the gene do not act (Pearl's do-operator). For one perturbation of an
    acyclic network the two are the same; a gene held at a fold of 1 shows what an effect is without the paths
    through it.

    **What it is not.** The model is linear in logs: two perturbations that are not held do the sum of what they do
    alone. It predicts no synergy. What the network adds to a sum of observed effects is that noise between genes that
    no path joins is gone, that other strengths can be asked for, and genes held.

    **Intervals.** For :func:`argen_dag` the delta method over both stages: standard errors come from what single cells
    do to the first stages, the second stages and the knock-downs that were ``"observed"`` (the stacked sandwich,
    residuals over 1 − leverage), so that all covariances between them are counted. A knock-down has the error of the
    descendant step's own regression, on the perturbation's cells and the controls (with ``pooled=True`` on all cells).
    For :func:`argen_joint` the chains are run again from their seed: estimate and interval are mean and quantiles over
    the networks that they went through, the uncertainty about edges included, enlarged as the errors of the search are.
    Networks of other methods have no errors (NaN). Those of :func:`argen_dag` take the selected edges for known: they
    tell nothing about an edge that was missed.

    Parameters
    ----------
    adata
        After :func:`argen_dag`, :func:`argen_joint`, or another search.
    perturbations
        Genes of the network, by any name that the object knows, and what happens to them: the fold of the gene's level
        against that of the controls (0.2, 2), which the perturbation alone would bring about, or ``"observed"``, the
        effect that the screen saw on the gene. A list of genes: all as observed.
    network
        Name of the network.
    hold
        Whether levels are held whatever the parents of a perturbed gene do: ``False`` for none, ``True`` for all, or
        names of those that are.
    responders
        Also predict genes that are no nodes, from the result of :func:`argen_responders` of that name; ``True``: the
        one that was made from this network, if there is one.
    intervals
        ``False`` leaves out standard errors, which take most of the time, and for a joint network gives the effect
        through the selected edges.
    n_paths
        How many paths of each gene to list, the largest contributions first.
    gene_symbols
        Column of ``var`` with further names of the genes. Default: that of the descendant step.
    descendants
        Descendant step with what the screen saw, for a network that was made from none (an imported one). Without it
        nothing was observed.
    n_jobs
        Threads; default all that the process may use. No number depends on it.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets `adata.uns[key_added]`, with the ``tables``

    ``genes``
        One row per gene of the network and per responder, perturbed ones first, then by the size of the effect:
        ``gene``, ``kind`` (``"perturbed"``, ``"node"``, ``"responder"``), ``effect`` (natural log fold change against
        controls), ``se``, ``ci_low``, ``ci_high`` (95 %), ``fold``, ``direct`` (an edge from a perturbed gene),
        ``n_paths`` (:math:`\infty` round cycles), ``observed`` (what the screen saw under these perturbations one by
        one, scaled to their sizes and added up), ``observed_se`` (of one perturbation as observed that of the
        descendant step; see Notes), ``flags``: ``"weak edge"``, ``"loop, direction
        undetermined"`` or ``"unstable"`` (an edge with that finding is on a path to it), ``"beyond the effects seen"``
        (1.5 times larger than any effect of the screen on this gene), ``"no path"`` (nothing that is perturbed reaches
        it: the network says no change), ``"edges not selected"`` (only networks of the draws reach it, through edges
        that are not among the selected ones).
    ``paths``
        The paths of selected edges that carry most: ``gene``, ``rank``, ``source``, ``path``, ``n_edges``,
        ``contribution`` (shift times the coefficients along it), ``share`` of the effect through selected edges,
        ``others`` (what all paths of the gene that are not listed add).
    ``perturbations``
        ``gene``, ``given`` (``"observed"``, ``"fold"``), ``fold``, ``effect`` (its logarithm), ``shift`` (s; other than
        ``effect`` only where the gene feeds back on itself), ``held``, ``observed``, ``observed_se``, ``z_squared``
        (what the descendant step saw the perturbation do to its own gene, as in the table of genes; ``"observed"`` of
        :func:`argen_joint` has that network's own estimate as its ``effect``, which is another number, since it takes
        shifts of whole rows and columns out and uses all perturbations), ``flags``: ``"not perturbed in this screen"``,
        ``"opposite to what the screen saw"``, ``"beyond what the screen saw"`` (more than 1.5 times), ``"weak
        instrument"`` (z² below 10), ``"combination not used"`` (no cells with this combination are in the analysis).

    and ``settings`` (``errors``: ``"cells"``, ``"draws"`` or ``"none"``), ``made_from``.

    Raises
    ------
    argen.errors.MissingResultError
        No network, or no such result for responders.
    argen.errors.StaleResultError
        Intervals are asked for, and the data, or the descendant step, have changed since.
    argen.errors.InputError
        A gene that is not in the network, a fold that is not above 0, ``"observed"`` of a gene whose perturbation is
        not known, a fold of 1 without `hold`, or below 10⁻⁶ or above 10⁶; the network of :func:`argen_naive`, whose
        coefficients (of log(counts / depth + 1)) are no folds; `intervals` of a network that was searched within
        groups; a network whose cycles do not die down (spectral radius of 1 or more), or
        with edges without coefficient.

    Warns
    -----
    argen.errors.ArgenWarning
        The coefficients of the network are in other units than log expression (standard deviations), or nobody knows
        in which (those of an imported network).

    Notes
    -----
    What was observed under several perturbations or folds is :math:`\sum_g c_g \hat\tau_{gk}` on gene k, with
    :math:`c_g = 1` for ``"observed"`` and :math:`\log(\text{fold}) / \hat\tau_g` for a fold. Its ``observed_se`` counts
    the error of the estimated knock-down :math:`\hat\tau_g` (delta method; a fold on its own gene is given, without
    error), and correlations: effects of several perturbations share the control cells, effects of one perturbation on
    two genes share all cells. Correlations come from the influences of the cells, so that they need
    ``intervals=True`` and a network of :func:`argen_dag` or :func:`argen_joint`. Without them, and for responders, the
    two errors of a fold are taken to be independent, and ``observed_se`` is NaN where effects of several perturbations
    are added.

    See Also
    --------
    argen.get.prediction : its tables.
    argen.get.fit : observed against predicted effects of the screen itself.
    argen.metrics.what_if : how good predictions are.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_predict(adata, {"X1": 0.5, "X4": "observed"})
    >>> ag.get.prediction(adata)["gene"].head(2).tolist()
    ['X4', 'X1']
    """
    check_option("intervals", intervals, (True, False))
    n_paths = check_count("n_paths", n_paths, 0)
    check_key("key_added", key_added)
    check_key("descendants", descendants)
    threads = resolve_n_jobs(n_jobs)
    stored = read_network(adata, network, descendants)
    _check_can_predict(stored, intervals=intervals)
    if key_added == network:
        msg = f"key_added={key_added!r} would overwrite the network of that name. Choose another name."
        raise InputError(msg)
    check_free(adata, key_added, "prediction")
    leaves = read_leaves(adata, stored, responders)
    names = gene_names(adata, gene_symbols or _symbols(stored))
    given = read_given(perturbations, hold, stored, names, leaves.genes if leaves is not None else ())
    effects = predicted_effects(stored.theta, given.position, given.alone, given.position[given.held])
    start = log.info(f"predicting the effect of {name_some(given.genes)}")
    errors = {"argen": "cells", "joint": "draws"}.get(stored.method, "none") if intervals else "none"
    nodes, on_leaves, correlation = _estimates(adata, stored, given, effects, leaves, errors, threads, key_added)
    genes = genes_table(stored, given, effects, nodes, leaves, on_leaves, correlation)
    tables = {
        "genes": genes,
        "paths": paths_table(stored, effects, leaves, n_paths, genes),
        "perturbations": perturbations_table(given, stored, effects.shift),
    }
    settings = {"key": network, "hold": given.held, "errors": errors, "n_paths": n_paths}
    made_from = dict(stored.entry.made_from) | {"network": stored.entry.id}
    if stored.step is not None and "descendants" not in made_from:
        settings["descendants"], made_from["descendants"] = stored.step.key, stored.step.id
    if leaves is not None:
        settings["leaves"], made_from["responders"] = leaves.entry.key, leaves.entry.id
    entry = new_entry(key_added, "prediction", settings, tables, made_from)
    _warn_units(stored)
    adata = adata.copy() if copy else adata
    write_entry(adata, entry)
    log.info("    finished", time=start, deep=_summary(key_added, stored, entry.tables))
    return adata if copy else None


def _symbols(network: StoredNetwork) -> str | None:
    return None if network.step is None else network.step.settings.get("gene_symbols")


def _estimates(
    adata: "AnnData",
    stored: StoredNetwork,
    given: Given,
    effects: Effects,
    leaves: Leaves | None,
    errors: str,
    threads: int,
    key_added: str,
) -> tuple[Estimates, Estimates | None, np.ndarray | None]:
    """Predictions on nodes and responders, and the correlations of what was seen, for which the cells are needed."""
    if errors == "none":
        return *without_errors(effects, leaves), None
    names = {"key_added": key_added, "kind": "prediction"}
    announce_compilation(joint=errors == "draws")
    with worker_pool(threads) as map_, progress_bars() as bar:
        if errors == "cells":
            searched = open_network(adata, argen_predict, stored.key, **names)
            found = by_cells(adata, searched, given, effects, leaves, map_, bar)
            return *found, correlation_of_seen(searched.step, given, map_)
        methods = {"joint": "ag.tl.argen_joint"}
        _, step = open_with_step(adata, argen_predict, stored.key, **names, methods=methods)
        found = by_draws(stored, step, given, leaves, map_, bar)
        return *found, correlation_of_seen(step, given, map_)


def _check_can_predict(network: StoredNetwork, *, intervals: bool) -> None:
    """Coefficients can be taken for changes of log expression, and there can be intervals if they are asked for."""
    if network.method == "naive":
        msg = (
            f"The coefficients of adata.uns[{network.key!r}] (method 'naive') are slopes of log(counts / depth + 1), "
            "which cannot be translated into folds of expression: it predicts nothing. Take ag.tl.argen_dag or "
            "ag.tl.argen_joint."
        )
        raise InputError(msg)
    if intervals and network.method == "argen" and "groups" in network.entry.settings:
        msg = (
            f"adata.uns[{network.key!r}] was searched within groups of genes, for whose predictions there are no "
            "standard errors: give intervals=False. For intervals search a network of one group, "
            "ag.tl.argen_dag(perturbations=..., key_added=...)."
        )
        raise InputError(msg)


def _warn_units(network: StoredNetwork) -> None:
    settings, method = network.entry.settings, network.method
    if method == "imported":
        warn_user(
            f"The weights of adata.uns[{network.key!r}], which was read from elsewhere, are taken for changes of log "
            "expression per unit of log expression. Where they are something else (scores, signs, correlations), its "
            "predictions are right in sign at the most."
        )
    elif method in METHODS or settings.get("effects") == "z":
        warn_user(
            f"The coefficients of adata.uns[{network.key!r}] (method {method!r}) are in units of standard deviations "
            "of the cells' expression: as changes of log expression its predictions are right in sign and order at the "
            "most."
        )


def _summary(key: str, network: StoredNetwork, tables: Mapping[str, object]) -> str:
    genes, given = tables["genes"], tables["perturbations"]
    n_changed = int((~genes["flags"].str.contains("no path", regex=False)).sum())
    told = given[given["flags"].astype(str) != ""]
    flagged = [f"{gene} ({flags})" for gene, flags in zip(told["gene"], told["flags"], strict=True)]
    more = f"\nextrapolation: {name_some(flagged)}" if flagged else ""
    return (
        f"{counted(n_changed, 'gene')} of {len(genes)} reached{more}\nadded\n"
        f"    {key!r}, genes, paths and perturbations (adata.uns)"
    )

"""Direct effects of the genes of a network on every other measured gene."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.cluster.workers import Backend, Run, workers
from argen._bridge.inputs import NOT_MEASURED
from argen._bridge.modality import takes_mudata
from argen._bridge.responders.direct import ResponderScreen, direct_effects, edges_table, effects_matrix, genes_table
from argen._bridge.responders.joint import joint_effects
from argen._bridge.responders.total import (
    KEPT,
    compute_total_effects,
    read_total_effects,
    total_key,
    write_total_effects,
)
from argen._bridge.results.entries import Entry, find_entry, new_entry, write_entry
from argen._bridge.results.network import diagnostics_of_responders
from argen._bridge.results.searched import SearchedNetwork, open_network, open_with_step
from argen._bridge.results.steps import DescendantStep
from argen._bridge.results.tables import WEAK_F
from argen._bridge.runtime import progress_bars, resolve_n_jobs
from argen._bridge.settings import wanted_responders
from argen._bridge.validate import check_level, check_option, counted, name_some, read_seed
from argen._core.dag.instruments import FIRST_STAGES
from argen._core.parallel import Map
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from distributed import Client
    from mudata import MuData

__all__ = ["argen_responders"]

# Candidate edges up to which the robust tests are made without being asked: they look at every cell for each.
MOST_ROBUST = 2000
_METHODS = {"argen": "ag.tl.argen_dag", "joint": "ag.tl.argen_joint"}


@takes_mudata
def argen_responders(  # noqa: PLR0913
    adata: "AnnData | MuData",
    *,
    network: str = "argen_dag",
    responders: Literal["all"] | str | Iterable[str] | None = None,
    first_stage: Literal["ancestors", "shared", "shrunk"] = "shrunk",
    alpha: float = 0.05,
    robust: bool | None = None,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    client: "Client | bool | None" = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_responders",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Find which measured genes the genes of a network regulate directly.

    A *responder* is a gene that is measured but no node of the network. Nothing instruments it, so it is a leaf: edges
    lead from nodes to it, none from it. Its candidate parents :math:`A` are the nodes with a significant total effect
    on it and their ancestors in the relation of the network. Nodes that could carry what a candidate does are possible
    mediators, adjusted for and not tested: those for which neither an effect of the candidate on them nor theirs on the
    responder can be excluded (p < :math:`\min(.2, \sqrt{2/n})` each, n nodes; and signs that agree), and those below it
    in the relation that could make all of the effect, given their knock-down. With the reduced form of every gene on
    the indicators of all perturbations,

    .. math:: Y_k \sim \text{offset} + 1 + D_1 + \dots + D_P + X,

    :math:`\xi_t` the coefficients of responder t and M those of the nodes (row l, column k: :math:`D_l` in the form of
    k), the direct effects are

    .. math:: \hat\theta_t = M_{AA}^{-1} \, \xi_{t,A},

    which is the regression of t on the predicted expression of A and on the indicators of the other perturbations.
    Standard errors, F and the tests that weak instruments do not spoil are those of :func:`argen_dag`, by the
    covariance that the network was made with. The edges are selected by Benjamini and Hochberg over all candidate
    edges to responders: a family of its own.

    Given a joint network its total effects T are the regressors instead: with counts :math:`S_l` of a responder in the
    cells of perturbation l, :math:`E_l` expected from the controls,

    .. math:: \log (E[S_l] / E_l) = c + \textstyle\sum_k T_{lk} \theta_{kt},

    an edge with a probability that is estimated for each responder, and the noise of the joint search. Every row
    speaks, also those of perturbations that are no candidates. Pairs are tested by efficient scores given the edges
    with a probability above .25, and these edges given the possible mediators (p < .1 at most) with the observed
    total effects that T lacks. They are selected by Benjamini and Hochberg over all pairs if the probability is above
    .5. Perturbations that do not move their own gene have no edges.

    *Direct* means: not through another gene of the network. A path through genes that are no nodes is direct.

    Parameters
    ----------
    adata
        After :func:`argen_dag` or :func:`argen_joint`.
    network
        Name of a network of :func:`argen_dag` or :func:`argen_joint`.
    responders
        As in :func:`argen_descendants`, if total effects on responders were not computed with the descendant step, or
        others are wanted now: they are then computed first, and written. `None` takes those that are there.
    first_stage
        What entries of M count for that the relation of the network rules out: ``"shrunk"`` what is not noise of them,
        ``"shared"`` all, ``"ancestors"`` nothing, see :func:`argen_dag`. The page on responders has what each costs.
        Not for a joint network.
    alpha
        False discovery rate of the edges to responders.
    robust
        Whether to make the tests that weak instruments do not spoil. Default: up to 2,000 candidate edges.
    rng
        Seed or generator, for a joint network.
    n_jobs
        Threads; default all that the process may use. No number depends on it.
    client
        A :class:`distributed.Client`, whose workers fit what :doc:`blocks of genes </cluster>` there are; default the
        active one of this process, if there is one. ``False``: threads. No number depends on it.
    memory_limit
        Memory that counts on disk may take while they are laid out by genes, such as ``"4GB"`` or a number of bytes;
        default half of what the process was granted. No number depends on it; counts in memory need none. See
        :doc:`the page about large screens </scale>`.
    checkpoint
        Folder where finished blocks are kept, made if need be. A run that was stopped, given the same folder, computes
        what is missing alone; the folder of a run with other data or options is an error.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets the following fields:

    `adata.varm[key_added]` : :class:`scipy.sparse.csr_matrix` (dtype `float`)
        [gene, node]: direct effects of the selected edges; the columns are in the order of the table ``nodes``.
    `adata.uns[key_added]` : :class:`dict`
        In ``tables``: ``edges`` (every candidate), ``genes`` (every responder), ``nodes``; beside them ``settings``,
        ``made_from`` and what every entry has.

    Raises
    ------
    argen.errors.MissingResultError
        No network under this name, or no total effects on responders and `responders` not given.
    argen.errors.StaleResultError
        The network, or the total effects, were made from another descendant step, or the data have changed.
    argen.errors.InputError
        Unknown genes or column; a network of another method; no responder with enough counts.

    See Also
    --------
    argen.get.responders : the table of edges.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate(genes=40, perturbations=10, rng=2)
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    >>> ag.tl.argen_responders(adata)
    >>> ag.get.responders(adata).columns[:4].tolist()
    ['source', 'target', 'coef', 'se']
    """
    check_level("alpha", alpha)
    check_option("first_stage", first_stage, FIRST_STAGES)
    check_option("robust", robust, (True, False, None))
    threads, seed = resolve_n_jobs(n_jobs), read_seed(rng)
    backend = Backend.read(client, checkpoint, memory_limit)
    names = {"key_added": key_added, "kind": "responders"}
    with backend.reading():
        entry, step = open_with_step(adata, argen_responders, network, **names, methods=_METHODS)
    _check_matrix(adata, key_added)
    responders = wanted_responders(responders)
    options = {"network": entry.id, "responders": responders, "first_stage": first_stage, "alpha": alpha, "seed": seed}
    run = Run("ag.tl.argen_responders", step.made_from["data"], step.made_from | options | {"robust": robust})
    start = log.info("direct effects on responders")
    with workers(threads, backend, run) as map_, progress_bars() as bar:
        effects = None if responders is None else compute_total_effects(adata, step, map_, bar, responders)
        total = effects or read_total_effects(adata, step.entry)
        _check_any(total, step.entry.key)
        _warn_unseen(step)
        if entry.settings["method"] == "joint":
            made = _with_joint(adata, entry, step, total, alpha, seed, map_, bar)
        else:
            searched = open_network(adata, argen_responders, network, **names)
            how = {"first_stage": first_stage, "alpha": alpha, "robust": robust}
            made = _with_two_stage(adata, searched, total, how, map_, bar)
    nodes = np.array(step.screen.genes, dtype=object)
    settings = {"key": network, "descendants": step.entry.key, "method": entry.settings["method"], **made.settings}
    tables = {"edges": made.edges, "genes": made.genes, "nodes": nodes}
    made_from = step.made_from | {"network": entry.id}
    result = new_entry(key_added, "responders", settings, tables, made_from)
    adata = adata.copy() if copy else adata
    if effects is not None:
        _say_replaced(adata, effects)
        write_total_effects(adata, step.entry.key, effects)
    _say_outdated(adata, result)
    adata.varm[key_added] = effects_matrix(adata, made.edges, nodes)
    write_entry(adata, result)
    log.info("    finished", time=start, deep=_summary(key_added, made))
    return adata if copy else None


def _check_matrix(adata: "AnnData", key: str) -> None:
    if key in adata.varm and key not in adata.uns:
        msg = f"key_added={key!r}: adata.varm[{key!r}] is there, and argen did not write it. Choose another name."
        raise InputError(msg)


@dataclass(frozen=True, slots=True)
class _Made:
    """Tables of edges and responders, how they were made, and the candidates that were tested."""

    edges: pd.DataFrame
    genes: pd.DataFrame
    settings: dict[str, object]
    n_candidates: int


def _with_two_stage(
    adata: "AnnData", searched: SearchedNetwork, total: Entry, how: Mapping[str, Any], map_: Map, bar: Callable
) -> _Made:
    data = ResponderScreen.of(searched.whole(map_), total)
    n_candidates = int(data.candidates.sum())
    robust = n_candidates <= MOST_ROBUST if how["robust"] is None else how["robust"]
    if not robust:
        log.info(f"    {n_candidates} candidate edges: without tests that weak instruments do not spoil (robust=True)")
    given = {**how, "robust": robust, "covariance": searched.settings.covariance, "hc": searched.settings.edges_hc}
    direct = direct_effects(adata, data, **given, map_=map_, bar=bar)
    return _Made(edges_table(data, direct, given["alpha"]), genes_table(data, direct), given, n_candidates)


def _with_joint(
    adata: "AnnData",
    entry: Entry,
    step: DescendantStep,
    total: Entry,
    alpha: float,
    seed: int,
    map_: Map,
    bar: Callable,
) -> _Made:
    found = joint_effects(adata, entry, step.whole(map_), total, alpha=alpha, seed=seed, map_=map_, bar=bar)
    return _Made(found.edges, found.genes, {"alpha": alpha, "seed": seed, "spread": found.spread}, found.n_pairs)


def _check_any(total: Entry, key: str) -> None:
    if not (total.tables["genes"]["status"] == KEPT).any():
        msg = (
            "No measured gene is a responder: all genes with enough counts are nodes of the network. The reasons are "
            f"in adata.uns[{total_key(key)!r}]['tables']['genes']."
        )
        raise InputError(msg)


def _warn_unseen(step: DescendantStep) -> None:
    """Nodes whose response cannot be seen are no mediators: what runs through them counts as direct."""
    table = step.entry.tables["perturbations"]
    own = table[table["status"].astype(str) == "kept"]
    unseen = own[~((own["effect"] / own["se"]) ** 2 >= WEAK_F)]
    unmeasured = table.loc[table["reason"].astype(str) == NOT_MEASURED, "perturbation"]
    if len(unmeasured):
        log.info(f"    paths through perturbed genes that are not measured count as direct: {name_some(unmeasured)}")
    if len(unseen):
        log.warning(
            f"the own effect of {counted(len(unseen), 'node')} can hardly be seen (z² below {WEAK_F:g}): "
            f"{name_some(unseen['perturbation'])}. Paths through them count as direct effects of what is above them"
        )


def _say_replaced(adata: "AnnData", effects: Entry) -> None:
    """That total effects which other results were made from are gone now."""
    if effects.key in adata.uns and (old := find_entry(adata, effects.key)) is not None and old.id != effects.id:
        n = int((old.tables["genes"]["status"] == KEPT).sum())
        log.warning(f"replaces the total effects on {counted(n, 'responder')} in adata.uns[{effects.key!r}]")


def _say_outdated(adata: "AnnData", result: Entry) -> None:
    """That diagnostics were made from the result whose place another takes."""
    made = diagnostics_of_responders(adata, result.key) if result.key in adata.uns else []
    outdated = [diagnostic.key for diagnostic in made if diagnostic.made_from.get("responders") != result.id]
    if outdated:
        log.warning(f"made from the result that is replaced now, run them again: {name_some(outdated)} (adata.uns)")


def _summary(key: str, made: _Made) -> str:
    n_edges, n_reached = int(made.edges["selected"].sum()), int((made.genes["n_edges"] > 0).sum())
    n_loops = int((made.edges["selected"] & made.edges["loop"].astype(str).ne("")).sum())
    loops = f", {n_loops} of them hang on a loop that the order cut (column loop)" if n_loops else ""
    return (
        f"{counted(n_edges, 'edge')} to {n_reached} of {counted(len(made.genes), 'responder')} selected of "
        f"{made.n_candidates} candidates{loops}\nadded\n    {key!r}, direct effects (adata.varm)\n"
        f"    {key!r}, candidate edges and responders (adata.uns)"
    )

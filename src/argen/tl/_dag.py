"""The causal network."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

import numpy as np

from argen._bridge import log
from argen._bridge.cluster.workers import Backend, Run, workers
from argen._bridge.gene_names import gene_names
from argen._bridge.modality import takes_mudata
from argen._bridge.results import slots
from argen._bridge.results.groups import GIVEN, check_prior_within, groups_in_words, read_groups
from argen._bridge.results.network import diagnostics_of
from argen._bridge.results.prior import prior_in_words, read_prior
from argen._bridge.results.steps import open_step, write_step
from argen._bridge.runtime import progress_bars, resolve_n_jobs, warn_user
from argen._bridge.settings import DescendantOptions, NetworkSettings, with_level
from argen._bridge.validate import check_level, check_option, counted, name_some
from argen._core.dag.covariance import COVARIANCES
from argen._core.dag.groups import pairs_within, search_groups
from argen._core.dag.instruments import FIRST_STAGES
from argen._core.dag.order import place_genes
from argen._core.dag.search import search_dag
from argen._core.descendants.prior import Prior
from argen._core.fdr import FDR
from argen._core.glm.sandwich import HC
from argen._core.results import Dag, Direction, EdgeStatus, Relation
from argen._core.screen import Screen
from argen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from distributed import Client
    from mudata import MuData

__all__ = ["argen_dag"]

MOST_ROBUST = 10_000  # candidate edges that are tested robustly without being asked to


@takes_mudata
def argen_dag(  # noqa: PLR0913
    adata: "AnnData | MuData",
    *,
    descendants: str = "argen_descendants",
    first_stage: Literal["ancestors", "shared", "shrunk"] = "shrunk",
    covariance: Literal["murphy-topel", "stacked", "naive"] = "murphy-topel",
    edges_hc: Literal["HC0", "HC3"] = "HC0",
    alpha: float = 0.05,
    fdr: Literal["batch-bh", "bh"] = "batch-bh",
    descendants_alpha: float | None = None,
    robust: bool | None = None,
    prior: "pd.DataFrame | None" = None,
    groups: "str | Mapping[str, object] | pd.Series | None" = None,
    n_jobs: int | None = None,
    client: "Client | bool | None" = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_dag",
    copy: bool = False,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> "AnnData | MuData | None":
    r"""Find the causal network: a DAG with a tested direct effect on every edge.

    The descendant relation orders the genes. Then, from sinks to roots, every gene :math:`t` is regressed on the
    *predicted* log-expression :math:`\hat\eta_k` of its ancestors :math:`A` that are not placed yet,

    .. math:: \log E[Y_t] = \log \ell + \alpha + \tau_t D_t + \sum_{k \in A} \theta_{kt} \hat\eta_k + \beta' X,

    where :math:`\hat\eta_k` comes from the perturbations of :math:`k` and of its ancestors (by default, shrunk, also of
    other candidates, see `first_stage`): it is free of unmeasured causes that do not depend on the guide of a cell.
    :math:`\theta_{kt}` is the change of the log-expression of the child per unit of the mean log-expression of the
    parent: where 30 % of the cells escape their knock-down it comes out about 1.2 times too large, a negative one 1.4
    times. Paths through genes that are not in the network, and through the protein activity of those that are, are
    direct effects here.
    With M the coefficients of the first stages, :math:`\hat\theta = M^{-1}\hat\xi_t` and, by Murphy and Topel,
    :math:`V = M^{-1}(V_t + \sum_k \hat\theta_k^2 V_k)M^{-\top}` with HC0 covariances. The p-values of each gene form
    one batch of BatchBH (online FDR control at `alpha`); the rejected ones are the edges :cite:p:`ParkLi2026`. Edges
    run from earlier to later in the order: a cycle is impossible, and the pairs whose cycle the order broke are listed.

    The p-values of edges are conditional on a right ancestor set and order. An ancestor that was not found is a false
    zero of M under ``first_stage="ancestors"``, and a false edge may stand for the path that it hides. In simulated
    screens of 50–200 genes with 1–3 parents (means and the highest of nine kinds; the truth is the DAG, the level .05;
    standard errors up to .008, of the highest FDR up to .011):

    ===============  =====  ======  =========  ============
    ``first_stage``  F1     recall  FDR, mean  FDR, highest
    ===============  =====  ======  =========  ============
    ``"ancestors"``  .612   .467    .101       .156
    ``"shrunk"``     .591   .435    .051       .078
    ``"shared"``     .503   .353    .035       .058
    ===============  =====  ======  =========  ============

    How strong the instruments of an edge are says :math:`F_k = 1/(M^{-1}V_kM^{-\top})_{kk}`; below 10 they are called
    weak, and `p` and `se` are not to be trusted. The test of Anderson and Rubin for one coordinate
    :cite:p:`AndersonRubin1949` stays valid however weak they are: with :math:`w'` row k of :math:`M^{-1}`,
    :math:`\Omega(\theta) = \sum_i u_i(\theta)u_i(\theta)'` (see `covariance`) and :math:`\tilde\theta` the estimate
    restricted to :math:`\theta_k = \theta_0`,

    .. math:: AR(\theta_0) = (\hat\theta_k - \theta_0)^2 / (w'\Omega(\tilde\theta)w) \sim \chi^2_1 ;

    `p_robust` is that of :math:`\theta_0 = 0`, the confidence set holds every :math:`\theta_0` with :math:`p \ge 0.05`.

    Parameters
    ----------
    adata
        Cells × genes. If ``uns[descendants]`` is missing, :func:`argen_descendants` runs first.
    descendants
        Descendant step whose design (cells, covariates, depth …) is used again.
    first_stage
        Perturbations that count in the first stage of a candidate beside its own, which are the entries of M: those of
        its ``"ancestors"`` (the paper); of all candidates (``"shared"``, the authors' code); or of all, with the
        coefficients of those that are no ancestors times :math:`\max(0, 1 - 1/z^2)`, z the coefficient over its
        standard error (``"shrunk"``). The table above says what each gives. With the last two no equation is
        over-identified, and the first stages are refitted for every gene.
    covariance
        ``"murphy-topel"`` takes the first stages and the second one to be independent. ``"stacked"`` is the joint
        sandwich of all of them: :math:`V = M^{-1} (\sum_i u_i u_i') M^{-\top}` with
        :math:`u_i = \mathrm{IF}_{t,i} - \sum_k \hat\theta_k \mathrm{IF}_{k,i}`, IF the influence of cell i on a reduced
        form; it counts that the same cells feed them, and takes 2–4 times as long. ``"naive"`` takes the predicted
        expression for known (for comparison only).
    edges_hc
        ``"HC0"``, or ``"HC3"``: residuals divided by 1 − leverage, for small groups (`hc` goes to the descendant
        step).
    alpha
        Nominal level of the FDR over all edges, given ancestors and order; what it was in simulation is above.
    fdr
        ``"batch-bh"``: BatchBH over the genes in the order of the search, the paper's online procedure. ``"bh"``:
        Benjamini–Hochberg over all candidates at once; as the order does not depend on the edges, all p-values are
        there when it decides. It selects more, most of all in large networks, where BatchBH spreads its level thin.
    descendants_alpha
        Level of the descendant step if that has to run; default that of :func:`argen_descendants`.
    robust
        Test every candidate edge also in the way that weak instruments do not spoil, with a confidence set that may be
        unbounded. `False` leaves these columns empty. `None` is `True` for up to 10,000 candidates; with more it would
        take minutes, so it is `False` and the log says so.
    prior
        What is known beforehand: a row per pair with ``source``, ``target`` and ``rule``. ``"forbidden"``: the pair is
        no candidate edge (with ``first_stage="ancestors"`` the perturbation of the source stays an instrument, and the
        equation may become over-identified: see ``equations``). ``"required"``: the edge is in the network and outside
        the tests; its source becomes an ancestor. ``"before"``: the source comes first in the causal order.
    groups
        Search within groups of genes, such as ``"chromosome"``: a column of `var`, or a mapping from genes to their
        groups. Only pairs within a group are related and candidates, and the equations of a gene rest on the cells of
        its group's perturbations and on the controls, as in a call for each group with its `perturbations`; effects
        across groups are not looked for. In one call the pairs of all groups are one family of the descendant step, the
        edges one family of the FDR control, and what the descendant step estimates from all perturbations (shifts,
        `depth="unaffected"`) is the same for every group. Genes without a group have no edges. Diagnostics that search
        again do not take such a network.
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
    **descendants_kwargs
        Arguments of :func:`argen_descendants` for when it has to run. If its result is there, arguments that differ
        from those that made it are an error.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets the following fields:

    `adata.varp[key_added]` : :class:`scipy.sparse.csr_matrix` (dtype `float`)
        [parent, child]: direct effects of the selected edges.
    `adata.var['argen_order']`, `adata.var['argen_layer']` : :class:`pandas.Series` (dtype `int`)
        Position in the causal order and longest path from a root; -1 outside the network
        (``f"{key_added}_order"``, ``f"{key_added}_layer"`` for another `key_added`).
    `adata.uns[key_added]` : :class:`dict`
        In ``tables``: ``edges`` (every candidate, selected or not, with what decided its direction), ``order`` (roots
        to sinks), ``nodes``, ``prior``, ``cycles`` (pairs that the order broke), ``equations`` (condition numbers);
        beside them ``settings``, ``made_from`` (ids of the data and of the descendant step) and what every entry has.

    Raises
    ------
    argen.errors.StaleResultError
        The stored descendant step was made from other cells, genes, counts or perturbations.
    argen.errors.InputError
        Unknown option, `descendants_kwargs` that contradict the stored step, prior knowledge that contradicts itself,
        names genes that are not in the network or requires an edge that cannot be estimated; and all errors of
        :func:`argen_descendants`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> int(ag.get.edges(adata)["selected"].sum()) > 8
    True
    """
    check_option("first_stage", first_stage, FIRST_STAGES)
    check_option("covariance", covariance, tuple(COVARIANCES))
    check_option("edges_hc", edges_hc, tuple(row.name for row in HC.values() if row.of_edges))
    check_level("alpha", alpha)
    check_option("fdr", fdr, tuple(FDR))
    check_option("robust", robust, (True, False, None))
    threads = resolve_n_jobs(n_jobs)
    backend, given = Backend.read(client, checkpoint, memory_limit), with_level(descendants_kwargs, descendants_alpha)
    names = {"descendants": descendants, "key_added": key_added, "kind": "network"}
    step = open_step(adata, argen_dag, given, **names, n_jobs=n_jobs, backend=backend)
    screen = step.screen
    shown = gene_names(adata, step.settings.gene_symbols)
    known, prior_table = read_prior(prior, screen.genes, shown)
    group, groups_table = (None, None) if groups is None else read_groups(adata, groups, screen.genes, shown)
    if group is not None:
        check_prior_within(known, group, screen.genes)
    relation = step.relation_with(known, None if group is None else pairs_within(group))
    start = log.info("searching the causal network")
    placed = place_genes(relation.descendant, step.tests.neg_log10_p, before=known.before)
    settings = NetworkSettings(
        descendants=descendants,
        first_stage=first_stage,
        covariance=covariance,
        edges_hc=edges_hc,
        alpha=alpha,
        fdr=fdr,
        robust=_tests_robustly(relation, placed[0]) if robust is None else robust,
        groups=None if groups is None else groups if isinstance(groups, str) else GIVEN,
    )
    given = {name: value for name, value in asdict(settings).items() if value is not None}
    given |= {"prior": prior_in_words(prior_table)}
    if groups_table is not None:
        given["groups"] = groups_in_words(groups_table)
    run = Run("ag.tl.argen_dag", step.made_from["data"], step.made_from | given)
    search = search_dag if group is None else partial(search_groups, group=group)
    with workers(threads, backend, run) as map_, progress_bars() as bar:
        dag = search(
            screen,
            step.tests,
            relation,
            first_stage=first_stage,
            covariance=covariance,
            alpha=alpha,
            fdr=fdr,
            hc=edges_hc,
            phi=step.phi,
            robust=settings.robust,
            prior=known,
            placed=placed,
            map_=map_,
            track=bar("network, genes", screen.n_genes) if group is None else iter,
        )
    _check_required(screen, dag, known)
    _warn_lost(screen, dag)
    entry = slots.network_entry(key_added, settings, step, dag, relation, (known, prior_table), groups_table)
    adata = adata.copy() if copy else adata
    outdated = [diagnostic.key for diagnostic in diagnostics_of(adata, key_added)]
    write_step(adata, step)
    slots.write_network(adata, entry, step, dag)
    if outdated:
        log.warning(f"made from the network that is replaced now, run them again: {name_some(outdated)} (adata.uns)")
    log.info("    finished", time=start, deep=_summary(key_added, dag, relation))
    return adata if copy else None


def _tests_robustly(relation: Relation, order: np.ndarray) -> bool:
    """Whether the robust tests are made without being asked: where they take seconds."""
    position = np.argsort(order)
    n_candidates = int((relation.descendant & (position[:, None] < position[None, :])).sum())
    if n_candidates <= MOST_ROBUST:
        return True
    log.warning(
        f"{n_candidates} candidate edges: tests that weak instruments do not spoil (p_robust) would take minutes "
        "and are left out; robust=True makes them"
    )
    return False


def _check_required(screen: Screen, dag: Dag, prior: Prior) -> None:
    """Every required edge has an estimate."""
    missing = prior.required.copy()
    missing[dag.source[dag.selected], dag.target[dag.selected]] = False
    if missing.any():
        names = [f"{screen.genes[s]} → {screen.genes[t]}" for s, t in zip(*np.nonzero(missing), strict=True)]
        msg = (
            f"prior requires {name_some(names)}, but the data do not determine the effect (a knock-down is unknown, or "
            "the system singular). Leave these rows out."
        )
        raise InputError(msg)


def _warn_lost(screen: Screen, dag: Dag) -> None:
    """One warning for equations without a solution."""
    singular = [e for e in dag.equations if (e.status == EdgeStatus.SINGULAR).any()]
    if singular:
        culprits = sorted({screen.genes[i] for e in singular for i in e.culprits})
        msg = (
            f"No edge estimates for {counted(len(singular), 'gene')} whose system is singular: "
            f"{name_some(screen.genes[e.target] for e in singular)}. Weak or unknown knock-down: "
            f"{name_some(culprits)}; leave these perturbations out. See uns[key_added]['tables']['equations']."
        )
        warn_user(msg)


def _summary(key: str, dag: Dag, relation: Relation) -> str:
    numbers = {
        "without a p-value": int(np.isnan(dag.p).sum()),
        "mutual pairs broken by the order": int(relation.mutual.sum()) // 2,
        "of them with a direction that the stronger evidence decided": _count(dag, Direction.EVIDENCE),
        "of them with a direction that the order decided": _count(dag, Direction.ORDER),
        "of them with a direction that a tie decided": _count(dag, Direction.TIE),
        "of them with a direction that prior knowledge decided": _count(dag, Direction.PRIOR),
    }
    rest = "".join(f", {n} {words}" for words, n in numbers.items() if n)
    return (
        f"{counted(int(dag.selected.sum()), 'edge')} selected of {counted(len(dag.selected), 'candidate')}{rest}\n"
        f"added\n    {key!r}, direct effects (adata.varp)\n    {key!r}, edges, order and parameters (adata.uns)\n"
        f"    {slots.var_name(key, 'order')!r} and {slots.var_name(key, 'layer')!r} of each gene (adata.var)"
    )


def _count(dag: Dag, which: Direction) -> int:
    return int((dag.selected & (dag.direction == which)).sum())

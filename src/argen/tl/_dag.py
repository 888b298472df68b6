"""The causal network."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from argen._bridge import slots
from argen._bridge.inputs import read_screen
from argen._bridge.runtime import announce_compilation, progress, resolve_n_jobs, warn_user
from argen._bridge.validate import check_anndata, check_key, check_level, check_option, counted, name_some
from argen._core.covariance import COVARIANCES
from argen._core.instruments import FIRST_STAGES
from argen._core.order import layers_of
from argen._core.parallel import worker_pool
from argen._core.results import Dag, EdgeStatus, Relation
from argen._core.screen import Screen
from argen._core.search import search_dag
from argen.errors import ArgenError, InputError, StaleResultError
from argen.tl._descendants import argen_descendants

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["argen_dag"]


def argen_dag(
    adata: "AnnData",
    *,
    descendants_key: str = "argen_descendants",
    first_stage: Literal["ancestors", "shared"] = "ancestors",
    covariance: Literal["murphy-topel", "naive"] = "murphy-topel",
    alpha: float = 0.05,
    n_jobs: int | None = None,
    key_added: str = "argen_dag",
    copy: bool = False,
    **descendants_kwargs: Any,
) -> "AnnData | None":
    r"""Find the causal network: a DAG with a tested direct effect on every edge.

    The descendant relation orders the genes. Then, from sinks to roots, every gene :math:`t` is regressed on the
    *predicted* log-expression :math:`\hat\eta_k` of its ancestors :math:`A` that are not placed yet,

    .. math:: \log E[Y_t] = \log \ell + \alpha + \tau_t D_t + \sum_{k \in A} \theta_{kt} \hat\eta_k + \beta' X,

    where :math:`\hat\eta_k` comes from the perturbations of :math:`k` and of its ancestors: it is free of unmeasured
    causes. :math:`\theta_{kt}` is the change of the log-expression of the child per unit log-expression of the parent.
    With M the coefficients of the first stages, :math:`\hat\theta = M^{-1}\hat\xi_t` and, by Murphy and Topel,
    :math:`V = M^{-1}(V_t + \sum_k \hat\theta_k^2 V_k)M^{-\top}` with HC0 covariances. The p-values of each gene form
    one batch of BatchBH (online FDR control at `alpha`); the rejected ones are the edges :cite:p:`ParkLi2026`. Edges
    run from earlier to later in the order: a cycle is impossible, and the pairs whose cycle the order broke are listed.

    The p-values of edges are conditional on a right ancestor set and order.

    Parameters
    ----------
    adata
        Cells × genes. If ``uns[descendants_key]`` is missing, :func:`argen_descendants` runs first.
    descendants_key
        Descendant step whose design (cells, covariates, depth …) is used again.
    first_stage
        Instruments of the first stage of a candidate: its own perturbation and those of its ``"ancestors"``, or those
        of all candidates (``"shared"``, as in the authors' code).
    covariance
        ``"murphy-topel"``, or ``"naive"``, which takes the predicted expression for known (for comparison only).
    alpha
        Level of BatchBH over all edges, and of the descendant step if that has to run.
    n_jobs
        Threads; default all that the process may use. No number depends on it.
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
        ``edges`` (every candidate, selected or not), ``order`` (roots to sinks), ``nodes``, ``cycles`` (pairs that the
        order broke), ``equations`` (condition numbers), ``params``, ``provenance``.

    Raises
    ------
    argen.errors.StaleResultError
        The stored descendant step was made from other cells, genes, counts or targets.
    argen.errors.InputError
        Unknown option, or `descendants_kwargs` that contradict the stored step; and all errors of
        :func:`argen_descendants`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, target_key="target", covariates=["L"], depth="depth")
    >>> int(ag.get.edges(adata)["selected"].sum()) > 8
    True
    """
    from scanpy import logging as logg

    check_anndata(adata)
    check_option("first_stage", first_stage, FIRST_STAGES)
    check_option("covariance", covariance, COVARIANCES)
    check_level("alpha", alpha)
    _check_keys(key_added, descendants_key)
    _check_known(descendants_kwargs)
    threads = resolve_n_jobs(n_jobs)
    is_stored = descendants_key in adata.uns
    if is_stored:
        _check_same(_step(adata, descendants_key), descendants_kwargs, descendants_key)
    adata = adata.copy() if copy else adata
    if not is_stored:
        argen_descendants(adata, **descendants_kwargs, alpha=alpha, n_jobs=n_jobs, key_added=descendants_key)
    start = logg.info("searching the causal network")
    step = _step(adata, descendants_key)
    screen = _screen_of(adata, step, descendants_key)
    tests, relation = slots.read_descendants(step, screen.genes)
    announce_compilation()
    with worker_pool(threads) as map_:
        dag = search_dag(
            screen,
            tests,
            relation,
            first_stage=first_stage,
            covariance=covariance,
            alpha=alpha,
            map_=map_,
            track=progress("network, genes", screen.n_genes),
        )
    _warn_lost(screen, dag)
    params = {"descendants_key": descendants_key, "first_stage": first_stage, "covariance": covariance, "alpha": alpha}
    slots.write_dag(adata, key_added, screen, relation, tests, dag, layers_of(dag), params)
    logg.info("    finished", time=start, deep=_summary(key_added, dag, relation))
    return adata if copy else None


def _check_keys(key_added: str, descendants_key: str) -> None:
    check_key("key_added", key_added)
    check_key("descendants_key", descendants_key)
    if key_added == descendants_key:
        msg = f"key_added={key_added!r} would overwrite the descendant step of that name. Choose another name."
        raise InputError(msg)


def _step(adata: "AnnData", key: str) -> Mapping[str, Any]:
    return slots.read_result(adata, key, "ag.tl.argen_descendants", "pairs")


def _check_known(given: Mapping[str, Any]) -> None:
    known = {*argen_descendants.__kwdefaults__} - {*argen_dag.__kwdefaults__}
    if unknown := sorted(set(given) - known):
        msg = f"argen_dag has no argument {name_some(map(repr, unknown))}; it hands on {name_some(sorted(known), 20)}."
        raise InputError(msg)


def _check_same(step: Mapping[str, Any], given: Mapping[str, Any], key: str) -> None:
    """Arguments given now must be those that made the stored step."""
    for name, value in given.items():
        stored = step["params"].get(name)
        if _texts(value) != _texts(stored):
            stored = _texts(stored) if isinstance(stored, np.ndarray) else stored
            msg = (
                f"{name}={value!r}, but adata.uns[{key!r}] was made with {name}={stored!r}. Leave the argument out to "
                "use that step again, or run ag.tl.argen_descendants with the new one."
            )
            raise InputError(msg)


def _texts(value: object) -> list[str] | None:
    """A parameter as it can be compared whatever file it went through; no names are the same as none."""
    return None if value is None else [str(item) for item in np.atleast_1d(np.asarray(value, dtype=object))] or None


def _screen_of(adata: "AnnData", step: Mapping[str, Any], key: str) -> Screen:
    """The data of the descendant step, checked to be what it was made from."""
    cure = f"Run ag.tl.argen_descendants again to renew adata.uns[{key!r}]."
    try:
        screen, _ = read_screen(adata, slots.read_design_params(step))
    except ArgenError as error:
        msg = f"The design of adata.uns[{key!r}] does not fit this object any more: {error} {cure}"
        raise StaleResultError(msg) from error
    if slots.fingerprint(screen, adata.obs_names) != step["provenance"]["fingerprint"]:
        msg = f"adata.uns[{key!r}] was made from other cells, genes, counts, targets, depths or covariates. {cure}"
        raise StaleResultError(msg)
    return screen


def _warn_lost(screen: Screen, dag: Dag) -> None:
    """One warning for equations without a solution."""
    singular = [e for e in dag.equations if (e.status == EdgeStatus.SINGULAR).any()]
    if singular:
        culprits = sorted({screen.genes[i] for e in singular for i in e.culprits})
        msg = (
            f"No edge estimates for {counted(len(singular), 'gene')} whose system is singular: "
            f"{name_some(screen.genes[e.target] for e in singular)}. Weak or unknown knock-down: "
            f"{name_some(culprits)}; leave these targets out. See uns[key_added]['equations']."
        )
        warn_user(msg)


def _summary(key: str, dag: Dag, relation: Relation) -> str:
    numbers = {
        "without a p-value": int(np.isnan(dag.p).sum()),
        "mutual pairs broken by the order": int(relation.mutual.sum()) // 2,
    }
    rest = "".join(f", {n} {words}" for words, n in numbers.items() if n)
    return (
        f"{counted(int(dag.selected.sum()), 'edge')} selected of {counted(len(dag.selected), 'candidate')}{rest}\n"
        f"added\n    {key!r}, direct effects (adata.varp)\n    {key!r}, edges, order and parameters (adata.uns)\n"
        f"    {slots.var_name(key, 'order')!r} and {slots.var_name(key, 'layer')!r} of each gene (adata.var)"
    )

"""Inverse sparse regression: a baseline."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, Unpack

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.modality import takes_mudata
from argen._bridge.results.other_networks import edge_table, other_network_entry, write_other_network
from argen._bridge.results.steps import DescendantStep, open_step, write_step
from argen._bridge.runtime import Bar, progress_bars, resolve_n_jobs, warn_user
from argen._bridge.settings import LevelledDescendantOptions
from argen._bridge.validate import check_anndata, check_count, check_number, check_option, counted, read_array
from argen._core.parallel import Map, worker_pool
from argen._core.screen import Screen
from argen.baselines._inspre.admm import lambda_path
from argen.baselines._inspre.folds import EFFECTS, all_ratios
from argen.baselines._inspre.ratios import WEIGHTS, Ratios
from argen.baselines._inspre.selection import SELECTIONS, Path, choose, deal_folds, fit_path
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["inspre"]

TOLERANCE = 1e-3


@takes_mudata
def inspre(  # noqa: PLR0913
    adata: "AnnData | MuData",
    *,
    descendants: str = "argen_descendants",
    effects: Literal["argen", "z"] = "argen",
    weights: Literal["none", "se", "variance"] = "se",
    max_weight: float = 10.0,
    lambdas: float | Sequence[float] | None = None,
    select: Literal["cv", "cv-min", "stability"] = "cv",
    n_folds: int = 5,
    dag: bool = False,
    min_effect: float = 0.1,
    max_iter: int = 300,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "inspre",
    copy: bool = False,
    **descendants_kwargs: Unpack[LevelledDescendantOptions],
) -> "AnnData | MuData | None":
    r"""Find a network by inverse sparse regression (INSPRE): a baseline that inverts the matrix of total effects.

    With :math:`\tau_{ij}` the total effect of the perturbation of gene :math:`i` on gene :math:`j`, the ratios
    :math:`R_{ij} = \tau_{ij} / \tau_{ii}` have the inverse :math:`(I - G)\,\mathrm{diag}((I - G)^{-1})` with
    :math:`G` the direct effects. Because R is noisy, a sparse approximate inverse V is sought
    :cite:p:`Brown2025`,

    .. math:: \min_{U, V} \tfrac12 \lVert W \circ (R - U) \rVert^2 + \lambda \sum_{i \ne j} |V_{ij}|
              \quad\text{subject to}\quad UV = I,

    by ADMM: a linear system per row of U, a lasso per column of V, a multiplier, and a penalty weight that adapts;
    warm-started along 20 values of :math:`\lambda`. Direct effects are :math:`G = I - V / \mathrm{diag}(V)` by
    columns. The network may hold cycles. There are no standard errors and no p-values, and what confounds perturbed
    and control cells confounds R.

    Parameters
    ----------
    adata
        Cells × genes. If ``uns[descendants]`` is missing, :func:`argen_descendants` runs first.
    descendants
        Descendant step whose design (cells, covariates, depth …) and, for ``effects="argen"``, total effects are used.
    effects
        ``"argen"``: natural log fold changes of the descendant step, adjusted for depth and covariates. ``"z"``: means
        of z-scored :math:`\log(Y/\ell + 1)`, as the R package takes it; z-scores are against the control cells of the
        same batch (combination of the categorical covariates), numeric covariates are not accounted for.
    weights
        W: ``"none"`` (the same for all entries), ``"se"`` (:math:`1/s`) or ``"variance"`` (:math:`1/s^2`, the weights
        of the R package), s the standard error of R. W is squared in the objective, so that ``"se"`` weighs by
        precision; with ``"variance"`` a few well expressed genes outweigh all others, with ``"none"`` the noise of weak
        knock-downs does.
    max_weight
        Largest weight, as a multiple of their median.
    lambdas
        Penalties to try, or the one to use. Default: 20 from the largest off-diagonal :math:`|R_{ij}|`, at most 1, down
        to 1 % of it, evenly in the logarithm; it ends when the error of prediction has risen three times in a row.
    select
        Choice of :math:`\lambda`. ``"cv-min"``: smallest error in predicting the total effects of cells left out;
        ``"cv"``: the largest :math:`\lambda` whose error is within one standard error of that. ``"stability"``: the
        smallest :math:`\lambda` at which, and at all larger ones, the edges hardly depend on the fold that is left out.
    n_folds
        Folds of cells for the choice.
    dag
        Hold V to the order of the genes along which the total effects are strongest, so that the network is acyclic.
    min_effect
        Edges with a smaller :math:`|G_{ij}|` are not selected.
    max_iter
        Iterations per :math:`\lambda`. A solution that has not converged by then is flagged, and the best iterate kept.
    rng
        Seed or generator of the folds.
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
    `adata.uns[key_added]` : :class:`dict`
        In ``tables``: ``edges`` (every ordered pair: ``coef`` G, ``se``, ``z``, ``p`` missing, ``ratio`` R,
        ``ratio_se``, ``frequency`` the share of folds whose solution holds the edge, ``selected``, ``flags``), ``path``
        (one row per :math:`\lambda`: ``n_edges``, ``objective``, ``error`` and ``error_se`` of cross-validation,
        ``instability``, ``primal`` and ``dual`` residual, ``iterations``, ``converged``, ``chosen``), ``nodes``,
        ``order``; beside them ``settings``, ``made_from`` and what every entry has.

    Raises
    ------
    argen.errors.StaleResultError
        The stored descendant step was made from other cells, genes, counts or perturbations.
    argen.errors.InputError
        Unknown option, or `descendants_kwargs` that contradict the stored step; and all errors of
        :func:`argen_descendants`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.inspre(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> len(ag.get.edges(adata, key="inspre")) > 8
    True
    """
    settings = _Settings(
        effects, weights, max_weight, _grid(lambdas), select, n_folds, dag, min_effect, max_iter, descendants
    )
    check_anndata(adata)
    _check_settings(settings)
    threads = resolve_n_jobs(n_jobs)
    names = {"descendants": descendants, "key_added": key_added, "kind": "network"}
    step = open_step(adata, inspre, descendants_kwargs, **names, n_jobs=n_jobs)
    start = log.info("inverting the matrix of total effects")
    with worker_pool(threads) as map_, progress_bars() as bar:
        ratios, path = _solve(step, settings, np.random.default_rng(rng), map_, bar)
    chosen = choose(path, select) if len(path.fits) > 1 else 0
    _warn_unfinished(path, chosen)
    made = {"method": "inspre", **asdict(settings)}
    made["rng"] = "generator" if isinstance(rng, np.random.Generator) else rng
    edges = _edges(step, ratios, path, chosen, settings.min_effect)
    entry = other_network_entry(
        key_added, made, step.screen.genes, step.made_from, edges, path=_path_table(path, chosen)
    )
    adata = adata.copy() if copy else adata
    write_step(adata, step)
    write_other_network(adata, entry, step.screen.genes)
    found = f"{int(edges['selected'].sum())} edges at lambda={path.fits[chosen].lam:.3g}"
    deep = f"{found}\nadded\n    {key_added!r} (adata.uns, adata.varp)"
    log.info("    finished", time=start, deep=deep)
    return adata if copy else None


@dataclass(frozen=True, slots=True)
class _Settings:
    """Arguments of :func:`inspre` that say what is computed."""

    effects: str
    weights: str
    max_weight: float
    lambdas: np.ndarray | None
    select: str
    n_folds: int
    dag: bool
    min_effect: float
    max_iter: int
    descendants: str


def _check_settings(settings: _Settings) -> None:
    check_option("effects", settings.effects, EFFECTS)
    check_option("weights", settings.weights, tuple(WEIGHTS))
    check_option("select", settings.select, SELECTIONS)
    check_option("dag", settings.dag, (True, False))
    check_number("max_weight", settings.max_weight, 1.0)
    check_number("min_effect", settings.min_effect, 0.0)
    check_count("n_folds", settings.n_folds, 2)
    check_count("max_iter", settings.max_iter, 1)


def _solve(
    step: DescendantStep, settings: _Settings, rng: np.random.Generator, map_: Map, bar: Bar
) -> tuple[Ratios, Path]:
    """Ratios of all cells, and the solutions along λ."""
    grid, fold = settings.lambdas, None
    if grid is None or len(grid) > 1:
        _check_folds(step.screen, settings.n_folds)
        fold = deal_folds(step.screen.group, settings.n_folds, rng)
    ratios, folds = all_ratios(step.screen, step.whole(map_).tests, settings.effects, fold, map_)
    path = fit_path(
        ratios,
        folds,
        lambda_path(ratios.R) if grid is None else grid,
        weighting=(WEIGHTS[settings.weights], float(settings.max_weight)),
        dag=settings.dag,
        tolerance=TOLERANCE,
        max_iterations=settings.max_iter,
        stop_early=grid is None,
        map_=map_,
        track=bar("inverse, penalties", 20 if grid is None else len(grid)),
    )
    return ratios, path


def _edges(step: DescendantStep, ratios: Ratios, path: Path, chosen: int, min_effect: float) -> pd.DataFrame:
    """Edges of the chosen solution."""
    fit = path.fits[chosen]
    G = fit.G
    selected = (np.abs(G) >= min_effect) & (G != 0.0)
    flags = np.where(np.isfinite(ratios.R), "" if fit.converged else "not converged", "no total effect").astype(object)
    columns = {"ratio": ratios.R, "ratio_se": ratios.se, "frequency": path.frequency[chosen]}
    return edge_table(step.screen, G, selected, flags, **columns)


def _path_table(path: Path, chosen: int) -> pd.DataFrame:
    fits = path.fits
    return pd.DataFrame(
        {
            "lambda": [fit.lam for fit in fits],
            "n_edges": [int(np.count_nonzero(fit.G)) for fit in fits],
            "objective": [fit.objective for fit in fits],
            "error": path.error,
            "error_se": path.error_se,
            "instability": path.instability,
            "primal": [fit.primal for fit in fits],
            "dual": [fit.dual_residual for fit in fits],
            "iterations": [fit.iterations for fit in fits],
            "converged": [fit.converged for fit in fits],
            "chosen": np.arange(len(fits)) == chosen,
        }
    )


def _grid(lambdas: float | Sequence[float] | None) -> np.ndarray | None:
    """Penalties from large to small."""
    if lambdas is None:
        return None
    grid = np.unique(read_array("lambdas", lambdas, "positive"))[::-1]
    if not len(grid) or np.isinf(grid[0]):
        msg = f"lambdas={lambdas!r}: give a finite number or several."
        raise InputError(msg)
    return grid


def _check_folds(screen: Screen, n_folds: int) -> None:
    """Every perturbation needs a cell in each fold and one outside."""
    smallest = int(screen.n_per_group.min())
    if smallest < n_folds:
        name = [*screen.genes, "the controls"][int(np.argmin(screen.n_per_group))]
        msg = f"n_folds={n_folds}, but {name} has {counted(smallest, 'cell')}. Lower n_folds or raise min_cells."
        raise InputError(msg)


def _warn_unfinished(path: Path, chosen: int) -> None:
    """One warning for solutions that did not converge."""
    unfinished = sum(not fit.converged for fit in path.fits)
    if not unfinished:
        return
    fit = path.fits[chosen]
    which = (
        f"The chosen one did not (lambda={fit.lam:.3g}, residuals {fit.primal:.1e} and {fit.dual_residual:.1e}): its "
        "best iterate is kept and its edges are flagged; raise max_iter or take another lambda."
        if not fit.converged
        else "The choice is among the others."
    )
    warn_user(f"INSPRE did not converge for {unfinished} of {counted(len(path.fits), 'lambda')}. {which}")

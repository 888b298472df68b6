"""Causal discovery by other packages, on plain arrays.

Each function takes expression (cells × genes) and returns a boolean matrix [parent, child]; an edge without a direction
is there both ways. The packages are optional and imported when they are called for.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["METHODS", "coefficients", "discover"]

_INSTALL = "Please install the packages of the baselines: pip install argen[baselines]"


def discover(method: str, z: np.ndarray, perturbation: np.ndarray, options: Mapping[str, Any]) -> np.ndarray:
    """Edges that `method` finds.

    Parameters
    ----------
    method
        One of :data:`METHODS`.
    z
        Expression, cells × genes.
    perturbation
        Column of the gene that is perturbed in each cell, -1 for none.
    options
        Further arguments of the package's function.

    Raises
    ------
    ImportError
        With a note that names the extra to install.
    """
    try:
        with _quiet():
            return METHODS[method](z, perturbation, dict(options))
    except ImportError as error:
        error.add_note(_INSTALL)
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings and the root logger's set-up of other packages to themselves."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    disabled = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        root.handlers[:] = handlers
        root.setLevel(level)


def _pc(z: np.ndarray, perturbation: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """PC algorithm with Fisher's z (causal-learn)."""
    from causallearn.search.ConstraintBased.PC import pc

    marks = pc(z, **{"show_progress": False, **options}).G.graph
    # marks[i, j] is the mark at i of the edge between i and j: −1 tail, 1 arrowhead.
    tail = (marks == -1) & (marks.T != 0)
    return tail | ((marks == 1) & (marks.T == 1))


def _ges(z: np.ndarray, perturbation: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """Greedy equivalence search with the Gaussian BIC: one environment without interventions."""
    import gies

    return gies.fit_bic([z], [[]], **options)[0] != 0


def _gies(z: np.ndarray, perturbation: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """Greedy interventional equivalence search with the Gaussian BIC: one environment per perturbation.

    The package centres every environment by itself, which takes away the shifts of the means by which a knock-down
    shows: ``center="pooled"``, our default, centres the cells that do not perturb a gene together.
    """
    import gies
    from gies.scores.gauss_int_l0_pen import GaussIntL0Pen

    center = options.pop("center", "pooled")
    environments = np.unique(perturbation)
    interventions = [[] if t < 0 else [int(t)] for t in environments]
    score = GaussIntL0Pen([z[perturbation == t] for t in environments], interventions)
    if center == "pooled":
        for gene in range(z.shape[1]):
            score.part_sample_cov[gene] = np.cov(z[perturbation != gene], rowvar=False, ddof=0)
    return gies.fit(score, **options)[0] != 0


def _notears(z: np.ndarray, perturbation: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """Linear NOTEARS (gCastle)."""
    from castle.algorithms import Notears

    model = Notears(**options)
    model.learn(z - z.mean(axis=0))
    return np.asarray(model.causal_matrix) != 0


METHODS: dict[str, Callable[[np.ndarray, np.ndarray, dict[str, Any]], np.ndarray]] = {
    "pc": _pc,
    "ges": _ges,
    "gies": _gies,
    "notears": _notears,
}


def coefficients(z: np.ndarray, perturbation: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Least squares of every gene on its parents, over the cells in which it is not perturbed; shape (p, p)."""
    coef = np.zeros(edges.shape)
    for child in range(edges.shape[1]):
        parents = np.flatnonzero(edges[:, child])
        cells = perturbation != child
        x = np.column_stack([np.ones(cells.sum()), z[np.ix_(cells, parents)]])
        coef[parents, child] = np.linalg.lstsq(x, z[cells, child], rcond=None)[0][1:]
    return coef

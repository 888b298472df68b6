"""How well the parents of a gene predict it in perturbations that the prediction has not seen."""

import numpy as np

__all__ = ["held_out_r2", "strongest_parents"]


def strongest_parents(edges: np.ndarray, strength: np.ndarray, most: int) -> np.ndarray:
    """The edges to each gene from its `most` strongest parents; ties go to the first gene. Shape (p, p)."""
    rank = np.argsort(np.argsort(-np.where(edges, strength, -np.inf), axis=0, kind="stable"), axis=0)
    return edges & (rank < most)


def held_out_r2(
    profiles: np.ndarray, own: np.ndarray, edges: np.ndarray, fold: np.ndarray, penalty: float
) -> np.ndarray:
    r"""Share of the variance of each gene that its parents explain where they were not fitted, shape (p,).

    Ridge regression of the gene on its parents, which are standardised, over the profiles of all folds but one predicts
    those of the one:

    .. math:: R^2 = 1 - \sum_i (y_i - \hat y_i)^2 / \sum_i (y_i - \bar y_{(i)})^2,

    with the mean :math:`\bar y_{(i)}` of the profiles that were fitted. NaN for genes without parents.

    Parameters
    ----------
    profiles
        Mean expression under each perturbation, shape (n, p).
    own
        Column of the gene that each profile perturbs, −1 for none: that gene is not predicted there. Shape (n,).
    edges
        Boolean, [parent, child], shape (p, p).
    fold
        Number of the fold of each profile, shape (n,).
    penalty
        Of the squared coefficients, beside sums of squares of standardised columns.
    """
    r2 = np.full(edges.shape[1], np.nan)
    for child in np.flatnonzero(edges.any(axis=0)):
        used = own != child
        x, y = profiles[np.ix_(used, np.flatnonzero(edges[:, child]))], profiles[used, child]
        r2[child] = _r2_of(x, y, fold[used], penalty)
    return r2


def _r2_of(x: np.ndarray, y: np.ndarray, fold: np.ndarray, penalty: float) -> float:
    error = total = 0.0
    for one in np.unique(fold):
        train, test = fold != one, fold == one
        if train.sum() < 2:
            continue
        center, scale = x[train].mean(axis=0), x[train].std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        z, mean = (x[train] - center) / scale, y[train].mean()
        slope = np.linalg.solve(z.T @ z + penalty * np.eye(x.shape[1]), z.T @ (y[train] - mean))
        predicted = mean + (x[test] - center) / scale @ slope
        error += ((y[test] - predicted) ** 2).sum()
        total += ((y[test] - mean) ** 2).sum()
    return 1.0 - error / total if total > 0 else np.nan

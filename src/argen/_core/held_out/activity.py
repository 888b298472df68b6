"""Whether the targets of a source are what its perturbation moves."""

import numpy as np

__all__ = ["activities", "activity_ranks", "target_auroc"]


def activities(response: np.ndarray, weights: np.ndarray) -> np.ndarray:
    r"""Activity of every source: t-value of the slope of a response on the source's weights (univariate linear model).

    With the correlation r over n genes, :math:`t = r \sqrt{(n - 2) / (1 - r^2)}`; the weight of a gene that is no
    target is 0. NaN for a source whose weights do not vary.

    Parameters
    ----------
    response
        Shape (n,).
    weights
        [source, target], shape (p, n).
    """
    n = len(response)
    x, y = weights - weights.mean(axis=1, keepdims=True), response - response.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (x @ y) / np.sqrt((x * x).sum(axis=1) * (y @ y))
        return r * np.sqrt((n - 2) / np.maximum(1.0 - r * r, np.finfo(float).tiny))


def activity_ranks(mean: np.ndarray, weights: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Rank of each perturbed source's own activity among those of all `sources`: 1 the highest, 0 the lowest.

    Activities count in the direction in which the perturbation moves its own gene, which is no part of the response.

    Parameters
    ----------
    mean
        Responses [source, target], NaN rows where a source is not perturbed, shape (p, p).
    weights
        [source, target], shape (p, p).
    sources
        Those with enough targets.

    Returns
    -------
    One number for each of `sources` that is perturbed and has an activity; fewer than two activities give none.
    """
    ranks = []
    for source in sources[np.isfinite(mean[sources]).any(axis=1)]:
        others = np.arange(len(mean)) != source
        found = np.sign(mean[source, source]) * activities(mean[source, others], weights[np.ix_(sources, others)])
        own = found[sources == source][0]
        rest = found[(sources != source) & np.isfinite(found)]
        if np.isfinite(own) and rest.size:
            ranks.append(((rest < own).sum() + 0.5 * (rest == own).sum()) / rest.size)
    return np.array(ranks)


def target_auroc(strength: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """For each source, the chance that a target of it responds more than a gene that is none, shape (p,).

    Area under the ROC curve; ties count half. NaN for a source that is not perturbed, or has no target or nothing else.

    Parameters
    ----------
    strength
        Size of the response, [source, target], NaN rows where a source is not perturbed, shape (p, p).
    edges
        Boolean, the same shape.
    """
    from scipy.stats import rankdata

    p = len(edges)
    area = np.full(p, np.nan)
    for source in np.flatnonzero(edges.any(axis=1) & np.isfinite(strength).any(axis=1)):
        others = np.arange(p) != source
        hit, rank = edges[source, others], rankdata(strength[source, others])
        n = int(hit.sum())
        if n < p - 1:
            area[source] = (rank[hit].sum() - n * (n + 1) / 2) / (n * (p - 1 - n))
    return area

"""How near predicted responses are to observed ones: what the field reports, for conditions × genes matrices."""

from dataclasses import dataclass

import numpy as np

__all__ = ["SCORES", "Responses", "score_responses"]

SCORES = (
    "pearson", "cosine", "pearson_mean", "cosine_mean", "rmse", "weighted_rmse", "weighted_r2", "direction",
    "discrimination", "retrieval",
)  # fmt: skip
# Beyond so many standard errors a gene counts no more: one gene alone would be all that counts.
LARGEST_Z = 10.0


@dataclass(frozen=True, slots=True)
class Responses:
    """Log fold changes of genes under conditions; all [condition, gene], shape (n, p), NaN where there is nothing.

    Attributes
    ----------
    predicted, observed
        Against the controls.
    mean
        Mean response of all perturbations to each gene, shape (p,).
    z
        `observed` in standard errors.
    significant
        Genes that differ from the controls.
    """

    predicted: np.ndarray
    observed: np.ndarray
    mean: np.ndarray
    z: np.ndarray
    significant: np.ndarray


def score_responses(responses: Responses) -> dict[str, np.ndarray]:
    """Every score of :data:`SCORES`, shape (n,) each; NaN where it is not defined (no variation, no such gene)."""
    scores = {name: np.full(len(responses.observed), np.nan) for name in SCORES}
    for c in range(len(responses.observed)):
        known = np.isfinite(responses.predicted[c]) & np.isfinite(responses.observed[c]) & np.isfinite(responses.mean)
        if known.any():
            parts = (responses.predicted, responses.observed, responses.z, responses.significant)
            of_one = _of_condition(*(part[c, known] for part in parts), responses.mean[known])
            for name, value in of_one.items():
                scores[name][c] = value
    distance, alike = _between(responses)
    scores["discrimination"] = _share_farther(distance)
    scores["retrieval"] = _share_farther(-alike.T)
    return scores


def _of_condition(
    predicted: np.ndarray, observed: np.ndarray, z: np.ndarray, significant: np.ndarray, mean: np.ndarray
) -> dict[str, float]:
    weight = _weights(z)
    off, from_mean = predicted - observed, mean - observed
    n_significant = int(significant.sum())
    same = np.sign(predicted) == np.sign(observed)
    spread = float(weight @ from_mean**2)
    return {
        "pearson": _pearson(predicted, observed),
        "cosine": _cosine(predicted, observed),
        "pearson_mean": _pearson(predicted - mean, observed - mean),
        "cosine_mean": _cosine(predicted - mean, observed - mean),
        "rmse": float(np.sqrt((off**2).mean())),
        "weighted_rmse": float(np.sqrt(weight @ off**2)),
        "weighted_r2": 1.0 - float(weight @ off**2) / spread if spread > 0 else np.nan,
        "direction": float(same[significant].mean()) if n_significant else np.nan,
    }


def _weights(z: np.ndarray) -> np.ndarray:
    """z², at most :data:`LARGEST_Z`², over their sum; equal weights where there is no z."""
    size = np.abs(np.nan_to_num(z, nan=0.0, posinf=LARGEST_Z, neginf=-LARGEST_Z))  # ∞ where a standard error is 0
    square = np.minimum(size, LARGEST_Z) ** 2
    total = square.sum()
    return square / total if total > 0 else np.full(len(z), 1.0 / len(z))


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    return _cosine(a - a.mean(), b - b.mean())


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    length = np.sqrt((a @ a) * (b @ b))
    # What is constant but for rounding has no correlation.
    return float(a @ b / length) if length > 1e-12 * len(a) else np.nan


def _between(responses: Responses) -> tuple[np.ndarray, np.ndarray]:
    """[predicted of c, observed of d]: mean absolute distance; cosine of the deviations from the mean response."""
    n = len(responses.observed)
    distance, alike = np.full((n, n), np.nan), np.full((n, n), np.nan)
    centred = responses.predicted - responses.mean, responses.observed - responses.mean
    for c in range(n):
        for d in range(n):
            known = np.isfinite(centred[0][c]) & np.isfinite(centred[1][d])
            if known.any():
                distance[c, d] = np.abs(responses.predicted[c, known] - responses.observed[d, known]).mean()
                value = _cosine(centred[0][c, known], centred[1][d, known])
                alike[c, d] = 0.0 if np.isnan(value) else value
    return distance, alike


def _share_farther(distance: np.ndarray) -> np.ndarray:
    """Of row c the share of the other columns that are farther than column c; ties count half, shape (n,)."""
    n = len(distance)
    own = np.diag(distance)[:, None]
    others = ~np.eye(n, dtype=bool) & np.isfinite(distance)
    farther = ((distance > own) & others).sum(axis=1) + 0.5 * ((distance == own) & others).sum(axis=1)
    count = others.sum(axis=1)
    return np.where(np.isfinite(np.diag(distance)) & (count > 0), farther / np.maximum(count, 1), np.nan)

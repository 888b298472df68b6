"""A screen that can be spoiled: the model that the cases of `artefacts` start from, and how it becomes an AnnData."""

from dataclasses import dataclass, replace

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

PERTURBED, EDGES = 15, 10
GUIDES_PER_GENE, CONTROL_GUIDES, BATCHES = 3, 4, 3
CONTROL = -1
DISPERSION, DEPTH_SD, CONFOUNDING, BATCH_SD = 0.15, 0.3, 0.25, 0.1
EFFECT = (0.35, 0.6)


@dataclass
class Draft:
    """A screen before it is sequenced; the cases change it in place.

    Attributes
    ----------
    rng
        Draws everything that is still to come.
    theta
        p × p, direct effects [parent, child]; the first `PERTURBED` genes are the perturbed ones.
    genes
        p rows: ``parent``, the perturbed gene that an unperturbed one follows (or "").
    strength
        Natural log fold change of each perturbed gene under its own perturbation.
    cells
        n rows: perturbation, guide, batch.
    label
        n, number of the perturbed gene or `CONTROL`.
    own
        n × p, natural log expression of each gene before its parents act on it.
    capture
        n, the share of a cell's molecules that are seen, mean about 1.
    dispersion
        Variance of the gamma noise.
    """

    rng: np.random.Generator
    theta: np.ndarray
    genes: pd.DataFrame
    strength: np.ndarray
    cells: pd.DataFrame
    label: np.ndarray
    own: np.ndarray
    capture: np.ndarray
    dispersion: float = DISPERSION

    @property
    def targeting(self) -> np.ndarray:
        """Cells that perturb a gene."""
        return self.label != CONTROL

    def some_perturbed(self, n: int) -> np.ndarray:
        """Positions of `n` perturbed genes, drawn at random."""
        return self.rng.choice(PERTURBED, n, replace=False)

    def some_measured(self, share: float) -> np.ndarray:
        """Positions of a share of the unperturbed genes, drawn at random."""
        others = np.arange(PERTURBED, len(self.genes))
        return self.rng.choice(others, round(share * len(others)), replace=False)

    def means(self) -> np.ndarray:
        """Expected counts of a cell of capture 1: parents act on their children's logarithm."""
        return np.exp(np.clip(self.own @ np.linalg.inv(np.eye(len(self.theta)) - self.theta), -8, 8))

    def subset(self, kept: np.ndarray) -> "Draft":
        """The draft of some cells (positions or a mask)."""
        at = np.flatnonzero(kept) if kept.dtype == bool else kept
        per_cell = {name: getattr(self, name)[at] for name in ("label", "own", "capture")}
        return replace(self, cells=self.cells.iloc[at].reset_index(drop=True), **per_cell)


def draft(seed: int, *, measured: int = 150, n_controls: int = 600, cells: tuple[int, int] = (60, 100)) -> Draft:
    """Draw network, cells and expression without any artefact; `measured` unperturbed genes beside the perturbed."""
    rng = np.random.default_rng(seed)
    p = PERTURBED + measured
    theta, parent = _network(rng, p)
    perturbed = [f"G{j:02d}" for j in range(1, PERTURBED + 1)]
    names = np.array([*perturbed, *(f"M{j:03d}" for j in range(1, measured + 1))])
    genes = pd.DataFrame({"parent": np.where(parent >= 0, names[parent], "")}, index=names)
    strength = rng.uniform(-2.0, -1.0, PERTURBED)
    label = np.repeat(
        np.arange(CONTROL, PERTURBED), [n_controls, *rng.integers(cells[0], cells[1] + 1, PERTURBED).tolist()]
    )
    n = len(label)
    annotation = pd.DataFrame(
        {
            "perturbation": np.array([*perturbed, "control"])[label],
            "guide": _guides(rng, label, perturbed),
            "batch": np.array([f"b{b}" for b in range(1, BATCHES + 1)])[rng.integers(BATCHES, size=n)],
        }
    )
    own = np.tile(rng.uniform(0.5, 2.5, p), (n, 1))
    own += np.outer(rng.normal(size=n), rng.uniform(-CONFOUNDING, CONFOUNDING, p))
    own += _batch_effects(rng, annotation["batch"], p, BATCH_SD)
    own[:, :PERTURBED] += knock_downs(label, strength)
    capture = np.exp(rng.normal(0.0, DEPTH_SD, n))
    return Draft(rng, theta, genes, strength, annotation, label, own, capture)


def _network(rng: np.random.Generator, p: int) -> tuple[np.ndarray, np.ndarray]:
    """Direct effects among the perturbed genes in a random order, and the parent of every third other gene."""
    theta, parent = np.zeros((p, p)), np.full(p, -1)
    order = rng.permutation(PERTURBED)
    pairs = np.column_stack(np.triu_indices(PERTURBED, 1))
    for a, b in pairs[rng.choice(len(pairs), EDGES, replace=False)]:
        theta[order[a], order[b]] = _effect(rng)
    for child in range(PERTURBED, p, 3):
        parent[child] = rng.integers(PERTURBED)
        theta[parent[child], child] = _effect(rng)
    return theta, parent


def _effect(rng: np.random.Generator) -> float:
    return rng.choice([-1, 1]) * rng.uniform(*EFFECT)


def _guides(rng: np.random.Generator, label: np.ndarray, perturbed: list[str]) -> np.ndarray:
    number = np.where(
        label == CONTROL, rng.integers(CONTROL_GUIDES, size=len(label)), rng.integers(GUIDES_PER_GENE, size=len(label))
    )
    return np.array([f"{[*perturbed, 'NTC'][j]}g{k + 1}" for j, k in zip(label, number, strict=True)])


def _batch_effects(rng: np.random.Generator, batch: pd.Series, p: int, sd: float) -> np.ndarray:
    levels, code = np.unique(batch, return_inverse=True)
    return rng.normal(0.0, sd, (len(levels), p))[code]


def knock_downs(label: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """What each cell's perturbation does to its own gene, n × perturbed."""
    return (label[:, None] == np.arange(PERTURBED)) * strength


def rebatch(screen: Draft, shares: np.ndarray, sd: float) -> None:
    """Deal the cells out to batches with `shares` [perturbation or (last row) control, batch] that move genes."""
    rng, n = screen.rng, len(screen.label)
    upper = shares.cumsum(axis=1)[screen.label]
    code = (rng.random(n)[:, None] > upper[:, :-1]).sum(axis=1)
    screen.cells["batch"] = np.array([f"b{b}" for b in range(1, shares.shape[1] + 1)])[code]
    screen.own += _batch_effects(rng, screen.cells["batch"], screen.own.shape[1], sd)


def poisson_counts(screen: Draft) -> np.ndarray:
    """Poisson counts about gamma distributed means: every molecule is seen or not, whatever the others do."""
    return screen.rng.poisson(screen.capture[:, None] * _noisy_means(screen))


def multinomial_counts(screen: Draft, totals: np.ndarray) -> np.ndarray:
    """Counts that share out a given total per cell: what one gene loses, all others gain."""
    means = _noisy_means(screen)
    return screen.rng.multinomial(totals, means / means.sum(axis=1, keepdims=True))


def _noisy_means(screen: Draft) -> np.ndarray:
    means = screen.means()
    return means * screen.rng.gamma(1 / screen.dispersion, screen.dispersion, means.shape)


def sequenced(screen: Draft, counts: np.ndarray | None = None) -> ad.AnnData:
    """The AnnData that a user would have: raw counts, labels, total counts as depth; the truth beside them."""
    counts = poisson_counts(screen) if counts is None else counts
    obs = screen.cells.copy()
    obs.index = [f"cell{i}" for i in range(len(obs))]
    for column in ("perturbation", "guide", "batch"):
        obs[column] = obs[column].astype("category")
    obs["depth"] = counts.sum(axis=1).astype(float)
    # What no one knows: the depth that nothing in the screen is part of, as of a transcriptome that is far larger.
    obs["capture"] = screen.capture
    adata = ad.AnnData(sparse.csr_matrix(counts.astype(np.float32)), obs=obs, var=screen.genes.copy())
    truth = screen.theta.copy()
    truth[PERTURBED:], truth[:, PERTURBED:] = 0, 0
    adata.varp["truth"] = sparse.csr_matrix(truth)
    return adata

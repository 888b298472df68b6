"""Screens for tests: random ones, and the authors' own data."""

import gzip
from dataclasses import dataclass

import numpy as np
import pandas as pd
from data_files import fixture
from scipy import io, sparse

from argen._core.screen import CONTROL, Covariates, Screen, build_screen


@dataclass(frozen=True)
class DenseScreen:
    """A screen and the same data as dense arrays in the order that they were made in."""

    screen: Screen
    counts: np.ndarray  # n × p
    target: np.ndarray
    depth: np.ndarray
    nuisance: np.ndarray  # intercept included

    def indicators(self, genes: np.ndarray) -> np.ndarray:
        """Perturbation indicators, n × len(genes)."""
        return (self.target[:, None] == np.asarray(genes)).astype(float)


def random_screen(
    seed: int, *, n=700, p=4, levels=3, dummies=0, numeric=1, log_mean=0.5, noise=0.4, knock_down=-1.0, controls=0.4
) -> DenseScreen:
    """Counts with batches, numeric covariates, a hidden factor and knock-downs."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, p, n)
    target[rng.random(n) < controls] = CONTROL
    level = np.r_[np.arange(levels), rng.integers(0, levels, n - levels)]
    dummy = (rng.integers(0, dummies + 1, n)[:, None] == np.arange(1, dummies + 1)).astype(float)
    values = rng.normal(size=(n, numeric))
    depth = rng.gamma(5.0, 0.2, n)
    hidden = rng.normal(size=n)
    log_mu = log_mean + 0.2 * level[:, None] + 0.3 * values.sum(axis=1)[:, None] - 0.3 * dummy.sum(axis=1)[:, None]
    log_mu = log_mu + 0.3 * hidden[:, None] + noise * rng.normal(size=(n, p))
    effects = rng.normal(0, 0.3, (p, p))
    np.fill_diagonal(effects, knock_down)
    log_mu = log_mu + np.where(target[:, None] == CONTROL, 0.0, effects[target])
    counts = rng.poisson(depth[:, None] * np.exp(log_mu)).astype(float)
    covariates = Covariates(level, dummy, values)
    names = [f"g{j:03d}" for j in range(p)]
    screen = build_screen(sparse.csc_array(counts), target, depth, covariates, names)
    nuisance = np.column_stack([level[:, None] == np.arange(levels), dummy, values]).astype(float)
    return DenseScreen(screen, counts, target, depth, nuisance)


def standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0, standard deviation 1 (ddof 0)."""
    return (values - values.mean()) / values.std()


def sim8_screen(seed: int, analysis: str) -> Screen:
    """The authors' simulation, ``"Full"`` or ``"Omitted"``."""
    obs = pd.read_csv(fixture("sim8", "obs.csv.gz"))
    counts = pd.read_csv(fixture("sim8", f"seed{seed}", "counts.csv.gz"))
    depth = pd.read_csv(fixture("sim8", f"seed{seed}", "depth.csv"))["depth"].to_numpy(dtype=float)
    genes = list(counts.columns)[: 8 if analysis == "Full" else 6]
    keep = np.ones(len(obs), dtype=bool) if analysis == "Full" else obs["in_omitted"].to_numpy(dtype=bool)
    return build_screen(
        sparse.csc_array(counts[genes].to_numpy()[keep]),
        obs["Z"].to_numpy()[keep] - 1,
        depth[keep],
        Covariates(
            np.zeros(keep.sum(), int), np.zeros((keep.sum(), 0)), standardised(obs["L"].to_numpy()[keep])[:, None]
        ),
        genes,
    )


def chr6like_screen() -> Screen:
    """45 genes, 17,724 cells, 48 GEM groups, many cycles."""
    folder = fixture("chr6like")
    obs = pd.read_csv(folder / "obs.csv.gz")
    genes = pd.read_csv(folder / "var.csv")["gene"].tolist()
    with gzip.open(folder / "counts.mtx.gz") as file:
        counts = sparse.csc_array(io.mmread(file))
    position = {gene: j for j, gene in enumerate(genes)}
    covariates = Covariates(
        pd.factorize(obs["gem_group"], sort=True)[0],
        np.zeros((len(obs), 0)),
        standardised(obs["mitopercent"].to_numpy())[:, None],
    )
    target = obs["perturbation"].map(position).fillna(CONTROL).to_numpy(dtype=int)
    return build_screen(counts, target, obs["depth"].to_numpy(dtype=float), covariates, genes)

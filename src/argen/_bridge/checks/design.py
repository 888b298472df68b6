"""Checks of the design: batches, covariates, cells without controls, survivors."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.checks.findings import Finding
from argen._bridge.columns import holds_measurements, is_number
from argen._bridge.design import numeric_columns, parse_covariates
from argen._bridge.design_hints import unsupported_words
from argen._bridge.guides.combinations import find_joined
from argen._bridge.measured import MeasuredScreen, own_genes, read_measured
from argen._bridge.settings import DescendantSettings
from argen._bridge.validate import counted, name_some
from argen._core.checks.balance import imbalance
from argen._core.measured.sums import measured_sums
from argen._core.parallel import Map

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["balance_table", "check_balance", "check_covariates", "check_supported", "check_survivors"]

# Columns with more levels are names, with a larger V they say which perturbation it is.
MOST_LEVELS, NESTED = 100, 0.9
# Integers are codes of a batch if there are so few different ones.
MOST_CODES = 50
LEVEL, SMALLEST_V = 1e-3, 0.05
# Knock-downs with so much z² that shrink to so much, and lose so much of it, when covariates enter.
STRONG, SHRUNK, HALVED = 10.0, 0.8, 0.6
FEW_LEFT, FEWEST_SUPPORTED = 1.0 / 3.0, 0.8


def balance_table(adata: "AnnData", measured: MeasuredScreen, settings: DescendantSettings) -> pd.DataFrame:
    """χ² of perturbation against each column of obs that may be a batch, the most unbalanced first.

    That is a column of texts, categories, booleans or few different integers. One whose levels each belong to one
    perturbation, such as a guide, says which perturbation it is; one that is the same in all cells of each perturbation
    is *confounded* with them.
    """
    screen, rows = measured.screen, []
    obs = adata.obs.iloc[screen.cell]
    perturbed = screen.group < screen.n_groups
    covariates = _columns(settings, adata)
    for name in obs.columns:
        if name == settings.perturbation_key or str(name).startswith("argen_"):
            continue
        level, levels = _levels(obs[name])
        cells = perturbed & (level >= 0)
        if not 1 < len(levels) <= MOST_LEVELS or not cells.any():
            continue
        found = imbalance(screen.group[cells], level[cells])
        names = set(map(str, levels)) & {*measured.perturbations, *settings.control}
        if 2 * len(names) > len(levels):  # the perturbations by another column, such as a coarser one
            continue
        confounded = found.V > NESTED and not _names_perturbations(screen.group[cells], level[cells])
        if found.V < NESTED or confounded:
            tested = found.chi2, found.df, found.p, found.V
            rows.append((name, len(levels), *tested, confounded, name in covariates))
    columns = ["column", "n_levels", "chi2", "df", "p", "V", "confounded", "is_covariate"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["p", "V"], ascending=[True, False], kind="stable").reset_index(drop=True)


def _levels(values: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Codes and levels of what may be a batch; none for measurements and for what is no plain value."""
    none = np.full(len(values), -1), pd.Index([])
    if holds_measurements(values):
        return none
    if is_number(values):
        known = values.dropna()
        if known.nunique() > MOST_CODES or not (known == np.round(known)).all():
            return none
    try:
        return pd.factorize(values)
    except TypeError:  # lists and the like
        return none


def _names_perturbations(group: np.ndarray, level: np.ndarray) -> bool:
    """Whether nearly every level holds cells of one perturbation, and there are as many levels as perturbations."""
    table = np.zeros((group.max() + 1, level.max() + 1))
    np.add.at(table, (group, level), 1.0)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    return bool(table.shape[1] >= table.shape[0] and table.max(axis=0).sum() > NESTED * table.sum())


def _columns(settings: DescendantSettings, adata: "AnnData") -> Collection[str]:
    return set(parse_covariates(settings.covariates, adata.obs).columns.values())


def check_balance(table: pd.DataFrame) -> list[Finding]:
    """Columns that are no covariates and over which the perturbations are unbalanced."""
    level = LEVEL / max(len(table), 1)
    found = []
    for row in table[~table["is_covariate"]].itertuples():
        if row.p >= level or row.V <= SMALLEST_V:
            continue
        cure = (
            "Every perturbation has one level: no covariate can tell its effects from those of the column."
            if row.confounded
            else f"If it is a batch, add {row.column!r} to covariates. If it is a consequence of the perturbations, "
            "such as a cluster or a cell-cycle phase, leave it out."
        )
        how = "confounded with" if row.confounded else "unbalanced over"
        found.append(
            Finding(
                "batch",
                f"Perturbations are {how} the {row.n_levels} levels of obs[{row.column!r}] (χ² = {row.chi2:.0f} on "
                f"{row.df}), which is no covariate",
                float(row.V),
                "Cramér's V",
                cure,
            )
        )
    return found


def check_supported(adata: "AnnData", measured: MeasuredScreen, settings: DescendantSettings) -> list[Finding]:
    """Perturbations with cells in covariate levels without control cells: they count but carry no information."""
    screen = measured.screen
    n, supported = screen.n_per_group[:-1], screen.n_supported[:-1]
    share = supported / np.maximum(n, 1)
    at = np.flatnonzero(share < FEWEST_SUPPORTED)
    if len(at) == 0:
        return []
    at = at[np.argsort(share[at], kind="stable")]
    names = [f"{measured.perturbations[i]} {supported[i]} of {n[i]}" for i in at[:5]]
    spec = parse_covariates(settings.covariates, adata.obs)
    words = unsupported_words(
        spec,
        adata.obs.iloc[screen.cell],
        screen.group == screen.n_groups,
        screen.design.stratum_supported[screen.stratum],
    )
    return [
        Finding(
            "controls",
            f"{words} and tell nothing; of {counted(len(at), 'perturbation')} these are more than a fifth "
            f"({name_some(names)} are left)",
            float(share[at[0]]),
            "smallest share of cells with controls",
            "Trust n_supported, not n_cells. Leave the covariate out if its levels do not matter, or add controls.",
            tuple(measured.perturbations[i] for i in at),
        )
    ]


def check_survivors(measured: MeasuredScreen) -> list[Finding]:
    """Perturbations with far fewer cells than is usual."""
    n = measured.screen.n_per_group[:-1]
    usual = float(np.median(n))
    names = measured.perturbations
    few = (n < FEW_LEFT * usual) & (usual - n > 4.0 * np.sqrt(usual))
    # Cells with two perturbations are few in any screen, whatever survives.
    known = {*names, *measured.screen.genes}
    at = np.array([i for i in np.flatnonzero(few) if find_joined([names[i]], known) is None], dtype=np.int64)
    if len(at) == 0:
        return []
    at = at[np.argsort(n[at], kind="stable")]
    return [
        Finding(
            "survivors",
            f"{counted(len(at), 'perturbation')} with less than a third of the usual {usual:.0f} cells",
            float(n[at[0]] / usual),
            "smallest share of the median",
            "Few guides, or essential genes: the cells that survive may be those in another state, whose genes then "
            "look regulated. Nothing in the counts can tell; compare an early time point.",
            tuple(measured.perturbations[i] for i in at),
        )
    ]


def check_covariates(
    adata: "AnnData",
    measured: MeasuredScreen,
    settings: DescendantSettings,
    depth_genes: np.ndarray | None,
    map_: Map,
) -> list[Finding]:
    """Numeric covariates that take in the perturbation: knock-downs lose z² when they enter."""
    spec = parse_covariates(settings.covariates, adata.obs)
    numeric = numeric_columns(spec, adata.obs)
    others = [name for name in dict.fromkeys(spec.columns.values()) if name not in numeric]
    if not numeric or (measured.own >= 0).sum() == 0:
        return []
    with_all = _strengths(measured, map_)
    factors = " + ".join(f"C(`{name}`)" for name in others)
    fewer = replace(settings, covariates=f"~ {factors}" if others else None)
    without = _strengths(read_measured(adata, fewer, depth_genes), map_)
    both = with_all.join(without.add_suffix("_without"), how="inner").dropna()
    both = both[both["z2_without"] > STRONG]
    if both.empty:
        return []
    effect = both["effect"] / both["effect_without"]
    z2 = both["z2"] / both["z2_without"]
    if effect.median() >= SHRUNK or z2.median() >= HALVED:
        return []
    return [
        Finding(
            "covariates",
            f"Knock-downs shrink to {effect.median():.0%}, and their z² to {z2.median():.0%} (medians), when "
            f"{name_some(numeric)} enter: they contain the perturbation",
            float(z2.median()),
            "z² with over without",
            "Principal components, scores and other summaries of expression hold what the perturbation does: leave "
            "them out of covariates.",
            tuple(effect.sort_values(kind="stable").index[:5]),
        )
    ]


def _strengths(measured: MeasuredScreen, map_: Map) -> pd.DataFrame:
    """Effect of each perturbation on its own gene and its z²."""
    own = own_genes(measured)
    sums = measured_sums(own.screen, map_)
    at = np.flatnonzero(own.own >= 0)
    here = at, own.own[at]
    names = [own.perturbations[i] for i in at]
    return pd.DataFrame({"effect": sums.effect[here], "z2": sums.z[here] ** 2}, index=names)

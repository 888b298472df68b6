"""Tables of a comparison: every level, every difference from the reference, and whether the levels agree."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from argen._bridge.comparison.estimates import Items, in_levels
from argen._bridge.comparison.refits import Refits
from argen._bridge.results.tables import WEAK_F
from argen._core.compare.contrasts import Change, Estimates, changes, differences, half_width, p_values
from argen._core.compare.meta import heterogeneity, random_mean
from argen._core.fdr import adjusted

__all__ = ["CHANGES", "NOT_SHOWN", "compared_tables", "designs_table", "replicates_table"]

NOT_SHOWN = "no difference shown"
CHANGES = {
    Change.NOT_COMPARED: "not compared",
    Change.NOT_SHOWN: NOT_SHOWN,
    Change.GAINED: "gained",
    Change.LOST: "lost",
    Change.STRONGER: "stronger",
    Change.WEAKER: "weaker",
    Change.REVERSED: "reversed",
    Change.DIFFERENT: "different",
}


def compared_tables(
    items: Items, refits: Refits, alpha: float, *, has_replicates: bool
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Three tables of the same items: agreement over the levels, each level, each difference from the reference."""
    names = refits.levels.names
    estimates, beside = in_levels(items, refits, has_replicates=has_replicates)
    usable = [_usable(one, more["flags"]) for one, more in zip(estimates, beside, strict=True)]
    contrasts = _contrasts(items, names, usable, alpha)
    summary = _summary(items, usable)
    if len(names) == 2:
        own = contrasts.drop(columns=["coef", "coef_reference", *items.names.columns, "level", "reference"])
        summary = summary.join(own)
    return summary, _levels(items, names, estimates, beside), contrasts


def _usable(estimates: Estimates, flags: np.ndarray) -> Estimates:
    """Estimates without the flagged ones."""
    fine = np.asarray(flags == "", dtype=bool)
    return Estimates(*(np.where(fine, values, np.nan) for values in (estimates.coef, estimates.se)), estimates.df)


def _summary(items: Items, usable: Sequence[Estimates]) -> pd.DataFrame:
    coef, se, df = (np.stack([getattr(one, name) for one in usable]) for name in ("coef", "se", "df"))
    agreement, mean = heterogeneity(coef, se, df), random_mean(coef, se)
    half = half_width(Estimates(mean.mean, mean.se, mean.df))
    return items.names.assign(
        pooled=items.pooled.coef,
        pooled_se=items.pooled.se,
        n_levels=agreement.n,
        Q=agreement.Q,
        df=np.where(agreement.n > 1, agreement.n - 1, np.nan).astype(float),
        q_p=agreement.p,
        q_padj=adjusted(agreement.p),
        I2=agreement.I2,
        tau=mean.tau,
        mean=mean.mean,
        mean_se=mean.se,
        mean_low=mean.mean - half,
        mean_high=mean.mean + half,
    )


def _levels(items: Items, names: Sequence[str], estimates: Sequence[Estimates], beside: Sequence[dict]) -> pd.DataFrame:
    parts = [
        items.names.assign(level=name, **_numbers(one), **_flagged(more))
        for name, one, more in zip(names, estimates, beside, strict=True)
    ]
    return _long(parts, {"level": names})


def _numbers(one: Estimates) -> dict[str, np.ndarray]:
    half = half_width(one)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = one.coef / one.se
    return {
        "coef": one.coef,
        "se": one.se,
        "z": z,
        "t_df": one.df,
        "p": p_values(one),
        "ci_low": one.coef - half,
        "ci_high": one.coef + half,
    }


def _flagged(more: dict) -> dict:
    return more | ({"weak": more["F"] < WEAK_F} if "F" in more else {})


def _contrasts(items: Items, names: Sequence[str], usable: Sequence[Estimates], alpha: float) -> pd.DataFrame:
    """Each level against the first; one family of tests over all items and levels."""
    reference, others = usable[0], usable[1:]
    found = [differences(one, reference) for one in others]
    padj = adjusted(np.concatenate([p_values(one) for one in found])).reshape(len(found), -1)
    parts = []
    for name, one, difference, q in zip(names[1:], others, found, padj, strict=True):
        numbers = {("difference" if c == "coef" else c): values for c, values in _numbers(difference).items()}
        with np.errstate(invalid="ignore"):
            is_different = q < alpha
        words = np.array([CHANGES[Change(code)] for code in changes(one, reference, is_different, alpha)], dtype=object)
        parts.append(
            items.names.assign(
                level=name,
                reference=names[0],
                coef=one.coef,
                coef_reference=reference.coef,
                **numbers,
                padj=q,
                change=pd.Categorical(words, list(CHANGES.values())),
            )
        )
    return _long(parts, {"level": names[1:], "reference": names[:1]})


def replicates_table(items: Items, refits: Refits) -> pd.DataFrame:
    """What every replicate says alone."""
    parts = []
    for i, unit in enumerate(refits.levels.units):
        one = Estimates(items.coef[i], items.se[i], np.full(items.coef[i].shape, np.inf))
        more = {"n_cells": items.n_cells[i], "flags": items.flags[i]}
        if items.strength is not None:
            more["F"] = items.strength[i]
        parts.append(
            items.names.assign(level=unit.level, replicate=unit.replicate, **_numbers(one), **_flagged(more)).drop(
                columns="t_df"
            )
        )
    replicates = dict.fromkeys(unit.replicate for unit in refits.levels.units)
    return _long(parts, {"level": refits.levels.names, "replicate": list(replicates)})


def designs_table(refits: Refits) -> pd.DataFrame:
    """One row per unit: its cells and covariates."""
    rows = []
    for unit, one, left_out in zip(refits.levels.units, refits.of_unit, refits.left_out, strict=True):
        sizes = one.screen.n_per_group
        rows.append(
            {
                "level": unit.level,
                "replicate": unit.replicate,
                "n_cells": one.screen.n_cells,
                "n_controls": int(sizes[-1]),
                "smallest_perturbation": int(sizes[:-1].min()),
                "covariates": ", ".join(one.screen.covariate_names),
                "covariates_left_out": ", ".join(left_out),
            }
        )
    return pd.DataFrame(rows)


def _long(parts: Sequence[pd.DataFrame], categories: dict[str, Sequence[str]]) -> pd.DataFrame:
    table = pd.concat(parts, ignore_index=True)
    texts = {name: pd.Categorical(table[name], list(names)) for name, names in categories.items()}
    if "flags" in table:
        texts["flags"] = pd.Categorical(table["flags"].astype(str))
    return table.assign(**texts, **{end: pd.Categorical(table[end]) for end in ("source", "target") if end in table})

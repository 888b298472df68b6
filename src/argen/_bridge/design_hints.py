"""What looks like a mistake in covariates and depth although it can be computed, in words."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.columns import LONELY, MOST_CODES, MOST_DECIMALS, as_float, numbers_in, parsed, stored_as
from argen._bridge.design import CovariateSpec, factor_levels, numeric_columns
from argen._bridge.runtime import warn_user
from argen._bridge.validate import counted, name_some
from argen._core.screen import Covariates

__all__ = ["DesignHints", "crowded_cure", "design_hints", "supported_cells", "unsupported_words"]

# A factor with fewer cells per level than this is hardly one.
FEWEST_PER_LEVEL = 5
# A few levels with a single cell are an accident.
FEWEST_ALONE = 3
# Share of the levels that may be words in a column that is meant to hold numbers.
MOST_STRAY = 0.1


@dataclass(frozen=True, slots=True)
class DesignHints:
    """Sentences without their full stop.

    Attributes
    ----------
    guesses
        Where a user may have meant something else, for warnings.
    notes
        What was done with what is meant well, for the log.
    alone
        Levels of a single cell, which is left out.
    """

    guesses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)

    def say(self) -> None:
        """Warn of the guesses, log the notes."""
        for note in self.notes:
            log.warning(note)
        for guess in self.guesses:
            warn_user(guess[0].upper() + guess[1:] + ".")


def design_hints(spec: CovariateSpec, obs: pd.DataFrame, depth: str | None = None) -> DesignHints:
    """Of the types and levels of the covariates, and of a depth column, in the cells `obs`."""
    hints = DesignHints()
    for name in numeric_columns(spec, obs):
        if name in spec.parsed:
            hints.guesses.append(_parsed(name, obs[name]))
        elif words := _codes(name, obs[name]):
            is_integer = pd.api.types.is_integer_dtype(obs[name].dtype)
            (hints.guesses if is_integer else hints.notes).append(words)
    for name, levels in factor_levels(spec, obs).items():
        sizes = levels.value_counts()
        alone = sizes.index[sizes == 1].astype(str)
        hints.alone.extend(f"{level!r} of {name!r}" for level in alone)
        n_levels = int((sizes > 0).sum())
        if words := _crowded(name, levels, n_levels, len(alone)):
            hints.guesses.append(words)
        elif n_levels > MOST_DECIMALS and numbers_in(levels) is not None:
            hints.notes.append(
                f"covariate {name!r} is taken as a factor of {n_levels} levels, all of which are numbers. "
                f"{crowded_cure(name, levels)}"
            )
    if depth in obs and (stored := stored_as(obs[depth])):
        hints.notes.append(f"depth={depth!r} is stored as {stored}, and read as numbers")
    return hints


def _parsed(name: str, column: pd.Series) -> str:
    n = len(np.unique(numbers_in(column)))
    return (
        f"covariate {name!r} is stored as {stored_as(column)} and holds {n} different numbers: it is taken as a "
        f"number. {as_float(name)} makes it one; if these are names of levels, {_as_factor(name)} in a formula says so"
    )


def _codes(name: str, column: pd.Series) -> str | None:
    """Few different whole numbers; two make the same model either way, integers all the same have always been named."""
    values = column.dropna()
    n = values.nunique()
    if pd.api.types.is_integer_dtype(column.dtype):
        if n > MOST_CODES:
            return None
        return (
            f"covariate {name!r} holds {n} different integers and is taken as a number: if they are codes, write "
            f"{_as_factor(name)} in a formula or make the column categorical (as floats they pass without this warning)"
        )
    if not 2 < n <= MOST_CODES or not (values == np.round(values)).all():
        return None
    return (
        f"covariate {name!r} holds {n} different whole numbers, as type {column.dtype}, and is taken as a number: if "
        f"they are codes of a batch, write {_as_factor(name)} in a formula or make the column categorical"
    )


def _crowded(name: str, levels: pd.Series, n_levels: int, n_alone: int) -> str | None:
    """A factor with hardly more cells than levels, or many of whose levels have a single cell."""
    if n_levels * FEWEST_PER_LEVEL <= len(levels) and (n_alone < FEWEST_ALONE or n_alone < LONELY * n_levels):
        return None
    lost = f"; {counted(n_alone, 'cell')} alone in a level left out" if n_alone else ""
    cure = crowded_cure(name, levels)
    return f"covariate {name!r} is a factor of {n_levels} levels in {counted(len(levels), 'cell')}{lost}. {cure}"


def crowded_cure(name: str, levels: pd.Series) -> str:
    """What helps against a factor with too many levels."""
    if numbers_in(levels) is not None:
        return f"If it is a measurement, {as_float(name)} makes it a number"
    if stray := _stray(levels):
        return (
            f"All but {len(stray)} of its levels are numbers: correct {name_some(map(repr, stray), 3)}, or "
            f"make it missing and drop the cells; then {as_float(name)}"
        )
    if numbers_in(levels.astype(str).str.replace(",", ".", regex=False)) is not None:
        return f"Its numbers have decimal commas: adata.obs[{name!r}].str.replace(',', '.').astype(float) has them"
    return "Merge its small levels, or leave it out"


def _stray(levels: pd.Series) -> list[str]:
    """Levels that are no numbers where nearly all are."""
    names = [str(level) for level in levels.unique()]
    stray = sorted(name for name in names if parsed(name) is None)
    return stray if 0 < len(stray) <= MOST_STRAY * len(names) else []


def _as_factor(name: str) -> str:
    return f"C({name})" if name.replace(".", "_").isidentifier() else f"C(`{name}`)"


def supported_cells(covariates: Covariates, control: np.ndarray) -> np.ndarray:
    """Mask of the cells in levels that all hold control cells (a mask, too)."""
    supported = np.isin(covariates.level, covariates.level[control])
    unseen = ~covariates.dummies[control].any(axis=0)
    return supported & ~(covariates.dummies[:, unseen] > 0).any(axis=1)


def unsupported_words(spec: CovariateSpec, obs: pd.DataFrame, control: np.ndarray, supported: np.ndarray) -> str:
    """``150 of 300 perturbed cells are in levels of 'batch' without control cells ('B1')``, from masks of cells."""
    found: dict[str, str] = {}
    explained = np.zeros(len(obs), dtype=bool)
    for name, levels in factor_levels(spec, obs).items():
        here = ~control & ~levels.isin(levels[control].unique()).to_numpy()
        if here.any():
            found[repr(name)] = name_some(map(repr, sorted(levels[here].unique())), 5)
            explained |= here
    which = "; ".join(found.values() if len(found) == 1 else (f"{name}: {levels}" for name, levels in found.items()))
    columns = f"levels of {' and '.join(found)}"
    if (~supported & ~explained).any():
        columns = f"levels or combinations of {' and '.join(map(repr, dict.fromkeys(spec.columns.values())))}"
    n, n_all = int((~supported & ~control).sum()), int((~control).sum())
    are, named = "is" if n == 1 else "are", f" ({which})" if which else ""
    return f"{n} of {counted(n_all, 'perturbed cell')} {are} in {columns} without control cells{named}"

"""Covariates: obs columns or a formula → the blocks that the core takes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.columns import holds_measurements, is_number, numbers_in
from argen._bridge.validate import check_complete, name_some, read_column, read_numbers
from argen._core.screen import Covariates
from argen.errors import DesignError, InputError

__all__ = [
    "CovariateSpec",
    "build_covariates",
    "complete_cells",
    "factor_levels",
    "numeric_columns",
    "parse_covariates",
    "with_fixed_types",
]

_CATEGORICAL_CALL = re.compile(r"\bC\(\s*(?:`([^`]+)`|([\w.]+))\s*\)")
_OPERATOR = re.compile(r"[+:*~]|C\(")
_ANSI = re.compile(r"\x1b\[[0-9;]*m|[⧛⧚]")
_COLLINEAR = 1e-9


@dataclass(frozen=True, slots=True)
class CovariateSpec:
    """A checked formula over obs columns.

    Attributes
    ----------
    formula
        Terms over quoted names, ``C(x)`` being such a name, without intercept; empty without covariates.
    columns
        obs columns by the name that the formula uses for them.
    categorical
        Names that are to be taken as categorical whatever their type.
    parsed
        obs columns whose texts, categories or objects are measurements, and taken as numbers, in all their cells: of
        some cells alone they might look like names.
    """

    formula: str
    columns: dict[str, str]
    categorical: frozenset[str]
    parsed: frozenset[str] = frozenset()

    @property
    def main_effects(self) -> tuple[str, ...]:
        """The columns, where they enter one by one and as the type that they have; else nothing."""
        return () if self.categorical or "`:`" in self.formula else tuple(dict.fromkeys(self.columns.values()))

    def is_numeric(self, name: str, obs: pd.DataFrame) -> bool:
        """Whether what the formula calls `name` enters as a number."""
        column = self.columns[name]
        return name not in self.categorical and (column in self.parsed or is_number(obs[column]))


def parse_covariates(covariates: str | Sequence[str] | None, obs: pd.DataFrame) -> CovariateSpec:
    """Check `covariates` against the obs columns.

    A formula may name columns, ``C(column)`` for a categorical one, and combine them by ``+``, ``:`` and ``*``. Nothing
    of it is ever evaluated as code.
    """
    if covariates is None or len(covariates) == 0:
        return CovariateSpec("", {}, frozenset())
    if isinstance(covariates, str) and "~" in covariates:
        return _parse_formula(covariates, obs)
    names = [covariates] if isinstance(covariates, str) else list(dict.fromkeys(covariates))
    return _spec([[name] for name in names], {}, obs)


def _parse_formula(text: str, obs: pd.DataFrame) -> CovariateSpec:
    from formulaic import Formula, SimpleFormula
    from formulaic.errors import FormulaicError

    forced = {f"C({quoted or plain})": quoted or plain for quoted, plain in _CATEGORICAL_CALL.findall(text)}
    quoted_calls = _CATEGORICAL_CALL.sub(lambda call: f"`C({call[1] or call[2]})`", text)
    try:
        formula = Formula(quoted_calls)
    except (FormulaicError, SyntaxError) as error:
        reason = _ANSI.sub("", str(error)).split("\n", maxsplit=1)[0]
        msg = f"covariates={text!r} is not a formula such as '~ batch + percent_mito': {reason}"
        raise InputError(msg) from error
    if not isinstance(formula, SimpleFormula):
        msg = f"covariates={text!r} has more than one side; give one such as '~ batch + percent_mito'."
        raise InputError(msg)
    if "1" not in [str(term) for term in formula]:
        msg = f"covariates={text!r} takes the intercept out; argen always fits one. Leave out '0 +' or '- 1'."
        raise InputError(msg)
    terms = [term.factors for term in formula if str(term) != "1"]
    for factor in (factor for factors in terms for factor in factors):
        if factor.eval_method.value != "lookup":
            msg = (
                f"covariates={text!r} holds the expression {factor.expr!r}, and argen evaluates no code. "
                "Put its values into an obs column and name that."
            )
            raise InputError(msg)
    return _spec([[factor.expr for factor in factors] for factors in terms], forced, obs)


def _spec(terms: Sequence[Sequence[str]], forced: Mapping[str, str], obs: pd.DataFrame) -> CovariateSpec:
    """Formula without intercept (the main factor spans it) over quoted names, which are checked."""
    columns = {name: forced.get(name, name) for term in terms for name in term}
    _check_columns(columns.values(), obs)
    formula = " + ".join(":".join(f"`{name}`" for name in term) for term in terms)
    parsed = {column for name, column in columns.items() if name not in forced and holds_measurements(obs[column])}
    return CovariateSpec(formula, columns, frozenset(forced), frozenset(parsed))


def numeric_columns(spec: CovariateSpec, obs: pd.DataFrame) -> list[str]:
    """Columns of obs that enter as numbers, in the order of the formula."""
    return list(dict.fromkeys(spec.columns[name] for name in spec.columns if spec.is_numeric(name, obs)))


def factor_levels(spec: CovariateSpec, obs: pd.DataFrame) -> dict[str, pd.Series]:
    """The level of each cell in every obs column that enters as a factor."""
    factors = dict.fromkeys(spec.columns[name] for name in spec.columns if not spec.is_numeric(name, obs))
    return {column: _levels(obs[column]) for column in factors}


def complete_cells(spec: CovariateSpec, obs: pd.DataFrame) -> np.ndarray:
    """Mask of the cells that have all covariates."""
    complete = np.ones(len(obs), dtype=bool)
    for column in set(spec.columns.values()):
        complete &= obs[column].notna().to_numpy()
        if column in spec.parsed:
            complete &= ~np.isnan(numbers_in(obs[column]))
    return complete


def with_fixed_types(spec: CovariateSpec, obs: pd.DataFrame) -> pd.DataFrame:
    """`obs` in which every covariate is a number or a factor as in `spec`, whichever of its cells are looked at."""
    fixed = {}
    for column in set(spec.columns.values()):
        if column in spec.parsed:
            fixed[column] = numbers_in(obs[column])
        elif not pd.api.types.is_numeric_dtype(obs[column].dtype) and numbers_in(obs[column]) is not None:
            levels = _levels(obs[column])
            fixed[column] = levels.cat.rename_categories([f"level {name}" for name in levels.cat.categories])
    return obs.assign(**fixed)


def _check_columns(columns: Sequence[str], obs: pd.DataFrame) -> None:
    for name in columns:
        read_column(obs, name, f"covariate {name!r}", " A formula starts with '~'." if _OPERATOR.search(name) else "")
        if "`" in name:
            msg = f"covariate {name!r} has a backtick in its name, which formulas use to quote. Rename the column."
            raise InputError(msg)


def build_covariates(spec: CovariateSpec, obs: pd.DataFrame) -> tuple[Covariates, np.ndarray]:
    """Blocks for the cells of `obs`, and which cells are alone in a level of a categorical covariate.

    Numeric columns are standardised (ddof 0). The categorical term with the most levels becomes the main factor.
    """
    n = len(obs)
    frame = _columns(spec, obs)
    if not spec.columns:
        return Covariates(np.zeros(n, dtype=np.int64), np.zeros((n, 0)), np.zeros((n, 0))), np.zeros(n, dtype=bool)
    alone = _alone(frame)
    if alone.any():  # the caller drops these cells and comes back; their levels would only be in the way
        return Covariates(np.zeros(n, dtype=np.int64), np.zeros((n, 0)), np.zeros((n, 0))), alone
    covariates = _blocks(_materialise(spec, frame), n)
    _check_collinear(covariates)
    return covariates, alone


def _columns(spec: CovariateSpec, obs: pd.DataFrame) -> pd.DataFrame:
    frame = {}
    for name, column in spec.columns.items():
        values = obs[column]
        check_complete(values, f"covariate {column!r}", DesignError)
        frame[name] = _standardised(values) if spec.is_numeric(name, obs) else _levels(values)
        if frame[name].nunique() < 2:
            msg = f"covariate {column!r} is constant over the cells of the analysis. Leave it out."
            raise DesignError(msg)
    return pd.DataFrame(frame, index=obs.index)


def _standardised(values: pd.Series) -> pd.Series:
    number = read_numbers(values, f"covariate {values.name!r}", error=DesignError)
    spread = number.std()
    centred = number - number.mean()
    # A spread at rounding level is no spread: it would be noise blown up to unit variance.
    tiny = spread <= 1e-12 * np.abs(number).max(initial=0.0)
    return pd.Series(np.zeros_like(number) if tiny else centred / spread, index=values.index)


def _levels(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.remove_unused_categories()
        names = values.cat.categories.astype(str)
        return pd.Series(pd.Categorical.from_codes(values.cat.codes, names), index=values.index)
    return pd.Series(pd.Categorical(values.astype(str)), index=values.index)


def _alone(frame: pd.DataFrame) -> np.ndarray:
    alone = np.zeros(len(frame), dtype=bool)
    for _, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy()
            alone |= np.bincount(codes)[codes] == 1
    return alone


def _materialise(spec: CovariateSpec, frame: pd.DataFrame):
    import tabmat

    return tabmat.from_formula(
        spec.formula, frame, ensure_full_rank=True, cat_threshold=1, sparse_threshold=0.0, context={}
    )


def _blocks(matrix, n: int) -> Covariates:
    """One-hot main factor, 0/1 columns of the other factors, numeric columns."""
    import tabmat

    categorical = [block for block in matrix.matrices if isinstance(block, tabmat.CategoricalMatrix)]
    numeric = [block for block in matrix.matrices if not isinstance(block, tabmat.CategoricalMatrix)]
    is_plain = all(":" not in str(term) for block in categorical for term in block.get_names("term"))
    spans_intercept = [block for block in categorical if not block.drop_first]
    candidates = categorical if is_plain and spans_intercept else spans_intercept
    main = max(candidates, key=lambda block: len(block.categories), default=None)
    level, names = np.zeros(n, dtype=np.int64), []
    if main is not None:
        present, level = np.unique(main.indices, return_inverse=True)
        names = main.categories[present[1:]].tolist()
    dummies = [_dummies(block) for block in categorical if block is not main]
    columns = [(block.toarray(), block.get_names("column")) for block in numeric]
    hot, hot_names = _join(dummies, n)
    values, value_names = _join(columns, n)
    return Covariates(level.ravel().astype(np.int64), hot, values, (*names, *hot_names, *value_names))


def _dummies(block) -> tuple[np.ndarray, list[str]]:
    """Columns of a factor beside the main one: its first level is the reference, since the main one spans 1."""
    codes = np.arange(1, len(block.categories))
    hot = (np.asarray(block.indices)[:, None] == codes).astype(np.float64)
    return hot, block.get_names("column")[-len(codes) :]


def _join(blocks: Sequence[tuple[np.ndarray, Sequence[str]]], n: int) -> tuple[np.ndarray, list[str]]:
    """Columns side by side, without those that are zero everywhere: combinations of levels that no cell has."""
    values = np.hstack([np.zeros((n, 0)), *(columns for columns, _ in blocks)])
    names = [name for _, block_names in blocks for name in block_names]
    used = values.any(axis=0)
    return values[:, used], [name for name, keep in zip(names, used, strict=True) if keep]


def _check_collinear(covariates: Covariates) -> None:
    """Name the columns that the intercept and the columns before them determine."""
    n, n_levels = len(covariates.level), int(covariates.level.max()) + 1
    one_hot = sparse.csr_array((np.ones(n), (np.arange(n), covariates.level)), shape=(n, n_levels))
    border = np.hstack([covariates.dummies, covariates.numeric])
    if border.shape[1] == 0:
        return
    # Within-level deviations: what the one-hot columns leave of the others.
    means = (one_hot.T @ border) / one_hot.sum(axis=0)[:, None]
    within = border - means[covariates.level]
    scale = np.linalg.norm(border, axis=0)
    names = covariates.names[len(covariates.names) - border.shape[1] :]
    basis = np.zeros((n, 0))
    dependent = []
    for column, norm, name in zip(within.T, scale, names, strict=True):
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        length = np.linalg.norm(rest)
        if length <= _COLLINEAR * norm:
            dependent.append(name)
        else:
            basis = np.column_stack([basis, rest / length])
    if dependent:
        others = [name for name in covariates.names if name not in dependent]
        msg = (
            f"covariate columns {name_some(dependent)} are collinear with the intercept and the other covariates "
            f"({name_some(others)}). Leave one of the covariates out."
        )
        raise DesignError(msg)

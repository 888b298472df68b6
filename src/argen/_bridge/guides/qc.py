"""Quality control: which cells and perturbations each rule removes, and why."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.checks.depth_scale import depth_finding, totals_of
from argen._bridge.columns import stored_as
from argen._bridge.counts import read_counts, tell_of_counts
from argen._bridge.features import genes_of
from argen._bridge.gene_names import gene_names
from argen._bridge.guides.knockdown import KnockdownDesign, read_guides, target_knockdowns
from argen._bridge.guides.names import STATUS_WORDS
from argen._bridge.remembered import remembered_depth
from argen._bridge.results.entries import new_entry, write_entry
from argen._bridge.validate import name_quoted, read_column, read_numbers
from argen.errors import DesignError, InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["QcLimits", "QcResult", "apply_rules", "write_qc"]

_MITO_PREFIXES = ("MT-", "mt-", "Mt-")


@dataclass(frozen=True, slots=True, kw_only=True)
class QcLimits:
    """Limits of the rules, `None` for a rule that is not asked for; see :func:`argen.pp.argen_qc`."""

    min_depth: float | None
    max_depth: float | None
    min_genes: float | None
    max_genes: float | None
    max_percent_mito: float | None
    one_perturbation: bool
    min_cells: int | None
    min_knockdown_z: float | None


@dataclass(frozen=True, slots=True)
class QcResult:
    """Which cells pass, the rule that removes each of the others first, and the table of rules."""

    passes: np.ndarray
    reason: pd.Categorical
    rules: pd.DataFrame


@dataclass(slots=True)
class _Rule:
    name: str
    limit: float
    why: str
    fails: np.ndarray
    perturbations: list[str]


def apply_rules(
    adata: "AnnData",
    limits: QcLimits,
    guides: str,
    columns: dict[str, str | None],
    design: KnockdownDesign,
) -> QcResult:
    """Apply the rules on cells, then those on perturbations to the cells that are left.

    Parameters
    ----------
    adata
        Counts, and the result of guide calling if a rule needs perturbations.
    limits
        The rules.
    guides
        Name of that result.
    columns
        obs columns for ``n_genes`` and ``percent_mito``, `None` to compute them.
    design
        Depth, layer, covariates and names of genes for the knock-downs.
    """
    perturbation = _perturbation_of_cells(adata, guides) if _needs_perturbations(limits) else None

    @cache
    def counts():
        tell_of_counts(adata, design.layer)
        return read_counts(adata, design.layer)

    rules = _cell_rules(adata, limits, columns, design, counts)
    if limits.one_perturbation:
        rules += _status_rules(perturbation)
    passes = ~np.logical_or.reduce([rule.fails for rule in rules] or [np.zeros(adata.n_obs, dtype=bool)])
    if limits.min_cells is not None:
        rules.append(_few_cells(perturbation, passes, limits.min_cells))
        passes &= ~rules[-1].fails
    if limits.min_knockdown_z is not None:
        _check_controls(perturbation, passes)
        counts()  # what is odd about them is said before they are used
        table = target_knockdowns(adata, guides, design, passes)
        rules.append(_weak_knockdown(perturbation, table, limits.min_knockdown_z))
        passes &= ~rules[-1].fails
    if not passes.any():
        counts = ", ".join(f"{rule.name}: {int(rule.fails.sum())}" for rule in rules)
        msg = f"No cell would be left. Cells that fail by rule: {counts}. Relax the rules; nothing was changed."
        raise DesignError(msg)
    return QcResult(passes, *_tables(rules, passes, perturbation))


def _needs_perturbations(limits: QcLimits) -> bool:
    return limits.one_perturbation or limits.min_cells is not None or limits.min_knockdown_z is not None


def _perturbation_of_cells(adata: "AnnData", guides: str) -> np.ndarray:
    result = read_guides(adata, guides)
    return adata.obs[result.settings["perturbation_key"]].astype(str).to_numpy(dtype=object)


def _cell_rules(
    adata: "AnnData", limits: QcLimits, columns: dict[str, str | None], design: KnockdownDesign, counts: Callable
) -> list[_Rule]:
    """Rules on depth, number of genes and mitochondrial share; each quantity is computed only if it is needed."""
    quantities: dict[str, Callable[[], np.ndarray]] = {
        "depth": lambda: _depth(adata, design.depth, counts),
        "genes": lambda: _n_genes(adata, columns["n_genes"], counts),
        "percent_mito": lambda: _percent_mito(adata, columns["percent_mito"], counts, design.gene_symbols),
    }
    known: dict[str, np.ndarray] = {}
    words = {"depth": "depth", "genes": "detected genes", "percent_mito": "percent of mitochondrial counts"}
    rules = []
    for name in ("min_depth", "max_depth", "min_genes", "max_genes", "max_percent_mito"):
        limit = getattr(limits, name)
        if limit is None:
            continue
        side, _, quantity = name.partition("_")
        if quantity not in known:  # what is said of a column is said once
            known[quantity] = quantities[quantity]()
        values = known[quantity]
        fails = values < limit if side == "min" else values > limit
        why = f"{words[quantity]} {'below' if side == 'min' else 'above'} {limit:g}"
        rules.append(_Rule(name, float(limit), why, fails, []))
    return rules


def _depth(adata: "AnnData", column: str | None, counts: Callable) -> np.ndarray:
    values = remembered_depth(adata, column, counts)
    if column in adata.obs:
        _say_stored(adata, column, "depth")
        with suppress(InputError):  # a rule on this column needs no counts
            if found := depth_finding(column, values, totals_of(counts())):
                log.warning(f"{found.what}. {found.advice}")
    return values


def _n_genes(adata: "AnnData", column: str | None, counts: Callable) -> np.ndarray:
    if column is not None:
        return _column(adata, column, "n_genes")
    return counts().genes_per_cell()


def _percent_mito(adata: "AnnData", column: str | None, counts: Callable, gene_symbols: str | None) -> np.ndarray:
    if column is None and "percent_mito" in adata.obs:
        column = "percent_mito"
    if column is not None:
        return _column(adata, column, "percent_mito")
    names = gene_names(adata, gene_symbols)
    is_mito = np.array([names.show(gene).startswith(_MITO_PREFIXES) for gene in genes_of(adata)], dtype=bool)
    if not is_mito.any():
        msg = (
            "max_percent_mito needs mitochondrial genes (names that start with MT-, in adata.var_names or the column "
            "gene_symbols=...), or an obs column with the "
            f"percentage: name it in percent_mito=.... Columns: {name_quoted(adata.obs.columns, 30) or 'none'}."
        )
        raise InputError(msg)
    total, mito = counts().cell_totals(), counts().cell_totals(is_mito)
    return 100.0 * np.divide(mito, total, out=np.zeros(len(total)), where=total > 0)


def _column(adata: "AnnData", name: str, argument: str) -> np.ndarray:
    what = f"{argument}={name!r}"
    values = read_numbers(read_column(adata.obs, name, what), what)
    _say_stored(adata, name, argument)
    return values


def _say_stored(adata: "AnnData", name: str, argument: str) -> None:
    if stored := stored_as(adata.obs[name]):
        log.warning(f"{argument}={name!r} is stored as {stored}, and read as numbers")


def _status_rules(perturbation: np.ndarray) -> list[_Rule]:
    none = np.isin(perturbation, ["unassigned", "nan"])
    return [
        _Rule("no perturbation", np.nan, "no guide was called", none, []),
        _Rule("multiple perturbations", np.nan, "guides of several perturbations", perturbation == "multiple", []),
    ]


def _few_cells(perturbation: np.ndarray, passes: np.ndarray, min_cells: int) -> _Rule:
    names = sorted(set(perturbation) - {*STATUS_WORDS, "nan"})
    few = [name for name in names if np.sum(passes & (perturbation == name)) < min_cells]
    why = f"perturbation with fewer than {min_cells} cells that pass the rules above"
    return _Rule("min_cells", float(min_cells), why, passes & np.isin(perturbation, few), few)


def _weak_knockdown(perturbation: np.ndarray, table: pd.DataFrame, min_z: float) -> _Rule:
    measured = table[(table["gene"] != "") & (table["n_cells"] > 0)]
    strong = measured["z"] <= -min_z
    weak = measured.loc[~strong, "target"].tolist()
    unmeasured = int(np.sum((table["gene"] == "") & (table["n_cells"] > 0)))
    why = f"perturbation whose knock-down has z above {-min_z:g}"
    if unmeasured:
        why += f" ({unmeasured} perturbations are not measured and stay)"
    return _Rule("min_knockdown_z", min_z, why, np.isin(perturbation, weak), weak)


def _check_controls(perturbation: np.ndarray, passes: np.ndarray) -> None:
    if not (passes & (perturbation == "control")).any():
        msg = "No control cell passes the rules on cells, so knock-downs are unknown. Relax them; nothing was changed."
        raise DesignError(msg)


def _tables(
    rules: list[_Rule], passes: np.ndarray, perturbation: np.ndarray | None
) -> tuple[pd.Categorical, pd.DataFrame]:
    """First rule that each cell fails, and cells and perturbations by rule."""
    names = [rule.name for rule in rules]
    first = np.full(len(passes), -1)
    rows = []
    for number, rule in enumerate(rules):
        new = rule.fails & (first < 0)
        first[new] = number
        rows.append((rule.name, rule.limit, int(rule.fails.sum()), int(new.sum()), len(rule.perturbations), rule.why))
        rows[-1] += (", ".join(rule.perturbations),)
    kept = set() if perturbation is None else set(perturbation[passes]) - {*STATUS_WORDS, "nan"}
    rows.append(("kept", np.nan, int(passes.sum()), 0, len(kept), "passes every rule", ""))
    columns = ["rule", "limit", "n_cells", "n_cells_first", "n_perturbations", "why", "perturbations"]
    return pd.Categorical.from_codes(first, categories=names), pd.DataFrame(rows, columns=columns)


def write_qc(adata: "AnnData", key_added: str, result: QcResult, params: dict[str, object], *, subset: bool) -> None:
    """Write marks and tables; keep only the cells that pass if `subset`."""
    if subset and not result.passes.all():
        adata._inplace_subset_obs(result.passes)  # as scanpy's own filters do
        kept = result.passes
    else:
        kept = np.ones(len(result.passes), dtype=bool)
    adata.obs[key_added] = result.passes[kept]
    adata.obs[f"{key_added}_reason"] = result.reason[kept]
    write_entry(adata, new_entry(key_added, "qc", params, {"rules": result.rules}))

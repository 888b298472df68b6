"""Pairs of a large descendant step: three matrices of 9 bytes a pair, and a table of those that a network rests on.

A step of at most :data:`MANY_PAIRS` pairs has the table ``pairs`` of all of them. A larger one has those that are
significant or descendants in it, and beside it the matrices ``effect``, ``log_p`` and ``status`` of all pairs,
[source, target], the knock-downs on their diagonal: that they are there tells the two forms apart.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from argen._bridge.results.entries import Entry
from argen._bridge.results.tables import PAIR_FLAGS, TESTS_USED, categorical, flags
from argen._core.diagnostics.power import bh_level
from argen._core.fdr import adjusted_from_log
from argen._core.normal import log_p_two_sided, size_of_z
from argen._core.results import DescendantTests, Relation

__all__ = [
    "MANY_PAIRS",
    "all_pairs",
    "are_many",
    "has_all_pairs",
    "level_of_pairs",
    "matrices",
    "packed",
    "positions",
    "read_large",
    "rests_on",
    "unpacked",
]

# Ordered pairs up to which the table has all of them: those of 2,236 genes, some 400 MB.
MANY_PAIRS = 5_000_000
# The last four bits of `status` are the flag, the next one tells the test.
_SCORED = 16


def are_many(n_genes: int) -> bool:
    """Whether the pairs of so many genes are too many for a table of all of them."""
    return n_genes * (n_genes - 1) > MANY_PAIRS


def has_all_pairs(tables: Mapping[str, Any]) -> bool:
    """Whether the table ``pairs`` of a descendant step has all pairs."""
    return "log_p" not in tables


def packed(status: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """Flag and test of each pair in one byte."""
    return (status + _SCORED * scored).astype(np.uint8)


def unpacked(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flags and whether the score test was used, from :func:`packed`."""
    return codes % _SCORED, codes >= _SCORED


def rests_on(relation: Relation) -> np.ndarray:
    """Pairs that stay in the table of a large step, shape (p, p)."""
    return relation.significant | relation.descendant


def matrices(tests: DescendantTests) -> dict[str, np.ndarray]:
    """The matrices of a large step, 9 bytes a pair."""
    return {
        "effect": tests.effect.astype(np.float32),
        "log_p": _rounded_up(tests.log_p),
        "status": packed(tests.status, tests.scored),
    }


def _rounded_up(values: np.ndarray) -> np.ndarray:
    """As float32, never smaller: by rounding alone no pair gets significant."""
    rounded = values.astype(np.float32)
    smaller = rounded < values
    rounded[smaller] = np.nextafter(rounded[smaller], np.float32(np.inf))
    return rounded


def positions(pairs: pd.DataFrame, genes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets of the rows of a table, as positions among `genes`."""
    index = pd.Index(list(genes))
    source, target = (index.get_indexer(pairs[end].astype(str)) for end in ("source", "target"))
    return source, target


def read_large(
    tables: Mapping[str, Any], at: tuple[np.ndarray, np.ndarray], own: pd.DataFrame
) -> tuple[DescendantTests, Relation]:
    """Tests and relation of a large step.

    Where a search looks, in the table ``pairs`` and on the diagonal, all numbers are those that a table of all pairs
    would have. Elsewhere effects and p-values are rounded to 32 bits, and the rest is NaN.

    Parameters
    ----------
    tables
        Of the entry.
    at
        Sources and targets of the rows of ``pairs``, positions in the matrices.
    own
        Rows of the table of perturbations, in the order of the matrices.
    """
    pairs, shape = tables["pairs"], tables["log_p"].shape
    diagonal = np.diag_indices(len(own))

    def exact(column: str, array: np.ndarray) -> np.ndarray:
        array[at] = pairs[column].to_numpy()
        if column in own.columns:
            array[diagonal] = own[column].to_numpy()
        return array

    def known(column: str) -> np.ndarray:
        return exact(column, np.full(shape, np.nan))

    z, log_p = known("z"), tables["log_p"].astype(np.float64)
    for place in (at, diagonal):
        log_p[place] = log_p_two_sided(z[place])
    status, scored = unpacked(tables["status"])
    tests = DescendantTests(
        effect=exact("effect", tables["effect"].astype(np.float64)),
        se=known("se"),
        z=z,
        log_p=log_p,
        scored=scored,
        status=status,
        count=known("count"),
        expected=known("expected_count"),
    )
    relation = Relation(
        padj=exact("padj", _adjusted(tables["log_p"])),
        significant=exact("significant", np.zeros(shape, dtype=bool)),
        descendant=exact("descendant", np.zeros(shape, dtype=bool)),
        dropped=np.empty((0, 2), dtype=np.int64),
        blocking_paths=(),
    )
    return tests, relation


def _adjusted(log_p: np.ndarray) -> np.ndarray:
    """Adjusted p-values of all pairs; none that is not significant gets smaller than it was before it was rounded."""
    family = log_p.copy()
    np.fill_diagonal(family, np.nan)
    return adjusted_from_log(family)


def level_of_pairs(step: Entry) -> float:
    """Level of the single test in the family of a step's pairs, see :func:`~argen._core.diagnostics.power.bh_level`."""
    tables, alpha = step.tables, step.settings["alpha"]
    n_found = int(tables["pairs"]["significant"].sum())
    if has_all_pairs(tables):
        return bh_level(tables["pairs"]["p"].to_numpy(), n_found, alpha)
    return bh_level(tables["log_p"][_others(tables)], n_found, alpha)


def _others(tables: Mapping[str, Any]) -> np.ndarray:
    """Mask of the pairs of a large step: all but the diagonal."""
    return ~np.eye(len(tables["log_p"]), dtype=bool)


def all_pairs(step: Entry) -> pd.DataFrame:
    """All pairs of a step, by source, then target, with all columns.

    Of a large step the rows that are stored are as they are; of the others ``effect`` and ``p`` are rounded to 32 bits,
    ``z`` and ``padj`` come from these, and ``se``, ``count`` and ``expected_count`` are missing.
    """
    tables, stored = step.tables, step.tables["pairs"]
    if has_all_pairs(tables):
        return stored
    genes = tables["genes"]["gene"].astype(str).tolist()
    others, p = _others(tables), len(genes)
    source, target = np.nonzero(others)
    kept_source, kept_target = positions(stored, genes)
    kept = kept_source * (p - 1) + kept_target - (kept_target > kept_source)

    def exact(column: str, values: np.ndarray | None = None) -> np.ndarray:
        values = np.full(len(source), np.nan) if values is None else values
        values[kept] = stored[column].to_numpy()
        return values

    effect, log_p = (tables[name][others].astype(np.float64) for name in ("effect", "log_p"))
    status, scored = unpacked(tables["status"][others])
    test = np.where(np.isfinite(log_p), scored, len(TESTS_USED) - 1).astype(np.int64)
    n_perturbed = tables["perturbations"].set_index("perturbation")["n_supported"].loc[genes].to_numpy()
    n_control = tables["cells"].set_index("cells")["n"]["control"]
    return pd.DataFrame(
        {
            "source": categorical(source, genes),
            "target": categorical(target, genes),
            "effect": exact("effect", effect),
            "se": exact("se"),
            "z": exact("z", np.sign(effect) * size_of_z(log_p)),
            "p": exact("p", np.exp(log_p)),
            "test": categorical(test, TESTS_USED),
            "padj": exact("padj", _adjusted(tables["log_p"])[others]),
            "significant": exact("significant", np.zeros(len(source), dtype=bool)),
            "descendant": exact("descendant", np.zeros(len(source), dtype=bool)),
            "n_perturbed": n_perturbed[source],
            "n_control": np.full(len(source), n_control),
            "count": exact("count"),
            "expected_count": exact("expected_count"),
            "flags": flags(status, PAIR_FLAGS),
        }
    )

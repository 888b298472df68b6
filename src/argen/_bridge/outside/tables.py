"""Tables of the evidence from outside: annotated candidates, pairs that they are compared with, tests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from argen._bridge.genomics.positions import Positions
from argen._bridge.outside.compared import RANDOM, TESTED, Candidates
from argen._bridge.outside.places import distance_classes
from argen._bridge.outside.sources import FOR_DISTANCE, Source
from argen._core.evidence.comparison import Permuted, compare_ranks, compare_shares, permuted, sign_agreement
from argen._core.fdr import adjusted
from argen._core.graphs.swaps import Pairs, exchanged, within_classes

__all__ = ["CHANCE", "SIGN", "Comparison", "annotated", "comparisons", "genes_table", "tests_table"]

CHANCE, SIGN = "independent signs", "sign"
_COUNTS = ("n", "n_with", "n_other", "n_with_other", "n_shared")
KEPT = ("degree", "distance", "both")  # by a permutation
_NUMBERS = (
    "share", "share_other", "median", "median_other", "odds_ratio", "ci_low", "ci_high", "auc", "p",
    *(f"{what}_{kept}" for kept in KEPT for what in ("p", "expected", "moved")),
)  # fmt: skip
_P = {"p": "padj"} | {f"p_{kept}": f"padj_{kept}" for kept in KEPT}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Edges of a network, and what they are compared with.

    Attributes
    ----------
    name
        What the others are.
    pairs
        Both together; the edges are chosen.
    n_shared
        Edges that are left out since they are edges of both networks.
    """

    name: str
    pairs: Pairs
    n_shared: int = 0


def annotated(table: pd.DataFrame, sources: Sequence[Source], source: np.ndarray, target: np.ndarray) -> pd.DataFrame:
    """A table of pairs with a column for every kind of evidence, and of its signs."""
    columns = {}
    for one in sources:
        columns[one.name] = one.of(source, target)
        if one.weight is not None:
            columns[f"{one.name}_sign"] = one.weight(source, target)
    return table.assign(**columns)


def comparisons(
    candidates: Candidates,
    others: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    random: tuple[np.ndarray, np.ndarray],
) -> list[Comparison]:
    """The edges against the other candidates, against random pairs, and against each other network."""
    chosen = candidates.table["selected"].to_numpy(bool)
    edges = (candidates.source[chosen], candidates.target[chosen])
    found = []
    if not chosen.all():
        found.append(Comparison(TESTED, Pairs(candidates.source, candidates.target, chosen)))
    if len(random[0]):
        found.append(Comparison(RANDOM, _joined(edges, random)))
    size = len(candidates.genes)
    mine = edges[0].astype(np.int64) * size + edges[1]
    for label, (source, target, _) in others.items():
        theirs = source.astype(np.int64) * size + target
        own, other = ~np.isin(mine, theirs), ~np.isin(theirs, mine)
        n_shared = int((~own).sum())
        if own.any() and other.any():
            pairs = _joined(tuple(end[own] for end in edges), (source[other], target[other]))
            found.append(Comparison(label, pairs, n_shared))
    return found


def _joined(chosen: tuple[np.ndarray, np.ndarray], others: tuple[np.ndarray, np.ndarray]) -> Pairs:
    ends = [np.concatenate(both) for both in zip(chosen, others, strict=True)]
    return Pairs(*ends, np.arange(len(ends[0])) < len(chosen[0]))


def tests_table(
    candidates: Candidates,
    sources: Sequence[Source],
    compared: Sequence[Comparison],
    positions: Positions | None,
    *,
    ends: np.ndarray,
    n_permutations: int,
    seed: int,
    track: Callable[[Sequence], Iterable],
) -> pd.DataFrame:
    """A row per kind of evidence and comparison, then a row for the signs of each table that has some."""
    rows = [row for one in track(compared) for row in _rows(one, sources, positions, ends, n_permutations, seed)]
    rows += _sign_rows(candidates, sources)
    order = {one.name: i for i, one in enumerate(sources)}
    table = pd.DataFrame(rows).sort_values("evidence", key=lambda names: names.map(order), kind="stable")
    table = table.reindex(columns=["evidence", "kind", "comparison", *_COUNTS, *_NUMBERS, "test"])
    numbers = {name: table[name].fillna(0).astype(np.int64) for name in _COUNTS}
    numbers |= {name: table[name].astype(float) for name in _NUMBERS}
    table = table.assign(**numbers).reset_index(drop=True)
    for p, padj in _P.items():
        table[padj] = adjusted(table[p].to_numpy())
    return table


def _rows(
    one: Comparison,
    sources: Sequence[Source],
    positions: Positions | None,
    ends: np.ndarray,
    n_permutations: int,
    seed: int,
) -> list[dict]:
    pairs = one.pairs
    values = np.column_stack([source.of(pairs.source, pairs.target) for source in sources])
    scored = np.column_stack([_ranks(column) if source.kind == "number" else column
                              for source, column in zip(sources, values.T, strict=True)])  # fmt: skip
    found = _permuted(scored, pairs, positions, ends, n_permutations, seed)
    rows = []
    for i, source in enumerate(sources):
        row = {"evidence": source.name, "kind": source.kind, "comparison": one.name, "n_shared": one.n_shared}
        row |= (_of_shares if source.kind == "share" else _of_ranks)(values[:, i], pairs.chosen)
        for kept, result in found.items():
            if kept == "degree" or source.name not in FOR_DISTANCE:
                row |= {f"p_{kept}": result.p[i], f"moved_{kept}": result.moved[i]}
                row[f"expected_{kept}"] = result.expected[i] if source.kind == "share" else np.nan
        rows.append(row)
    return rows


def _permuted(
    scored: np.ndarray, pairs: Pairs, positions: Positions | None, ends: np.ndarray, n: int, seed: int
) -> dict[str, Permuted]:
    """Permutations by what they keep; without positions they cannot keep distances."""
    found = {"degree": permuted(scored, pairs, exchanged(pairs, n, seed))}
    if positions is not None:
        classes = distance_classes(positions, pairs.source, pairs.target, ends)
        found["distance"] = permuted(scored, pairs, within_classes(pairs, n, seed + 1, classes))
        found["both"] = permuted(scored, pairs, exchanged(pairs, n, seed + 2, classes))
    return found


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of the numbers from 0 to 1, ties in the middle, NaN where there is none."""
    from scipy.stats import rankdata

    known, ranks = np.isfinite(values), np.full(len(values), np.nan)
    ranks[known] = rankdata(values[known]) / max(int(known.sum()), 1)
    return ranks


def _of_shares(value: np.ndarray, chosen: np.ndarray) -> dict:
    found = compare_shares(value, chosen)
    return {
        "n": found.n,
        "n_with": found.n_with,
        "n_other": found.n_other,
        "n_with_other": found.n_with_other,
        "share": found.n_with / found.n if found.n else np.nan,
        "share_other": found.n_with_other / found.n_other if found.n_other else np.nan,
        "odds_ratio": found.odds_ratio,
        "ci_low": found.low,
        "ci_high": found.high,
        "p": found.p,
        "test": "Fisher",
    }


def _of_ranks(value: np.ndarray, chosen: np.ndarray) -> dict:
    found = compare_ranks(value, chosen)
    return {
        "n": found.n,
        "n_other": found.n_other,
        "median": found.median,
        "median_other": found.median_other,
        "auc": found.auc,
        "p": found.p,
        "test": "Wilcoxon",
    }


def _sign_rows(candidates: Candidates, sources: Sequence[Source]) -> list[dict]:
    """Whether signs of edges are those that a table knows, against independent ones that are as common."""
    chosen = candidates.table["selected"].to_numpy(bool)
    ends, coef = (candidates.source[chosen], candidates.target[chosen]), candidates.table["coef"].to_numpy()[chosen]
    rows = []
    for source in sources:
        if source.weight is None:
            continue
        found = sign_agreement(np.sign(coef), source.weight(*ends))
        rows.append(
            {
                "evidence": source.name,
                "kind": SIGN,
                "comparison": CHANCE,
                "n": found.n,
                "n_with": found.n_agree,
                "share": found.n_agree / found.n if found.n else np.nan,
                "share_other": found.expected,
                "ci_low": found.low,
                "ci_high": found.high,
                "p": found.p,
                "test": "Fisher",
            }
        )
    return rows


def genes_table(genes: Sequence[str], positions: Positions | None) -> pd.DataFrame:
    """Where each gene was taken to be; empty names and missing numbers where that is unknown."""
    if positions is None:
        nothing = np.full(len(genes), np.nan)
        return pd.DataFrame({"gene": np.array(genes, dtype=object), "chromosome": "", "start": nothing, "end": nothing,
                             "strand": "", "tss": nothing})  # fmt: skip
    table = positions.table
    strand = np.select([table["strand"] > 0, table["strand"] < 0], ["+", "-"], "").astype(object)
    chromosome = table["chrom"].where(table["chrom"].notna(), "").astype(str).to_numpy(dtype=object)
    return pd.DataFrame(
        {"gene": table["gene"], "chromosome": chromosome, "start": table["start"], "end": table["end"],
         "strand": strand, "tss": table["tss"]}
    )  # fmt: skip

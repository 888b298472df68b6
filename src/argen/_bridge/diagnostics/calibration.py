"""Calibration: non-targeting guides from AnnData, tables out of the null tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.diagnostics.responder_calibration import ResponderPlacebo
from argen._bridge.guides.knockdown import read_guides
from argen._bridge.results.tables import EDGE_KINDS, PAIR_FLAGS, TESTS_USED, categorical
from argen._core.diagnostics.calibration import Placebo
from argen._core.diagnostics.null_rates import inflation, qq_points, rejection_rate
from argen._core.diagnostics.power import bh_level, edge_levels
from argen._core.results import Dag, DescendantTests, PairStatus, Relation
from argen._core.screen import Screen

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["NULLS", "Notes", "PseudoPerturbations", "calibration_tables", "read_control_guides"]

# Where null tests come from; those of responders if they are asked for.
NULLS = ("guides", "splits", "edges")
RESPONDERS = "responders"
LEVELS = {"rate_05": 0.05, "rate_01": 0.01, "rate_001": 0.001}


@dataclass(slots=True)
class Notes:
    """What was left out or done otherwise, and why; becomes the table ``skipped``."""

    rows: list[tuple[str, str, int]] = field(default_factory=list)

    def add(self, what: str, reason: str, n: int) -> None:
        """Note that `n` of `what` are concerned."""
        self.rows.append((what, reason, n))

    def table(self) -> pd.DataFrame:
        """One row per note."""
        columns = list(zip(*self.rows, strict=True)) or [(), (), ()]
        what, reason = (np.array(column, dtype=object) for column in columns[:2])
        return pd.DataFrame({"what": what, "reason": reason, "n": np.array(columns[2], dtype=np.int64)})


@dataclass(frozen=True, slots=True)
class PseudoPerturbations:
    """Control cells that are treated as perturbations.

    Attributes
    ----------
    names
        Guides, or names of splits.
    members
        Positions among the control cells of the screen, one array each.
    wanted
        Size that each was meant to have.
    tests
        [pseudo-perturbation, gene].
    """

    names: list[str]
    members: list[np.ndarray]
    wanted: np.ndarray
    tests: DescendantTests


def read_control_guides(
    adata: "AnnData", screen: Screen, key: str, min_cells: int, notes: Notes
) -> tuple[list[str], list[np.ndarray]]:
    """Non-targeting guides with the control cells whose only guide they are; none if fewer than two are usable.

    Returns
    -------
    names
        Of the guides.
    members
        Their cells, positions among the control cells of `screen`.
    """
    nothing: tuple[list[str], list[np.ndarray]] = ([], [])
    if key not in adata.uns:
        notes.add("guides", f"no guides in uns[{key!r}]: random splits alone", 0)
        return nothing
    guides = read_guides(adata, key).tables["guides"]
    control_guides = np.flatnonzero(guides["is_control"].to_numpy(dtype=bool))
    controls = screen.cell[screen.group == screen.n_groups]
    calls = sparse.csr_array(adata.obsm[key])[controls]
    calls.eliminate_zeros()
    alone = np.flatnonzero(np.diff(calls.indptr) == 1)
    guide = calls.indices[calls.indptr[alone]]
    cells = {g: alone[guide == g] for g in control_guides.tolist()}
    few = [g for g, own in cells.items() if len(own) < min_cells]
    most = [g for g, own in cells.items() if len(controls) - len(own) < min_cells]
    for which, reason in (
        (few, f"fewer than {min_cells} control cells with this guide alone"),
        (most, f"fewer than {min_cells} control cells without it"),
    ):
        if which:
            notes.add("guides", reason, len(which))
    usable = [g for g in cells if g not in few and g not in most]
    if len(usable) < 2:
        notes.add("guides", "fewer than two non-targeting guides to use: random splits alone", len(usable))
        return nothing
    names = guides["guide"].astype(str).to_numpy()
    return [str(names[g]) for g in usable], [cells[g] for g in usable]


def calibration_tables(
    screen: Screen,
    tests: DescendantTests,
    relation: Relation,
    dag: Dag,
    pseudo: dict[str, PseudoPerturbations],
    placebo: Placebo,
    alpha: float,
    notes: Notes,
    responders: ResponderPlacebo | None = None,
) -> dict[str, pd.DataFrame]:
    """All tables of the result; `pseudo` by kind of null, guides before splits."""
    level = bh_level(relation.padj, int(relation.significant.sum()), alpha)
    n_real = int(np.isfinite(relation.padj).sum())
    for nulls, group in pseudo.items():
        _note_untested(nulls, group.tests, notes)
    _note_placebo(placebo, notes)
    if not dag.equations:
        notes.add("edges", "the network has no candidate edges, hence no equation to test", 0)
    summary = [
        _summary_row(nulls, group.tests.log_p, np.full(group.tests.log_p.shape, level), level)
        | _real(n_real, int(relation.significant.sum()))
        for nulls, group in pseudo.items()
    ]
    tested = dag.batch >= 0  # required edges are in the network without a test
    levels = edge_levels(dag.batch, dag.alpha, dag.threshold)
    of_real = _real(int(tested.sum()), int((dag.selected & tested).sum()))
    summary.append(_placebo_row("edges", placebo, levels) | of_real)
    log_ps = {nulls: group.tests.log_p for nulls, group in pseudo.items()} | {"edges": placebo.log_p}
    equations, kinds = _equations_table(screen, dag, placebo), NULLS
    if responders is not None:
        kinds = (*NULLS, RESPONDERS)
        summary.append(_responders_row(responders))
        log_ps[RESPONDERS] = responders.placebo.log_p
        equations = _with_responders(equations, responders)
        _note_placebo(responders.placebo, notes, " of responders", " to responders")
    table = pd.DataFrame(summary)
    table["expected_false"] = table["rate_level"] * table["n_real"]
    table["expected_false_high"] = table["rate_level_high"] * table["n_real"]
    table["inflation"] = [inflation(log_p.ravel()) for log_p in log_ps.values()]
    table["nulls"] = pd.Categorical(table["nulls"], kinds)
    qq = pd.concat(
        [pd.DataFrame({"nulls": nulls} | qq_points(log_p.ravel())) for nulls, log_p in log_ps.items()],
        ignore_index=True,
    )
    qq["nulls"] = pd.Categorical(qq["nulls"], kinds)
    return {
        "summary": table,
        "pseudo_perturbations": _pseudo_table(pseudo, level),
        "equations": equations,
        "qq": qq,
        "positive_controls": _positive_controls(screen, tests, level),
        "skipped": notes.table(),
    }


def _placebo_row(nulls: str, placebo: Placebo, levels: np.ndarray) -> dict[str, object]:
    """Rates of placebo edges; `levels` of every edge of the analysis, NaN where there was no test."""
    levels = levels[placebo.edge]
    rows = np.isfinite(levels)
    levels, log_p = levels[rows], placebo.log_p[rows]
    in_force = float(np.mean(levels)) if len(levels) else np.nan
    return _summary_row(nulls, log_p.T, np.broadcast_to(levels[:, None], log_p.shape).T, in_force)


def _responders_row(responders: ResponderPlacebo) -> dict[str, object]:
    """The level in force is the cut-off of Benjamini and Hochberg over all candidate edges to responders."""
    table = responders.edges.table
    n_real, n_found = int(np.isfinite(table["padj"]).sum()), int(table["selected"].sum())
    return _placebo_row(RESPONDERS, responders.placebo, table["threshold"].to_numpy()) | _real(n_real, n_found)


def _with_responders(equations: pd.DataFrame, responders: ResponderPlacebo) -> pd.DataFrame:
    """Equations of the network and of responders; `kind` tells which."""
    edges, drawn = responders.edges, responders.drawn
    n_candidates = edges.inside(tested=True).sum(axis=0)[drawn]
    levels = edges.table["threshold"].to_numpy()
    further = _per_equation(edges.responders[drawn], n_candidates, responders.placebo, levels)
    both = [equations.assign(target=equations["target"].astype(str)), further]
    names = np.concatenate([table["target"].to_numpy(dtype=object) for table in both])
    kinds = np.repeat(EDGE_KINDS, [len(table) for table in both])
    joined = pd.concat([table.drop(columns="target") for table in both], ignore_index=True)
    joined.insert(0, "target", pd.Categorical(names))
    return joined.assign(kind=pd.Categorical(kinds, EDGE_KINDS))


def _real(n_real: int, n_discoveries: int) -> dict[str, int]:
    return {"n_real": n_real, "n_discoveries": n_discoveries}


def _summary_row(nulls: str, log_p: np.ndarray, levels: np.ndarray, in_force: float) -> dict[str, object]:
    """Rates of tests [cluster, test]."""
    tested = ~np.isnan(log_p)
    row: dict[str, object] = {"nulls": nulls, "n_pseudo": len(log_p), "n_tests": int(tested.sum())}
    with np.errstate(divide="ignore"):
        cuts = {name: np.log(level) for name, level in LEVELS.items()} | {"rate_level": np.log(levels)}
    for name, cut in cuts.items():
        if name == "rate_level":
            row["level"] = in_force
        found = rejection_rate(np.nan_to_num(log_p, nan=0.0, neginf=-np.inf) <= cut, tested)
        row |= {name: found.rate, f"{name}_se": found.se}
    row["rate_level_high"] = found.high
    return row


def _pseudo_table(pseudo: dict[str, PseudoPerturbations], level: float) -> pd.DataFrame:
    parts = []
    for nulls, group in pseudo.items():
        p = group.tests.p
        n_tests = np.isfinite(p).sum(axis=1)
        with np.errstate(invalid="ignore"):
            below, at_05 = (p <= level).sum(axis=1), (p <= LEVELS["rate_05"]).sum(axis=1)
        parts.append(
            pd.DataFrame(
                {
                    "nulls": nulls,
                    "name": np.array(group.names, dtype=object),
                    "n_cells": [len(cells) for cells in group.members],
                    "n_cells_wanted": group.wanted,
                    "n_tests": n_tests,
                    "rate_05": np.where(n_tests > 0, at_05 / np.maximum(n_tests, 1), np.nan),
                    "min_p": np.nanmin(np.where(np.isnan(p), np.inf, p), axis=1, initial=np.inf),
                    "n_below_level": below,
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    table["nulls"] = pd.Categorical(table["nulls"], NULLS[:2])
    table["min_p"] = table["min_p"].where(table["n_tests"] > 0)
    return table


def _equations_table(screen: Screen, dag: Dag, placebo: Placebo) -> pd.DataFrame:
    targets = categorical(np.array([e.target for e in dag.equations], dtype=np.int64), screen.genes)
    n_candidates = np.array([e.n_candidates for e in dag.equations], dtype=np.int64)
    return _per_equation(targets, n_candidates, placebo, edge_levels(dag.batch, dag.alpha, dag.threshold))


def _per_equation(targets: object, n_candidates: np.ndarray, placebo: Placebo, levels: np.ndarray) -> pd.DataFrame:
    """One row per equation; `levels` of every edge of the analysis."""
    tested = np.isfinite(placebo.log_p)
    p = np.exp(placebo.log_p)
    with np.errstate(invalid="ignore"):
        below = {"05": p <= LEVELS["rate_05"], "threshold": p <= levels[placebo.edge][:, None]}

    def per_equation(mask: np.ndarray) -> np.ndarray:
        return np.bincount(placebo.equation, weights=mask.sum(axis=1), minlength=len(targets)).astype(np.int64)

    n_tests = per_equation(tested)
    return pd.DataFrame(
        {
            "target": targets,
            "n_candidates": n_candidates,
            "size_factor": placebo.factor,
            "smallest_group": placebo.smallest,
            "n_tests": n_tests,
            "rate_05": np.where(n_tests > 0, per_equation(below["05"]) / np.maximum(n_tests, 1), np.nan),
            "n_below_threshold": per_equation(below["threshold"]),
            "reason": np.array(placebo.reason, dtype=object),
        }
    )


def _positive_controls(screen: Screen, tests: DescendantTests, level: float) -> pd.DataFrame:
    own = np.arange(screen.n_genes)
    effect, p = tests.effect[own, own], tests.p[own, own]
    code = np.where(np.isfinite(p), tests.scored[own, own], len(TESTS_USED) - 1).astype(np.int64)
    with np.errstate(invalid="ignore"):
        falls, below = effect < 0, p <= level
    return pd.DataFrame(
        {
            "perturbation": np.array(screen.genes, dtype=object),
            "n_cells": screen.n_per_group[:-1],
            "effect": effect,
            "se": tests.se[own, own],
            "p": p,
            "test": categorical(code, TESTS_USED),
            "falls": falls,
            "detected": falls & below,
        }
    )


def _note_untested(nulls: str, tests: DescendantTests, notes: Notes) -> None:
    missing = np.isnan(tests.log_p)
    for status in np.unique(tests.status[missing]).tolist():
        n = int((missing & (tests.status == status)).sum())
        notes.add(f"tests of {nulls}", PAIR_FLAGS[PairStatus(int(status))] or "no p-value", n)


def _note_placebo(placebo: Placebo, notes: Notes, of: str = "", to: str = "") -> None:
    for reason in sorted({reason for reason in placebo.reason if reason}):
        notes.add(f"equations{of}", reason, placebo.reason.count(reason))
    if n_failed := int(np.isnan(placebo.log_p).sum()):
        notes.add(f"tests of edges{to}", "not estimable or not converged", n_failed)
    if n_smaller := int((placebo.factor < 1.0).sum()):
        median = np.median(placebo.factor[placebo.factor < 1.0])
        reason = f"placebo groups smaller than the real ones (factor {median:.2g} in the median)"
        notes.add(f"equations{of}", reason, n_smaller)


def names_of_splits(n: int) -> Sequence[str]:
    """Names of random splits."""
    return [f"split {i + 1}" for i in range(n)]

"""The tables that results are stored as, and the words in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from argen._bridge.inputs import ScreenReport
from argen._bridge.validate import name_some
from argen._core.dag.loops import loop_pairs, loops_of_equations
from argen._core.descendants.dispersion import Dispersions, Fallback
from argen._core.descendants.prior import Prior
from argen._core.fdr import adjusted
from argen._core.glm.families import FAMILIES
from argen._core.graphs.reach import strong_components
from argen._core.measured.shifts import Shifts
from argen._core.results import ConfidenceSet, Dag, DescendantTests, Direction, EdgeStatus, PairStatus, Relation
from argen._core.screen import Screen

__all__ = [
    "DIRECTIONS",
    "EDGE_FLAGS",
    "EDGE_KINDS",
    "PAIR_FLAGS",
    "ROBUST_SETS",
    "SHIFTED",
    "TESTS_USED",
    "WEAK_F",
    "components_table",
    "cycles_table",
    "dropped_pairs_table",
    "edges_table",
    "equations_table",
    "genes_table",
    "loop_name",
    "pairs_table",
    "perturbations_table",
    "shifts_table",
]

# What users read in the `flags` columns.
FALLBACKS = {
    Fallback.NONE: "",
    Fallback.NO_OVERDISPERSION: "no over-dispersion",
    Fallback.NO_CONTROL_COUNTS: "no control counts",
    Fallback.AT_BOUND: "dispersion at its bound",
}
# Over-dispersion that costs Poisson weights efficiency: a variance of at least 1.5 times the mean.
_WORTH_IT = 0.5
DIRECTIONS = {
    Direction.ONE_WAY: "one way",
    Direction.EVIDENCE: "evidence",
    Direction.ORDER: "order",
    Direction.TIE: "tie",
    Direction.PRIOR: "prior",
}
# Edges, tests and placebo equations: among the genes of a network, and from them to responders.
EDGE_KINDS = ("network", "responder")
TESTS_USED = ("wald", "score", "")  # the last where there is no p-value
PAIR_FLAGS = {
    PairStatus.OK: "",
    PairStatus.SEPARATED: "separated",
    PairStatus.NO_CONTROL_COUNTS: "no control counts",
    PairStatus.NOT_CONVERGED: "not converged",
    PairStatus.NOT_ESTIMABLE: "not estimable",
    PairStatus.SINGLE_CELL: "single cell",
    PairStatus.FEW_COUNTS: "few counts",
}
EDGE_FLAGS = {
    EdgeStatus.OK: "",
    EdgeStatus.SEPARATED: "separated",
    EdgeStatus.NOT_CONVERGED: "not converged",
    EdgeStatus.SINGULAR: "singular",
    EdgeStatus.UNTESTABLE: "untestable",
    EdgeStatus.FORBIDDEN: "forbidden",
}
# The shape of the confidence set of the weak-instrument-robust test.
ROBUST_SETS = {
    ConfidenceSet.NONE: "",
    ConfidenceSet.INTERVAL: "interval",
    ConfidenceSet.RAY: "one side unbounded",
    ConfidenceSet.TWO_RAYS: "all but an interval",
    ConfidenceSet.LINE: "everything",
    ConfidenceSet.PIECES: "several pieces",
}
# What a shift is of.
SHIFTED = ("perturbation", "gene")
MOST_LOOPS_NAMED = 10  # in the column `loop` of one edge; dropped_pairs and cycles have all of them
# Staiger and Stock's rule of thumb for the F statistic of an instrument.
WEAK_F = 10.0


def categorical(codes: np.ndarray, names: Sequence[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, list(names))


def flags(status: np.ndarray, names: Mapping[Any, str]) -> pd.Categorical:
    return pd.Categorical.from_codes(status.astype(np.int64), [names[code] for code in sorted(names)])


def perturbations_table(
    screen: Screen, report: ScreenReport, tests: DescendantTests, relation: Relation
) -> pd.DataFrame:
    """Kept perturbations with their on-target effect, then the dropped ones with the reason."""
    own = np.arange(screen.n_genes)
    dropped = sorted(report.dropped)
    nothing = np.full(len(dropped), np.nan)
    table = {
        "perturbation": [*screen.genes, *dropped],
        "status": pd.Categorical(["kept"] * screen.n_genes + ["dropped"] * len(dropped), ["kept", "dropped"]),
        "reason": [""] * screen.n_genes + [report.dropped[name] for name in dropped],
        "n_cells": [*screen.n_per_group[:-1].tolist(), *(report.perturbation_cells.get(name, 0) for name in dropped)],
        "n_supported": [*screen.n_supported[:-1].tolist(), *(0 for _ in dropped)],
    }
    for name in ("effect", "se", "z", "p"):
        table[name] = np.concatenate([getattr(tests, name)[own, own], nothing])
    table["test"] = categorical(np.concatenate([_test_codes(tests, (own, own)), np.full(len(dropped), 2)]), TESTS_USED)
    table["flags"] = pd.Categorical(
        [PAIR_FLAGS[PairStatus(s)] for s in tests.status[own, own]] + [""] * len(dropped), list(PAIR_FLAGS.values())
    )
    table["n_descendants"] = [*relation.descendant.sum(axis=1).tolist(), *[0] * len(dropped)]
    return pd.DataFrame(table)


def genes_table(screen: Screen, dispersions: Dispersions, family: str) -> pd.DataFrame:
    """Dispersion of each gene, whether there is any, which family it calls for and which one it got."""
    padj = adjusted(dispersions.p)
    worth_it = (np.nan_to_num(padj, nan=1.0) < 0.05) & (dispersions.phi * dispersions.mean >= _WORTH_IT)
    names = tuple(FAMILIES)
    used = np.where(dispersions.phi > 0, names.index(family), 0)
    return pd.DataFrame(
        {
            "gene": list(screen.genes),
            "mean_control": dispersions.mean,
            "dispersion": dispersions.phi,
            "overdispersion_z": dispersions.z,
            "overdispersion_p": dispersions.p,
            "overdispersion_padj": padj,
            "recommended": categorical(np.where(worth_it, names.index("negative_binomial"), 0), names),
            "family": categorical(used, names),
            "flags": flags(dispersions.fallback, FALLBACKS),
        }
    )


def _test_codes(tests: DescendantTests, at: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Position in TESTS_USED of the test that each p-value is from."""
    return np.where(np.isfinite(tests.log_p[at]), tests.scored[at], 2).astype(np.int64)


def pairs_table(
    screen: Screen, tests: DescendantTests, relation: Relation, kept: np.ndarray | None = None
) -> pd.DataFrame:
    """All tested ordered pairs (`kept`: some of them, shape (p, p)) but the on-target ones, by source, then target."""
    others = ~np.eye(screen.n_genes, dtype=bool)
    source, target = np.nonzero(others if kept is None else others & kept)
    at = (source, target)
    return pd.DataFrame(
        {
            "source": categorical(source, screen.genes),
            "target": categorical(target, screen.genes),
            "effect": tests.effect[at],
            "se": tests.se[at],
            "z": tests.z[at],
            "p": np.exp(tests.log_p[at]),
            "test": categorical(_test_codes(tests, at), TESTS_USED),
            "padj": relation.padj[at],
            "significant": relation.significant[at],
            "descendant": relation.descendant[at],
            "n_perturbed": screen.n_supported[:-1][source],
            "n_control": np.full(len(target), screen.n_per_group[-1]),
            "count": tests.count[at],
            "expected_count": tests.expected[at],
            "flags": flags(tests.status[at], PAIR_FLAGS),
        }
    )


def components_table(screen: Screen, relation: Relation) -> pd.DataFrame:
    """Genes that the significant pairs join into cycles, by component."""
    components = strong_components(relation.significant)
    gene = np.concatenate([*components, np.empty(0, dtype=np.int64)])
    number = np.repeat(np.arange(len(components)), [len(c) for c in components])
    size = np.repeat([len(c) for c in components], [len(c) for c in components]).astype(np.int64)
    return pd.DataFrame({"component": number, "gene": categorical(gene.astype(np.int64), screen.genes), "size": size})


def dropped_pairs_table(screen: Screen, relation: Relation) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source": categorical(relation.dropped[:, 0], screen.genes),
            "target": categorical(relation.dropped[:, 1], screen.genes),
            "blocked_by": np.array(
                [" → ".join(screen.genes[i] for i in path) for path in relation.blocking_paths], dtype=object
            ),
        }
    )


def shifts_table(
    perturbations: Sequence[str], genes: Sequence[str], shifts: Shifts, taken_out: tuple[np.ndarray, np.ndarray]
) -> pd.DataFrame:
    """Shifts of all perturbations, then of all measured genes, as far as they rest on enough effects."""
    both = shifts.perturbations, shifts.genes
    known = [np.flatnonzero(np.isfinite(shift.size)) for shift in both]

    def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.asarray(array)[at] for array, at in zip(arrays, known, strict=True)])

    names = [np.array(some, dtype=object) for some in (perturbations, genes)]
    numbers = {"shift": "size", "z": "z", "gain": "gain", "share": "share", "near": "near", "split": "split"}
    return pd.DataFrame(
        {
            "of": categorical(np.repeat([0, 1], [len(at) for at in known]), SHIFTED),
            "name": joined(names),
            **{column: joined([getattr(shift, field) for shift in both]) for column, field in numbers.items()},
            "n_effects": joined([shift.n for shift in both]),
            "taken_out": joined(taken_out),
        }
    )


def loop_name(genes: Sequence[str], pair: Sequence[int]) -> str:
    """What a loop is called: its genes as the order has them."""
    return f"{genes[pair[0]]}⇄{genes[pair[1]]}"


def _loops(screen: Screen, dag: Dag, relation: Relation) -> pd.Categorical:
    """The loops that the equation of each candidate edge holds; one text per equation, since they can be long."""
    pairs = loop_pairs(relation, dag.order)
    names = np.array([loop_name(screen.genes, pair) for pair in pairs.tolist()], dtype=object)
    held = [name_some(names[at], MOST_LOOPS_NAMED) for at in loops_of_equations(dag, pairs)]
    return pd.Categorical(np.repeat(np.array(held, dtype=object), [len(e.coef) for e in dag.equations]))


def edges_table(screen: Screen, dag: Dag, prior: Prior, relation: Relation) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source": categorical(dag.source, screen.genes),
            "target": categorical(dag.target, screen.genes),
            "coef": dag.coef,
            "se": dag.se,
            "z": dag.z,
            "p": dag.p,
            "padj": adjusted(np.where(dag.batch >= 0, dag.p, np.nan)),
            "batch": dag.batch,
            "alpha": dag.alpha,
            "threshold": dag.threshold,
            "selected": dag.selected,
            "F": dag.instruments.strength,
            "weak": dag.instruments.strength < WEAK_F,
            "condition": np.concatenate([np.empty(0), *(np.full(len(e.coef), e.condition) for e in dag.equations)]),
            "p_robust": dag.instruments.p,
            "ci_low_robust": dag.instruments.low,
            "ci_high_robust": dag.instruments.high,
            "robust_set": flags(dag.instruments.shape, ROBUST_SETS),
            "required": prior.required[dag.source, dag.target],
            "direction": flags(dag.direction, DIRECTIONS),
            "loop": _loops(screen, dag, relation),
            "flags": flags(dag.status, EDGE_FLAGS),
        }
    )


def equations_table(screen: Screen, dag: Dag) -> pd.DataFrame:
    """One row per gene with candidate parents, in the order of the search."""
    return pd.DataFrame(
        {
            "target": categorical(np.array([e.target for e in dag.equations], dtype=np.int64), screen.genes),
            "n_candidates": np.array([e.n_candidates for e in dag.equations], dtype=np.int64),
            "condition": np.array([e.condition for e in dag.equations], dtype=np.float64),
            "over_identified": np.array([e.general for e in dag.equations], dtype=bool),
            "singular_because_of": np.array(
                [", ".join(screen.genes[i] for i in e.culprits) for e in dag.equations], dtype=object
            ),
        }
    )


def cycles_table(screen: Screen, relation: Relation, tests: DescendantTests, dag: Dag) -> pd.DataFrame:
    """Pairs that descend from each other: which way the order took, and the evidence for either way."""
    position = np.argsort(dag.order)
    earlier, later = np.nonzero(relation.mutual & (position[:, None] < position[None, :]))
    tied = dag.tied[earlier, later]
    return pd.DataFrame(
        {
            "earlier": categorical(earlier, screen.genes),
            "later": categorical(later, screen.genes),
            "neg_log10_p": tests.neg_log10_p[earlier, later],
            "neg_log10_p_reverse": tests.neg_log10_p[later, earlier],
            "decided_by": categorical(tied.astype(np.int64), ("order", "tie")),
        }
    )

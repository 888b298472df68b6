"""Every write to and read from an AnnData's result slots, and the version of their layout."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import false_discovery_control

from argen._bridge.inputs import DesignParams, ScreenReport
from argen._bridge.validate import check_anndata
from argen._core.components import strong_components
from argen._core.dispersion import Dispersions, Fallback
from argen._core.glm.p_values import log_p_two_sided
from argen._core.order import directions_of, place_genes
from argen._core.results import Dag, DescendantTests, Direction, EdgeStatus, PairStatus, Relation
from argen._core.screen import Screen
from argen.errors import MissingResultError, StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = [
    "FAMILIES",
    "SCHEMA_VERSION",
    "fingerprint",
    "made_from",
    "read_descendants",
    "read_design_params",
    "read_dispersions",
    "read_result",
    "total_effects_key",
    "var_name",
    "write_dag",
    "write_descendants",
    "write_sensitivity",
]

SCHEMA_VERSION = 1
_VERSIONED = ("argen", "anndata", "numpy", "scipy", "numba", "pandas")

# What users read in the `flags` columns.
FAMILIES = ("poisson", "negative_binomial")
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
}
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
}


def read_result(adata: "AnnData", key: str, function: str, table: str) -> Mapping[str, Any]:
    """``adata.uns[key]``, checked to be a result of `function`, which holds `table`."""
    check_anndata(adata)
    result = adata.uns.get(key)
    if result is None:
        msg = f"adata.uns[{key!r}] is missing. Run {function} first, or name the key it wrote to."
        raise MissingResultError(msg)
    if not isinstance(result, Mapping) or table not in result:
        msg = f"adata.uns[{key!r}] is not a result of {function}. Name the key that it wrote to."
        raise MissingResultError(msg)
    if (version := int(result["schema_version"])) > SCHEMA_VERSION:
        msg = f"adata.uns[{key!r}] was written by a newer argen (layout {version}, not {SCHEMA_VERSION}). Update argen."
        raise StaleResultError(msg)
    return result


def fingerprint(screen: Screen, cell_names: pd.Index) -> str:
    """Digest of everything that the arithmetic sees: cells, genes, counts, targets, depth, covariates.

    It does not depend on the order of the cells, nor on the last bits of numbers that were standardised elsewhere.
    """
    hashes = pd.util.hash_array(cell_names[screen.cell].astype(str).to_numpy(dtype=object))
    order = np.argsort(hashes, kind="stable")
    design, stratum = screen.design, screen.stratum
    # A sum of (hash of the cell) × (count) per gene, modulo 2⁶⁴: no order, no copy of the counts.
    products = np.append(hashes[screen.indices] * screen.data.astype(np.uint64), np.uint64(0))
    sums = np.add.reduceat(products, screen.indptr[:-1])
    sums[np.diff(screen.indptr) == 0] = 0
    columns = (
        screen.group,
        design.stratum_level[stratum],
        design.stratum_dummies[stratum],
        design.depth,
        design.numeric,
    )
    digest = hashlib.sha256("\n".join(screen.genes).encode())
    for array in (sums, hashes[order], *(np.asarray(column, dtype=np.float32)[order] for column in columns)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def provenance(screen: Screen, cell_names: pd.Index) -> dict[str, str]:
    """Versions that made a result and the fingerprint of what it was made from."""
    from importlib.metadata import version

    return {**{f"{name}_version": version(name) for name in _VERSIONED}, "fingerprint": fingerprint(screen, cell_names)}


def _storable(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as h5ad and zarr can hold them: no None, sequences as string arrays."""
    kept = {name: value for name, value in params.items() if value is not None}
    return {k: np.array(v, dtype=object) if isinstance(v, (tuple, list)) else v for k, v in kept.items()}


def _categorical(codes: np.ndarray, names: Sequence[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, list(names))


def _flags(status: np.ndarray, names: Mapping[Any, str]) -> pd.Categorical:
    return pd.Categorical.from_codes(status.astype(np.int64), [names[code] for code in sorted(names)])


def _on_genes(adata: "AnnData", genes: Sequence[str], rows: np.ndarray, columns: np.ndarray, values: np.ndarray):
    """Gene × gene CSR over all var_names from indices into `genes`."""
    at = adata.var_names.get_indexer(list(genes))
    shape = (adata.n_vars, adata.n_vars)
    return sparse.csr_matrix((values, (at[rows], at[columns])), shape=shape)


def made_from(adata: "AnnData", key: str) -> list[str]:
    """Networks in uns that were searched with the descendant step under `key`."""
    networks = {name: entry for name, entry in adata.uns.items() if isinstance(entry, Mapping) and "edges" in entry}
    return [name for name, entry in networks.items() if entry.get("params", {}).get("descendants_key") == key]


def write_descendants(
    adata: "AnnData",
    key: str,
    screen: Screen,
    report: ScreenReport,
    tests: DescendantTests,
    relation: Relation,
    dispersions: Dispersions,
    params: Mapping[str, Any],
) -> None:
    """Write the descendant step; the slots are described in :func:`argen.tl.argen_descendants`."""
    finite = np.isfinite(tests.effect)
    rows, columns = np.nonzero(finite)
    related = np.nonzero(relation.descendant)
    result = {
        "schema_version": SCHEMA_VERSION,
        "params": _storable(params),
        "provenance": provenance(screen, adata.obs_names),
        "targets": _targets_table(screen, report, tests, relation),
        "pairs": _pairs_table(screen, tests, relation),
        "genes": _genes_table(screen, dispersions, str(params["family"])),
        "dropped_pairs": _dropped_pairs_table(screen, relation),
        "components": _components_table(screen, relation),
        "cells": pd.DataFrame({"cells": list(report.cells), "n": list(report.cells.values())}),
        "covariates": np.array(screen.covariate_names, dtype=object),
    }
    adata.varp[key] = _on_genes(adata, screen.genes, *related, np.ones(len(related[0]), dtype=bool))
    adata.varp[total_effects_key(key)] = _on_genes(adata, screen.genes, rows, columns, tests.effect[finite])
    adata.uns[key] = result


def total_effects_key(key: str) -> str:
    """Name of the varp slot with the total effects that belong to descendants under `key`."""
    return "argen_total_effects" if key == "argen_descendants" else f"{key}_total_effects"


def _targets_table(screen: Screen, report: ScreenReport, tests: DescendantTests, relation: Relation) -> pd.DataFrame:
    """Kept targets with their on-target effect, then the dropped ones with the reason."""
    own = np.arange(screen.n_genes)
    dropped = sorted(report.dropped)
    nothing = np.full(len(dropped), np.nan)
    table = {
        "target": [*screen.genes, *dropped],
        "status": pd.Categorical(["kept"] * screen.n_genes + ["dropped"] * len(dropped), ["kept", "dropped"]),
        "reason": [""] * screen.n_genes + [report.dropped[name] for name in dropped],
        "n_cells": [*screen.n_per_group[:-1].tolist(), *(report.target_cells.get(name, 0) for name in dropped)],
    }
    for name in ("effect", "se", "z", "p"):
        table[name] = np.concatenate([getattr(tests, name)[own, own], nothing])
    table["test"] = _categorical(np.concatenate([_test_codes(tests)[own, own], np.full(len(dropped), 2)]), TESTS_USED)
    table["flags"] = pd.Categorical(
        [PAIR_FLAGS[PairStatus(s)] for s in tests.status[own, own]] + [""] * len(dropped), list(PAIR_FLAGS.values())
    )
    table["n_descendants"] = [*relation.descendant.sum(axis=1).tolist(), *[0] * len(dropped)]
    return pd.DataFrame(table)


def _genes_table(screen: Screen, dispersions: Dispersions, family: str) -> pd.DataFrame:
    """Dispersion of each gene, whether there is any, which family it calls for and which one it got."""
    tested = np.isfinite(dispersions.p)
    padj = np.full(len(tested), np.nan)
    if tested.any():
        padj[tested] = false_discovery_control(dispersions.p[tested])
    worth_it = (np.nan_to_num(padj, nan=1.0) < 0.05) & (dispersions.phi * dispersions.mean >= _WORTH_IT)
    used = (dispersions.phi > 0) & (family == FAMILIES[1])
    return pd.DataFrame(
        {
            "gene": list(screen.genes),
            "mean_control": dispersions.mean,
            "dispersion": dispersions.phi,
            "overdispersion_z": dispersions.z,
            "overdispersion_p": dispersions.p,
            "overdispersion_padj": padj,
            "recommended": _categorical(worth_it.astype(np.int64), FAMILIES),
            "family": _categorical(used.astype(np.int64), FAMILIES),
            "flags": _flags(dispersions.fallback, FALLBACKS),
        }
    )


def read_dispersions(result: Mapping[str, Any], genes: Sequence[str]) -> np.ndarray:
    """Dispersions that a stored descendant step used, 0 for Poisson, in the order of `genes`."""
    if str(result["params"]["family"]) == FAMILIES[0]:
        return np.zeros(len(genes))
    table = result["genes"].set_index("gene").loc[list(genes)]
    return np.where(table["family"] == FAMILIES[1], table["dispersion"], 0.0)


def _test_codes(tests: DescendantTests) -> np.ndarray:
    """Position in TESTS_USED of the test that each p-value is from."""
    return np.where(np.isfinite(tests.log_p), tests.scored, 2).astype(np.int64)


def _pairs_table(screen: Screen, tests: DescendantTests, relation: Relation) -> pd.DataFrame:
    """All tested ordered pairs but the on-target ones, by target, then gene."""
    target, gene = np.nonzero(~np.eye(screen.n_genes, dtype=bool))
    at = (target, gene)
    return pd.DataFrame(
        {
            "target": _categorical(target, screen.genes),
            "gene": _categorical(gene, screen.genes),
            "effect": tests.effect[at],
            "se": tests.se[at],
            "z": tests.z[at],
            "p": tests.p[at],
            "test": _categorical(_test_codes(tests)[at], TESTS_USED),
            "padj": relation.padj[at],
            "significant": relation.significant[at],
            "descendant": relation.descendant[at],
            "n_perturbed": screen.n_supported[:-1][target],
            "n_control": np.full(len(target), screen.n_per_group[-1]),
            "count": tests.count[at],
            "expected_count": tests.expected[at],
            "flags": _flags(tests.status[at], PAIR_FLAGS),
        }
    )


def _components_table(screen: Screen, relation: Relation) -> pd.DataFrame:
    """Genes that the significant pairs join into cycles, by component."""
    components = strong_components(relation.significant)
    gene = np.concatenate([*components, np.empty(0, dtype=np.int64)])
    number = np.repeat(np.arange(len(components)), [len(c) for c in components])
    size = np.repeat([len(c) for c in components], [len(c) for c in components]).astype(np.int64)
    return pd.DataFrame({"component": number, "gene": _categorical(gene.astype(np.int64), screen.genes), "size": size})


def _dropped_pairs_table(screen: Screen, relation: Relation) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "target": _categorical(relation.dropped[:, 0], screen.genes),
            "gene": _categorical(relation.dropped[:, 1], screen.genes),
            "blocked_by": np.array(
                [" → ".join(screen.genes[i] for i in path) for path in relation.blocking_paths], dtype=object
            ),
        }
    )


def read_descendants(result: Mapping[str, Any], genes: Sequence[str]) -> tuple[DescendantTests, Relation]:
    """Arrays [target, gene] from the stored tables; the inverse of :func:`write_descendants`."""
    p = len(genes)
    pairs = result["pairs"]
    own = result["targets"].set_index("target").loc[list(genes)]
    position = {gene: j for j, gene in enumerate(genes)}
    at = tuple(pairs[name].astype(str).map(position).to_numpy() for name in ("target", "gene"))
    diagonal = np.diag_indices(p)

    def square(column: str, *, fill: object = np.nan, dtype: type = np.float64) -> np.ndarray:
        array = np.full((p, p), fill, dtype=dtype)
        array[at] = pairs[column].to_numpy()
        if column in own.columns:
            array[diagonal] = own[column].to_numpy()
        return array

    status_of = {name: int(code) for code, name in PAIR_FLAGS.items()}
    status = np.zeros((p, p), dtype=np.int64)
    status[at] = pairs["flags"].astype(str).map(status_of).to_numpy()
    status[diagonal] = own["flags"].astype(str).map(status_of).to_numpy()
    z = square("z")
    tests = DescendantTests(
        effect=square("effect"),
        se=square("se"),
        z=z,
        log_p=log_p_two_sided(z),
        scored=square("test", fill=TESTS_USED[0], dtype=object) == TESTS_USED[1],
        status=status,
        count=square("count"),
        expected=square("expected_count"),
    )
    relation = Relation(
        padj=square("padj"),
        significant=square("significant", fill=False, dtype=bool),
        descendant=square("descendant", fill=False, dtype=bool),
        dropped=np.empty((0, 2), dtype=np.int64),
        blocking_paths=(),
    )
    return tests, relation


def read_design_params(result: Mapping[str, Any]) -> DesignParams:
    """The design that a stored descendant step used."""
    params = result["params"]

    def names(key: str) -> tuple[str, ...] | None:
        return tuple(str(name) for name in np.atleast_1d(params[key])) if key in params else None

    covariates = params.get("covariates")
    return DesignParams(
        target_key=str(params["target_key"]),
        control=names("control"),
        covariates=str(covariates) if isinstance(covariates, str) else names("covariates"),
        depth=params.get("depth"),
        layer=params.get("layer"),
        targets=names("targets"),
        min_cells=int(params["min_cells"]),
    )


def write_dag(
    adata: "AnnData",
    key: str,
    screen: Screen,
    relation: Relation,
    tests: DescendantTests,
    dag: Dag,
    layers: np.ndarray,
    params: Mapping[str, Any],
) -> None:
    """Write the network; the slots are described in :func:`argen.tl.argen_dag`."""
    position = np.empty(screen.n_genes, dtype=np.int64)
    position[dag.order] = np.arange(screen.n_genes)
    result = {
        "schema_version": SCHEMA_VERSION,
        "params": _storable(params),
        "provenance": provenance(screen, adata.obs_names),
        "edges": _edges_table(screen, dag, directions_of(dag, relation, tests)),
        "equations": _equations_table(screen, dag),
        "nodes": pd.DataFrame({"gene": [screen.genes[i] for i in dag.order], "layer": layers[dag.order]}),
        "order": np.array([screen.genes[i] for i in dag.order], dtype=object),
        "cycles": _cycles_table(screen, relation, tests, position),
    }
    edges = dag.selected
    adata.varp[key] = _on_genes(adata, screen.genes, dag.source[edges], dag.target[edges], dag.coef[edges])
    at = adata.var_names.get_indexer(list(screen.genes))
    for name, values in (("order", position), ("layer", layers)):
        column = np.full(adata.n_vars, -1)
        column[at] = values
        adata.var[var_name(key, name)] = column
    adata.uns[key] = result


def var_name(key: str, name: str) -> str:
    """Column of var with the order or the layer of the network under `key`."""
    return f"{'argen' if key == 'argen_dag' else key}_{name}"


def _edges_table(screen: Screen, dag: Dag, direction: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source": _categorical(dag.source, screen.genes),
            "target": _categorical(dag.target, screen.genes),
            "coef": dag.coef,
            "se": dag.se,
            "z": dag.z,
            "p": dag.p,
            "batch": dag.batch,
            "alpha": dag.alpha,
            "threshold": dag.threshold,
            "selected": dag.selected,
            "direction": _flags(direction, DIRECTIONS),
            "flags": _flags(dag.status, EDGE_FLAGS),
        }
    )


def _equations_table(screen: Screen, dag: Dag) -> pd.DataFrame:
    """One row per gene with candidate parents, in the order of the search."""
    return pd.DataFrame(
        {
            "target": _categorical(np.array([e.target for e in dag.equations], dtype=np.int64), screen.genes),
            "n_candidates": np.array([len(e.candidates) for e in dag.equations], dtype=np.int64),
            "condition": np.array([e.condition for e in dag.equations], dtype=np.float64),
            "over_identified": np.array([e.general for e in dag.equations], dtype=bool),
            "singular_because_of": np.array(
                [", ".join(screen.genes[i] for i in e.culprits) for e in dag.equations], dtype=object
            ),
        }
    )


def _cycles_table(screen: Screen, relation: Relation, tests: DescendantTests, position: np.ndarray) -> pd.DataFrame:
    """Pairs that descend from each other: which way the order took, and the evidence for either way."""
    earlier, later = np.nonzero(relation.mutual & (position[:, None] < position[None, :]))
    tied = place_genes(relation.descendant, tests.neg_log10_p)[1][earlier, later]
    return pd.DataFrame(
        {
            "earlier": _categorical(earlier, screen.genes),
            "later": _categorical(later, screen.genes),
            "neg_log10_p": tests.neg_log10_p[earlier, later],
            "neg_log10_p_reverse": tests.neg_log10_p[later, earlier],
            "decided_by": _categorical(tied.astype(np.int64), ("order", "tie")),
        }
    )


def write_sensitivity(
    adata: "AnnData",
    key: str,
    screen: Screen,
    variations: pd.DataFrame,
    edges: pd.DataFrame,
    params: Mapping[str, Any],
) -> None:
    """Write the sensitivity analysis; the slots are described in :func:`argen.tl.argen_sensitivity`."""
    adata.uns[key] = {
        "schema_version": SCHEMA_VERSION,
        "params": {name: np.array(value) if isinstance(value, tuple) else value for name, value in params.items()},
        "provenance": provenance(screen, adata.obs_names),
        "variations": variations,
        "edges": edges,
    }

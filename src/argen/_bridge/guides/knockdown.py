"""Knock-down by guide and by target: guides and counts from AnnData, tables out of the fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge import log
from argen._bridge.checks.depth_scale import depth_finding, totals_of
from argen._bridge.counts import read_counts
from argen._bridge.design import build_covariates, parse_covariates
from argen._bridge.design_hints import design_hints, supported_cells, unsupported_words
from argen._bridge.features import check_gene_names, genes_of
from argen._bridge.gene_names import gene_names
from argen._bridge.intervals import interval_95
from argen._bridge.remembered import remembered_depth, with_remembered
from argen._bridge.results.entries import Entry, read_entry
from argen._bridge.results.tables import PAIR_FLAGS, TESTS_USED
from argen._bridge.runtime import announce_compilation, progress_bars, resolve_n_jobs
from argen._bridge.spelling import Asked, cure_of
from argen._bridge.validate import name_quoted
from argen._core.fdr import adjusted
from argen._core.guides import KnockdownTask, fit_knockdowns
from argen._core.parallel import worker_pool
from argen._core.results import DescendantTests, PairStatus
from argen._core.screen import Covariates
from argen.errors import DesignError, InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["KnockdownDesign", "knockdown_tables", "read_design", "read_guides", "target_knockdowns"]

FUNCTION = "ag.pp.argen_guides"
# A guide is discordant if it differs from the others of its target at this adjusted p …
DISCORDANT_LEVEL = 0.05
# … and by this natural log ratio: with thousands of cells any two guides differ.
DISCORDANT_EFFECT = np.log(1.25)


@dataclass(frozen=True, slots=True)
class KnockdownDesign:
    """What the regressions use beside the guides; see :func:`argen.get.guides`."""

    covariates: str | Sequence[str] | None = None
    depth: str | None = None
    layer: str | None = None
    gene_symbols: str | None = None
    measured_as: Mapping[str, str] = field(default_factory=dict)
    n_jobs: int | None = None


def read_design(
    adata: "AnnData",
    covariates: str | Sequence[str] | None,
    depth: str | None,
    layer: str | None,
    measured_as: Mapping[str, str] | None,
    n_jobs: int | None = None,
    gene_symbols: str | None = None,
) -> KnockdownDesign:
    """The design as a user gives it, with what an earlier step was given in the place of None."""
    given = {"covariates": covariates, "depth": depth, "layer": layer, "gene_symbols": gene_symbols}
    known = with_remembered(adata, given)
    return KnockdownDesign(**known, measured_as=dict(measured_as or {}), n_jobs=n_jobs)


@dataclass(frozen=True, slots=True)
class _Groups:
    """Cells by guide and perturbation.

    Attributes
    ----------
    guides
        Table of the guides.
    perturbation
        Perturbation of each cell as a text.
    carried
        Calls, CSC, cells × guides.
    """

    guides: pd.DataFrame
    perturbation: np.ndarray
    carried: sparse.csc_array


def read_guides(adata: "AnnData", key: str) -> Entry:
    """Result of guide calling under `key`, with its slots checked."""
    result = read_entry(adata, key, "guides")
    column = result.settings["perturbation_key"]
    if key not in adata.obsm or column not in adata.obs or adata.obsm[key].shape[1] != len(result.tables["guides"]):
        msg = f"adata.obsm[{key!r}] or adata.obs[{column!r}] is missing or changed. Run {FUNCTION} again."
        raise InputError(msg)
    return result


def knockdown_tables(adata: "AnnData", key: str, design: KnockdownDesign) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of the guides and of the targets, with the effects on the gene that each is against."""
    return _knockdowns(adata, key, design, np.ones(adata.n_obs, dtype=bool))


def target_knockdowns(adata: "AnnData", key: str, design: KnockdownDesign, cells: np.ndarray) -> pd.DataFrame:
    """Table of the targets from some cells, a mask of shape (n_obs,)."""
    return _knockdowns(adata, key, design, cells)[1]


def _knockdowns(
    adata: "AnnData", key: str, design: KnockdownDesign, among: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    groups = _groups(adata, key, read_guides(adata, key))
    groups.perturbation[~among] = "unassigned"
    genes = _genes(adata, groups, design)
    counts = read_counts(adata, design.layer)
    usable, depth, covariates = _cells(adata, groups, counts, design)
    names = [name for name, gene in genes.items() if gene]
    tasks, members = [], []
    for name in names:
        own = np.flatnonzero((groups.guides["target"] == name).to_numpy())
        tasks.append(_task(adata, groups, counts, usable, name, genes[name], own))
        members.append(own)
    controls = np.flatnonzero(usable & (groups.perturbation == "control"))
    position = np.cumsum(usable) - 1
    announce_compilation()
    with worker_pool(resolve_n_jobs(design.n_jobs)) as map_, progress_bars() as bar:
        fits = fit_knockdowns(tasks, position[controls], depth, covariates, map_, bar("knock-downs", len(tasks)))
    order = np.concatenate([*members, np.empty(0, dtype=np.int64)]).astype(np.int64)
    return _tables(groups, genes, names, order, tasks, fits)


def _groups(adata: "AnnData", key: str, result: Entry) -> _Groups:
    guides = result.tables["guides"]
    perturbation = adata.obs[result.settings["perturbation_key"]].astype(str).to_numpy(dtype=object)
    carried = sparse.csc_array(adata.obsm[key])
    return _Groups(guides.assign(target=guides["target"].astype(str)), perturbation, carried)


def _genes(adata: "AnnData", groups: _Groups, design: KnockdownDesign) -> dict[str, str]:
    """Gene that each target is measured by, empty where none is."""
    check_gene_names(adata)
    guides, measured_as, names = groups.guides, design.measured_as, gene_names(adata, design.gene_symbols)
    targets = sorted(set(guides["target"][~guides["is_control"].astype(bool)]) - {"multiple"})
    if unknown := sorted(set(measured_as) - set(targets)):
        there = name_quoted(targets, 30)
        msg = f"measured_as names {name_quoted(unknown)}, which are no targets; the targets are: {there}."
        raise InputError(msg)
    if absent := sorted(gene for gene in measured_as.values() if names.gene(gene) not in names.var_names):
        where = "adata.var_names" if names.column is None else f"adata.var_names or adata.var[{names.column!r}]"
        msg = f"measured_as names genes that are not in {where}: {name_quoted(absent)}."
        raise InputError(msg)
    genes = {target: names.gene(measured_as.get(target, target)) for target in targets}
    measured = {target: gene if gene in names.var_names else "" for target, gene in genes.items()}
    if targets and not any(measured.values()) and (cure := cure_of(Asked(targets, adata, names, None))):
        log.warning(f"no target of a guide is measured: {cure}")
    return measured


def _cells(
    adata: "AnnData", groups: _Groups, counts, design: KnockdownDesign
) -> tuple[np.ndarray, np.ndarray, Covariates]:
    """Controls and cells with one perturbation, of positive depth; their depth and covariates."""
    depth = remembered_depth(adata, design.depth, lambda: counts)
    usable = ~np.isin(groups.perturbation, ["multiple", "unassigned", "nan"]) & (depth > 0)
    spec = parse_covariates(design.covariates, adata.obs)
    hints = design_hints(spec, adata.obs[usable], design.depth)
    if design.depth in adata.obs and (found := depth_finding(design.depth, depth, totals_of(counts))):
        hints.notes.append(f"{found.what}. {found.advice}")
    while True:
        if not (usable & (groups.perturbation == "control")).any():
            msg = "No control cell with positive depth is left: knock-downs have nothing to be compared with."
            raise DesignError(msg)
        covariates, alone = build_covariates(spec, adata.obs[usable])
        if not alone.any():
            break
        usable[np.flatnonzero(usable)[alone]] = False
    control = groups.perturbation[usable] == "control"
    if not (supported := supported_cells(covariates, control)).all():
        hints.guesses.append(f"{unsupported_words(spec, adata.obs[usable], control, supported)} and tell nothing")
    hints.say()
    own = depth[usable]
    return usable, own / own.mean() if design.depth is None else own, covariates


def _task(
    adata: "AnnData", groups: _Groups, counts, usable: np.ndarray, name: str, gene: str, own: np.ndarray
) -> KnockdownTask:
    position = np.cumsum(usable) - 1
    cells = np.flatnonzero(usable & (groups.perturbation == name))
    carried = groups.carried[:, own].tocsr()[cells]
    number = np.asarray(carried.argmax(axis=1)).ravel() if len(own) else np.zeros(len(cells), dtype=np.int64)
    guide = np.where(np.diff(carried.indptr) == 1, number, -1)
    column = counts.of([genes_of(adata).get_loc(gene)], np.flatnonzero(usable))
    return KnockdownTask(column.dense(0), position[cells], guide, len(own))


def _tables(
    groups: _Groups, genes: dict[str, str], names: list[str], order: np.ndarray, tasks: list[KnockdownTask], fits
) -> tuple[pd.DataFrame, pd.DataFrame]:
    n_single = np.concatenate([np.bincount(t.guide[t.guide >= 0], minlength=t.n_guides) for t in tasks] or [[]])
    per_guide = pd.DataFrame({"n_cells_alone": n_single.astype(np.int64)} | _effects(fits.guides, n_single), order)
    difference = _effects(fits.differences, n_single)
    padj = adjusted(difference["p"])
    with np.errstate(invalid="ignore"):
        discordant = (padj < DISCORDANT_LEVEL) & (np.abs(difference["effect"]) >= DISCORDANT_EFFECT)
    per_guide = per_guide.assign(
        difference=difference["effect"],
        difference_se=difference["se"],
        difference_p=difference["p"],
        difference_padj=padj,
        discordant=discordant,
    )
    guides = groups.guides.join(per_guide)
    of_target = guides["target"].map(genes)
    guides.insert(guides.columns.get_loc("n_cells_alone"), "gene", of_target.fillna("").astype(str))
    guides["n_cells_alone"] = guides["n_cells_alone"].fillna(0).astype(np.int64)
    guides["discordant"] = guides["discordant"].eq(True)  # noqa: FBT003 - missing where nothing is measured
    unmeasured = ~guides["is_control"].astype(bool) & (guides["gene"] == "")
    guides["flags"] = _flags(guides["flags"], unmeasured, guides["n_cells_alone"], guides["is_control"].astype(bool))
    targets = _targets_table(groups, genes, names, tasks, fits.targets, guides)
    pooled = targets.set_index("target")
    for name in ("effect", "se", "p"):
        guides[f"target_{name}"] = guides["target"].map(pooled[name]).astype(float)
    return guides.reset_index(drop=True), targets


def _targets_table(
    groups: _Groups,
    genes: dict[str, str],
    names: list[str],
    tasks: list[KnockdownTask],
    tests: DescendantTests,
    guides: pd.DataFrame,
) -> pd.DataFrame:
    n_cells = np.array([len(task.cells) for task in tasks])
    effects = pd.DataFrame(_effects(tests, n_cells), names)
    table = pd.DataFrame({"gene": pd.Series(genes)}).rename_axis("target")
    table["n_guides"] = groups.guides.groupby("target").size().reindex(table.index).astype(np.int64)
    table["n_cells"] = [int(np.sum(groups.perturbation == name)) for name in table.index]
    table = table.join(effects)
    table.insert(table.columns.get_loc("p") + 1, "padj", adjusted(table["p"].to_numpy()))
    table["n_discordant"] = guides.groupby("target")["discordant"].sum().reindex(table.index).astype(np.int64)
    table["flags"] = _flags(table["flags"], table["gene"] == "", table["n_cells"], np.zeros(len(table), dtype=bool))
    return table.reset_index()


def _effects(tests: DescendantTests, n_cells: np.ndarray) -> dict[str, object]:
    empty = n_cells == 0
    code = np.where(np.isfinite(tests.log_p), tests.scored, len(TESTS_USED) - 1).astype(np.int64)
    words = [PAIR_FLAGS[PairStatus(status)] for status in tests.status]
    low, high = interval_95(tests.effect, tests.se)
    return {
        "effect": tests.effect,
        "se": tests.se,
        "ci_low": low,
        "ci_high": high,
        "z": tests.z,
        "p": tests.p,
        "test": [TESTS_USED[c] for c in code],
        "count": tests.count,
        "expected_count": tests.expected,
        "flags": np.where(empty, "no cells", words),
    }


def _flags(words: pd.Series, unmeasured: pd.Series, n_cells: pd.Series, is_control: np.ndarray) -> pd.Series:
    words = words.fillna("")
    words = words.mask(unmeasured, "not measured")
    return words.mask(~unmeasured & (n_cells == 0) & ~np.asarray(is_control), "no cells")

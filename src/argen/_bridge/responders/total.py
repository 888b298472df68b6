"""Total effects of every perturbation on every measured gene: computed, stored, read back as a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.features import gene_columns, genes_of
from argen._bridge.gene_names import gene_names
from argen._bridge.responders import blocks
from argen._bridge.responders.blocks import GeneReader
from argen._bridge.results.entries import Entry, find_entry, new_entry, read_entry, write_entry
from argen._bridge.results.pairs import packed, unpacked
from argen._bridge.results.tables import PAIR_FLAGS, TESTS_USED, categorical, flags
from argen._bridge.settings import wanted_responders
from argen._bridge.validate import counted, name_some
from argen._core.descendants.tests import fit_with_dispersions
from argen._core.fdr import adjusted_from_log
from argen._core.glm.families import FAMILIES
from argen._core.glm.sandwich import HC
from argen._core.normal import size_of_z
from argen._core.parallel import Map
from argen.errors import InputError, StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

    from argen._bridge.results.steps import DescendantStep

__all__ = [
    "chosen_genes",
    "compute_total_effects",
    "family_of",
    "read_total_effects",
    "total_key",
    "total_pairs",
    "write_total_effects",
]

FUNCTION = "ag.tl.argen_descendants"
# Cells × genes up to which all genes are tested without being asked: about a quarter of a minute.
CHEAP = 200_000_000
KEPT, NODE = "responder", "node"
# What is stored of each pair: 17 bytes.
_MATRICES = {"effect": np.float32, "se": np.float32, "log_p": np.float32, "count": np.float32, "status": np.uint8}


def total_key(key: str) -> str:
    """Name of the entry that belongs to the descendant step under `key`."""
    return "argen_responder_effects" if key == "argen_descendants" else f"{key}_responder_effects"


def chosen_genes(adata: "AnnData", responders: object, gene_symbols: str | None) -> np.ndarray:
    """Mask of the genes that a user wants as responders, shape (genes,).

    ``"all"`` (and ``"auto"``), a column of ``var`` with booleans, or names.
    """
    genes, columns = genes_of(adata), gene_columns(adata)
    names = gene_names(adata, gene_symbols)
    if isinstance(responders, str) and responders not in adata.var and names.gene(responders) in genes:
        responders = [responders]
    if isinstance(responders, str):
        if responders in ("auto", "all"):
            return np.ones(len(genes), dtype=bool)
        if responders not in adata.var:
            msg = (
                f"responders={responders!r} is neither 'all' nor a column of adata.var. Columns: "
                f"{name_some(adata.var.columns, 30) or 'none'}; a list names genes."
            )
            raise InputError(msg)
        column = adata.var[responders]
        if column.isna().any() or not column.map(lambda value: isinstance(value, bool | np.bool_)).all():
            msg = f"responders={responders!r} is a column of type {column.dtype}: it has to hold True and False."
            raise InputError(msg)
        chosen = column.to_numpy(dtype=bool)
        return chosen if columns is None else chosen[columns]
    wanted = names.genes(wanted_responders(responders) or ())
    if unknown := [name for name in wanted if name not in genes]:
        msg = f"responders names genes that are not in adata.var_names: {name_some(map(repr, unknown))}."
        raise InputError(msg)
    return genes.isin(wanted)


def compute_total_effects(
    adata: "AnnData", step: "DescendantStep", map_: Map, bar: Callable, asked: object = None
) -> Entry | None:
    """Test every perturbation on every gene that the step's settings (or `asked`) want; None where they want none."""
    settings = step.settings
    wanted = settings.responders if asked is None else asked
    if wanted is None:
        return None
    chosen = chosen_genes(adata, wanted, settings.gene_symbols)
    cost = float(step.screen.n_cells) * chosen.sum()
    if wanted == "auto" and cost > CHEAP:
        log.warning(
            f"total effects on the {counted(int(chosen.sum()), 'measured gene')} are left out: they would take about "
            f"{cost / CHEAP / 4:.0f} minutes; responders='all' makes them, responders=[...] those of some genes"
        )
        return None
    reader = GeneReader(adata, settings, step.depth_genes, step.entry.tables["shifts"])
    genes = _genes_table(reader, step, chosen)
    columns = np.flatnonzero(_is_tested(genes, with_nodes=set(reader.perturbations) > set(step.screen.genes)))
    matrices = {name: np.empty((len(columns), len(reader.perturbations)), kind) for name, kind in _MATRICES.items()}
    genes["mean_control"], genes["dispersion"] = np.nan, np.nan
    family = FAMILIES[settings.family]
    how = {"test": settings.test, "hc": settings.hc, "pooled": settings.pooled}
    track = bar("responders, blocks of genes", -(-len(columns) // blocks.GENES_PER_BLOCK))
    done = 0
    for block, screen in track(reader.blocks(columns)):
        rows = slice(done, done + len(block))
        done += len(block)
        dispersions, tests = fit_with_dispersions(screen, map_, by_dispersion=family.needs_dispersion, **how)
        genes.loc[block, "mean_control"], genes.loc[block, "dispersion"] = dispersions.mean, dispersions.phi
        for name in ("effect", "se", "log_p", "count"):
            matrices[name][rows] = getattr(tests, name).T
        matrices["status"][rows] = packed(tests.status, tests.scored).T
    entry = _entry(step, reader, genes, matrices)
    named = not isinstance(wanted, str) or wanted not in ("auto", "all")
    nodes = genes.loc[(genes["status"] == NODE).to_numpy() & chosen, "gene"].tolist() if named else []
    _say(genes, entry, nodes)
    return entry


def _is_tested(genes: pd.DataFrame, *, with_nodes: bool) -> np.ndarray:
    """Responders, and nodes where perturbations that are none are tested on them."""
    status = genes["status"].astype(str)
    return ((status == KEPT) | ((status == NODE) & with_nodes)).to_numpy()


def _genes_table(reader: GeneReader, step: "DescendantStep", chosen: np.ndarray) -> pd.DataFrame:
    """Every gene of the object, and whether it is a responder, a node, or why it is left out."""
    control, perturbed = reader.totals()
    least = step.settings.min_counts
    is_node = reader.genes.isin(step.screen.genes)
    few_control, few = control < least, perturbed < least
    statuses = np.select(
        [is_node, ~chosen, few_control, few],
        [NODE, "not chosen", f"fewer than {least} counts in the control cells", f"fewer than {least} in the others"],
        KEPT,
    )
    return pd.DataFrame(
        {
            "gene": reader.genes.to_numpy(dtype=object),
            "status": pd.Categorical(statuses),
            "count_control": control,
            "count_perturbed": perturbed,
        }
    )


def _entry(step: "DescendantStep", reader: GeneReader, genes: pd.DataFrame, matrices: dict[str, np.ndarray]) -> Entry:
    nothing, names = reader.screen([]), np.array(reader.perturbations, dtype=object)
    perturbations = pd.DataFrame(
        {
            "perturbation": names,
            "is_node": np.isin(names, step.screen.genes),
            "is_measured": np.isin(names, genes["gene"].to_numpy(dtype=object)),
            "n_cells": nothing.n_per_group[:-1],
            "n_supported": nothing.n_supported[:-1],
        }
    )
    settings = {
        "descendants": step.entry.key,
        "hc": step.settings.hc,
        "alpha": step.settings.alpha,
        "n_control": int(nothing.n_per_group[-1]),
    }
    tables = {"genes": genes, "perturbations": perturbations, **matrices}
    return new_entry(total_key(step.entry.key), "total_effects", settings, tables, step.made_from)


def _say(genes: pd.DataFrame, entry: Entry, chosen_nodes: Sequence[str]) -> None:
    counts = genes["status"].astype(str).value_counts()
    left = [f"{n} {reason}" for reason, n in counts.items() if reason not in (KEPT, NODE) and n]
    sources = entry.tables["perturbations"]
    extra = sources.loc[~sources["is_node"].to_numpy(bool), "perturbation"]
    log.info(
        f"    total effects of {len(sources)} perturbations on {counted(int(counts.get(KEPT, 0)), 'responder')}"
        + (f"; genes left out: {', '.join(left)}" if left else "")
    )
    if len(extra):
        log.info(f"    among them perturbations that are no node of a network: {name_some(extra)}")
    if chosen_nodes:
        log.info(f"    nodes of the network, which are no responders: {name_some(chosen_nodes)}")


def write_total_effects(adata: "AnnData", key: str, effects: Entry | None) -> None:
    """Write them beside the step under `key`, or take away what an earlier step left there."""
    if effects is not None:
        write_entry(adata, effects)
    elif (found := find_entry(adata, total_key(key))) is not None and found.kind == "total_effects":
        del adata.uns[total_key(key)]


def read_total_effects(adata: "AnnData", step: Entry) -> Entry:
    """The entry that belongs to a step, checked to be there and to be made from it."""
    name = total_key(step.key)
    entry = read_entry(adata, name, "total_effects", function=f"{FUNCTION}(responders='all')")
    if entry.made_from.get("descendants") != step.id:
        msg = (
            f"adata.uns[{name!r}] was not made from the descendant step in adata.uns[{step.key!r}]. "
            f"Run {FUNCTION}(responders='all') again."
        )
        raise StaleResultError(msg)
    return entry


@dataclass(frozen=True, slots=True)
class Family:
    """The tests of responders: pairs outside the network's own family; shape (P, tested genes).

    Attributes
    ----------
    genes
        Names of the tested genes.
    effect, se, log_p, count
        As stored, in the precision of arithmetic.
    status, scored
        Flag of each pair, and whether it was scored.
    padj
        By Benjamini and Hochberg over the family, NaN outside.
    significant
        At the step's level.
    in_family
        Pairs of a perturbation and a gene that are not both nodes, own genes left out.
    """

    genes: np.ndarray
    effect: np.ndarray
    se: np.ndarray
    log_p: np.ndarray
    count: np.ndarray
    status: np.ndarray
    scored: np.ndarray
    padj: np.ndarray
    significant: np.ndarray
    in_family: np.ndarray

    def significant_on(self, responders: np.ndarray, nodes: Sequence[str], entry: Entry) -> np.ndarray:
        """Significant effects of nodes on responders, shape (p, R)."""
        return self._on(self.significant, responders, nodes, entry)

    def on(self, responders: np.ndarray, nodes: Sequence[str], entry: Entry) -> tuple[np.ndarray, ...]:
        """Effects of nodes on responders, their standard errors and p-values, shape (p, R) each."""
        values = (self._on(values, responders, nodes, entry) for values in (self.effect, self.se, self.log_p))
        effect, se, log_p = values
        return effect, se, np.exp(log_p)

    def _on(self, values: np.ndarray, responders: np.ndarray, nodes: Sequence[str], entry: Entry) -> np.ndarray:
        sources = pd.Index(entry.tables["perturbations"]["perturbation"].astype(str))
        return values[np.ix_(sources.get_indexer(list(nodes)), pd.Index(self.genes).get_indexer(responders))]


def family_of(entry: Entry) -> Family:
    """The family of tests of an entry."""
    values = {name: np.asarray(entry.tables[name]).T for name in _MATRICES}
    sources, genes = entry.tables["perturbations"], entry.tables["genes"]
    genes = genes[_is_tested(genes, with_nodes=not sources["is_node"].all())]
    names, is_responder = genes["gene"].to_numpy(dtype=object), (genes["status"] == KEPT).to_numpy()
    own = sources["perturbation"].to_numpy(dtype=object)[:, None] == names
    in_family = (is_responder | ~sources["is_node"].to_numpy(bool)[:, None]) & ~own
    log_p = values["log_p"].astype(np.float64)
    status, scored = unpacked(values["status"])
    padj = adjusted_from_log(np.where(in_family, log_p, np.nan))
    return Family(
        genes=names,
        **{name: values[name].astype(np.float64) for name in ("effect", "se", "count")},
        log_p=log_p,
        status=status.astype(np.int64),
        scored=scored,
        padj=padj,
        significant=np.nan_to_num(padj, nan=1.0) < entry.settings["alpha"],
        in_family=in_family,
    )


def total_pairs(entry: Entry) -> pd.DataFrame:
    """The pairs of the family, by perturbation, then by gene, in the columns of the network's pairs."""
    family = family_of(entry)
    source, target = np.nonzero(family.in_family)
    at = (source, target)
    z = family.effect[at] / family.se[at]
    by_p = family.scored[at] | (not HC[entry.settings["hc"]].normal)
    z = np.where(by_p, np.sign(family.effect[at]) * size_of_z(family.log_p[at]), z)
    tested = np.isfinite(family.log_p[at])
    sources = entry.tables["perturbations"]
    count = family.count[at]
    with np.errstate(over="ignore"):
        expected = np.where(count > 0, count, 0.5) * np.exp(-family.effect[at]) - np.where(count > 0, 0.0, 0.5)
    return pd.DataFrame(
        {
            "source": categorical(source, sources["perturbation"].astype(str)),
            "target": categorical(target, family.genes),
            "effect": family.effect[at],
            "se": family.se[at],
            "z": z,
            "p": np.exp(family.log_p[at]),
            "test": categorical(np.where(tested, family.scored[at], 2).astype(np.int64), TESTS_USED),
            "padj": family.padj[at],
            "significant": family.significant[at],
            "n_perturbed": sources["n_supported"].to_numpy()[source],
            "n_control": np.full(len(source), entry.settings["n_control"]),
            "count": count,
            "expected_count": expected,
            "flags": flags(family.status[at], PAIR_FLAGS),
        }
    )

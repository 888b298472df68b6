"""Expression of genes by cell beside what the descendant step expects of a control cell."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from argen._bridge.results.steps import DescendantStep
from argen._bridge.validate import name_some
from argen._core.glm.baseline import baseline_means
from argen._core.screen import Screen
from argen.errors import InputError

__all__ = ["CONTROL_GROUP", "expression_table"]

CONTROL_GROUP = "control"


def expression_table(all_cells: pd.Index, step: DescendantStep, genes: object, perturbations: object) -> pd.DataFrame:
    """Rows by gene, by group (controls, then `perturbations`) and by cell in the order of `all_cells`."""
    screen, key, pooled = step.screen, step.entry.key, step.settings.pooled
    wanted = (
        np.arange(screen.n_genes) if perturbations is None else _positions("perturbations", perturbations, screen, key)
    )
    _check_names(screen, wanted, key)
    cells, group = _cells(screen, wanted)
    parts = []
    for k in _positions("genes", genes, screen, key).tolist():
        y = screen.counts_of(k)
        expected = baseline_means(y, screen.design_of(k), wanted, phi=float(step.phi[k]), pooled=pooled)[cells]
        parts.append(_of_gene(screen.genes[k], y[cells], expected, group == screen.n_groups))
    table = pd.concat(parts, ignore_index=True)
    names = np.array([*screen.genes, CONTROL_GROUP], dtype=object)
    cell_names = all_cells.to_numpy(dtype=object)[screen.cell[cells]]
    table.insert(0, "cell", np.tile(cell_names, len(parts)))
    table.insert(2, "group", np.tile(names[group], len(parts)))
    return table


def _check_names(screen: Screen, wanted: np.ndarray, key: str) -> None:
    """No perturbation may have the name that the table gives to the controls."""
    if CONTROL_GROUP in (screen.genes[j] for j in wanted):
        msg = (
            f"The perturbed gene {CONTROL_GROUP!r} of adata.uns[{key!r}] has the name of the group of control cells, "
            f"so that the two could not be told apart. Leave it out of perturbations, or give it another name (in "
            f"adata.var_names and among the labels of the perturbations) and run ag.tl.argen_descendants again."
        )
        raise InputError(msg)


def _of_gene(gene: str, y: np.ndarray, expected: np.ndarray, control: np.ndarray) -> pd.DataFrame:
    """Counts of one gene, relative to their expectation and on the scale of a control cell."""
    known = np.isfinite(expected) & (expected > 0)
    relative = np.divide(y, expected, out=np.full(len(y), np.nan), where=known)
    mean = expected[control & known].mean() if (control & known).any() else np.nan
    return pd.DataFrame({
        "gene": np.full(len(y), gene, dtype=object),
        "count": y.astype(np.int64),
        "expected": expected,
        "relative": relative,
        "adjusted": relative * mean,
    })  # fmt: skip


def _positions(argument: str, names: object, screen: Screen, key: str) -> np.ndarray:
    """Indices of genes of the step, each once, in the order that they are named."""
    several = isinstance(names, Iterable) and not isinstance(names, str)
    chosen: Sequence[str] = [str(name) for name in dict.fromkeys(names)] if several else [str(names)]
    if not chosen:
        msg = f"{argument} names no gene; give at least one, such as {screen.genes[0]!r}."
        raise InputError(msg)
    position = {gene: k for k, gene in enumerate(screen.genes)}
    if unknown := [name for name in chosen if name not in position]:
        msg = (
            f"{argument} names {name_some(unknown)}, not among the genes of adata.uns[{key!r}], which are those that "
            f"are perturbed and measured: {name_some(screen.genes)}."
        )
        raise InputError(msg)
    return np.array([position[name] for name in chosen], dtype=np.int64)


def _cells(screen: Screen, perturbations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorted cells of the controls and of the perturbations, each group in the order of the input, and their groups."""
    of_cell = screen.group
    groups = [screen.n_groups, *perturbations.tolist()]
    members = [np.flatnonzero(of_cell == g) for g in groups]
    members = [own[np.argsort(screen.cell[own])] for own in members]
    return np.concatenate(members), np.repeat(groups, [len(own) for own in members])

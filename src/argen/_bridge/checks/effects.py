"""Checks of the effects on all measured genes: composition, common responses, shared programmes, depth."""

import numpy as np
import pandas as pd

from argen._bridge.checks.depth_scale import LARGEST_SHARE
from argen._bridge.checks.findings import Finding
from argen._bridge.measured import MeasuredScreen
from argen._bridge.validate import counted, name_some
from argen._core.checks.responses import common_responses, programmes, remaining
from argen._core.measured.shifts import CERTAIN_PERTURBATION, Shifts
from argen._core.measured.sums import MeasuredSums

__all__ = [
    "check_responses",
    "check_shares",
    "check_shifts",
    "common_genes",
    "effect_tables",
]

# Share of the counts of the controls that all perturbed genes may carry; genes of a panel.
LARGEST_PERTURBED = 0.2
PANEL = 1000
# A depth that differs by less from the total is the total.
SAME = 1e-3
_NAMED = 10


def check_shifts(measured: MeasuredScreen, shifts: Shifts, taken_out: np.ndarray) -> list[Finding]:
    """Perturbations whose effects are shifted as a whole, beyond doubt."""
    shift = shifts.perturbations
    at = np.flatnonzero(shift.beyond(CERTAIN_PERTURBATION))
    if len(at) == 0:
        return []
    at = at[np.argsort(-np.abs(shift.size[at]), kind="stable")]
    names = [measured.perturbations[i] for i in at]
    sizes = name_some([f"{measured.perturbations[i]} {shift.size[i]:+.2f}" for i in at], 5)
    out = taken_out[at]
    done = "taken out of all effects" if out.all() else "left in the effects" if not out.any() else "partly taken out"
    return [
        Finding(
            "composition",
            f"The effects of {counted(len(at), 'perturbation')} on all measured genes are shifted as a whole ({sizes}, "
            f"log scale); the shifts are {done}",
            float(np.abs(shift.z[at]).max()),
            "largest z of a shift",
            "The depth may be composed of what they change: give that of the full transcriptome, or try "
            "depth='unaffected'. A regulator of every measured gene looks the same: if it is one, adjust=None keeps "
            "its effects.",
            tuple(names),
        )
    ]


def check_shares(measured: MeasuredScreen, sums: MeasuredSums, matrix_total: np.ndarray) -> list[Finding]:
    """Genes that carry much of the counts that the depth is made of, where that is the total of the matrix."""
    screen, of_cell = measured.screen, matrix_total[measured.screen.cell]
    # Of all genes of the matrix, also of those that were not read.
    total = of_cell[screen.group == screen.n_groups].sum()
    if total <= 0 or not _is_proportional(screen.design.depth, of_cell):
        return []
    share = sums.S[-1] / total
    own = np.unique(measured.own[measured.own >= 0])
    perturbed = float(share[own].sum())
    heavy = np.flatnonzero(share > LARGEST_SHARE)
    heavy = heavy[np.argsort(-share[heavy], kind="stable")]
    genes = tuple(measured.screen.genes[j] for j in heavy)
    if perturbed <= LARGEST_PERTURBED and not len(heavy):
        return []
    parts = [f"{measured.screen.genes[j]} {share[j]:.0%}" for j in heavy[:5]]
    parts += [f"all perturbed genes {perturbed:.0%}"] if perturbed > LARGEST_PERTURBED else []
    panel = f" of only {sums.S.shape[1]} genes" if sums.S.shape[1] < PANEL else ""
    return [
        Finding(
            "composition",
            f"The depth is the sum of the counts{panel}, of which few genes carry much in control cells: "
            f"{', '.join(parts)}. What moves them moves the depth",
            max(perturbed, float(share.max())),
            "share of the counts",
            "Give the depth of the full transcriptome (depth=), or depth='unaffected'.",
            (),
            genes,
        )
    ]


def _is_proportional(depth: np.ndarray, total: np.ndarray) -> bool:
    """Whether the depth is the total but for a factor, in nearly all cells."""
    ratio = total / depth
    return bool(np.mean(np.abs(ratio / np.median(ratio) - 1.0) < SAME) > 0.95)


def common_genes(sums: MeasuredSums, shifts: Shifts) -> np.ndarray:
    """Positions of the genes that most perturbations move alike, largest z first."""
    at = np.flatnonzero(common_responses(sums, shifts))
    return at[np.argsort(-np.abs(shifts.genes.z[at]), kind="stable")]


def check_responses(
    measured: MeasuredScreen, sums: MeasuredSums, shifts: Shifts, taken_out: np.ndarray
) -> list[Finding]:
    """Genes that most perturbations move alike, and perturbations with one response."""
    found, genes = [], measured.screen.genes
    at = common_genes(sums, shifts)
    if len(at):
        own = set(measured.own[measured.own >= 0].tolist())
        out = taken_out[at]
        network = name_some([genes[j] for j in at if j in own]) or "none"
        found.append(
            Finding(
                "common response",
                f"{counted(len(at), 'gene')} moved alike by most of {len(measured.perturbations)} perturbations (of "
                f"the network: {network}); taken out of the effects on {int(out.sum())} of {len(at)}",
                float(np.abs(shifts.genes.z[at]).max()),
                "largest z of a shift",
                "A response to being perturbed, or controls of another state; or most of the screen is one pathway: "
                "then adjust=None keeps the effects. Edges into these genes rest on what is left.",
                (),
                tuple(genes[j] for j in at[:_NAMED]),
            )
        )
    perturbed = np.zeros(len(genes), dtype=bool)
    perturbed[measured.own[measured.own >= 0]] = True
    beyond = remaining(sums, shifts, measured.own)
    for members in programmes(beyond, perturbed):
        together = np.abs(np.median(beyond[members], axis=0))
        top = np.argsort(-together, kind="stable")[:_NAMED]
        found.append(
            Finding(
                "shared programme",
                f"{len(members)} perturbations have one and the same response",
                float(len(members)),
                "perturbations",
                "A pathway, or a programme (stress, cell cycle) that they switch on and nobody measured: edges among "
                "them and into its genes may be that programme's. Compare with what is known of it.",
                tuple(measured.perturbations[i] for i in members),
                tuple(genes[j] for j in top if together[j] > 1.0),
            )
        )
    return found


def effect_tables(
    measured: MeasuredScreen, sums: MeasuredSums, shifts: Shifts, taken_out: tuple[np.ndarray, np.ndarray]
) -> dict[str, pd.DataFrame]:
    """Tables ``perturbations`` and ``genes``: the signals that the checks of effects judge."""
    rows, columns = taken_out
    n = measured.screen.n_per_group[:-1]
    common = common_responses(sums, shifts)
    share = sums.S[-1] / max(sums.S[-1].sum(), 1.0)
    perturbations = pd.DataFrame(
        {
            "perturbation": np.array(measured.perturbations, dtype=object),
            "measured": measured.own >= 0,
            "n_cells": n,
            "n_supported": measured.screen.n_supported[:-1],
            "share_of_median": n / max(np.median(n), 1.0),
            "median_effect": shifts.perturbations.size,
            "shift_z": shifts.perturbations.z,
            "taken_out": rows,
        }
    )
    genes = pd.DataFrame(
        {
            "gene": np.array(measured.screen.genes, dtype=object),
            "share_of_counts": share,
            "median_effect": shifts.genes.size,
            "response_z": shifts.genes.z,
            "common": common,
            "taken_out": columns,
        }
    )
    return {"perturbations": perturbations, "genes": genes}

"""The perturbations that a prediction is asked for: read, checked, and compared with those of the screen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from argen._bridge.gene_names import GeneNames
from argen._bridge.prediction.network import StoredNetwork
from argen._bridge.results.tables import WEAK_F
from argen._bridge.validate import name_some
from argen.errors import InputError

__all__ = ["BEYOND", "OBSERVED", "Given", "perturbations_table", "read_given"]

OBSERVED = "observed"
_SMALLEST, _LARGEST = 1e-6, 1e6  # folds outside are slips
# A log fold change more than so many times that of the screen, on the same side, is out of the range seen.
BEYOND = 1.5


@dataclass(frozen=True, slots=True)
class Given:
    """The perturbations of one prediction; arrays of shape (m,).

    Attributes
    ----------
    genes
        Their names.
    position
        Among the nodes.
    alone
        Log fold change of its own gene that each alone brings about.
    observed
        Whether that is the one of the screen.
    held
        Whether the gene's level is held, whatever its parents do.
    times_seen
        `alone` over what the screen saw, 1 where that is asked for; NaN where it saw nothing.
    """

    genes: tuple[str, ...]
    position: np.ndarray
    alone: np.ndarray
    observed: np.ndarray
    held: np.ndarray
    times_seen: np.ndarray


def read_given(
    perturbations: object, hold: object, network: StoredNetwork, names: GeneNames, responders: Iterable[str] = ()
) -> Given:
    """Read what a user asks for: a mapping from genes to folds or ``"observed"``, or names of genes alone."""
    wanted = _by_gene(perturbations, names)
    _check_known(list(wanted), network, set(responders), names)
    genes = tuple(wanted)
    position = network.positions(genes)
    observed = np.array([value == OBSERVED for value in wanted.values()], dtype=bool)
    # Of what does not move its own gene a joint network reports no edges: even a fold would come out as no effect.
    asked = observed | (network.method == "joint")
    _check_observed([gene for gene, is_it in zip(genes, asked, strict=True) if is_it], network)
    tau = network.tau[position]
    logs = [np.nan if value == OBSERVED else np.log(value) for value in wanted.values()]
    alone = np.where(observed, tau, np.array(logs, dtype=np.float64))
    held = _held(hold, genes, names)
    idle = [gene for gene, size, is_held in zip(genes, alone, held, strict=True) if size == 0 and not is_held]
    if idle:
        msg = (
            f"A fold of 1 changes nothing: {name_some(idle)}. Leave it out, or name it in hold=[...] to keep the gene "
            "at the level of the controls whatever its parents do."
        )
        raise InputError(msg)
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = network.own[0][position]
        times_seen = np.where(observed, 1.0, alone / np.where(seen == 0, np.nan, seen))
    return Given(genes, position, alone, observed, held, times_seen)


def _by_gene(perturbations: object, names: GeneNames) -> dict[str, float | str]:
    if isinstance(perturbations, str):
        perturbations = [perturbations]
    if not isinstance(perturbations, Mapping):
        some = _names(perturbations)
        if some is None:
            msg = (
                f"perturbations={perturbations!r}: give a mapping such as {{'JAK2': 0.2, 'STAT1': 'observed'}}, or "
                "names of genes, each with the effect that the screen saw."
            )
            raise InputError(msg)
        perturbations = dict.fromkeys(some, OBSERVED)
    if not perturbations:
        msg = "perturbations is empty: name at least one gene of the network."
        raise InputError(msg)
    wanted: dict[str, float | str] = {}
    for name, value in perturbations.items():
        gene = names.gene(str(name))
        if gene in wanted:
            msg = f"perturbations names {gene!r} twice, once as {name!r}. Keep one."
            raise InputError(msg)
        wanted[gene] = _value(name, value)
    return wanted


def _names(given: object) -> list[str] | None:
    """Several texts, None for anything else."""
    texts = list(given) if isinstance(given, Iterable) else [given]
    return texts if all(isinstance(text, str) for text in texts) else None


def _value(name: object, value: object) -> float | str:
    if isinstance(value, str) and value == OBSERVED:
        return value
    is_number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if is_number and _SMALLEST <= float(value) <= _LARGEST:
        return float(value)
    if is_number and 0.0 < float(value) < np.inf:
        msg = (
            f"perturbations[{name!r}]={value!r} is no fold that a gene's level can have: give one from "
            f"{_SMALLEST:g} to {_LARGEST:g} (not its logarithm)."
        )
        raise InputError(msg)
    more = " A level of 0 has no logarithm: give a small fold, such as 0.01." if is_number and value == 0 else ""
    msg = (
        f"perturbations[{name!r}]={value!r}: give the fold of the gene's level among the controls, a number above 0 "
        f"(0.2 leaves a fifth of it), or 'observed', the effect that the screen saw.{more}"
    )
    raise InputError(msg)


def _check_known(genes: Sequence[str], network: StoredNetwork, responders: set[str], names: GeneNames) -> None:
    unknown = [gene for gene in genes if gene not in network.nodes]
    if not unknown:
        return
    leaves = [gene for gene in unknown if gene in responders]
    rest = (
        f" {name_some(leaves)}: measured, but not perturbed, so that nothing is known of what follows from a change."
        if leaves
        else ""
    )
    rest += "".join(_why_not(gene, network, names) for gene in unknown if gene not in leaves)
    msg = (
        f"perturbations names genes that are not in the network of adata.uns[{network.key!r}]: "
        f"{name_some(map(repr, unknown))}.{rest} Its genes are {name_some(network.nodes)}."
    )
    raise InputError(msg)


def _why_not(gene: str, network: StoredNetwork, names: GeneNames) -> str:
    """Why a gene is not in the network: perturbed, but dropped, or written otherwise; empty where nothing is known."""
    if network.step is not None:
        table = network.step.tables["perturbations"]
        rows = table[(table["perturbation"].astype(str) == gene).to_numpy()]
        if len(rows):
            status, reason = str(rows["status"].iloc[0]), str(rows["reason"].iloc[0])
            what = "it was tested, but the network leaves it out" if status == "kept" else f"{status}, {reason}"
            return f" {gene} was perturbed in this screen: {what} (see ag.get.perturbations)."
    shown = {name.lower(): name for node in network.nodes for name in (node, names.show(node))}
    meant = shown.get(gene.lower())
    return "" if meant is None else f" Did you mean {meant!r}? Names are told apart by capitals."


def _check_observed(genes: Sequence[str], network: StoredNetwork) -> None:
    unseen = [gene for gene in genes if not np.isfinite(network.tau[network.positions([gene])[0]])]
    if unseen:
        msg = (
            f"The effect of the perturbation on its own gene, which a prediction needs, is not known of "
            f"{name_some(unseen)}: {network.why_unseen}"
        )
        raise InputError(msg)


def _held(hold: object, genes: Sequence[str], names: GeneNames) -> np.ndarray:
    if isinstance(hold, bool | np.bool_):
        return np.full(len(genes), bool(hold))
    wanted = _names([hold] if isinstance(hold, str) else hold)
    if wanted is None:
        msg = f"hold={hold!r}: give True, False, or names of genes among the perturbations."
        raise InputError(msg)
    held = {names.gene(name) for name in wanted}
    if unknown := sorted(held - set(genes)):
        msg = f"hold names genes that are not among the perturbations: {name_some(unknown)}. Give each a fold, too."
        raise InputError(msg)
    return np.array([gene in held for gene in genes], dtype=bool)


def perturbations_table(given: Given, network: StoredNetwork, shift: np.ndarray) -> pd.DataFrame:
    """One row per perturbation: what is asked for, what the screen saw, and what is extrapolation."""
    seen, se = (values[given.position] for values in network.own)
    with np.errstate(invalid="ignore", divide="ignore"):
        z_squared = (seen / se) ** 2
    return pd.DataFrame(
        {
            "gene": np.array(given.genes, dtype=object),
            "given": np.where(given.observed, OBSERVED, "fold").astype(object),
            "fold": np.exp(given.alone),
            "effect": given.alone,
            "shift": shift,
            "held": given.held,
            "observed": seen,
            "observed_se": se,
            "z_squared": z_squared,
            "flags": np.array(_flags(given, seen, z_squared), dtype=object),
        }
    )


def _flags(given: Given, effects: np.ndarray, z_squared: np.ndarray) -> list[str]:
    texts = []
    for size, seen, strength in zip(given.alone, effects, z_squared, strict=True):
        found = []
        if not np.isfinite(seen):
            found.append("not perturbed in this screen")
        elif size * seen < 0:
            found.append("opposite to what the screen saw")
        if abs(size) > BEYOND * abs(seen):
            found.append("beyond what the screen saw")
        if strength < WEAK_F:
            found.append("weak instrument")
        if len(given.genes) > 1:
            found.append("combination not used")
        texts.append("; ".join(found))
    return texts

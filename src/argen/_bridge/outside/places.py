"""Evidence from where genes are: distances, domains, compartments, boundaries, contacts, peaks at promoters."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from argen._bridge.gene_names import GeneNames
from argen._bridge.genomics.chromosomes import Assembly
from argen._bridge.genomics.contacts import contacts_of_pairs
from argen._bridge.genomics.intervals import (
    boundaries_between,
    members,
    overlaps,
    promoters,
    read_intervals,
    values_at,
)
from argen._bridge.genomics.positions import Positions
from argen._bridge.outside.sources import Source
from argen._bridge.runtime import warn_user
from argen._bridge.validate import counted, name_some
from argen.errors import InputError

__all__ = ["Regions", "chromosome_groups", "distance_classes", "place_sources"]


@dataclass(frozen=True, slots=True)
class Regions:
    """What a user gave about places, see :func:`argen.tl.argen_evidence`."""

    domains: object = None
    compartments: object = None
    boundaries: object = None
    contacts: object = None
    peaks: object = None
    promoter: tuple[int, int] = (1000, 100)

    @property
    def given(self) -> list[str]:
        """Names of the arguments that were given."""
        names = ("domains", "compartments", "boundaries", "contacts", "peaks")
        return [name for name in names if getattr(self, name) is not None]


@dataclass(frozen=True, slots=True)
class _Places:
    """Chromosomes as numbers (−1 unknown), and starts of genes."""

    chromosome: np.ndarray
    tss: np.ndarray

    def together(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        return (self.chromosome[source] == self.chromosome[target]) & (self.chromosome[source] >= 0)

    def distance(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        return np.where(self.together(source, target), np.abs(self.tss[source] - self.tss[target]), np.nan)

    def of_one_chromosome(self, value: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        return np.where(self.together(source, target), value, np.nan)


def chromosome_groups(positions: Positions) -> np.ndarray:
    """Number of each gene's chromosome, −1 where it is unknown."""
    return pd.factorize(positions.table["chrom"])[0]


def distance_classes(positions: Positions, source: np.ndarray, target: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Class of each pair: between which of `ends` (bp) its distance is; other chromosome −1, unknown −2."""
    groups = chromosome_groups(positions)
    places = _Places(groups, positions.table["tss"].to_numpy(dtype=float))
    found = np.searchsorted(ends, places.distance(source, target), "right")
    found = np.where(places.together(source, target), found, -1)
    return np.where((groups[source] < 0) | (groups[target] < 0), -2, found)


def place_sources(
    positions: Positions, regions: Regions, assembly: Assembly, nodes: list[str], names: GeneNames
) -> list[Source]:
    """All evidence from places; `nodes` are the first of the genes, those that can be sources."""
    places = _Places(chromosome_groups(positions), positions.table["tss"].to_numpy(dtype=float))

    def same_chromosome(source: np.ndarray, target: np.ndarray) -> np.ndarray:
        known = (places.chromosome[source] >= 0) & (places.chromosome[target] >= 0)
        return np.where(known, places.together(source, target), np.nan)

    found = [Source("same_chromosome", "share", same_chromosome), Source("distance", "number", places.distance)]
    for name, table in _by_name("domains", regions.domains, "domain").items():
        found.append(_same_domain(name, table, positions, places, assembly))
    for name, table in _by_name("compartments", regions.compartments, "compartment").items():
        found.append(_same_compartment(name, table, positions, places, assembly))
    for name, table in _by_name("boundaries", regions.boundaries, "boundaries").items():
        found.append(_boundaries(name, table, positions, places, assembly))
    for name, uri in _by_name("contacts", regions.contacts, "contact").items():
        found.append(_contacts(name, uri, positions, assembly))
    if regions.peaks is not None:
        found.append(_peaks(regions, positions, assembly, nodes, names))
    return found


def _by_name(argument: str, given: object, usual: str) -> Mapping[str, object]:
    """Tables by name; one alone has the usual name."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        return {usual: given}
    if not given:
        msg = f"{argument} is empty: name at least one table, or leave the argument out."
        raise InputError(msg)
    return {str(name): table for name, table in given.items()}


def _same_domain(name: str, table: object, positions: Positions, places: _Places, assembly: Assembly) -> Source:
    what = f"domains[{name!r}]"
    inside = members(positions, read_intervals(table, what, positions, assembly), what)

    def same(source: np.ndarray, target: np.ndarray) -> np.ndarray:
        together = places.together(source, target)
        value = np.full(len(source), np.nan)
        at = np.flatnonzero(together)
        value[at] = np.asarray(inside[source[at]].multiply(inside[target[at]]).sum(axis=1)).ravel() > 0
        return value

    return Source(f"same_{name}", "share", same)


def _same_compartment(name: str, table: object, positions: Positions, places: _Places, assembly: Assembly) -> Source:
    what = f"compartments[{name!r}]"
    sign = np.sign(values_at(positions, read_intervals(table, what, positions, assembly, value=True), what))
    sign[sign == 0] = np.nan

    def same(source: np.ndarray, target: np.ndarray) -> np.ndarray:
        known = np.isfinite(sign[source]) & np.isfinite(sign[target])
        value = np.where(known, sign[source] == sign[target], np.nan)
        return places.of_one_chromosome(value, source, target)

    return Source(f"same_{name}", "share", same)


def _boundaries(name: str, table: object, positions: Positions, places: _Places, assembly: Assembly) -> Source:
    intervals = read_intervals(table, f"boundaries[{name!r}]", positions, assembly)
    chromosome = positions.table["chrom"].to_numpy(dtype=object)

    def between(source: np.ndarray, target: np.ndarray) -> np.ndarray:
        value, at = np.full(len(source), np.nan), np.flatnonzero(places.together(source, target))
        ends = np.sort([places.tss[source[at]], places.tss[target[at]]], axis=0)
        value[at] = boundaries_between(chromosome[source[at]], *ends, intervals)
        return value

    return Source(f"{name}_between", "number", between)


def _contacts(name: str, uri: object, positions: Positions, assembly: Assembly) -> Source:
    def contacts(source: np.ndarray, target: np.ndarray) -> np.ndarray:
        return contacts_of_pairs(uri, f"contacts[{name!r}]", positions, assembly, source, target)

    return Source(name, "number", contacts)


def _peaks(regions: Regions, positions: Positions, assembly: Assembly, nodes: list[str], names: GeneNames) -> Source:
    """Whether the promoter of the target is in a peak of the source."""
    if not isinstance(regions.peaks, Mapping) or not regions.peaks:
        msg = "peaks: give a mapping from factors to BED files or tables, such as {'STAT1': 'stat1.narrowPeak'}."
        raise InputError(msg)
    places = promoters(positions, *regions.promoter)
    known = places["start"].notna().to_numpy()
    if not known.any():
        msg = "peaks need the strand of the genes, which no gene of the network has: give positions with strands."
        raise InputError(msg)
    if missing := int((positions.known & ~known).sum()):
        warn_user(f"peaks: {counted(missing, 'gene')} with a position but without a strand, hence without a promoter.")
    index, absent = {gene: i for i, gene in enumerate(nodes)}, []
    bound: dict[int, np.ndarray] = {}
    for factor, table in regions.peaks.items():
        gene = names.gene(str(factor))
        if gene not in index:
            absent.append(str(factor))
            continue
        intervals = read_intervals(table, f"peaks[{str(factor)!r}]", positions, assembly)
        row = np.where(known, 0.0, np.nan)
        row[overlaps(places, intervals)[0]] = 1.0
        bound[index[gene]] = row
    if len(absent) == len(regions.peaks):
        msg = f"peaks: none of the factors {name_some(map(repr, absent))} is a node of the network."
        raise InputError(msg)
    if absent:
        called = name_some(map(repr, absent))
        warn_user(f"peaks: left out, since they are no nodes of the network, which its sources are: {called}.")

    def in_peak(source: np.ndarray, target: np.ndarray) -> np.ndarray:
        value = np.full(len(source), np.nan)
        for factor, row in bound.items():
            at = source == factor
            value[at] = row[target[at]]
        return value

    return Source("peak", "share", in_peak)

"""Nodes and responders under all perturbations, as the saturated regressions take them, a block of genes at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from argen._bridge.responders import blocks
from argen._bridge.responders.blocks import GeneReader
from argen._bridge.results.searched import SearchedNetwork
from argen._core.descendants.dispersion import estimate_dispersions
from argen._core.glm.families import FAMILIES
from argen._core.parallel import Map
from argen._core.responders.direct import FirstStages, fit_first_stages
from argen._core.screen import Screen

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["ResponderBlock", "SaturatedScreen"]


@dataclass(frozen=True, slots=True)
class ResponderBlock:
    """Some responders.

    Attributes
    ----------
    responders
        Their positions among those that were asked for.
    screen, genes
        Counts, and which genes of it they are.
    phi
        Dispersion of every gene of `screen`.
    """

    responders: np.ndarray
    screen: Screen
    genes: np.ndarray
    phi: np.ndarray


class SaturatedScreen:
    """The cells of all perturbations, from which genes are read.

    Parameters
    ----------
    adata, network
        The object, and the network of it.

    Attributes
    ----------
    nodes
        Position of each node among the perturbations, shape (p,).
    phi_of_nodes
        Dispersion of the gene of each perturbation, 0 where it is no node; shape (P,).
    """

    def __init__(self, adata: "AnnData", network: SearchedNetwork) -> None:
        step = network.step
        self._network = network
        self._reader = GeneReader(adata, step.settings, step.depth_genes, step.entry.tables["shifts"])
        of_perturbation = {name: number for number, name in enumerate(self._reader.perturbations)}
        self.nodes = np.array([of_perturbation[gene] for gene in step.screen.genes], dtype=np.int64)
        self._own = self._reader.genes.get_indexer(list(self._reader.perturbations))
        self._own[~np.isin(np.arange(len(self._own)), self.nodes)] = -1
        self.phi_of_nodes = np.zeros(len(self._own))
        self.phi_of_nodes[self.nodes] = step.phi

    def of_nodes(self) -> Screen:
        """Screen whose gene g is that of perturbation g, without counts where it is no node."""
        return self._reader.screen(self._own)

    def first_stages(self, first_stage: str, *, hc3: bool, map_: Map) -> FirstStages:
        """Saturated first stages of the nodes."""
        descendant = self._network.relation.descendant
        how = {"hc3": hc3, "phi": self.phi_of_nodes, "map_": map_}
        return fit_first_stages(self.of_nodes(), self.nodes, descendant, first_stage, **how)

    def n_blocks(self, n_responders: int) -> int:
        """Blocks of so many responders."""
        return -(-n_responders // blocks.GENES_PER_BLOCK)

    def blocks(
        self, responders: np.ndarray, wanted: np.ndarray, map_: Map, *, with_nodes: bool
    ) -> Iterator[ResponderBlock]:
        """Read the `wanted` among the `responders` (names) block by block.

        With `with_nodes` a block has the genes of :meth:`of_nodes` before them, which the influence of cells needs.
        """
        columns, size = self._reader.genes.get_indexer(responders), blocks.GENES_PER_BLOCK
        before = self._own if with_nodes else self._own[:0]
        needs_dispersion = FAMILIES[self._network.step.settings.family].needs_dispersion
        for lo in range(0, len(wanted), size):
            block = wanted[lo : lo + size]
            screen = self._reader.screen([*before, *columns[block]])
            phi = estimate_dispersions(screen, map_).phi if needs_dispersion else np.zeros(screen.n_genes)
            yield ResponderBlock(block, screen, np.arange(len(before), screen.n_genes), phi)

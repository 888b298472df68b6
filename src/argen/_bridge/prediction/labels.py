"""What every label of a column did to every measured gene, labels of several perturbations included."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argen._bridge.measured import read_measured
from argen._bridge.settings import DescendantSettings
from argen._bridge.validate import check_anndata
from argen._core.descendants.tests import fit_descendants
from argen._core.parallel import Map
from argen.errors import DesignError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["effects_of_labels"]


def effects_of_labels(adata: "AnnData", given: dict[str, Any], map_: Map = map) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Total effects of each label against the controls and their standard errors, labels × genes.

    `given` are arguments of :func:`argen.tl.argen_descendants`; shifts are not taken out.
    """
    check_anndata(adata)
    settings = DescendantSettings.read(given)
    measured = read_measured(adata, settings)
    if not measured.perturbations:
        msg = f"No label of adata.obs[{settings.perturbation_key!r}] has min_cells={settings.min_cells} cells."
        raise DesignError(msg)
    screen = measured.screen
    tests = fit_descendants(screen, map_, test=settings.test, hc=settings.hc, pooled=settings.pooled)
    genes, labels = list(screen.genes), list(measured.perturbations)
    rows = np.arange(len(labels))
    return (
        pd.DataFrame(tests.effect[rows], index=labels, columns=genes),
        pd.DataFrame(tests.se[rows], index=labels, columns=genes),
    )

"""argen, and its baselines, under CausalBench's call contract :cite:p:`Chevalley2025`.

CausalBench runs any object that takes expression, the perturbed gene of each cell and the names of the genes, and that
returns pairs of genes. It hands over log-normalised expression; the counts are recovered from it.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from argen._bridge.runtime import warn_user
from argen._bridge.validate import check_option, name_some
from argen.baselines.causalbench.unlog import recover_counts
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["CONTROL", "EXCLUDED", "ArgenModel"]

CONTROL = "non-targeting"
EXCLUDED = "excluded"
METHODS = ("argen_dag", "argen_naive", "inspre", "pc", "ges", "gies", "notears")
_OBSERVATIONAL = ("pc", "ges", "notears")


class ArgenModel:
    """A model that CausalBench can run.

    Parameters
    ----------
    method
        ``"argen_dag"``, or a baseline: ``"argen_naive"``, ``"inspre"``, ``"pc"``, ``"ges"``, ``"gies"``, ``"notears"``.
    **kwargs
        Arguments of :func:`argen.tl.argen_dag`, or of the baseline's function, and of
        :func:`argen.tl.argen_descendants`.

    Examples
    --------
    >>> import numpy as np
    >>> import argen as ag
    >>> from argen.baselines.causalbench import ArgenModel
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> interventions = adata.obs["target"].astype(str).replace("control", "non-targeting").tolist()
    >>> edges = ArgenModel()(adata.X.toarray(), interventions, list(adata.var_names), "interventional")
    >>> ("X8", "X4") in edges
    True
    """

    def __init__(self, method: str = "argen_dag", **kwargs: Any) -> None:
        check_option("method", method, METHODS)
        self.method = method
        self.kwargs = kwargs

    def __call__(
        self,
        expression_matrix: np.ndarray,
        interventions: Sequence[str],
        gene_names: Sequence[str],
        training_regime: object = None,
        seed: int = 0,
    ) -> list[tuple[str, str]]:
        """Learn a network.

        Parameters
        ----------
        expression_matrix
            Cells × genes: log(1 + normalised counts), as CausalBench has it, or counts.
        interventions
            Perturbed gene of each cell, ``"non-targeting"`` for a control cell, ``"excluded"`` for one to be ignored.
        gene_names
            Names of the columns.
        training_regime
            CausalBench's regime (its enumeration or its text). In the observational regime there are no perturbations,
            hence no edges but those of the methods that do without.
        seed
            Of the methods that draw random numbers.

        Returns
        -------
        Edges as (parent, child), strongest first.

        Raises
        ------
        argen.errors.InputError
            Lengths or names that do not match.
        argen.errors.CountsError
            Neither counts nor log-normalised counts.
        """
        from argen.get import edges

        adata = _as_anndata(np.asarray(expression_matrix), interventions, gene_names)
        regime = str(getattr(training_regime, "value", training_regime))
        if self.method not in _OBSERVATIONAL and (regime == "observational" or not _has_perturbations(adata)):
            warn_user(f"{self.method} learns from perturbations and there are none: no edges.")
            return []
        common = {"perturbation_key": "perturbation", "control": CONTROL, "depth": "depth", "key_added": "network"}
        self._function(seed)(adata, **{**common, **self.kwargs})
        table = edges(adata, key=self.kwargs.get("key_added", "network"))
        return list(zip(table["source"], table["target"], strict=True))

    def _function(self, seed: int) -> Callable[..., Any]:
        from functools import partial

        from argen import tl

        if self.method == "inspre":
            return partial(tl.inspre, rng=seed)
        if hasattr(tl, self.method):
            return getattr(tl, self.method)
        return partial(tl.external_dag, method=self.method)


def _has_perturbations(adata: "AnnData") -> bool:
    return bool(adata.obs["perturbation"].isin(adata.var_names).any())


def _as_anndata(expression: np.ndarray, interventions: Sequence[str], gene_names: Sequence[str]) -> "AnnData":
    """Counts, depth and perturbation; excluded cells are left out."""
    import pandas as pd
    from anndata import AnnData
    from scipy import sparse

    labels, names = np.asarray(interventions, dtype=object).astype(str), [str(name) for name in gene_names]
    if expression.shape != (len(labels), len(names)):
        shape = "×".join(map(str, expression.shape))
        msg = f"expression_matrix is {shape}, but there are {len(labels)} interventions and {len(names)} gene_names."
        raise InputError(msg)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        msg = f"gene_names holds duplicates: {name_some(repeated)}."
        raise InputError(msg)
    kept = labels != EXCLUDED
    counts, depth = recover_counts(expression[kept])
    depth = counts.sum(axis=1) if depth is None else depth
    if (depth > 0).any():
        depth = depth / depth[depth > 0].mean()
    obs = pd.DataFrame({"perturbation": labels[kept], "depth": depth}, index=np.flatnonzero(kept).astype(str))
    return AnnData(sparse.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=names))

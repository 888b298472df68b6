"""One AnnData with genes and other features, as ``scanpy.read_10x_h5(path, gex_only=False)`` gives it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

GENE, GUIDE, ANTIBODY = "Gene Expression", "CRISPR Guide Capture", "Antibody Capture"


def guides_of(adata: AnnData, perturbation_key: str = "gene", seed: int = 0) -> AnnData:
    """Modality of two guides per label, whose UMIs hang on the target: a depth that has them is composed."""
    rng = np.random.default_rng(seed)
    labels = adata.obs[perturbation_key].astype(str).to_numpy()
    targets = np.repeat(sorted(set(labels)), 2)
    names = [f"{target}g{k + 1}" for target, k in zip(targets, [0, 1] * (len(targets) // 2), strict=True)]
    own = targets == labels[:, None]
    own &= np.arange(len(targets)) % 2 == rng.integers(0, 2, len(labels))[:, None]
    mean = 0.1 + own * 8.0 * (1 + np.arange(len(targets)) // 2)
    counts = sparse.csr_matrix(rng.poisson(mean).astype(np.float32))
    var = pd.DataFrame({"target": targets.astype(object)}, index=names)
    return AnnData(counts, obs=pd.DataFrame(index=adata.obs_names), var=var)


def with_features(
    adata: AnnData,
    others: AnnData,
    kind: str = GUIDE,
    column: str = "feature_types",
    names: Sequence[str] | None = None,
) -> AnnData:
    """Genes and `others` in one object, in turns, so that no block of columns is all genes."""
    values = sparse.hstack([adata.X, others.X], format="csr")
    names = list(adata.var_names) + list(others.var_names if names is None else names)
    kinds = [GENE] * adata.n_vars + [kind] * others.n_vars
    var = pd.DataFrame({column: np.array(kinds, dtype=object)}, index=names)
    if "target" in others.var:
        var["target"] = np.array([""] * adata.n_vars + others.var["target"].tolist(), dtype=object)
    order = np.argsort(np.r_[np.linspace(0, 1, adata.n_vars), np.linspace(0, 1, others.n_vars)], kind="stable")
    return AnnData(values[:, order], obs=adata.obs.copy(), var=var.iloc[order])

"""A small screen that is made by hand, and a strict comparison of AnnData objects."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

GENES = ("A", "B", "C", "D")
KWARGS = {"perturbation_key": "gene", "control": "ctrl", "covariates": ["batch", "mito"], "n_jobs": 1}


def toy(
    *,
    seed: int = 0,
    n_control: int = 200,
    n_per_target: int = 60,
    genes: Sequence[str] = GENES,
    n_others: int = 3,
) -> AnnData:
    """Screen of the chain A → B → C … in which every knock-down is −1.2 and every effect .8.

    Columns are in random order among `n_others` genes that nobody perturbs; obs has a categorical, a numeric and an
    integer covariate.
    """
    rng = np.random.default_rng(seed)
    labels = np.array(["ctrl"] * n_control + [gene for gene in genes for _ in range(n_per_target)], dtype=object)
    n = len(labels)
    batch, mito = rng.choice(["b1", "b2", "b3"], n), rng.normal(5.0, 2.0, n)
    eta = np.full((n, len(genes) + n_others), 1.5) + 0.05 * mito[:, None] + 0.2 * (batch == "b2")[:, None]
    own = rng.normal(0.0, 0.2, eta.shape)
    for j, gene in enumerate(genes):
        own[:, j] -= 1.2 * (labels == gene)
        if j:
            own[:, j] += 0.8 * own[:, j - 1]
    counts = rng.poisson(np.exp(eta + own) * np.exp(rng.normal(0.0, 0.3, n))[:, None])
    names = np.array([*genes, *(f"other{i}" for i in range(n_others))])
    columns = rng.permutation(len(names))
    obs = pd.DataFrame(
        {"gene": labels, "batch": pd.Categorical(batch), "mito": mito, "lane": rng.integers(1, 5, n)},
        index=[f"cell{i}" for i in range(n)],
    )
    obs["depth"] = counts.sum(axis=1) * rng.uniform(0.8, 1.2, n)
    return AnnData(
        sparse.csr_matrix(counts[:, columns].astype(np.float32)), obs=obs, var=pd.DataFrame(index=names[columns])
    )


def two_gene_loop(seed: int = 0, n: int = 250) -> AnnData:
    """Counts of the loop A ⇄ B (.5 and .4), A → C .8, and D → E .8, solved for its equilibrium."""
    rng = np.random.default_rng(seed)
    genes = list("ABCDE")
    theta = pd.DataFrame(0.0, genes, genes)
    theta.loc["A", "B"], theta.loc["B", "A"], theta.loc["A", "C"], theta.loc["D", "E"] = 0.5, 0.4, 0.8, 0.8
    labels = np.repeat(["ctrl", *genes], [3 * n, *[n] * 5]).astype(object)
    shocks = rng.normal(0, 0.2, (len(labels), 5)) - 1.2 * (labels[:, None] == np.array(genes, dtype=object))
    log_mean = 2.5 + shocks @ np.linalg.inv(np.eye(5) - theta.to_numpy())
    obs = pd.DataFrame({"gene": labels}, index=[f"cell{i}" for i in range(len(labels))])
    obs["depth"] = 1.0
    obs["replicate"] = pd.Categorical(rng.choice(["r1", "r2", "r3"], len(labels)))
    counts = rng.poisson(np.exp(log_mean)).astype(np.float32)
    return AnnData(counts, obs=obs, var=pd.DataFrame(index=genes))


def set_count(adata: AnnData, cells: object, gene: str, value: int) -> None:
    """Overwrite the counts of `gene` in the cells of a mask."""
    counts = adata.X.toarray()
    counts[np.asarray(cells), adata.var_names.get_loc(gene)] = value
    adata.X = sparse.csr_matrix(counts)


def assert_same(left: AnnData, right: AnnData) -> None:
    """Equality of every entry, type and name of all slots."""
    for slot in ("X", "obs", "var", "uns", "obsm", "varm", "obsp", "varp", "layers"):
        assert_equal(getattr(left, slot), getattr(right, slot), slot)


def assert_equal(left: object, right: object, where: str) -> None:
    """Exact equality through nested mappings, tables and matrices, types of the entries included."""
    if isinstance(left, Mapping):
        assert set(left) == set(right), where
        for name in left:
            assert_equal(left[name], right[name], f"{where}[{name!r}]")
    elif isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right, check_exact=True, obj=where)
    elif sparse.issparse(left):
        assert type(left) is type(right), where
        assert left.shape == right.shape, where
        for name in ("indptr", "indices", "data"):
            assert_equal(getattr(left, name), getattr(right, name), f"{where}.{name}")
    elif isinstance(left, np.ndarray):
        if left.dtype == object:  # texts; zarr reads them as numpy's own variable-length type
            left, right = left.astype(str), right.astype(object).astype(str)
        elif not where.endswith(("indices", "indptr")):
            assert left.dtype == right.dtype, where
        np.testing.assert_array_equal(left, right, err_msg=where, strict=False)
    else:
        assert left == right, where
        assert type(left) is type(right) or isinstance(right, np.generic), where

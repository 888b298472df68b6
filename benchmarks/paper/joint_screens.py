"""Study (xii): both searches on published screens, and with parts of the cells left out.

    python benchmarks/paper/joint_screens.py

Papalexi et al. (THP-1, CRISPR knock-out), Dixit et al. (K562 factors) and Hill et al. (MCF10A). Of each edge that one
search selects: coefficient and what says for it, and in how many of the runs without one replicate (Papalexi: three) or
without the cells of one guide of a gene of the network it is selected again. The descendant step is run anew each time.
"""

import warnings

import numpy as np
import pandas as pd
from common import OUT

import argen as ag

KEYS = {"argen_dag": "two-stage", "argen_joint": "joint"}


def papalexi():
    mdata = ag.datasets.papalexi_2021()
    ag.pp.argen_guides(mdata, control="non-targeting")
    return mdata["rna"], {"covariates": ["bio_rep", "percent_mito"], "depth": "total_umi"}


def dixit():
    adata = ag.datasets.dixit_2016()
    return adata, {"perturbation_key": "target", "control": "non-targeting"}


def hill():
    mdata = ag.datasets.hill_2018()
    ag.pp.argen_guides(mdata)
    adata = mdata["rna"]
    return adata, {"covariates": ["percent_mito"], "depth": "total_umi"}


def searched(adata, design: dict):
    """Both networks of these cells."""
    adata = adata.copy()
    for key in list(adata.uns):
        if key != "argen_guides":
            del adata.uns[key]
    ag.tl.argen_descendants(adata, **design)
    ag.tl.argen_dag(adata)
    ag.tl.argen_joint(adata)
    return adata


def edges_of(adata, key: str) -> pd.DataFrame:
    return ag.get.edges(adata, key=key).assign(edge=lambda t: t["source"] + " → " + t["target"]).set_index("edge")


def parts(adata, genes: set[str]):
    """Cells without one replicate, then without the cells of one guide."""
    if "bio_rep" in adata.obs:
        for level in adata.obs["bio_rep"].unique():
            yield "replicate", (adata.obs["bio_rep"] != level).to_numpy()
    if "argen_guides" in adata.uns:
        guides = adata.uns["argen_guides"]["tables"]["guides"]
        calls = adata.obsm["argen_guides"].tocsc()
        for i in np.flatnonzero(guides["target"].astype(str).isin(genes)):
            yield "guide", ~calls[:, [i]].toarray().ravel().astype(bool)


def table_of(name: str, adata, design: dict) -> pd.DataFrame:
    whole = searched(adata, design)
    found = {key: edges_of(whole, key) for key in KEYS}
    rows = sorted(set().union(*(table.index for table in found.values())))
    table = pd.DataFrame({"screen": name, "edge": rows}).set_index("edge", drop=False)
    for key, words in KEYS.items():
        table[f"{words}: coef"] = found[key]["coef"].reindex(rows)
    table["inclusion"] = found["argen_joint"]["inclusion"].reindex(rows)
    table["flags"] = found["argen_joint"]["flags"].astype(str).reindex(rows).fillna("")
    again = {(key, left): [] for key in KEYS for left in ("replicate", "guide")}
    genes = set(whole.uns["argen_dag"]["tables"]["order"].astype(str))
    for left, cells in parts(adata, genes):
        part = searched(adata[cells], design)
        for key in KEYS:
            again[key, left].append(pd.Series(1, edges_of(part, key).index).reindex(rows).fillna(0))
    for (key, left), runs in again.items():
        if runs:
            table[f"{KEYS[key]}: without a {left}"] = [f"{int(n)}/{len(runs)}" for n in sum(runs)]
    return table.reset_index(drop=True)


def main() -> None:
    warnings.simplefilter("ignore")
    tables = [table_of(make.__name__, *make()) for make in (papalexi, dixit, hill)]
    table = pd.concat(tables, ignore_index=True)
    table.to_csv(OUT / "joint_screens.csv", index=False, float_format="%.4g")
    text = table.round(3).fillna("").to_markdown(index=False)
    (OUT / "joint_screens.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()

"""Planted modules and gene sets that are found, and random ones that are not.

    python benchmarks/insight/modules.py --screens 20 --out docs/benchmarks/modules.csv

Screens of 60 genes in 4 modules, most of whose edges stay within. A planted set is four fifths of a module with as many
genes of others as make a fifth of it; random sets have the same sizes. A screen is one unit: errors are over screens.
"""

import argparse

import numpy as np
import pandas as pd

import argen as ag

N_MODULES, SIZE, N_RANDOM = 4, 15, 40
WAYS = [("louvain", 1.0), ("louvain", 0.3), ("leiden", 1.0), ("leiden", 0.3)]


def screen(seed: int):
    """A screen, the true module of each gene."""
    rng = np.random.default_rng(seed)
    genes = [f"M{k}G{i:02d}" for i in range(SIZE) for k in range(N_MODULES)]
    edges = []
    for j in range(N_MODULES, len(genes)):
        own = [i for i in range(j) if i % N_MODULES == j % N_MODULES]
        parents = {int(rng.choice(own))} | ({int(rng.integers(j))} if rng.random() < 0.25 else set())
        edges += [(genes[i], genes[j], rng.choice([-1, 1]) * rng.uniform(0.3, 0.7)) for i in parents]
    dag = pd.DataFrame(edges, columns=["parent", "child", "coef"])
    adata = ag.datasets.simulate(genes=genes, dag=dag, n_controls=3000, cells_per_perturbation=150, rng=seed)
    ag.tl.argen_descendants(adata, perturbation_key="perturbation", depth="depth")
    ag.tl.argen_dag(adata)
    return adata, pd.Series([gene[1] for gene in genes], index=genes), rng


def agreement(one: pd.Series, other: pd.Series) -> float:
    from sklearn.metrics import adjusted_rand_score

    both = one.notna() & other.notna()
    return adjusted_rand_score(one[both].astype(str), other[both].astype(str))


def rows(seed: int) -> list[dict]:
    adata, true, rng = screen(seed)
    sets = {}
    for number, part in true.groupby(true):
        others = true.index[true != number]
        sets[f"planted {number}"] = [*rng.choice(part.index, 12, replace=False), *rng.choice(others, 3, replace=False)]
    for i in range(N_RANDOM):
        sets[f"random {i}"] = rng.choice(true.index, SIZE, replace=False).tolist()
    found = []
    for method, resolution in WAYS:
        ag.tl.argen_modules(adata, method=method, resolution=resolution)
        ag.tl.argen_enrichment(adata, gene_sets=sets)
        table = ag.get.enrichment(adata)
        hits = table[table["significant"]]
        planted = hits["term"].astype(str).str.startswith("planted")
        found.append(
            {
                "method": method,
                "resolution": resolution,
                "n_modules": len(ag.get.modules(adata)),
                "rand": agreement(adata.var["argen_module"], true.reindex(adata.var_names)),
                "planted": hits.loc[planted, "term"].nunique() / N_MODULES,
                "false": float((~planted).sum()) / max(len(hits), 1),
            }
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=int, default=20)
    parser.add_argument("--out")
    options = parser.parse_args()
    table = pd.DataFrame([row for i in range(options.screens) for row in rows(1000 + i)])
    by = table.groupby(["method", "resolution"], sort=False)
    result = by.mean().join(by.sem(), rsuffix="_se").assign(n_screens=options.screens).reset_index()
    print(result.round(3).to_string())
    if options.out:
        result.to_csv(options.out, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()

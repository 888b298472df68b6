"""Study (iii): what happens when two of eight genes are never measured (the paper's Figure 2b).

    python benchmarks/paper/omitted_genes.py --replicates 100

X7 and X8, and the cells that perturb them, are dropped: they become hidden causes of the others. For every true edge
among X1 … X6 the estimates with all genes (Full) and without (Omitted) are compared by a rank-sum test over the
replicates, for argen, the naive proxy regression and INSPRE. A method that hidden causes do not move shows no
difference.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from common import arguments, binomial_error, run_all, write
from matplotlib.figure import Figure
from scipy.stats import ranksums

HIDDEN = ("X7", "X8")
METHODS = ("argen", "naive", "inspre")
DESIGN = {"perturbation_key": "perturbation", "covariates": ["L"], "depth": "depth"}


def replicate(method: str, seed: int) -> list[dict]:
    import warnings

    import argen as ag

    warnings.simplefilter("ignore")
    rows = []
    for analysis in ("Full", "Omitted"):
        adata = ag.datasets.simulate("paper_fig2", rng=seed, omit=HIDDEN if analysis == "Omitted" else None)
        run(method, adata)
        edges = ag.get.edges(adata, key=method, selected=False).set_index(["source", "target"])
        truth = adata.varp["truth"].toarray()
        for s, t in np.argwhere(truth):
            parent, child = adata.var_names[s], adata.var_names[t]
            if parent in HIDDEN or child in HIDDEN:
                continue
            edge = edges.loc[(parent, child)] if (parent, child) in edges.index else None
            rows.append(
                {
                    "method": method,
                    "analysis": analysis,
                    "seed": seed,
                    "edge": f"{parent}→{child}",
                    "truth": truth[s, t],
                    "coef": np.nan if edge is None else edge["coef"],
                    "selected": edge is not None and bool(edge["selected"]),
                }
            )
    return rows


def run(method: str, adata) -> None:
    import argen as ag

    # Descendants by the paper's test, level and closure.
    ag.tl.argen_descendants(adata, **DESIGN, test="wald", alpha=0.05, closure=True, n_jobs=1)
    tools = {"argen": ag.tl.argen_dag, "naive": ag.tl.argen_naive, "inspre": ag.tl.inspre}
    tools[method.lower()](adata, key_added=method, n_jobs=1)


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (method, edge), group in runs.groupby(["method", "edge"], sort=False):
        full, omitted = (group.loc[group["analysis"] == a] for a in ("Full", "Omitted"))
        p = ranksums(full["coef"].dropna(), omitted["coef"].dropna()).pvalue
        rows.append(
            {
                "method": method,
                "edge": edge,
                "truth": full["truth"].iloc[0],
                "median_full": full["coef"].median(),
                "median_omitted": omitted["coef"].median(),
                "rank_sum_p": p,
                "found_full": full["selected"].mean(),
                "found_omitted": omitted["selected"].mean(),
            }
        )
    table = pd.DataFrame(rows)
    per_method = table.groupby("method")["rank_sum_p"].transform("size")
    table["differs"] = table["rank_sum_p"] < 0.05 / per_method
    return table


def errors_of(table: pd.DataFrame, replicates: int) -> dict[str, pd.Series]:
    return {found: binomial_error(table[found], replicates) for found in ("found_full", "found_omitted")}


def draw(runs: pd.DataFrame) -> Figure:
    edges = list(dict.fromkeys(runs["edge"]))
    methods = [m for m in METHODS if (runs["method"] == m).any()]
    figure, axes = plt.subplots(
        len(methods), 1, figsize=(7, 2.4 * len(methods)), sharex=True, squeeze=False, layout="constrained"
    )
    for ax, method in zip(axes[:, 0], methods, strict=True):
        for shift, (analysis, colour) in zip((-0.18, 0.18), (("Full", "#0072B2"), ("Omitted", "#E69F00")), strict=True):
            chosen = runs[(runs["method"] == method) & (runs["analysis"] == analysis)]
            values = [chosen.loc[chosen["edge"] == e, "coef"].dropna() for e in edges]
            boxes = ax.boxplot(
                values, positions=np.arange(len(edges)) + shift, widths=0.3, patch_artist=True, flierprops={"ms": 2}
            )
            for box in boxes["boxes"]:
                box.set_facecolor(colour)
            boxes["boxes"][0].set_label(analysis)
        truth = runs.drop_duplicates("edge").set_index("edge").loc[edges, "truth"]
        ax.hlines(truth, np.arange(len(edges)) - 0.45, np.arange(len(edges)) + 0.45, color="0.3", lw=1, ls="--")
        ax.set(title=method, ylabel="estimate", xticks=range(len(edges)), xticklabels=edges)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, ncols=2, loc="outside upper right")
    return figure


def main() -> None:
    options = arguments(__doc__, 100)
    cases = [(method, seed) for method in METHODS for seed in range(options.replicates)]
    runs = run_all(replicate, cases, options.jobs)
    table = summary(runs)
    write(table, options.out, "omitted_genes", errors_of(table, options.replicates))
    draw(runs).savefig(options.out / "omitted_genes.png", dpi=150)


if __name__ == "__main__":
    main()

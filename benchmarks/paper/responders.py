"""Study (y): direct effects on genes that nobody perturbs, beside what is done instead.

    python benchmarks/paper/responders.py --replicates 10 --jobs 2

Screens with 25 perturbed genes (120 cells each, 1,500 controls, 4 batches, two hidden confounders) and 200 responders.
The control cells hold e^-1.5 to e^1.5 counts of a gene on average, and direct effects are .3 to .9 in size:

* *random*: one to three parents per gene, anywhere in the graph (a responder may regulate a responder);
* *cascades*: the perturbed genes are five chains of five with effects of .6 to .9, and every responder has one or two
  of them as parents;
* *few counts*: the same with a quarter of the counts per cell;
* *low regulators*: cascades of perturbed genes with e^-4 to e^-2 counts, whose knock-down can hardly be seen;
* *weak knock-downs*: cascades with own effects of -.6 to -.25;
* *feedback*: cascades in which the third gene of every chain acts back on the first (.3 to .5);
* *no edge*: cascades, and responders without parents.

The truth are direct effects: a path from a perturbed gene to a responder is one if it runs through no other perturbed
gene. Edges to responders at a false discovery rate of .05 by `tl.argen_responders` with the network of `tl.argen_dag`
(also with `first_stage="shared"`) and with that of `tl.argen_joint`; those of either by their grade in `get.evidence`,
given both; and, read as edges, the significant total effects of argen, Wilcoxon's test (`scanpy.tl.rank_genes_groups`
on log-normalised counts), and Welch's test of the log counts per million of pseudobulks by batch, each by Benjamini and
Hochberg over all pairs. FDR is the mean share of false ones among those found (0 where none is). For argen also how
often candidates (with the joint network: all pairs) that are no edge have p < .05, and the coverage of the 95 %
intervals of the selected edges. In brackets standard errors over the screens.
"""

import numpy as np
import pandas as pd
from common import arguments, run_all, write

POINTS = ("random", "cascades", "few counts", "low regulators", "weak knock-downs", "feedback", "no edge")
N, RESPONDERS = 25, 200
TWO_STAGE, JOINT, JOINT_RESPONDERS = "argen_dag", "argen_joint", "joint_responders"
# Screens before this one were used to choose among rules.
FIRST_SEED = 20
SHARED = "argen_dag, shared"
GRADES = ("strong", "moderate", "weak", "doubtful")
METHODS = (TWO_STAGE, SHARED, JOINT, "total effects", "Wilcoxon", "pseudobulk", *GRADES)
DESIGN = {"perturbation_key": "perturbation", "covariates": ["batch"], "depth": "depth"}
ALPHA = 0.05


def edges_of(point: str, rng: np.random.Generator, names: list[str], responders: list[str]) -> pd.DataFrame:
    """Direct effects, parents first."""

    def effect(low: float = 0.3) -> float:
        return rng.uniform(low, 0.9) * rng.choice([-1.0, 1.0])

    if point == "random":
        genes = rng.permutation([*names, *responders])
        parents = [rng.choice(j, min(j, rng.integers(1, 4)), replace=False) for j in range(1, len(genes))]
        rows = [(genes[k], genes[j + 1], effect()) for j, some in enumerate(parents) for k in some]
    else:
        rows = [(names[j], names[j + 1], abs(effect(0.6))) for j in range(N - 1) if j % 5 != 4]
        for name in responders if point != "no edge" else []:
            rows += [(names[k], name, effect()) for k in rng.choice(N, rng.integers(1, 3), replace=False)]
    return pd.DataFrame(rows, columns=["parent", "child", "coef"])


def simulate(point: str, seed: int):
    import argen as ag

    rng = np.random.default_rng([seed, POINTS.index(point)])
    names, responders = [f"G{j:02d}" for j in range(N)], [f"R{j:03d}" for j in range(RESPONDERS)]
    dag = edges_of(point, rng, names, responders)
    level = dict(zip([*names, *responders], rng.uniform(-1.5, 1.5, N + RESPONDERS), strict=True))
    if point == "low regulators":
        level |= dict(zip(names, rng.uniform(-4.0, -2.0, N), strict=True))
    intercept = dict(level)
    if point == "feedback":
        return with_feedback(dag, names, responders, level, rng)
    for edge in dag.itertuples():  # so that the controls hold as many counts as was drawn
        intercept[edge.child] -= edge.coef * level[edge.parent]
    return ag.datasets.simulate(
        genes=[*names, *responders],
        perturbations=names,
        dag=dag,
        intercept=intercept,
        rng=rng,
        cells_per_perturbation=120,
        n_controls=1500,
        batch_covariates={"batch": 4},
        n_confounders=2,
        confounder_effect=(-0.3, 0.3),
        knockdown=(-0.6, -0.25) if point == "weak knock-downs" else (-2.5, -0.7),
        dispersion=(0.05, 0.3),
        depth_mean=0.25 if point == "few counts" else 1.0,
    )


def with_feedback(dag: pd.DataFrame, names: list[str], responders: list[str], level: dict[str, float], rng):
    """The same design with loops, which `datasets.simulate` refuses: a knock-down δ moves log means by δ(I − Θ)⁻¹."""
    from anndata import AnnData
    from scipy import sparse

    genes = [*names, *responders]
    direct = pd.DataFrame(0.0, genes, genes)
    for edge in dag.itertuples():
        direct.loc[edge.parent, edge.child] = edge.coef
    for first in range(0, N, 5):
        direct.loc[names[first + 2], names[first]] = rng.uniform(0.3, 0.5)
    effects = rng.uniform(-2.5, -0.7, N)[:, None] * np.linalg.inv(np.eye(len(genes)) - direct.to_numpy())[:N]
    label = np.concatenate([np.repeat(np.arange(N), 120), np.full(1500, N)])
    batch, depth = rng.integers(0, 4, len(label)), rng.lognormal(0.0, 0.3, len(label))
    log_mean = np.vstack([effects, np.zeros(len(genes))])[label] + np.array([level[gene] for gene in genes])
    log_mean += rng.normal(0.0, 0.2, (4, len(genes)))[batch]
    log_mean += rng.normal(size=(len(label), 2)) @ rng.uniform(-0.3, 0.3, (2, len(genes)))
    dispersion = rng.uniform(0.05, 0.3, len(genes))
    mean = np.exp(log_mean) * depth[:, None]
    counts = rng.poisson(mean * rng.gamma(1.0 / dispersion, dispersion, mean.shape))
    labels = np.array([*names, "control"], dtype=object)[label]
    obs = pd.DataFrame(
        {"perturbation": labels, "batch": pd.Categorical(batch.astype(str)), "depth": depth},
        index=[f"cell{i}" for i in range(len(label))],
    )
    var = pd.DataFrame({"perturbed": np.isin(genes, names)}, index=genes)
    truth = np.where(var["perturbed"].to_numpy()[:, None], 0.0, direct[genes].T[names])
    return AnnData(
        sparse.csr_matrix(counts.astype(np.float32)), obs=obs, var=var, varm={"truth": sparse.csr_matrix(truth)}
    )


def truth_of(adata) -> pd.DataFrame:
    """True direct effects, responder × perturbed gene."""
    perturbed = adata.var["perturbed"].to_numpy()
    names = adata.var_names[perturbed]
    if "truth" not in adata.varm:
        return pd.DataFrame(0.0, adata.var_names[~perturbed], names)
    return pd.DataFrame(adata.varm["truth"].toarray(), adata.var_names, names)[~perturbed]


def by_wilcoxon(adata, responders) -> set:
    import scanpy as sc

    data = adata.copy()
    sc.pp.normalize_total(data)
    sc.pp.log1p(data)
    sc.tl.rank_genes_groups(data, "perturbation", reference="control", method="wilcoxon")
    table = sc.get.rank_genes_groups_df(data, group=None)
    return found(table.rename(columns={"group": "source", "names": "target", "pvals": "p"}), responders)


def by_pseudobulk(adata, responders) -> set:
    from scipy.stats import ttest_ind

    group = adata.obs["perturbation"].astype(str) + "|" + adata.obs["batch"].astype(str)
    codes, names = pd.factorize(group)
    sums = np.zeros((len(names), adata.n_vars))
    np.add.at(sums, codes, adata.X.toarray())
    level = np.log(1e6 * (sums + 0.5) / (sums.sum(axis=1, keepdims=True) + 0.5 * adata.n_vars))
    of = names.str.split("|").str[0].to_numpy()
    rows = []
    for name in sorted(set(of) - {"control"}):
        p = ttest_ind(level[of == name], level[of == "control"], equal_var=False).pvalue
        rows.append(pd.DataFrame({"source": name, "target": adata.var_names, "p": p}))
    return found(pd.concat(rows), responders)


def found(table: pd.DataFrame, responders) -> set:
    """Pairs to responders that Benjamini and Hochberg reject."""
    from scipy.stats import false_discovery_control

    table = table[table["target"].isin(responders) & table["p"].notna()]
    table = table[false_discovery_control(table["p"]) <= ALPHA]
    return set(zip(table["source"].astype(str), table["target"].astype(str), strict=True))


def one(point: str, seed: int) -> list[dict]:
    import warnings

    import argen as ag

    warnings.simplefilter("ignore")
    adata = simulate(point, seed)
    truth = truth_of(adata)
    true = {(s, t) for s in truth.columns for t in truth.index if truth.loc[t, s] != 0}
    ag.tl.argen_dag(adata, **DESIGN, responders="all", n_jobs=1)
    ag.tl.argen_joint(adata, n_jobs=1)
    sets, details = {}, {}
    for method, options in (
        (SHARED, {"first_stage": "shared"}),
        (TWO_STAGE, {}),
        (JOINT, {"network": JOINT, "key_added": JOINT_RESPONDERS}),
    ):
        ag.tl.argen_responders(adata, **options, robust=False, n_jobs=1)
        candidates = ag.get.responders(adata, key=options.get("key_added", "argen_responders"), selected=False)
        candidates = candidates[candidates["tested"]] if "tested" in candidates else candidates
        coef = np.array([truth.loc[t, s] for s, t in zip(candidates["source"], candidates["target"], strict=True)])
        chosen = candidates["selected"].to_numpy()
        sets[method] = set(zip(*(candidates.loc[chosen, end] for end in ("source", "target")), strict=True))
        inside = np.abs(candidates["coef"] - coef) <= 1.96 * candidates["se"]
        details[method] = {
            "null": _null(candidates, coef, truth, len(true), listed=method == JOINT),
            "coverage": float(inside[chosen].mean()) if chosen.any() else np.nan,
        }
    pairs = ag.get.pairs(adata, responders=True)
    pairs = pairs[pairs["kind"] == "responder"]
    sets |= {
        "total effects": found(pairs, truth.index),
        "Wilcoxon": by_wilcoxon(adata, truth.index),
        "pseudobulk": by_pseudobulk(adata, truth.index),
    }
    graded = ag.get.evidence(adata, responders=True).query("kind == 'responder'")
    for grade in GRADES:
        some = graded[graded["grade"].astype(str) == grade]
        sets[grade] = set(zip(some["source"], some["target"], strict=True))
    rows = []
    for method in METHODS:
        edges = sets[method]
        hits = len(edges & true)
        row = {"screens": point, "method": method, "seed": seed, "found": len(edges), "true": len(true)}
        row |= {"fdr": 1 - hits / len(edges) if edges else 0.0, "recall": hits / len(true) if true else np.nan}
        rows.append(row | details.get(method, {}))
    return rows


def _null(candidates: pd.DataFrame, coef: np.ndarray, truth: pd.DataFrame, n_true: int, *, listed: bool) -> float:
    """Share of p below .05 among what is no edge; the joint network's table lists these alone, of all pairs."""
    rejected = (candidates["p"] < ALPHA)[coef == 0]
    n = truth.size - n_true if listed else len(rejected)
    return float(rejected.sum() / n) if n else np.nan


def main() -> None:
    options = arguments(__doc__, replicates=10)
    seeds = range(FIRST_SEED, FIRST_SEED + options.replicates)
    runs = run_all(one, [(point, seed) for point in POINTS for seed in seeds], options.jobs)
    columns = ["found", "true", "fdr", "recall", "null", "coverage"]
    groups = runs.groupby(["screens", "method"], sort=False)[columns]
    table, errors = groups.mean().reset_index(), groups.sem().reset_index()
    graded = table["method"].isin(GRADES)
    for name, some, with_errors in (
        ("responders", ~graded, ["fdr", "recall", "null", "coverage"]),
        ("responders_grades", graded, ["fdr", "recall"]),
    ):
        part = table.loc[some, ["screens", "method", "found", "true", *with_errors]]
        write(part, options.out, name, {column: errors.loc[some, column] for column in with_errors})


if __name__ == "__main__":
    main()

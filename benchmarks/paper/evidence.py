"""Study (xv): how often the edges of each grade of `get.evidence` are true.

    python benchmarks/paper/evidence.py --replicates 6

Screens of `artefacts.py` (15 perturbed genes, 10 edges, one case for each common artefact) and networks of
`datasets.simulate`. Of the edges that a search selects: how many have each grade, and which share of them is true, with
the standard error of that share over screens (ratio of sums, by the delta method). Grades from all that is computed,
and from parts of it with the checks of the descendant step.
"""

import argparse
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import artefacts
import numpy as np
import pandas as pd
from common import OUT

GRADES = ("strong", "moderate", "weak", "doubtful")
NETWORKS = {
    "simulate: 30 genes, 1–3 parents": {"genes": 30, "n_parents": (1, 3), "n_controls": 2000},
    "simulate: 30 genes, 30 cells per perturbation": {
        "genes": 30, "n_parents": (1, 3), "n_controls": 1000, "cells_per_perturbation": 30,
    },
}  # fmt: skip
NOTHING = {"stability": None, "sensitivity": None, "overidentification": None}
GIVEN = {
    "all": {},
    "both searches": NOTHING,
    "two-stage search and variations": NOTHING | {"joint": None, "sensitivity": "argen_sensitivity"},
    "two-stage search alone": NOTHING | {"joint": None},
}
DRAWS = 30


def screen(case: str, seed: int):
    """A screen and the arguments with which a user would analyse it."""
    import argen as ag

    if case in artefacts.CASES:
        return artefacts.CASES[case](seed), artefacts.settings(case)
    adata = ag.datasets.simulate("k562_like", rng=seed, **NETWORKS[case])
    return adata, {"perturbation_key": "perturbation", "covariates": ["gem_group", "percent_mito"], "depth": "depth"}


def replicate(case: str, seed: int) -> list[dict]:
    """Edges and true ones by what is given and grade, on one screen."""
    import argen as ag

    warnings.simplefilter("ignore")
    adata, settings = screen(case, seed)
    ag.tl.argen_dag(adata, **settings, n_jobs=1)
    ag.tl.argen_joint(adata, n_jobs=1)
    ag.tl.argen_stability(adata, n_draws=DRAWS, rng=seed, n_jobs=1)
    ag.tl.argen_sensitivity(adata, n_jobs=1)
    ag.tl.argen_check(adata, guides="guide" if "guide" in adata.obs else None, n_jobs=1)
    truth = adata.varp["truth"].toarray() != 0
    rows = []
    for given, options in GIVEN.items():
        table = ag.get.evidence(adata, **options)
        adata.uns.pop("argen_check", None)  # from here on with the quick checks
        at = (adata.var_names.get_indexer(table[end]) for end in ("source", "target"))
        right = pd.Series(truth[tuple(at)])
        grade = table["grade"].astype(str)
        for name in GRADES:
            of_grade = right[grade == name]
            counts = {"edges": len(of_grade), "true": int(of_grade.sum())}
            rows.append({"case": case, "seed": seed, "given": given, "grade": name, **counts})
    return rows


def precision(runs: pd.DataFrame) -> str:
    """Share of true edges with its standard error over screens, in brackets the number of edges."""
    edges, true = runs["edges"].sum(), runs["true"].sum()
    if not edges:
        return "–"
    share, n = true / edges, len(runs)
    error = np.sqrt(((runs["true"] - share * runs["edges"]) ** 2).sum() * n / max(n - 1, 1)) / edges
    return f"{share:.2f} ± {error:.2f} ({edges})"


def summary(runs: pd.DataFrame) -> str:
    """Two tables: what is given × grade over all screens, and with everything given case × grade."""
    parts = []
    for title, part in (("given", runs), ("case", runs[runs["given"] == "all"])):
        rows = [
            {title: name} | {grade: precision(group[group["grade"] == grade]) for grade in GRADES}
            for name, group in part.groupby(title, sort=False)
        ]
        parts.append(pd.DataFrame(rows).to_markdown(index=False))
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=6)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    cases = [*artefacts.CASES, *NETWORKS]
    runs = pd.DataFrame()
    # One seed after the other, each written when it is done: a study that is stopped has whole ones.
    with ProcessPoolExecutor(given.jobs) as pool:
        for seed in range(given.first_seed, given.first_seed + given.replicates):
            found = pool.map(replicate, cases, [seed] * len(cases))
            runs = pd.concat([runs, pd.DataFrame([row for rows in found for row in rows])], ignore_index=True)
            runs.to_csv(given.out / "evidence.csv", index=False)
            (given.out / "evidence.md").write_text(summary(runs) + "\n")
    print(summary(runs))


if __name__ == "__main__":
    main()

"""Study (xv): how often the checks of argen_check speak: on clean screens, on those they are for, on real ones.

    python benchmarks/paper/checks.py --replicates 40

Clean screens are those of `artefacts.py` with a depth that the measured genes are no part of; the rate at which a check
speaks there is its false alarm. Power: share of the screens with an artefact in which the check that is for it speaks.
Standard errors are those of a share. Real screens: every finding in its own words.
"""

import warnings

import artefacts
import numpy as np
import pandas as pd
from common import arguments, run_all, write

import argen as ag

FOR = {
    "two perturbed genes carry 30 % of the UMIs": "composition",
    "fixed reads per cell": "composition",
    "total of a panel": "composition",
    "every targeting guide raises the same genes": "common response",
    "six perturbations raise one programme": "shared programme",
    "a batch is left out": "batch",
    "survivors": "survivors",
    "an active control guide": "controls",
    "controls with unguided cells": "controls",
    "neighbours share the knock-down": "neighbours",
    "half the cells escape": "guides",
    "depth on a log scale": "depth scale",
    "unbalanced batches with controls missing in some": "controls",
}


def replicate(case: str, seed: int) -> list[dict]:
    """Which checks speak on one screen."""
    warnings.simplefilter("ignore")
    adata = artefacts.CASES[case](seed)
    settings = artefacts.settings(case) | ({"depth": "capture"} if case == "clean" else {})
    ag.tl.argen_descendants(adata, **settings, n_jobs=1)
    ag.tl.argen_check(adata, guides="guide", n_jobs=1)
    spoken = set(ag.get.check(adata)["check"])
    return [{"case": case, "seed": seed, "check": check, "speaks": check in spoken} for check in CHECKS]


CHECKS = tuple(dict.fromkeys([*FOR.values(), "covariates"]))


def share(speaks: pd.Series) -> str:
    p, n = speaks.mean(), len(speaks)
    return f"{p:.2f} ({np.sqrt(max(p * (1 - p), 0.0) / n):.2f})"


def real_screens() -> pd.DataFrame:
    """Findings on the screens that come with argen."""
    rows = []
    for name, (adata, settings) in screens().items():
        ag.tl.argen_descendants(adata, **settings)
        ag.tl.argen_check(adata)
        found = ag.get.check(adata).assign(screen=name)
        if found.empty:
            found = pd.DataFrame([{"screen": name, "check": "none", "what": "no check spoke"}])
        rows.append(found)
    return pd.concat(rows)[["screen", "check", "what", "perturbations", "genes"]].fillna("")


def screens() -> dict:
    papalexi, schraivogel, hill = ag.datasets.papalexi_2021(), ag.datasets.schraivogel_2020(), ag.datasets.hill_2018()
    ag.pp.argen_guides(papalexi, control="non-targeting")
    for mdata in (schraivogel, hill):
        ag.pp.argen_guides(mdata)
    dixit = {"perturbation_key": "target", "control": "non-targeting", "depth": "total_umi_panel"}
    return {
        "Papalexi": (papalexi["rna"], {"covariates": ["bio_rep", "percent_mito"], "depth": "total_umi"}),
        "Schraivogel, depth without haemoglobin": (
            schraivogel["rna"].copy(),
            {"covariates": ["batch"], "depth": "total_umi_panel_noHB"},
        ),
        "Schraivogel, total of the panel": (
            schraivogel["rna"].copy(),
            {"covariates": ["batch"], "depth": "total_umi_panel"},
        ),
        "Dixit": (ag.datasets.dixit_2016(), dixit),
        "Gasperini, promoters": gasperini_promoters(),
        "Hill": (hill["rna"], {"depth": "total_umi"}),
    }


def gasperini_promoters() -> tuple:
    """Cells with one of the 20 promoter guides' targets, against those with a non-targeting guide."""
    mdata = ag.datasets.gasperini_2019()
    guides, var = mdata["guide"].var, mdata["rna"].var
    ensembl = dict(zip(var["symbol"].astype(str), var.index, strict=True))
    symbol = guides["target"].astype(str).str.removesuffix("_TSS")
    target = symbol.map(ensembl).where(guides["target_type"] == "TSS", "enhancer")
    target = target.where(guides["target_type"] != "non-targeting", "non-targeting").fillna("unmeasured")
    ag.pp.argen_guides(mdata, guide_target=target.to_dict(), control="non-targeting")
    adata = mdata["rna"]
    return adata, {"covariates": ["batch"], "depth": "total_umi"}


def main() -> None:
    options = arguments(__doc__, 40)
    tasks = [("clean", 100 + seed) for seed in range(options.replicates)]
    tasks += [(case, 400 + seed) for case in FOR for seed in range(-(-options.replicates // 4))]
    runs = run_all(replicate, tasks, options.jobs)
    clean = runs[runs["case"] == "clean"]
    alarms = clean.groupby("check", sort=False)["speaks"].agg([share, "size"])
    rows = [
        {"case": "clean", "check": check, "screens": row["size"], "speaks": row["share"]}
        for check, row in alarms.iterrows()
    ]
    for case, check in FOR.items():
        own = runs[(runs["case"] == case) & (runs["check"] == check)]["speaks"]
        rows.append({"case": case, "check": check, "screens": len(own), "speaks": share(own)})
    write(pd.DataFrame(rows), options.out, "checks")
    warnings.simplefilter("ignore")
    write(real_screens(), options.out, "checks_screens")


if __name__ == "__main__":
    main()

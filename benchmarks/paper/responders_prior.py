"""Study (z): effects on genes that nobody perturbs, beside what the literature knows.

    python benchmarks/paper/responders_prior.py

In the real screens, the pairs of a perturbed transcription factor of CollecTRI and a measured gene that is not
perturbed and is a target of some factor in CollecTRI. Of these pairs: significant total effects (false discovery rate
.05), and direct effects by `tl.argen_responders`; how many of them CollecTRI has, how many it would have by chance,
the odds ratio and Fisher's one-sided p-value. Most regulations of CollecTRI were found in other cells, and its targets
are not independent: it is a background, not a truth. Dixit's genes are the mouse's, their names in capitals. No pair of
Schraivogel's panel is left: it perturbs no factor whose targets CollecTRI knows.
"""

import numpy as np
import pandas as pd
from common import arguments, write
from scipy.stats import fisher_exact

DESIGNS = {
    "Papalexi": {"covariates": ["bio_rep", "percent_mito"], "depth": "total_umi"},
    "Dixit": {"perturbation_key": "target", "control": "non-targeting", "depth": "total_umi_panel"},
}


def screen(name: str):
    import argen as ag

    if name == "Dixit":
        return ag.datasets.dixit_2016()
    data = ag.datasets.papalexi_2021()
    ag.pp.argen_guides(data, control="non-targeting")
    return data


def overlap(pairs: pd.DataFrame, found: pd.Series, known: set) -> dict:
    """2 × 2 of pairs found or not, in CollecTRI or not."""
    prior = np.array([pair in known for pair in zip(pairs["source"], pairs["target"], strict=True)], bool)
    both = int((prior & found).sum())
    table = [[both, int((prior & ~found).sum())], [int((~prior & found).sum()), int((~prior & ~found).sum())]]
    ratio, p = fisher_exact(table, alternative="greater")
    return {
        "pairs": len(pairs), "in CollecTRI": int(prior.sum()), "found": int(found.sum()), "both": both,
        "by chance": found.sum() * prior.mean(), "odds ratio": ratio, "p": p,
    }  # fmt: skip


def rows_of(name: str) -> list[dict]:
    import argen as ag

    data = screen(name)
    ag.tl.argen_dag(data, **DESIGNS[name], responders="all")
    ag.tl.argen_responders(data)
    prior = ag.datasets.collectri()
    known = set(zip(prior["source"], prior["target"], strict=True))
    pairs = ag.get.pairs(data, responders=True)
    pairs = pairs[pairs["kind"] == "responder"]
    pairs["source"], pairs["target"] = pairs["source"].str.upper(), pairs["target"].str.upper()
    edges = ag.get.responders(data, selected=True)
    direct = set(zip(edges["source"].str.upper(), edges["target"].str.upper(), strict=True))
    usable = pairs["source"].isin(prior["source"]) & pairs["target"].isin(prior["target"])
    pairs = pairs[usable].reset_index(drop=True)
    is_direct = np.array([pair in direct for pair in zip(pairs["source"], pairs["target"], strict=True)], bool)
    candidates = ag.get.responders(data, selected=False)
    sources = pairs["source"].isin(candidates["source"].str.upper())
    return [
        {"screen": name, "effects": "total", **overlap(pairs, pairs["significant"].to_numpy(), known)},
        {"screen": name, "effects": "direct", **overlap(pairs[sources], is_direct[sources.to_numpy()], known)},
    ]


def main() -> None:
    args = arguments(__doc__, replicates=1)
    write(pd.DataFrame([row for name in DESIGNS for row in rows_of(name)]), args.out, "responders_prior")


if __name__ == "__main__":
    main()

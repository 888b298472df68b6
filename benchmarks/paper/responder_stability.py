"""Study: how often edges to responders come back when the cells are drawn again.

    python benchmarks/paper/responder_stability.py --replicates 8 --jobs 2

*Cascades* of study (y), `responders.py`. Mean of `stability` (`tl.argen_stability(responders=True)`, 200 draws) over
all pairs that are no edge and over all true edges, beside the share of them that `tl.argen_responders` selects; and
over the selected ones. In brackets standard errors over the screens.
"""

import numpy as np
from common import arguments, run_all, write
from responders import DESIGN, FIRST_SEED, simulate, truth_of


def one(seed: int) -> list[dict]:
    import warnings

    import argen as ag

    warnings.simplefilter("ignore")
    adata = simulate("cascades", seed)
    truth = truth_of(adata).T.stack() != 0
    ag.tl.argen_dag(adata, **DESIGN, responders="all", n_jobs=1)
    ag.tl.argen_responders(adata, robust=False, n_jobs=1)
    ag.tl.argen_stability(adata, responders=True, n_jobs=1)
    table = ag.get.stability(adata, responders=True).query("kind == 'responder'").set_index(["source", "target"])
    stability = table["stability"].reindex(truth.index).fillna(0.0)
    selected = table["selected"].reindex(truth.index).eq(other=True)
    kinds = {
        "no edge": ~truth, "true edges": truth, "selected, no edge": selected & ~truth,
        "selected, true": selected & truth,
    }  # fmt: skip
    return [
        {"pairs": name, "seed": seed, "n": int(some.sum()), "stability": stability[some].mean(),
         "selected": selected[some].mean() if "selected" not in name else np.nan}
        for name, some in kinds.items()
    ]  # fmt: skip


def main() -> None:
    options = arguments(__doc__, replicates=8)
    runs = run_all(one, [(FIRST_SEED + seed,) for seed in range(options.replicates)], options.jobs)
    groups = runs.groupby("pairs", sort=False)[["n", "stability", "selected"]]
    table, errors = groups.mean().reset_index(), groups.sem().reset_index()
    formatted = {name: errors[name] for name in ("stability", "selected")}
    write(table.astype({"n": float}), options.out, "responder_stability", formatted)


if __name__ == "__main__":
    main()

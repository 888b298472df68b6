"""Edges to genes that nobody perturbs in the real screens that come with argen.

    python benchmarks/paper/responders_real.py

Perturbations (those whose own gene is not measured included), nodes, responders; significant total effects outside the
network; direct effects with the network of `tl.argen_dag` and with that of `tl.argen_joint`, and how many both have;
of the former those that come back in half of 200 draws of the cells (`tl.argen_stability(responders=True)`); and the
share of placebo edges to responders below .05, with its standard error (`tl.argen_calibration(responders=True)`, 100
splits). Schraivogel also with a descendant level of .3, for candidates. The strongest edges by name, the better half of
`stability` first, in the second table.
"""

import pandas as pd
from common import arguments, write
from joint_screens import hill, papalexi

STRONGEST = 6


def dixit():
    import argen as ag

    return ag.datasets.dixit_2016(), {
        "perturbation_key": "target", "control": "non-targeting", "depth": "total_umi_panel",
    }  # fmt: skip


def schraivogel(**more):
    import argen as ag

    data = ag.datasets.schraivogel_2020()
    ag.pp.argen_guides(data)
    return data["rna"], {"covariates": ["batch"], "depth": "total_umi_panel_noHB", **more}


SCREENS = {
    "Papalexi": papalexi,
    "Dixit": dixit,
    "Schraivogel": schraivogel,
    "Schraivogel, descendants at .3": lambda: schraivogel(descendants_alpha=0.3),
    "Hill": hill,
}


def row_of(name: str) -> tuple[dict, pd.DataFrame]:
    import argen as ag

    adata, design = SCREENS[name]()
    ag.tl.argen_dag(adata, **design, responders="all")
    pairs = ag.get.pairs(adata, responders=True).query("kind == 'responder'")
    ag.tl.argen_responders(adata)
    row = {
        "screen": name, "perturbations": pairs["source"].nunique(),
        "nodes": int(ag.get.perturbations(adata)["status"].eq("kept").sum()),
        "responders": len(adata.uns["argen_responders"]["tables"]["genes"]),
        "total effects": int(pairs["significant"].sum()),
    }  # fmt: skip
    edges = ag.get.responders(adata)
    ag.tl.argen_joint(adata)
    ag.tl.argen_responders(adata, network="argen_joint", key_added="joint_responders")
    joint = ag.get.responders(adata, key="joint_responders")
    both = edges.merge(joint, on=["source", "target"])
    ag.tl.argen_stability(adata, responders=True)
    draws = ag.get.stability(adata, responders=True).query("kind == 'responder' and selected")
    ag.tl.argen_calibration(adata, responders=True, n_splits=100)
    nulls = ag.get.calibration(adata).set_index("nulls").loc["responders"]
    row |= {
        "edges": len(edges), "joint": len(joint), "both": len(both),
        "stable": int((draws["stability"] >= 0.5).sum()), "placebo": nulls["rate_05"], "se": nulls["rate_05_se"],
    }  # fmt: skip
    strongest = edges.merge(draws[["source", "target", "stability"]], on=["source", "target"]).head(STRONGEST)
    strongest["joint"] = [pair in set(zip(joint["source"], joint["target"], strict=True))
                          for pair in zip(strongest["source"], strongest["target"], strict=True)]  # fmt: skip
    return row, strongest[["source", "target", "coef", "se", "padj", "stability", "joint"]].assign(screen=name)


def main() -> None:
    args = arguments(__doc__, replicates=1)
    rows, strongest = zip(*(row_of(name) for name in SCREENS), strict=True)
    table = pd.DataFrame(rows)
    write(table.drop(columns="se"), args.out, "responders_real", {"placebo": table["se"]})
    best = pd.concat([part for part in strongest if len(part)], ignore_index=True).astype({"joint": bool})
    write(best[["screen", *best.columns.drop("screen")]], args.out, "responders_strongest")


if __name__ == "__main__":
    main()

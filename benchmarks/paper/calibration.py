"""Study (ix): error rates on the control cells of two published screens.

    python benchmarks/paper/calibration.py --splits 500

THP-1 cells of Papalexi et al. (2021) and K562 cells of Schraivogel et al. (2020), guides called with
``ag.pp.argen_guides``, network and covariates as in the README and in the tests. ``calibration``: the summary of
``ag.tl.argen_calibration``, with more splits than its default. ``calibration_genes``: the same pseudo-perturbations
tested on every gene that has counts in the controls, not only on those of the network, for more tests; by covariates,
depth and test, and for the quarters of genes with the lowest and the highest mean; ``highest_05`` is the rate of the
worst guide or split. Also the figures of ``ag.pl.argen_calibration`` with 100 splits.
"""

import argparse
import warnings

import matplotlib as mpl

mpl.use("agg")

import numpy as np
import pandas as pd
from common import OUT, write
from scipy import sparse

import argen as ag
from argen._bridge.design import build_covariates, parse_covariates
from argen._bridge.diagnostics.calibration import Notes, read_control_guides
from argen._core.diagnostics.calibration import draw_splits, fit_pseudo_perturbations
from argen._core.diagnostics.null_rates import inflation, rejection_rate
from argen._core.screen import CONTROL, build_screen

SCREENS = {
    "papalexi": {
        "read": ag.datasets.papalexi_2021,
        "guides": {"control": "non-targeting"},
        "covariates": ["bio_rep", "percent_mito"],
        "depth": "total_umi",
        "others": [(None, "total_umi"), (["bio_rep"], "total_umi")],
    },
    "schraivogel": {
        "read": ag.datasets.schraivogel_2020,
        "guides": {},
        "covariates": ["batch"],
        "depth": "total_umi_panel_noHB",
        "others": [(None, "total_umi_panel_noHB"), (["batch"], "total_umi_panel")],
    },
}
TESTS = (("auto", "HC3"), ("wald", "HC3"), ("wald", "HC0"), ("score", "HC0"))
SHOWN = ["rate_05", "rate_05_se", "rate_01", "rate_01_se", "rate_001", "rate_001_se"]


def read(name: str):
    of = SCREENS[name]
    mdata = of["read"]()
    ag.pp.argen_guides(mdata, **of["guides"])
    return mdata["rna"]


def of_network(name: str, adata, splits: int) -> list[dict]:
    """The tool's own summary."""
    ag.tl.argen_calibration(adata, n_splits=splits)
    table = ag.get.calibration(adata)
    controls = ag.get.calibration(adata, table="positive_controls")
    found = f"{controls['detected'].sum()} of {len(controls)}"
    rows = []
    for row in table.to_dict("records"):
        kept = {k: row[k] for k in ("nulls", "n_tests", *SHOWN, "inflation", "level", "rate_level", "expected_false")}
        rest = {"expected_false_high": row["expected_false_high"], "n_discoveries": row["n_discoveries"]}
        rows.append({"screen": name} | kept | rest | {"knock-downs": found})
    return rows


def all_genes(adata, covariates: list[str] | None, depth: str):
    """Screen of the control cells with every measured gene that they have counts of."""
    rows = np.flatnonzero((adata.obs["argen_perturbation"] == "control") & (adata.obs[depth] > 0))
    built, alone = build_covariates(parse_covariates(covariates, adata.obs), adata.obs.iloc[rows])
    if alone.any():
        raise ValueError("a control cell is alone in its batch")
    counts = sparse.csc_array(adata.X[rows])
    genes = np.argsort(adata.var_names.to_numpy(dtype=str))
    genes = genes[np.asarray(counts[:, genes].sum(axis=0)).ravel() > 0]
    names = adata.var_names[genes].tolist()
    screen = build_screen(
        counts[:, genes], np.full(len(rows), CONTROL), adata.obs[depth].to_numpy(float)[rows], built, names
    )
    return screen, rows


def of_all_genes(name: str, adata, splits: int) -> list[dict]:
    """Rates on all measured genes, by covariates, depth, test and expression."""
    of, result = SCREENS[name], []
    usual = of["covariates"], of["depth"]
    sizes = ag.get.perturbations(adata).query("status == 'kept'")["n_cells"].to_numpy()
    for (covariates, depth), (test, hc) in [(c, TESTS[0]) for c in of["others"]] + [(usual, t) for t in TESTS]:
        screen, rows = all_genes(adata, covariates, depth)
        object.__setattr__(screen, "cell", rows[screen.cell])
        _, guides = read_control_guides(adata, screen, "argen_guides", 10, Notes())
        drawn, _ = draw_splits(screen.n_cells, sizes, splits, 0, 10)
        quarters = np.array_split(np.argsort([screen.counts_of(k).mean() for k in range(screen.n_genes)]), 4)
        parts = {"all": slice(None)}
        if (covariates, depth) == usual and (test, hc) in TESTS[:2]:
            parts |= {"lowest quarter": quarters[0], "highest quarter": quarters[-1]}
        for nulls, members in (("guides", guides), ("splits", drawn)):
            phi = np.zeros(screen.n_genes)
            tests = fit_pseudo_perturbations(screen, members, test=test, hc=hc, pooled=False, phi=phi)
            for part, genes in parts.items():
                row = {"screen": name, "covariates": ", ".join(covariates or []) or "–", "depth": depth}
                row |= {"test": f"{test}, {hc}", "expression": part, "nulls": nulls}
                result.append(row | rates(tests.log_p[:, genes]))
    return result


def rates(log_p: np.ndarray) -> dict:
    tested = np.isfinite(log_p)
    with np.errstate(invalid="ignore"):
        worst = np.max((log_p <= np.log(0.05)).sum(axis=1) / tested.sum(axis=1))
    row = {"n_tests": int(tested.sum()), "highest_05": worst}
    for column, level in (("rate_05", 0.05), ("rate_01", 0.01), ("rate_001", 0.001)):
        with np.errstate(invalid="ignore"):
            found = rejection_rate(log_p <= np.log(level), tested)
        row |= {column: found.rate, f"{column}_se": found.se}
    return row | {"inflation": inflation(log_p)}


def draw(name: str, adata) -> None:
    ag.tl.argen_calibration(adata, n_splits=100)
    ax = ag.pl.argen_calibration(adata, show=False)[0]
    ax.get_figure(root=True).savefig(OUT / f"calibration_{name}.png", dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=500)
    options = parser.parse_args()
    network, genes = [], []
    for name, of in SCREENS.items():
        adata = read(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ag.errors.ArgenWarning)  # perturbations that are not measured
            ag.tl.argen_dag(adata, covariates=of["covariates"], depth=of["depth"])
        network += of_network(name, adata, options.splits)
        genes += of_all_genes(name, adata, 100)
        draw(name, adata)
    summary = pd.DataFrame(network)
    for column in ("level", "rate_level"):  # too small for three decimals
        summary[column] = summary[column].map("{:.2g}".format)
    write(summary.astype(object).where(summary.notna() & (summary != "nan"), "–"), OUT, "calibration")
    write(pd.DataFrame(genes), OUT, "calibration_genes")


if __name__ == "__main__":
    main()

"""What the command line understands."""

import argparse
from pathlib import Path

from argen import __version__

__all__ = ["CLOSURES", "DATA_SETS", "make_parser"]

CLOSURES = {"yes": True, "no": False, "acyclic": "acyclic"}
DATA_SETS = (  # functions of argen.datasets, by name where a file is asked for
    "dixit_2016",
    "gasperini_2019",
    "hill_2018",
    "norman_2019_doubles",
    "papalexi_2021",
    "schraivogel_2020",
)


def make_parser() -> argparse.ArgumentParser:
    """The parser; the options name the command as `command`."""
    main = argparse.ArgumentParser(
        prog="argen", description="Causal gene networks from Perturb-seq counts, with a tested effect on every edge."
    )
    main.add_argument("--version", action="version", version=f"argen {__version__}")
    added = main.add_subparsers(title="commands", required=True, metavar="{demo,run,compile}")
    _add_demo(added.add_parser("demo", help="find the network of a simulated screen and compare it with the truth"))
    _add_run(added.add_parser("run", help="find the network of a screen in an .h5ad or .h5mu file"))
    _add_compile(added.add_parser("compile", help="compile the numerical kernels, so that no first call is slow"))
    return main


def _add_compile(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Compile all numerical kernels into the folder that NUMBA_CACHE_DIR names, or one that numba chooses, and "
        "print it: for images of containers, and for machines whose users cannot write to the installation."
    )
    parser.add_argument("--quiet", action="store_true", help="print errors and warnings only")
    parser.set_defaults(command="compile", out=None)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Simulate a screen of 8 genes in 8,000 cells with a hidden confounder, hide two of the genes (X7, X8), find "
        "the network of the others and compare it with the truth. Writes edges.csv and network.png."
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulation (default: %(default)s)")
    _add_common(parser, out="argen-demo")
    parser.set_defaults(command="demo")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Find the causal network of the genes that are both perturbed and measured. The perturbed gene of each cell is "
        "in an obs column (--perturbation-key; argen_perturbation if an .h5ad file has it), or the guides are called "
        "from their UMI "
        "counts. Writes edges.csv (the network), candidates.csv (every edge that was tested), nodes.csv, "
        "perturbations.csv, "
        "pairs.csv, network.png and result.h5ad."
    )
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help=".h5ad, or .h5mu with an RNA modality; raw counts. Or a data set that comes with argen: "
        + ", ".join(DATA_SETS),
    )
    _add_perturbation_options(parser.add_argument_group("which cell carries what"))
    _add_design_options(parser.add_argument_group("design and method"))
    _add_common(parser, out="argen-result")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="also calibrate, test stability, sensitivity and agreement of guides, and write one page about it all",
    )
    parser.add_argument(
        "--export",
        metavar="A,B",
        help="also write, of graphml, cyjs and parquet, those that are named: network.graphml (igraph, Gephi, "
        "networkx), network.cyjs (Cytoscape, with the layout), the tables as .parquet (needs argen[parquet])",
    )
    parser.set_defaults(command="run")


def _add_perturbation_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--perturbation-key", metavar="COL", help="obs column with the perturbed gene of each cell")
    group.add_argument(
        "--control",
        metavar="LABEL",
        action="append",
        help="label of control cells or guides; repeat it for several (default: 'control' with "
        "--perturbation-key, else the "
        "usual spellings such as non-targeting)",
    )
    group.add_argument(
        "--guides",
        metavar="NAME",
        help="modality (.h5mu) or obsm entry (.h5ad) with guide UMI counts (default: the modality called guide, "
        "guides, gdo, grna or crispr)",
    )
    group.add_argument(
        "--guide-target",
        metavar="COL|CSV|REGEX",
        help="column of the guide modality's var with the target of each guide (default: target, gene_target, "
        "target_gene or grna_target), a .csv or .tsv file with the columns guide and target, or a regular expression "
        "with one group on the guide's name; an obsm entry needs one of the last two",
    )
    group.add_argument(
        "--method",
        default="mixture",
        choices=("mixture", "gaussian", "poisson_gauss", "threshold", "max"),
        help="how guides are called from counts (default: %(default)s)",
    )
    group.add_argument(
        "--probability",
        type=float,
        default=0.8,
        metavar="P",
        help="posterior probability from which a guide is called (default: 0.8)",
    )
    group.add_argument(
        "--guide-batch", metavar="COL", action="append", help="obs column with batches of the guide counts; repeatable"
    )
    group.add_argument(
        "--min-umi",
        type=int,
        default=5,
        metavar="N",
        help="UMIs of a called guide, with --method threshold or max and for guides without a fit (default: 5)",
    )
    group.add_argument(
        "--min-fraction",
        type=float,
        default=0.8,
        metavar="F",
        help="its share of the cell's guide UMIs, with --method max (default: 0.8)",
    )


def _add_design_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--covariates", metavar="A,B|FORMULA", help="obs columns, or a formula such as '~ C(batch) + percent_mito'"
    )
    group.add_argument("--depth", metavar="COL", help="obs column with the depth (default: total count of the matrix)")
    group.add_argument("--layer", help="layer with the raw counts (default: X)")
    group.add_argument("--perturbations", metavar="A,B", help="use these perturbations only")
    group.add_argument(
        "--min-cells", type=int, default=10, metavar="N", help="cells a perturbation needs (default: 10)"
    )
    group.add_argument(
        "--closure",
        choices=list(CLOSURES),
        default="acyclic",
        help="transitive closure of the descendants: acyclic (default) leaves out the weakest links of cycles",
    )
    group.add_argument(
        "--test", choices=["auto", "wald", "score"], default="auto", help="test of the total effects (default: auto)"
    )
    group.add_argument(
        "--family", choices=["poisson", "negative_binomial"], default="poisson", help="likelihood (default: poisson)"
    )
    group.add_argument(
        "--first-stage", choices=["ancestors", "shared", "shrunk"], default="shrunk", help="(default: shrunk)"
    )
    group.add_argument(
        "--covariance",
        choices=["murphy-topel", "stacked", "naive"],
        default="murphy-topel",
        help="whether standard errors count the uncertainty of the first stage (default: murphy-topel)",
    )
    group.add_argument("--alpha", type=float, default=0.05, help="FDR level of the edges (default: 0.05)")
    group.add_argument(
        "--descendants-alpha", type=float, default=0.01, help="level of the descendant step (default: 0.01)"
    )
    group.add_argument(
        "--fdr", choices=["batch-bh", "bh"], default="batch-bh", help="FDR control of the edges (default: batch-bh)"
    )


def _add_common(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(out),
        metavar="DIR",
        help=f"folder of the results, made if missing; files of an earlier run are replaced (default: {out})",
    )
    parser.add_argument("--n-jobs", type=int, metavar="N", help="threads (default: all); no number depends on it")
    parser.add_argument("--quiet", action="store_true", help="no progress, only warnings and errors")

"""What the command line understands: arguments of the public functions, by their names, with a few of its own.

Defaults and choices are read from the signatures; only the help is written here.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from argen import __version__
from argen.cli._signatures import DAG, GUIDES, SENSITIVITY, STEP, arguments_of

__all__ = ["DATA_SETS", "given", "make_parser", "names_in"]

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
        "pairs.csv, responders.csv (edges to genes that nobody perturbed), responder_candidates.csv (every candidate), "
        "responder_pairs.csv (significant total effects on them), network.png and result.h5ad."
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
    words = "obs column with the replicate of each cell, which --report leaves out one at a time"
    _add(parser, "replicate", SENSITIVITY, "COL", words)
    words = "keep finished blocks of genes in this folder; the same command takes up there after it was stopped"
    _add(parser, "checkpoint", STEP, "DIR", words)
    parser.add_argument(
        "--export",
        metavar="A,B",
        help="also write, of graphml, cyjs and parquet, those that are named: network.graphml (igraph, Gephi, "
        "networkx), network.cyjs (Cytoscape, with the layout), the tables as .parquet (needs argen[parquet])",
    )
    parser.set_defaults(command="run")


def _add(
    group: argparse._ActionsContainer,
    name: str,
    function: str,
    metavar: str | None,
    words: str,
    *,
    argument: str | None = None,
    without: str = "",
) -> None:
    """Add an option with the default, the choices and the type of an argument, that of the same name if none is named.

    Where the words say what the default is, it hangs on something, and the function is not given any.
    """
    found = arguments_of(function)[argument or name]
    default = None if "(default:" in words else found.default
    how = {"metavar": metavar, "type": _LISTS.get(metavar, found.type)}
    if found.choices:
        how = {"choices": [_WORDS.get(choice, choice) for choice in found.choices if choice != without]}
    elif found.several and metavar not in _LISTS:
        how["action"] = "append"
    shown = "" if default is None else f" (default: {default})"
    group.add_argument(f"--{name.replace('_', '-')}", default=default, help=words + shown, **how)


_WORDS = {True: "yes", False: "no", None: "none"}
_VALUES = {word: value for value, word in _WORDS.items()}


def given(options: argparse.Namespace, function: str) -> dict[str, Any]:
    """Arguments of a function that have a value in the options of the same name."""
    return {
        name: _VALUES.get(value, value) if argument.choices and value not in argument.choices else value
        for name, argument in arguments_of(function).items()
        if (value := getattr(options, name, None)) is not None
    }


def names_in(option: str) -> list[str]:
    """Names with commas between them."""
    return [name.strip() for name in option.split(",") if name.strip()]


def _names_or_formula(option: str) -> str | list[str]:
    return option if "~" in option else names_in(option)


_LISTS = {"A,B": names_in, "A,B|FORMULA": _names_or_formula}


def _add_perturbation_options(group: argparse._ArgumentGroup) -> None:
    add = partial(_add, group)
    add(
        "perturbation_key",
        STEP,
        "COL",
        "obs column with the perturbed gene of each cell (default: argen_perturbation, if an .h5ad file has it)",
    )
    add(
        "control",
        GUIDES,
        "LABEL",
        "label of control cells or guides; repeat it for several (default: 'control' with --perturbation-key, else the "
        "usual spellings such as non-targeting)",
    )
    words = "modality of an .h5mu file with the RNA (default: the one called rna, gex, gene, Gene Expression, ...)"
    add("rna", GUIDES, "NAME", words)
    add(
        "guides",
        GUIDES,
        "NAME",
        "modality (.h5mu), obsm entry or type of features (.h5ad) with guide UMI counts (default: the modality called "
        "guide, guides, gdo, grna, crispr, CRISPR Guide Capture, ...; the features of type CRISPR Guide Capture)",
    )
    add(
        "guide_target",
        GUIDES,
        "COL|CSV|REGEX",
        "column of the guide modality's var with the target of each guide (default: target, grna_target, "
        "target_gene_name, ...), a text or Excel file with such a column and one with the guides, or a regular "
        "expression with one group on the guide's name; an obsm entry needs one of the last two",
    )
    words = "layer of the guide counts, in that modality or beside those features (default: X)"
    add("guide_layer", GUIDES, "NAME", words)
    words = "how guides are called from counts (default: mixture; calls already if there are only 0 and 1)"
    add("method", GUIDES, None, words, without="labels")  # which --perturbation-key is for
    add("dispersion", GUIDES, None, "whether components of the mixture may be negative binomial")
    add("probability", GUIDES, "P", "posterior probability from which a guide is called")
    add("batch", GUIDES, "COL", "obs column with batches of the guide counts; repeatable")
    add("guide_depth", GUIDES, "COL", "obs column with the guide UMIs of each cell, where the library is larger")
    words = "UMIs of a called guide, with --method threshold or max and for guides without a fit"
    add("min_umi", GUIDES, "N", words)
    add("min_fraction", GUIDES, "F", "its share of the cell's guide UMIs, with --method max")


def _add_design_options(group: argparse._ArgumentGroup) -> None:
    add = partial(_add, group)
    add("covariates", STEP, "A,B|FORMULA", "obs columns, or a formula such as '~ C(batch) + percent_mito'")
    words = "obs column with the depth (default: total count of the matrix), or unaffected: of genes that nothing moves"
    add("depth", STEP, "COL", words)
    add("layer", STEP, "NAME", "layer with the raw counts (default: X)")
    words = "column of var with further names of the genes, such as gene_name: labels may have either, results show it"
    add("gene_symbols", STEP, "COL", words)
    add("perturbations", STEP, "A,B", "use these perturbations only")
    add("min_cells", STEP, "N", "cells a perturbation needs")
    words = "test effects on measured genes that nobody perturbed, auto: if quick (responders.csv, responder_*.csv)"
    add("responders", STEP, None, words)
    add("min_counts", STEP, "N", "counts that such a gene needs in the control cells, and in the others")
    words = "transitive closure of the descendants: acyclic leaves out the weakest links of cycles"
    add("closure", STEP, None, words)
    add("test", STEP, None, "test of the total effects")
    add("hc", STEP, None, "variance of the total effects (default: HC0 with --test wald, else HC3)")
    add("family", STEP, None, "likelihood")
    add("adjust", STEP, None, "shifts of whole perturbations and genes to take out of the effects")
    add("first_stage", DAG, None, "perturbations in the first stages")
    add("covariance", DAG, None, "whether standard errors count the uncertainty of the first stage")
    add("edges_hc", DAG, None, "residuals in the standard errors of the edges")
    add("alpha", DAG, "P", "FDR level of the edges")
    add("descendants_alpha", STEP, "P", "level of the descendant step", argument="alpha")
    add("fdr", DAG, None, "FDR control of the edges")


def _add_common(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(out),
        metavar="DIR",
        help=f"folder of the results, made if missing; files of an earlier run are replaced (default: {out})",
    )
    _add(parser, "n_jobs", DAG, "N", "threads (default: all); no number depends on it")
    parser.add_argument("--quiet", action="store_true", help="no progress, only warnings and errors")

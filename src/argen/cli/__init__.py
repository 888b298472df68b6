"""The command line: ``argen demo`` on a simulated screen, ``argen run FILE`` on counts in a file.

Tables go to standard output; progress, warnings and errors to standard error. The exit code is 2 if an argument, a file
or its content cannot be used.
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argen._bridge import log
from argen.cli._arguments import given, make_parser, names_in
from argen.cli._files import check_out, one_line, read_file
from argen.cli._signatures import DAG, GUIDES, STEP
from argen.errors import ArgenError, ArgenWarning, InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from mudata import MuData

__all__ = ["main"]

EXIT_FAILURE = 2
EXIT_INTERRUPTED = 130
_MAX_ROWS = 60
_VERDICTS = ("correct", "wrong sign", "false positive", "missed")
_DEMO_COLUMNS = ["source", "target", "coef", "se", "p", "truth", "verdict"]
_RUN_COLUMNS = ["source", "target", "coef", "se", "ci_low", "ci_high", "p", "threshold", "flags"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv
        Arguments; by default those of the process.

    Returns
    -------
    The exit code: 0, 2 after an error, 130 after an interruption.
    """
    options = make_parser().parse_args(argv)
    try:
        with _reporting(quiet=options.quiet):
            _COMMANDS[options.command](options)
    except (ArgenError, OSError) as error:
        print(f"argen: error: {one_line(error)}", file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        print("argen: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _demo(options: argparse.Namespace) -> None:
    import argen as ag

    if options.seed < 0:
        msg = f"--seed {options.seed}: give a number of 0 or more."
        raise InputError(msg)
    check_out(options.out, ["edges.csv", "network.png"])
    adata = ag.datasets.simulate("paper_fig2", rng=options.seed, omit=("X7", "X8"))
    design = {"perturbation_key": "perturbation", "covariates": ["L"], "depth": "depth"}
    ag.tl.argen_dag(adata, n_jobs=options.n_jobs, **design)
    table = _beside_truth(adata)
    out = _make_folder(options.out)
    print(f"{adata.n_obs} cells, {adata.n_vars} genes; a hidden confounder and two hidden genes.")
    print(_shown(table, _DEMO_COLUMNS))
    counts = table["verdict"].value_counts()
    print("; ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in _VERDICTS))
    _write_csv(table, out / "edges.csv")
    _write_network(adata, out / "network.png")


def _compile(options: argparse.Namespace) -> None:
    from argen._bridge.compilation import EVERYTHING, compile_kernels
    from argen.baselines._inspre.admm import compile_lasso

    folder = compile_kernels(EVERYTHING)
    compile_lasso()
    if folder is None:
        msg = "No folder for compiled kernels can be written. Set NUMBA_CACHE_DIR to one that can."
        raise InputError(msg)
    if not options.quiet:
        beside_source = folder.name == "__pycache__"
        print(
            f"The compiled kernels are in {f'{folder.parents[1]}/**/__pycache__' if beside_source else folder.parent}"
        )


def _beside_truth(adata: "AnnData") -> "pd.DataFrame":
    """Every edge that is selected or true, with the verdict on it."""
    import pandas as pd

    import argen as ag

    truth = adata.varp["truth"].tocoo()
    ends = {"source": adata.var_names[truth.row], "target": adata.var_names[truth.col]}
    table = ag.get.edges(adata, selected=False).merge(pd.DataFrame({**ends, "truth": truth.data}), how="outer")
    table = table.assign(truth=table["truth"].fillna(0.0), selected=table["selected"].eq(other=True))
    table = table[table["selected"] | table["truth"].ne(0)].sort_values(["source", "target"], ignore_index=True)
    return table.assign(verdict=[_verdict(edge) for edge in table.itertuples()])


def _verdict(edge: Any) -> str:
    if not edge.selected:
        return "missed"
    if edge.truth == 0:
        return "false positive"
    return "correct" if edge.coef * edge.truth > 0 else "wrong sign"


def _run(options: argparse.Namespace) -> None:
    import argen as ag
    from argen._bridge.files import check_path
    from argen._bridge.modality import find_rna, modality
    from argen._bridge.mudatas import naming_columns
    from argen._bridge.validate import check_level
    from argen.cli._columns import take_columns

    # Before the work, not after it.
    exports = _exports(options.export)
    check_out(options.out, [*_WRITTEN, *(name for export in exports for name in _EXPORTED[export])])
    report = None if options.report is None else check_path(options.report, (".html",), "report.html", made=options.out)
    check_level("alpha", options.alpha)
    data = read_file(options.file)
    rna = find_rna(data, options.guides, options.rna)
    adata = modality(data, rna)
    take_columns(options, data, adata, rna)
    with naming_columns(data, rna):
        _check_replicate(options, adata)
        labels = _labels(options, data, adata)
        ag.tl.argen_descendants(adata, **given(options, STEP) | labels | {"alpha": options.descendants_alpha})
    ag.tl.argen_dag(adata, **given(options, DAG))
    where = {"n_jobs": options.n_jobs, "checkpoint": options.checkpoint}
    has_responders = _find_responders(adata, where)
    if report is not None:
        _diagnose(adata, options.n_jobs, options.replicate, has_responders=has_responders)
    out = _make_folder(options.out)
    _write_results(adata, out)  # before anything is printed: a closed pipe must not lose it
    if has_responders:
        _write_csv(ag.get.responders(adata), out / _RESPONDERS)
        _write_csv(ag.get.responders(adata, selected=False), out / _RESPONDER_CANDIDATES)
        pairs = ag.get.pairs(adata, selected=True, responders=True)
        _write_csv(pairs[pairs["kind"] == "responder"].drop(columns="kind"), out / _RESPONDER_PAIRS)
    for name in exports:
        _EXPORTS[name](adata, out)
    if report is not None:
        with _announced(report):
            ag.report(adata, report)
    _print_network(adata)


def _find_responders(adata: "AnnData", how: dict[str, Any]) -> bool:
    """Direct effects on genes that nobody perturbed, if there are any and total effects on them."""
    import argen as ag
    from argen._bridge.responders.total import KEPT, total_key
    from argen._bridge.results.entries import find_entry

    effects = find_entry(adata, total_key("argen_descendants"))
    if effects is None or not (effects.tables["genes"]["status"] == KEPT).any():
        return False
    ag.tl.argen_responders(adata, **how)
    return True


def _check_replicate(options: argparse.Namespace, adata: "AnnData") -> None:
    """A replicate that nothing would be made of is an error before the work."""
    if options.replicate is None:
        return
    if options.report is None:
        msg = "--replicate says what the report leaves out one at a time: give --report FILE.html, too."
        raise InputError(msg)
    from argen._bridge.validate import read_column

    read_column(adata.obs, options.replicate, f"--replicate {options.replicate}")


def _diagnose(adata: "AnnData", n_jobs: int | None, replicate: str | None, *, has_responders: bool) -> None:
    """Run what the report shows; what these data do not allow is said and left out."""
    import argen as ag
    from argen._bridge.diagnostics.record import DIAGNOSTICS

    records = DIAGNOSTICS.values()
    kinds = [record.kind for record in records if not record.needs_guides or "argen_guides" in adata.uns]
    more = {"sensitivity": {"replicate": replicate}, "calibration": {"responders": has_responders}}
    for kind in ("check", *kinds):
        try:
            getattr(ag.tl, f"argen_{kind}")(adata, n_jobs=n_jobs, **more.get(kind, {}))
        except ArgenError as error:
            log.warning(f"argen_{kind} is left out: {error}")


def _labels(options: argparse.Namespace, data: "AnnData | MuData", adata: "AnnData") -> dict[str, object]:
    """Which obs column holds the perturbations; guides are called where none does."""
    if options.perturbation_key is None:
        return _call_guides(options, data, adata)
    if options.guides is not None or options.guide_target is not None:
        msg = (
            "--perturbation-key names labels that are called already; leave out --guides and --guide-target, or "
            "--perturbation-key."
        )
        raise InputError(msg)
    return {"perturbation_key": options.perturbation_key, "control": options.control or "control"}


def _call_guides(options: argparse.Namespace, data: "AnnData | MuData", adata: "AnnData") -> dict[str, object]:
    import argen as ag
    from argen._bridge.features import guide_type, other_types
    from argen._bridge.validate import name_some

    if options.guides is None and data is adata and "argen_perturbation" in adata.obs:
        return {"perturbation_key": "argen_perturbation", "control": options.control or "control"}
    if options.guides is None and data is adata and guide_type(adata) is None:
        types = f"; other features: {name_some(map(repr, other_types(adata)))}" if other_types(adata) else ""
        msg = (
            "Name the obs column with the perturbed gene of each cell (--perturbation-key), or the obsm entry or the "
            "type of features with guide counts "
            f"(--guides). Columns: {name_some(adata.obs.columns, 30) or 'none'}; "
            f"obsm: {name_some(adata.obsm) or 'none'}{types}."
        )
        raise InputError(msg)
    ag.pp.argen_guides(data, **given(options, GUIDES), on_mismatch="warn")
    return {"perturbation_key": "argen_perturbation", "control": "control"}


def _print_network(adata: "AnnData") -> None:
    from argen.get._opened import OpenedNetwork
    from argen.pl._wording import loops_words

    network = OpenedNetwork(adata, "argen_dag")
    edges, perturbations, n_candidates = network.edges, network.perturbations, len(network.candidates)
    columns = _RUN_COLUMNS if edges["flags"].ne("").any() else _RUN_COLUMNS[:-1]
    print(_shown(edges, columns) if len(edges) else "No edge was selected.")
    if words := loops_words(edges["loop"].astype(str)):
        print(f"{words} (column loop)")
    print(
        f"{len(edges)} edges selected of {n_candidates} candidates; {perturbations['status'].eq('kept').sum()} of "
        f"{len(perturbations)} perturbations in the network"
    )
    if "argen_responders" in adata.uns:
        import argen as ag

        found = ag.get.responders(adata)
        print(f"{len(found)} edges to {found['target'].nunique()} genes that are not perturbed, see {_RESPONDERS}")


def _shown(table: "pd.DataFrame", columns: list[str]) -> str:
    """Render the first rows for people; the files hold every row and digit."""
    shown = table[columns].head(_MAX_ROWS)
    formats = {name: "{:.2g}".format if name in ("p", "threshold") else "{:.3f}".format for name in columns}
    formats = {name: formats[name] for name in shown.select_dtypes("float")}
    text = shown.to_string(index=False, na_rep="", formatters=formats)
    more = len(table) - _MAX_ROWS
    return f"{text}\n… and {more} more, see edges.csv" if more > 0 else text


def _tables(adata: "AnnData") -> "dict[str, pd.DataFrame]":
    from argen.get._opened import OpenedNetwork

    network = OpenedNetwork(adata, "argen_dag")
    return {
        "edges": network.edges,
        "candidates": network.candidates,
        "nodes": network.genes,
        "perturbations": network.perturbations,
        "pairs": network.pairs,
    }


def _write_results(adata: "AnnData", out: Path) -> None:
    for name, table in _tables(adata).items():
        _write_csv(table, out / f"{name}.csv")
    _write_network(adata, out / "network.png")
    with _announced(out / "result.h5ad") as path:
        adata.write_h5ad(path)


def _exports(option: str | None) -> list[str]:
    """Formats to write beside the CSV files, checked."""
    names = list(dict.fromkeys(names_in(option or "")))
    if option is not None and not names:
        msg = f"--export names no format: give one or more of {', '.join(_EXPORTS)}, with commas between them."
        raise InputError(msg)
    if unknown := [name for name in names if name not in _EXPORTS]:
        msg = f"--export: {', '.join(unknown)} is not one of {', '.join(_EXPORTS)}."
        raise InputError(msg)
    if "parquet" in names:
        from argen.io._tables import check_parquet

        try:
            check_parquet()
        except ImportError as error:
            msg = f"--export parquet: {' '.join(error.__notes__)}"
            raise InputError(msg) from error
    return names


def _write_graphml(adata: "AnnData", out: Path) -> None:
    import argen as ag

    with _announced(out / "network.graphml") as path:
        ag.io.write_graphml(adata, path)


def _write_cyjs(adata: "AnnData", out: Path) -> None:
    import argen as ag

    with _announced(out / "network.cyjs") as path:
        ag.io.write_cyjs(adata, path)


def _write_parquet(adata: "AnnData", out: Path) -> None:
    import argen as ag

    paths = [out / name for name in _EXPORTED["parquet"]]
    with ExitStack() as announced:
        for path in paths:
            announced.enter_context(_announced(path))
        ag.io.write_tables(adata, out, format="parquet")


def _make_folder(out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    return out


@contextmanager
def _announced(path: Path) -> Iterator[Path]:
    """Say which file was written, and whether it took the place of another."""
    replaced = path.exists()
    yield path
    log.info(f"{'replaced' if replaced else 'wrote'} {path}")


def _write_csv(table: "pd.DataFrame", path: Path) -> None:
    import argen as ag

    with _announced(path):
        ag.io.write_table(table, path)


def _write_network(adata: "AnnData", path: Path) -> None:
    _draw_into_files()
    import matplotlib.pyplot as plt

    import argen as ag

    with _announced(path):
        ax = ag.pl.argen_network(adata, show=False)
        ax.figure.savefig(path, dpi=200)
        plt.close(ax.figure)


def _draw_into_files() -> None:
    import matplotlib as mpl

    if "matplotlib.pyplot" not in sys.modules:  # whoever uses pyplot already keeps the backend that was chosen
        mpl.use("agg")


@contextmanager
def _reporting(*, quiet: bool) -> Iterator[None]:
    """Log lines, progress bars and argen's warnings on standard error, for the time of a command."""
    with log.shown(1 if quiet else 3), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ArgenWarning)
        warnings.showwarning = _show_warning
        yield


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"argen: warning: {one_line(message)}", file=sys.stderr)


_TABLES = ("edges", "candidates", "nodes", "perturbations", "pairs")
_RESPONDERS, _RESPONDER_CANDIDATES = "responders.csv", "responder_candidates.csv"
_RESPONDER_PAIRS = "responder_pairs.csv"
_WRITTEN = (
    *(f"{name}.csv" for name in _TABLES),
    *(_RESPONDERS, _RESPONDER_CANDIDATES, _RESPONDER_PAIRS),
    *("network.png", "result.h5ad"),
)
_EXPORTED = {
    "graphml": ("network.graphml",),
    "cyjs": ("network.cyjs",),
    "parquet": tuple(f"{name}.parquet" for name in _TABLES),
}
_EXPORTS = {"graphml": _write_graphml, "cyjs": _write_cyjs, "parquet": _write_parquet}
_COMMANDS = {"demo": _demo, "run": _run, "compile": _compile}

"""The same results by two names of the genes, and what is said where genes are gone."""

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from named_screens import SYMBOLS, analysed, assert_same_tables, guided, with_ids

import argen as ag
from argen.errors import ArgenWarning, InputError, StaleResultError

CALIBRATION = ("summary", "pseudo_perturbations", "equations", "qq", "positive_controls", "skipped")
CHECK = ("findings", "perturbations", "genes", "columns", "control_guides", "guides", "not_checked")
TABLES = {
    "edges": lambda adata, **how: ag.get.edges(adata, selected=False, **how),
    "genes": ag.get.genes,
    "pairs": ag.get.pairs,
    "perturbations": ag.get.perturbations,
    "qc": ag.get.qc,
    "centrality": ag.get.centrality,
    "shifts": lambda adata, **how: ag.get.shifts(adata, taken_out=False, **how),
    "decoupler_net": ag.get.decoupler_net,
    "evidence": lambda adata, **how: ag.get.evidence(adata, known=KNOWN, **how),
    "expression": lambda adata, **how: ag.get.expression(adata, genes="X3", perturbations=["X1"], **how),
    "fit": ag.get.fit,
    "inclusion": ag.get.inclusion,
    "sensitivity": ag.get.sensitivity,
    "sign_check": ag.get.sign_check,
    "stability": lambda adata, **how: ag.get.stability(adata, selected=False, **how),
    "guides": ag.get.guides,
    "targets": lambda adata, **how: ag.get.guides(adata, by="target", **how),
    "guides alone": lambda adata, **how: ag.get.guides(adata, knockdown=False, **how),
    **{f"check {name}": lambda adata, name=name, **how: ag.get.check(adata, table=name, **how) for name in CHECK},
    **{
        f"by {by}": lambda adata, by=by, **how: ag.get.overidentification(adata, by=by, **how)
        for by in ("perturbation", "guide", "pair", "edge", "equation")
    },
    **{
        f"calibration {name}": lambda adata, name=name, **how: ag.get.calibration(adata, table=name, **how)
        for name in CALIBRATION
    },
}
KNOWN = pd.DataFrame({"source": ["X1"], "target": ["X2"], "weight": [1.0]})
NAMES = {"genes": ["X1", "X2"], "parents_of": "X6", "children_of": ("X1",), "ego": "X3", "between": ("X1", "X6")}
PLOTS = {
    "network": lambda adata, **how: ag.pl.argen_network(adata, **NAMES, color={"X1": "red"}, grade=True, **how),
    "heatmap": lambda adata, **how: ag.pl.argen_heatmap(adata, effects="total", genes=["X1", "X2", "X6"], **how),
    "volcano": lambda adata, **how: ag.pl.argen_volcano(adata, sources="X1", **how),
    "volcano of pairs": lambda adata, **how: ag.pl.argen_volcano(adata, table="pairs", targets=["X2"], **how),
    "effects": lambda adata, **how: ag.pl.argen_effects(adata, gene="X6", **how),
    "effects of others": lambda adata, **how: ag.pl.argen_effects(adata, gene="X6", perturbations=["X1"], **how),
    "fit": ag.pl.argen_fit,
    "degree": ag.pl.argen_degree,
    "perturbations": ag.pl.argen_perturbations,
    "descendants": ag.pl.argen_descendants,
    "sign_check": ag.pl.argen_sign_check,
    "shifts": ag.pl.argen_shifts,
    "guides": ag.pl.argen_guides,
}


@pytest.fixture(scope="module")
def both():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        screen = guided()
        return analysed(screen.copy()), analysed(with_ids(screen), gene_symbols=SYMBOLS)


def written(drawn):
    """All texts of the figures."""
    figures = {ax.figure for ax in np.ravel(np.array(drawn, dtype=object))}
    found = sorted(text.get_text() for figure in figures for text in figure.findobj(Text) if text.get_text())
    plt.close("all")
    return found


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_the_same(both, name):
    by_symbol, by_id = (TABLES[name](adata) for adata in both)
    assert_same_tables(by_id, by_symbol)
    assert list(by_id.index.names) == list(by_symbol.index.names)
    assert "ENSG" not in by_id.to_csv()


def test_the_stored_tables_are_by_var_names(both):
    for key in ("argen_descendants", "argen_dag", "argen_joint", "argen_stability"):
        texts = "".join(table.to_csv() for table in both[1].uns[key]["tables"].values() if hasattr(table, "to_csv"))
        assert "ENSG" in texts
        assert ",X1," not in texts


def test_the_graph_and_the_files_are_the_same(both, tmp_path):
    left, right = map(ag.get.graph, both)
    assert list(left.nodes(data=True)) == list(right.nodes(data=True))
    assert list(left.edges(data=True)) == list(right.edges(data=True))
    for write, name in ((ag.io.write_graphml, "n.graphml"), (ag.io.write_cyjs, "n.cyjs")):
        contents = {write(adata, tmp_path / name).read_bytes() for adata in both}
        assert len(contents) == 1
    folders = [tmp_path / "left", tmp_path / "right"]
    paths = [ag.io.write_tables(adata, folder) for adata, folder in zip(both, folders, strict=True)]
    assert [a.read_bytes() for a in paths[0]] == [b.read_bytes() for b in paths[1]]
    pages = {ag.pl.argen_interactive(adata, grade=True).html for adata in both}
    assert len(pages) == 1


@pytest.mark.parametrize("name", PLOTS)
def test_plots_say_the_same(both, name):
    by_symbol, by_id = (written(PLOTS[name](adata, show=False)) for adata in both)
    assert by_id == by_symbol


def test_no_identifier_in_the_report(both, tmp_path):
    page = ag.report(both[1], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "ENSG" not in page
    assert "X1" in page


def test_metrics_take_either_name(both):
    truth = pd.DataFrame({"source": ["X1", "X2"], "target": ["X2", "X3"], "coef": [0.5, 0.5]})
    identifier = dict(zip(both[1].var[SYMBOLS], both[1].var_names, strict=True))
    other = truth.assign(source=truth["source"].map(identifier), target=truth["target"].map(identifier))
    expected = ag.metrics.evaluate(both[0], truth, sid=False)
    genes = sorted(set(both[0].uns["argen_dag"]["tables"]["order"]))
    for table in (truth, other):
        pd.testing.assert_series_equal(ag.metrics.evaluate(both[1], table, sid=False), expected)
        pd.testing.assert_series_equal(
            ag.metrics.prior_overlap(both[1], table), ag.metrics.prior_overlap(both[0], truth)
        )
        pd.testing.assert_frame_equal(
            ag.get.prior_overlap(both[1], prior=table), ag.get.prior_overlap(both[0], prior=truth)
        )
    named = [identifier[gene] for gene in genes]
    pd.testing.assert_series_equal(ag.metrics.evaluate(both[1], truth, genes=named, sid=False), expected)
    figures = [ag.metrics.causalbench(adata, adata) for adata in both]
    pd.testing.assert_series_equal(*figures)


def test_names_are_given_as_shown_or_as_stored(both):
    adata = both[1]
    own = adata.var_names[(adata.var[SYMBOLS] == "X6").to_numpy()][0]
    for draw, argument in (
        (ag.pl.argen_effects, "gene"),
        (ag.pl.argen_network, "ego"),
        (ag.pl.argen_volcano, "targets"),
    ):
        assert written(draw(adata, show=False, **{argument: own})) == written(
            draw(adata, show=False, **{argument: "X6"})
        )
    pd.testing.assert_frame_equal(ag.get.expression(adata, genes=own), ag.get.expression(adata, genes=["X6"]))


def test_a_column_can_be_named_for_what_is_shown(both):
    """On results of a step that was given none, and other names than the step was given."""
    for which, column in ((0, "id"), (1, "id")):
        adata = both[which].copy()
        adata.var["id"] = np.array([f"my{i}" for i in range(adata.n_vars)], dtype=object)
        for read in (ag.get.edges, ag.get.perturbations, ag.get.stability, ag.get.fit):
            table = read(adata, gene_symbols=column)
            first = table["source" if "source" in table else "perturbation"]
            assert first.str.startswith("my").all()


def test_missing_empty_and_shared_symbols_are_not_shown(both):
    adata = both[0].copy()
    symbols = [f"S{i}" for i in range(adata.n_vars)]
    symbols[0], symbols[1], symbols[2], symbols[3] = np.nan, "", "both", "both"
    adata.var["s"] = np.array(symbols, dtype=object)
    expected = {name if i < 4 else f"S{i}" for i, name in enumerate(adata.var_names)}
    assert set(ag.get.graph(adata, gene_symbols="s")) == expected


def test_a_wrong_column_and_one_that_is_gone(both, tmp_path):
    with pytest.raises(InputError, match=r"'nope' is not a column of adata\.var\. .*; with texts: 'gene_name'\."):
        ag.get.edges(both[1], gene_symbols="nope")
    with pytest.raises(InputError, match="gene_symbols='nope'"):
        ag.io.write_tables(both[1], tmp_path / "out", gene_symbols="nope")
    assert not (tmp_path / "out").exists()
    adata = both[1].copy()
    del adata.var[SYMBOLS]
    with pytest.warns(ArgenWarning, match=r"adata\.var\['gene_name'\], the gene_symbols of .* is gone") as warned:
        table = ag.get.evidence(adata)
    assert len(warned) == 1
    assert table["source"].str.startswith("ENSG").all()


READERS = {
    **{name: read for name, read in TABLES.items() if name not in ("qc", "guides", "targets", "guides alone")},
    **{f"pl {name}": plot for name, plot in PLOTS.items() if name != "guides"},
    "graph": ag.get.graph,
    "interactive": ag.pl.argen_interactive,
    "graphml": lambda adata, **how: ag.io.write_graphml(adata, "never.graphml", **how),
    "cyjs": lambda adata, **how: ag.io.write_cyjs(adata, "never.cyjs", **how),
    "tables": lambda adata, **how: ag.io.write_tables(adata, "never", **how),
    "report": lambda adata, **how: ag.report(adata, "never.html", **how),
    "evaluate": lambda adata: ag.metrics.evaluate(adata, KNOWN, sid=False),
    "prior_overlap": lambda adata: ag.get.prior_overlap(adata, prior=KNOWN),
}


@pytest.mark.parametrize("name", READERS)
def test_genes_that_were_renamed_are_an_error_everywhere(both, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    adata = both[0].copy()
    adata.var["old"] = np.array(adata.var_names, dtype=object)
    adata.var_names = [f"new-{name}" for name in adata.var_names]
    before = adata.var.copy()
    with pytest.raises(
        StaleResultError, match=r"None of the \d+ genes of .*They are in adata\.var\['old'\]: set "
    ) as e:
        READERS[name](adata)
    assert "gene_symbols='old'" in str(e.value)
    assert not list(Path().iterdir())
    pd.testing.assert_frame_equal(adata.var, before)


def test_the_cures_for_renamed_genes_work(both):
    expected = ag.get.edges(both[0])
    adata = both[0].copy()
    adata.var["old"] = np.array(adata.var_names, dtype=object)
    adata.var_names = [f"new-{name}" for name in adata.var_names]
    pd.testing.assert_frame_equal(ag.get.edges(adata, gene_symbols="old"), expected)
    adata.var["new"] = np.array(adata.var_names, dtype=object)
    adata.var_names = adata.var["old"]
    pd.testing.assert_frame_equal(ag.get.edges(adata), expected)
    assert ag.get.edges(adata, gene_symbols="new")["source"].str.startswith("new-").all()


def test_renamed_genes_without_a_column_that_has_the_names(both):
    adata = both[0].copy()
    adata.var_names = [f"new-{name}" for name in adata.var_names]
    with pytest.raises(
        StaleResultError, match=r"former names back \(adata\.var_names = \.\.\.\), or run ag\.tl\.argen_dag"
    ):
        ag.get.edges(adata)


LEAVE_OUT = [name for name in READERS if not name.startswith(("check", "calibration", "shifts", "pl shifts"))]


@pytest.mark.parametrize("name", sorted({*LEAVE_OUT} - {"expression", "pl effects", "pl effects of others", "compare"}))
def test_some_genes_that_are_gone_are_one_warning_per_call(both, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    part = both[0][:, [gene for gene in both[0].var_names if gene != "X8"]].copy()
    with pytest.warns(ArgenWarning) as caught:
        READERS[name](part, **({"show": False} if name.startswith("pl ") else {}))
    plt.close("all")
    told = [str(warning.message) for warning in caught if "are not in adata.var_names" in str(warning.message)]
    assert len(told) == 1
    assert told[0].endswith("left out: X8.")


def test_symbols_in_another_order_than_the_identifiers(both):
    """The order of genes is that of var_names; nothing else changes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shuffled = with_ids(guided(), shuffled=True)
        ag.pp.argen_qc(shuffled, min_cells=20, min_knockdown_z=1, covariates=["L"], depth="depth", gene_symbols=SYMBOLS)
        ag.tl.argen_dag(shuffled)
    by = ["source", "target"]
    left, right = (ag.get.pairs(adata).sort_values(by).reset_index(drop=True) for adata in (both[0], shuffled))
    assert_same_tables(right, left)


def test_what_the_step_was_given_is_remembered(both):
    assert both[1].uns["argen_qc"]["settings"]["gene_symbols"] == SYMBOLS
    assert both[1].uns["argen_descendants"]["settings"]["gene_symbols"] == SYMBOLS
    with pytest.raises(InputError, match=r"gene_symbols='other', but .* was made with gene_symbols='gene_name'"):
        ag.tl.argen_dag(both[1].copy(), gene_symbols="other")

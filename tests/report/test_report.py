"""The page: well-formed, self-contained, escaped, complete, and with the numbers of the tables."""

import re
from html.parser import HTMLParser

import anndata
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import responder_screens
from toy import KWARGS, assert_same, toy

import argen as ag
from argen.cli import main
from argen.errors import ArgenWarning, InputError, MissingResultError

VOID = {"meta", "img", "br", "link", "input", "hr"}
SECTIONS = [
    "evidence", "look", "data", "design", "calibration", "instruments", "network", "edges", "responders", "prior",
    "equations", "cycles", "sensitivity", "stability", "overidentification", "power", "parameters", "citation",
]  # fmt: skip
EVIL = "<script>alert(1)</script>\"'&"


class Page(HTMLParser):
    """Tags in balance, attributes, text by section, rows of tables as exact values."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.sections, self.texts = [], [], [], {}, {}
        self.tables, self._row, self._cell = [], None, None
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs.items()]
        if tag == "section":
            self.sections[attrs["id"]] = self.texts[attrs["id"]] = []
        if tag not in VOID:
            self.open.append((tag, attrs.get("id")))
        if tag == "table":
            self.tables.append((self.section, []))
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag in ("td", "th"):
            self._cell = ["", attrs.get("data-value")]

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag, tag
        if tag in ("td", "th"):
            text, exact = self._cell
            self.tables[-1][1][-1].append(text if exact is None else float(exact))
            self._cell = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell[0] += data
        if self.section:
            self.texts[self.section].append(data)

    @property
    def section(self):
        return next((name for tag, name in self.open if tag == "section"), None)

    def text(self, section):
        return " ".join("".join(self.texts[section]).split())

    def table(self, *columns, section=None):
        """The first table with these columns, of one section or of all but the first, which repeats others."""
        for place, rows in self.tables:
            if place == "evidence" if section is None else place != section:
                continue
            if rows and set(columns) <= set(map(str, rows[0])):
                return pd.DataFrame(rows[1:], columns=rows[0])
        raise AssertionError(columns)


@pytest.fixture(autouse=True)
def agg():
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def done():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


@pytest.fixture(scope="module")
def diagnosed(done):
    """Everything that the tools for diagnostics write, with two guides per target."""
    adata = done.copy()
    labels = adata.obs["gene"].astype(str)
    names = labels + "_" + (np.arange(adata.n_obs) % 2).astype(str)
    adata.obsm["umi"] = 20 * pd.get_dummies(names).astype(int)
    guide_target = {name: name[:-2] for name in adata.obsm["umi"]}
    ag.pp.argen_guides(adata, guides="umi", guide_target=guide_target, control="ctrl", method="threshold")
    ag.tl.argen_sensitivity(adata, alphas=[0.01])
    ag.tl.argen_stability(adata, n_draws=20, rng=7)
    ag.tl.argen_overidentification(adata, min_cells=10)
    ag.tl.argen_calibration(adata, n_splits=3)
    ag.tl.argen_joint(adata)
    return adata


def write(adata, tmp_path, **options):
    path = ag.report(adata, tmp_path / "report.html", **options)
    assert path == tmp_path / "report.html"
    return path.read_text(encoding="utf-8")


def check_self_contained(text):
    page = Page(text)
    for tag, name, value in page.attributes:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        assert not name.startswith("on")
        if name in ("src", "srcset", "data", "poster", "action"):
            assert value.startswith("data:image/png;base64,")
        if name == "href":
            assert value.startswith("#")
            assert value[1:] in page.sections
    assert "script" not in page.tags
    style = re.search(r"<style>(.*?)</style>", text, flags=re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert list(page.sections) == SECTIONS
    assert page.tags.count("h1") == page.tags.count("html") == page.tags.count("body") == 1
    return page


def test_minimum(done, tmp_path):
    before = done.copy()
    page = check_self_contained(write(done, tmp_path))
    assert_same(before, done)
    for section, function in (
        ("calibration", "argen_calibration"), ("sensitivity", "argen_sensitivity"), ("stability", "argen_stability"),
        ("overidentification", "argen_overidentification"),
    ):  # fmt: skip
        assert page.text(section).endswith(f"not computed: run ag.tl.{function}")
    assert page.tags.count("img") == 2
    assert "arXiv 2601.01830" in page.text("citation")
    assert "warning" not in {value for _, name, value in page.attributes if name == "class"}
    assert not plt.get_fignums()


def assert_table(found, expected):
    for name in expected:
        if pd.api.types.is_numeric_dtype(expected[name]) and not pd.api.types.is_bool_dtype(expected[name]):
            np.testing.assert_array_equal(found[name].astype(float), expected[name].astype(float), err_msg=name)
        elif not pd.api.types.is_bool_dtype(expected[name]):
            assert found[name].tolist() == expected[name].astype(str).tolist()


def test_numbers_are_those_of_the_tables(done, tmp_path):
    page = Page(write(done, tmp_path))
    edges = ag.get.edges(done).set_index(["source", "target"]).drop(columns=["selected", "verdict", "batch"])
    shown = page.table("source", "coef").merge(page.table("source", "p_robust"), on=["source", "target"])
    assert_table(shown, edges.reset_index())
    assert set(shown) == {"source", "target", *edges}
    perturbations = ag.get.perturbations(done).sort_values("z_squared").drop(columns=["status", "reason"])
    assert_table(page.table("z_squared"), perturbations)
    assert_table(page.table("cells", "n"), done.uns["argen_descendants"]["tables"]["cells"])


def test_everything(diagnosed, tmp_path):
    page = check_self_contained(write(diagnosed, tmp_path, title="My screen", date="2026-11-21"))
    assert "not computed" not in "".join(page.text(name) for name in SECTIONS)
    ends = ["source", "target"]
    order = ag.get.edges(diagnosed)[ends]
    third = page.table("source", "stability", "J")
    assert third[ends].to_numpy().tolist() == order.to_numpy().tolist()
    stability = order.merge(ag.get.stability(diagnosed), on=ends)
    guides = order.merge(ag.get.overidentification(diagnosed, by="edge"), on=ends)
    shares = order.merge(ag.get.sensitivity(diagnosed), on=ends)
    for name, table in (("stability", stability), ("bootstrap_frequency", stability), ("J", guides)):
        np.testing.assert_array_equal(third[name], table[name])
    fourth = page.table("source", "share", "coef_low", "lost_in")
    for name in ("share", "coef_low", "coef_high"):
        np.testing.assert_array_equal(fourth[name], shares[name])
    np.testing.assert_array_equal(third["J_p"], guides["p"])
    np.testing.assert_array_equal(third["ci_low_bootstrap"], stability["ci_low"])
    summary, calibration = page.table("figure", "edges").set_index("figure"), ag.get.calibration(diagnosed)
    for row in calibration.itertuples():
        assert summary.loc["rate_05", row.nulls] == row.rate_05
    assert "argen_stability: seed" in page.text("parameters")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h1>My screen</h1>" in text
    assert "2026-11-21" in text


def test_diagnostics_of_responders(tmp_path):
    adata = responder_screens.analysed().copy()
    ag.tl.argen_stability(adata, n_draws=5)
    ag.tl.argen_calibration(adata, n_splits=3)
    page = Page(write(adata, tmp_path))
    assert "were not calibrated: ag.tl.argen_calibration(responders=True) does it" in page.text("calibration")
    assert "no nodes" not in page.text("stability")
    ag.tl.argen_stability(adata, n_draws=5, responders=True)
    ag.tl.argen_calibration(adata, n_splits=3, responders=True)
    page = Page(write(adata, tmp_path))
    assert "Edges to genes that are no nodes" in page.text("stability")
    assert "were not calibrated" not in page.text("calibration")
    summary = page.table("figure", "edges", "responders").set_index("figure")
    row = ag.get.calibration(adata).set_index("nulls").loc["responders"]
    assert float(summary.loc["rate_05", "responders"]) == row["rate_05"]


def test_diagnostics_of_an_older_result_for_responders(tmp_path):
    adata = responder_screens.analysed().copy()
    ag.tl.argen_stability(adata, n_draws=5, responders=True)
    ag.tl.argen_calibration(adata, n_splits=3, responders=True)
    assert "Stale" not in write(adata, tmp_path)
    ag.tl.argen_responders(adata, robust=False)
    with pytest.warns(ArgenWarning, match=r"'argen_calibration'\] was made from a result for responders that is gone"):
        page = Page(write(adata, tmp_path))
    for name in ("calibration", "stability"):
        text = page.text(name)
        assert f"Stale: the edges to genes that are no nodes in `uns['argen_{name}']`".replace("`", "") in text
        assert f"Run ag.tl.argen_{name}(responders='argen_responders') again" in text
    shown = page.table("grade", section="evidence")
    assert "stability" in shown  # that of the network's own edges counts
    assert "stability not computed" in " ".join(page.table("grade", section="responders")["reasons"])


def test_begins_with_the_evidence(diagnosed, done, tmp_path):
    page = Page(write(diagnosed, tmp_path))
    table = ag.get.evidence(diagnosed)
    table = table[table["grade"] != "not selected"]
    shown = page.table("grade", section="evidence")
    assert shown["grade"].tolist() == table["grade"].astype(str).tolist()
    assert shown["reasons"].tolist() == table["reasons"].tolist()
    np.testing.assert_array_equal(shown["coef"], table["coef"])
    counts = ", ".join(
        f"{(table['grade'] == grade).sum()} {grade}" for grade in ("strong", "moderate", "weak", "doubtful")
    )
    assert f"{len(table)} edges found by the searches: {counts}." in page.text("evidence")
    best = table.iloc[0]
    assert f"The best are {best['grade']}: {best['source']} → {best['target']} ({best['coef']:+.2f})" in page.text(
        "evidence"
    )
    alone = Page(write(done, tmp_path))
    assert "Agreement of guides not computed; joint search not computed; stability not computed" in alone.text(
        "evidence"
    )
    assert "not computed" not in " ".join(alone.table("grade", section="evidence")["reasons"])
    ag.tl.argen_dag(none := done.copy(), alpha=1e-290)
    assert "No search has found an edge." in Page(write(none, tmp_path)).text("evidence")


def test_look_here_first(done, tmp_path):
    adata = done.copy()
    tables = adata.uns["argen_descendants"]["tables"]
    assert (
        ag.get.check(adata)["what"].tolist()
        == Page(write(adata, tmp_path)).table("what", section="look")["what"].tolist()
    )
    tables["findings"] = findings = tables["findings"].iloc[:0]
    text = Page(write(adata, tmp_path)).text("look")
    assert text.startswith("Look here first No check spoke.")
    assert text.endswith("control guides, unequal guides and neighbours have not run (ag.tl.argen_check).")
    ag.tl.argen_check(adata)
    text = Page(write(adata, tmp_path)).text("look")
    assert "Not looked at: controls (the guide of each cell is not known: give guides=), guides (the same)" in text
    row = dict.fromkeys(findings, "") | {
        "check": "batch",
        "what": "b is unbalanced",
        "strength": 0.4,
        "advice": "add b",
    }
    adata.uns["argen_check"]["tables"]["findings"] = pd.DataFrame([row])[list(findings)]
    page = Page(write(adata, tmp_path))
    assert "No check spoke" not in page.text("look")
    assert page.table("what", section="look")["advice"].tolist() == ["add b"]


def test_what_was_taken_out_is_said(done, tmp_path):
    adata = done.copy()
    table = adata.uns["argen_descendants"]["tables"]["shifts"]
    assert "Taken out of all effects" not in Page(write(adata, tmp_path)).text("look")
    names = table["name"].to_numpy()
    adata.uns["argen_descendants"]["tables"]["shifts"] = table.assign(
        taken_out=np.arange(len(table)) < 2, shift=[0.25, -0.5, *[0.0] * (len(table) - 2)]
    )
    words = f"Taken out of all effects (adjust='auto'): shifts of 2 perturbations ({names[1]} -0.50, {names[0]} +0.25)"
    assert words in Page(write(adata, tmp_path)).text("look")


def test_the_same_page_again(done, tmp_path):
    assert write(done, tmp_path) == write(done, tmp_path)


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_from_a_file(diagnosed, tmp_path, suffix):
    adata = diagnosed
    getattr(adata, f"write_{suffix}")(tmp_path / f"x.{suffix}")
    stored = getattr(anndata, f"read_{suffix}")(tmp_path / f"x.{suffix}")
    first, second = Page(write(adata, tmp_path)), Page(write(stored, tmp_path))
    for name in SECTIONS:
        assert first.text(name) == second.text(name)


def test_names_from_the_data_stay_text(tmp_path):
    adata = toy()
    rename = {"A": EVIL, "B": "</td></table>`B`", "C": "C && D"}
    adata.var_names = [rename.get(name, name) for name in adata.var_names]
    adata.obs["gene"] = [rename.get(name, name) for name in adata.obs["gene"]]
    adata.obs.loc[adata.obs_names[-3:], "gene"] = "<img src=x onerror=1>"
    adata.obs["<b>mito"] = adata.obs.pop("mito")
    with pytest.warns(ag.errors.ArgenWarning, match="dropped"):
        ag.tl.argen_dag(adata, **{**KWARGS, "covariates": ["batch", "<b>mito"]})
    page = check_self_contained(write(adata, tmp_path, title="<script>x</script>", date="<i>today"))
    assert EVIL in page.table("z_squared")["perturbation"].tolist()
    assert "</td></table>`B`" in page.table("z_squared")["perturbation"].tolist()
    assert "<img src=x onerror=1>" in page.table("reason")["perturbation"].tolist()
    assert "<b>mito" in page.text("design")
    assert "b" not in page.tags
    assert "i" not in page.tags


def test_stale_network(done, tmp_path):
    adata = done.copy()
    ag.tl.argen_descendants(adata, **{**KWARGS, "test": "wald"})
    assert "made with another descendant step" in write(adata, tmp_path)
    ag.tl.argen_descendants(adata, **{**KWARGS, "covariates": None})
    assert "was made from other data" in write(adata, tmp_path)
    del adata.uns["argen_descendants"]
    text = write(adata, tmp_path)
    assert "the descendant step of the network, is not in this object" in text
    check_self_contained(text)


def test_stale_diagnostics(diagnosed, tmp_path):
    adata = diagnosed.copy()
    for key in ("argen_stability", "argen_calibration"):
        adata.uns[key]["made_from"]["data"] = "other"
    adata.uns["argen_overidentification"]["made_from"]["descendants"] = "other"
    page = Page(write(adata, tmp_path))
    for section in ("calibration", "stability"):
        assert "was made from other data than the network" in page.text(section)
    assert "with another descendant step" in page.text("overidentification")
    assert "Stale" not in page.text("sensitivity")
    ag.tl.argen_dag(adata, alpha=1e-290)
    with pytest.warns(ArgenWarning, match="'argen_calibration'] was made from an older network"):
        page = Page(write(adata, tmp_path))
    assert "from another network than the one that is shown" in page.text("sensitivity")


def test_diagnostics_of_another_network_do_not_count(done, tmp_path):
    adata = done.copy()
    ag.tl.argen_dag(adata, key_added="other", alpha=0.01)
    ag.tl.argen_sensitivity(adata, key="other", alphas=[0.01])
    assert "not computed" in Page(write(adata, tmp_path)).text("sensitivity")
    assert "not computed" not in Page(write(adata, tmp_path, key="other")).text("sensitivity")
    ag.tl.argen_sensitivity(adata, alphas=[0.01], key_added="mine")
    assert "not computed" not in Page(write(adata, tmp_path)).text("sensitivity")


def test_guides_and_quality_control(tmp_path):
    adata = toy()
    ag.pp.argen_guides(adata, labels="gene", control="ctrl")
    ag.pp.argen_qc(adata, min_depth=1)
    how = {name: value for name, value in KWARGS.items() if name not in ("perturbation_key", "control")}
    ag.tl.argen_dag(adata, **how)
    page = check_self_contained(write(adata, tmp_path))
    assert_table(page.table("status", "n_cells"), adata.uns["argen_guides"]["tables"]["cells"])
    assert_table(page.table("rule"), ag.get.qc(adata))


def test_networks_of_other_methods(done, tmp_path):
    adata = done.copy()
    ag.tl.inspre(adata)
    page = check_self_contained(write(adata, tmp_path, key="inspre"))
    assert "solves no equations" in page.text("equations")
    ag.tl.argen_naive(adata)
    check_self_contained(write(adata, tmp_path, key="argen_naive"))


def test_no_edge_and_genes_that_are_gone(done, tmp_path):
    adata = done.copy()
    ag.tl.argen_dag(adata, alpha=1e-290)
    assert "0 edges selected" in check_self_contained(write(adata, tmp_path)).text("network")
    part = done[:, [name for name in done.var_names if name != "B"]].copy()
    with pytest.warns(ArgenWarning, match="1 of the 4 genes .* left out: B") as warned:
        assert "1 of the 4 genes of the network are not in this object" in write(part, tmp_path)
    assert len(warned) == 1


def test_long_tables_are_cut_and_counted(done, tmp_path):
    from argen._report._html import table

    text = table(pd.DataFrame({"x": range(70)}), where="here")
    assert text.count("<tr>") == 51
    assert "… and 20 more rows, see <code>here</code>" in text


def test_errors(done, tmp_path):
    with pytest.raises(MissingResultError, match=r"'nope'\] is missing\. Run ag\.tl\.argen_dag first"):
        ag.report(done, tmp_path / "x.html", key="nope")
    with pytest.raises(MissingResultError, match=r"holds a descendant step, not a result of ag\.tl\.argen_dag"):
        ag.report(done, tmp_path / "x.html", key="argen_descendants")
    with pytest.raises(InputError, match=r"folder .* is not there\. Make it first"):
        ag.report(done, tmp_path / "no" / "x.html")
    with pytest.raises(InputError, match="is a folder"):
        ag.report(done, tmp_path)
    with pytest.raises(InputError, match=r"does not end in \.html"):
        ag.report(done, tmp_path / "x.pdf")
    with pytest.raises(InputError, match="path=3 is not a path"):
        ag.report(done, 3)
    with pytest.raises(InputError, match="takes an AnnData"):
        ag.report("adata", tmp_path / "x.html")
    assert not list(tmp_path.iterdir())


def test_command_line(tmp_path, capsys):
    adata = toy()
    adata.write_h5ad(tmp_path / "x.h5ad")
    arguments = [
        "run",
        str(tmp_path / "x.h5ad"),
        "--perturbation-key",
        "gene",
        "--control",
        "ctrl",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*arguments, "--report", str(tmp_path / "no" / "r.html"), "--quiet"]) == 2
    assert "is not there" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    report = tmp_path / "out" / "r.html"  # in the folder that is made
    assert main([*arguments, "--replicate", "batch", "--report", str(report)]) == 0
    assert f"wrote {report}" in capsys.readouterr().err
    page = check_self_contained(report.read_text(encoding="utf-8"))
    for section in ("calibration", "stability", "sensitivity"):
        assert "not computed" not in page.text(section)
    assert "without replicate b1" in page.text("sensitivity")
    assert "not computed: run ag.tl.argen_overidentification" in page.text("overidentification")  # labels, no guides


def test_command_line_says_what_the_data_do_not_allow(tmp_path, capsys):
    adata = toy(n_control=15)
    adata.write_h5ad(tmp_path / "x.h5ad")
    files = "--out", str(tmp_path / "out"), "--report", str(tmp_path / "r.html")
    assert main(["run", str(tmp_path / "x.h5ad"), "--perturbation-key", "gene", "--control", "ctrl", *files]) == 0
    assert "argen_calibration is left out: 15 control cells" in capsys.readouterr().err
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "not computed" in page.text("calibration")
    assert "not computed" not in page.text("stability")


def test_other_data_than_those_of_the_results(done, tmp_path):
    fewer, other = done[:-40].copy(), done.copy()
    other.X.data[:] = 1
    for adata in (fewer, other):
        assert "are not those that the results were made from" in write(adata, tmp_path)
    assert "Stale" not in write(done, tmp_path)

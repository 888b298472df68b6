"""The pictures of modules, of their gene sets and of hubs."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from boxes import outside, overlaps, texts_of

import argen as ag
from argen.errors import InputError, MissingResultError


@pytest.fixture(scope="module")
def screen():
    adata = ag.datasets.simulate(genes=40, cells_per_perturbation=150, n_controls=1500, rng=3)
    ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    ag.tl.argen_modules(adata)
    rng = np.random.default_rng(0)
    genes = ag.get.modules(adata, table="genes")
    sets = {f"HALLMARK_A_SET_WITH_A_LONG_NAME_{m}": part["gene"].tolist()[:-1] for m, part in genes.groupby("module")}
    sets |= {f"RANDOM_{i}": rng.choice(adata.var_names, 6, replace=False).tolist() for i in range(30)}
    ag.tl.argen_enrichment(adata, gene_sets=sets)
    ag.tl.argen_enrichment(adata, gene_sets=sets, of="hubs", key_added="hubs")
    return adata


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_modules_are_regions_with_their_genes_and_terms(screen):
    ax = ag.pl.argen_modules(screen, show=False)
    table = ag.get.modules(screen)
    regions = {patch.get_gid(): patch for patch in ax.patches if str(patch.get_gid()).startswith("module:")}
    assert set(regions) == {f"module:{number}" for number in table["module"]}
    places = {text.get_text(): text.get_position() for text in ax.texts}
    for number, genes in ag.get.modules(screen, table="genes").groupby("module")["gene"]:
        box = regions[f"module:{number}"].get_path().get_extents(regions[f"module:{number}"].get_patch_transform())
        assert all(box.contains(*places[gene]) for gene in genes)
        assert any(text.startswith(f"module {number}: HALLMARK") for text in words(ax))
    assert not overlaps(ax.texts)
    assert not outside(ax.texts)
    plain = ag.pl.argen_modules(screen, enrichment=False, show=False)
    assert not any("HALLMARK" in text for text in words(plain))


def test_modules_in_small_axes_and_with_few_genes(screen):
    _, ax = plt.subplots(figsize=(3.4, 3.4))
    ag.pl.argen_modules(screen, ax=ax, show=False)
    assert not overlaps(ax.texts)
    ax = ag.pl.argen_modules(screen, max_genes=12, show=False)
    assert any(text.startswith("12 of 40 genes shown") for text in words(ax))


def test_what_cannot_be_drawn(screen):
    with pytest.raises(InputError, match=r"enrichment='hubs' tests other groups, not the modules 'argen_modules'"):
        ag.pl.argen_modules(screen, enrichment="hubs", show=False)
    with pytest.raises(MissingResultError, match="nope"):
        ag.pl.argen_modules(screen, enrichment="nope", show=False)
    with pytest.raises(InputError, match=r"enrichment=3"):
        ag.pl.argen_modules(screen, enrichment=3, show=False)
    with pytest.raises(InputError, match=r"groups names 'module 99', which were not tested; tested were 'module 1'"):
        ag.pl.argen_enrichment(screen, groups="module 99", show=False)


@pytest.mark.parametrize("key", ["argen_enrichment", "hubs"])
@pytest.mark.parametrize("n_terms", [1, 5])
def test_first_sets_of_every_group(screen, key, n_terms):
    ax = ag.pl.argen_enrichment(screen, key=key, n_terms=n_terms, show=False)
    table = ag.get.enrichment(screen, key=key)
    table = table[table["n_overlap"] > 0]
    first = table.groupby("group", observed=True, sort=True).head(n_terms)
    dots = ax.collections[1]
    assert len(dots.get_offsets()) == len(first)
    np.testing.assert_allclose(sorted(dots.get_offsets()[:, 0]), sorted(-np.log10(first["padj"])))
    filled = (dots.get_facecolors()[:, :3] != 1.0).any(axis=1)
    assert filled.sum() == first["significant"].sum()
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert set(table["group"]) <= set(labels)
    assert len(labels) == len(first) + table["group"].nunique()
    assert not overlaps(texts_of(ax))
    assert not outside(texts_of(ax))


@pytest.mark.parametrize(("kind", "end"), [("out_hubs", "source"), ("in_hubs", "target")])
def test_hubs_are_bars_with_marked_genes_dark(screen, kind, end):
    degree = ag.get.edges(screen)[end].value_counts()
    marked = degree.index[:2].tolist()
    ax = ag.pl.argen_degree(screen, kind=kind, n_hubs=7, mark=marked, mark_label="factors", show=False)
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert [bar.get_width() for bar in ax.patches] == [degree[name] for name in names]
    assert sorted(bar.get_width() for bar in ax.patches) == sorted(degree.head(7))
    bold = {tick.get_text() for tick in ax.get_yticklabels() if tick.get_fontweight() == "bold"}
    dark = {name for name, bar in zip(names, ax.patches, strict=True) if sum(bar.get_facecolor()[:3]) < 0.5}
    assert bold == dark == set(marked) & set(names)
    assert f"dark: {len(dark)} factors" in ax.get_title(loc="left").replace("\n", " ")
    assert not overlaps(texts_of(ax))


def test_marked_genes_in_distributions_and_rankings(screen):
    adata = screen.copy()
    adata.var["factor"] = adata.var_names.isin(["G01", "G05", "G20"])
    for ax in ag.pl.argen_degree(adata, mark="factor", show=False)[:3]:
        n = len(ax.patches) // 2
        assert sum(bar.get_height() for bar in ax.patches[n:]) == 3
        assert not overlaps(texts_of(ax))
    ax = ag.pl.argen_degree(adata, kind="katz_out", mark="factor", show=False)
    assert {tick.get_text() for tick in ax.get_yticklabels() if tick.get_fontweight() == "bold"} == {
        "G01",
        "G05",
        "G20",
    }
    with pytest.raises(
        InputError, match=r"mark='nope' is not a column of adata\.var with truth values; such are: .*factor"
    ):
        ag.pl.argen_degree(adata, mark="nope", show=False)
    with pytest.raises(InputError, match=r"none of these genes is in the network: nix"):
        ag.pl.argen_degree(adata, mark=["nix"], show=False)

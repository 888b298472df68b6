"""Positions, intervals, chromosomes, assemblies and contacts, against brute force and written files."""

import gzip
import sys

import cooler
import numpy as np
import pandas as pd
import pytest
from evidence_screens import BOUNDARIES, TADS, eigenvectors, known_genes, object_of, placed_genes

from argen._bridge.gene_names import gene_names
from argen._bridge.genomics.chromosomes import Assembly, assembly_name, bare_names, in_names_of, read_assembly
from argen._bridge.genomics.contacts import contacts_of_pairs
from argen._bridge.genomics.extra import genomics_package
from argen._bridge.genomics.intervals import (
    boundaries_between,
    members,
    overlaps,
    promoters,
    read_intervals,
    values_at,
)
from argen._bridge.genomics.positions import read_positions
from argen._bridge.log import shown
from argen.errors import ArgenWarning, InputError

ANY = Assembly(None, pd.Series(dtype=float))


def positions_of(table, assembly=ANY, genes=None):
    adata = object_of(genes if genes is not None else table["gene"].tolist())
    return read_positions(adata, list(adata.var_names), table, gene_names(adata, None), assembly)


def raw(path):
    return pd.read_csv(path, sep="\t", header=None, usecols=[0, 1, 2], names=["chrom", "start", "end"])


@pytest.fixture(scope="module")
def placed():
    table = placed_genes(3, n=80)
    return table, positions_of(table)


def inside(chrom, place, intervals):
    """Numbers of the intervals over a place, one after the other."""
    return [i for i, row in enumerate(intervals.itertuples()) if row.chrom == chrom and row.start <= place < row.end]


def test_genes_in_domains_are_those_of_a_loop_over_all(placed):
    table, positions = placed
    tads = read_intervals(TADS, "TADs", positions, ANY)
    found = members(positions, tads, "TADs").toarray()
    tss = np.where(table["strand"] == "+", table["start"], table["end"] - 1)
    for i, gene in enumerate(table.itertuples()):
        assert np.flatnonzero(found[i]).tolist() == inside(gene.chrom.removeprefix("chr"), tss[i], tads)
    assert found.sum() > 70
    assert len(tads) == len(raw(TADS))


def test_compartments_and_boundaries_are_those_of_a_loop_over_all(placed):
    table, positions = placed
    eigen = eigenvectors()
    compartments = read_intervals(eigen, "compartments", positions, ANY, value=True)
    found = values_at(positions, compartments, "compartments")
    tss = positions.table["tss"].to_numpy()
    for i, gene in enumerate(table.itertuples()):
        at = inside(gene.chrom, tss[i], eigen)
        assert found[i] == eigen["value"].iloc[at[0]] if at else np.isnan(found[i])
    assert np.isfinite(found).mean() > 0.8

    bounds = read_intervals(BOUNDARIES, "boundaries", positions, ANY)
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, len(table), (2, 300))
    keep = (table["chrom"].to_numpy()[one] == table["chrom"].to_numpy()[other]) & (one != other)
    one, other = one[keep], other[keep]
    low, high = np.sort([tss[one], tss[other]], axis=0)
    chromosome = positions.table["chrom"].to_numpy(dtype=object)[one]
    found = boundaries_between(chromosome, low, high, bounds)
    middle = (bounds["start"] + bounds["end"]) / 2
    every = [
        ((bounds["chrom"] == c) & (middle > a) & (middle < b)).sum()
        for c, a, b in zip(chromosome, low, high, strict=True)
    ]
    assert found.tolist() == every
    assert max(every) > 20


def test_overlaps_of_promoters_are_those_of_a_loop_over_all(placed):
    table, positions = placed
    places = promoters(positions, 1000, 100)
    for i, gene in enumerate(table.itertuples()):
        ends = (gene.start - 1000, gene.start + 101) if gene.strand == "+" else (gene.end - 101, gene.end + 1000)
        assert (places["start"][i], places["end"][i]) == ends
    rng = np.random.default_rng(1)
    near = positions.table["tss"].to_numpy(dtype=int)[rng.integers(0, 80, 60)] + rng.integers(-2000, 2000, 60)
    peaks = pd.DataFrame({"chrom": rng.choice(["1", "2", "3"], 60), "start": near, "end": near + 200})
    found = set(zip(*(at.tolist() for at in overlaps(places, peaks)), strict=True))
    every = {
        (i, j)
        for i, a in enumerate(places.itertuples())
        for j, b in enumerate(peaks.itertuples())
        if a.chrom == b.chrom and a.start < b.end and b.start < a.end
    }
    assert found == every
    assert len(every) > 5


@pytest.mark.parametrize("kind", ["table", "csv", "gtf", "gtf.gz", "transcripts.gtf", "ids"])
def test_positions_are_the_same_from_every_kind_of_file(tmp_path, kind):
    table = known_genes("hg38")
    genes = table["gene"].tolist()
    given = table
    if kind == "csv":
        given = tmp_path / "genes.csv"
        table.to_csv(given, index=False)
    elif kind != "table":
        feature = "exon" if "transcripts" in kind else "gene"
        lines = ["#!genome-build GRCh38.p13", "#!genebuild-last-updated 2021-03"]
        for i, g in enumerate(table.itertuples()):
            text = f'gene_id "ENSG{i:011d}.{i % 7}"; gene_name "{g.gene}"; level 2;'
            ends = [(g.start, g.end)] if feature == "gene" else [(g.start, g.start + 200), (g.start + 500, g.end)]
            lines += [f"{g.chrom}\tx\t{feature}\t{a + 1}\t{b}\t.\t{g.strand}\t.\t{text}" for a, b in ends]
        given = tmp_path / ("genes.gtf.gz" if kind == "gtf.gz" else "genes.gtf")
        with gzip.open(given, "wt") if kind == "gtf.gz" else given.open("w") as file:
            file.write("\n".join(lines) + "\n")
        if kind == "ids":
            genes = [f"ENSG{i:011d}" for i in range(len(table))]
    adata = object_of(genes)
    found = read_positions(adata, genes, given, gene_names(adata, None), read_assembly("hg38")).table
    assert found["gene"].tolist() == genes
    assert found["chrom"].tolist() == [name.removeprefix("chr") for name in table["chrom"]]
    assert found[["start", "end"]].to_numpy().tolist() == table[["start", "end"]].to_numpy().tolist()
    assert found["strand"].tolist() == [1 if strand == "+" else -1 for strand in table["strand"]]
    if kind.startswith("gtf"):
        with pytest.raises(InputError, match=r"assembly='hg19', but positions=.*genes\.gtf.* states 'GRCh38\.p13'"):
            read_positions(adata, genes, given, gene_names(adata, None), read_assembly("hg19"))


def test_positions_in_var_and_genes_without_any():
    table = known_genes("hg19")
    adata = object_of([*table["gene"], "NOWHERE"])
    known = table.set_index("gene").reindex(adata.var_names)
    adata.var["chromosome"], adata.var["start"], adata.var["end"] = known["chrom"], known["start"], known["end"]
    found = read_positions(adata, list(adata.var_names), None, gene_names(adata, None), ANY)
    assert found.known.tolist() == [True] * len(table) + [False]
    middle = np.floor((table["start"] + table["end"] - 1) / 2)
    assert found.table["tss"][: len(table)].tolist() == middle.tolist()  # no strand
    del adata.var["start"]
    assert read_positions(adata, list(adata.var_names), None, gene_names(adata, None), ANY) is None


def test_a_gene_with_two_places_keeps_the_first(capfd):
    table = known_genes("hg19")
    twice = pd.concat([table, table[table["gene"] == "MYC"].assign(chrom="chrY")])
    with pytest.warns(ArgenWarning, match=r"^positions: 1 gene on several chromosomes; .*: MYC \(8, Y\)\.$"):
        found = positions_of(twice, genes=table["gene"].tolist()).table
    assert found.set_index("gene").loc["MYC", "chrom"] == "8"
    assert len(found) == len(table)
    near = pd.concat([table, table[table["gene"] == "MYC"].assign(chrom="8", end=2**30)])
    with shown(2):
        assert positions_of(near, genes=table["gene"].tolist()).table.equals(found)
    assert capfd.readouterr().err == "    positions: 1 further place of a gene left out: MYC\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: 3, r"^positions is a int: give the path of a GTF file"),
        (lambda t: "no.gtf", r"^positions='no.gtf' is not a file"),
        (lambda t: t.drop(columns="chrom"), r"^positions needs a column with the chromosome \(chrom, "),
        (
            lambda t: t.assign(gene="X" + t["gene"]),
            r"^positions has none of the 13 genes of the network, such as 'JAK2'",
        ),
        (lambda t: t.assign(start="?"), r"^positions has no chromosome with numbers as start and end"),
        (lambda t: t.assign(end=5), r"^positions: the end lies before the start"),
    ],
)
def test_positions_that_cannot_be_used(change, message):
    table = known_genes("hg19")
    with pytest.raises(InputError, match=message):
        positions_of(change(table), genes=table["gene"].tolist())


def test_chromosome_names_are_brought_together_and_said(capfd):
    names = ["chr1", "1", "chrX", "MT", "chrM", "chrUn_gl000220", "2L"]
    assert bare_names(names).tolist() == ["1", "1", "X", "M", "M", "Un_gl000220", "2L"]
    with shown(2):
        found = in_names_of(pd.Series(["1", "2"]), pd.Series(["chr1", "chr2"]), "TADs")
    assert found.tolist() == ["1", "2"]
    assert capfd.readouterr().err == "    TADs: chromosomes are named '1', not 'chr1': 'chr' is left out of both\n"
    with pytest.raises(InputError, match=r"^TADs and the positions .*: 'NC_000001', 'NC_000002' against 'chr1'\.$"):
        in_names_of(pd.Series(["NC_000001", "NC_000002"]), pd.Series(["chr1"]), "TADs")


def test_domains_named_without_chr_are_the_same_domains(placed):
    _, positions = placed
    bare = raw(TADS).assign(chrom=lambda t: t["chrom"].str.removeprefix("chr"))
    left, right = (members(positions, read_intervals(t, "T", positions, ANY), "T").toarray() for t in (TADS, bare))
    assert (left == right).all()


@pytest.mark.parametrize(
    ("name", "same"),
    [("GRCh37", "hg19"), ("hg19", "hg19"), ("GRCh38.p14", "hg38"), ("GRCm38.p6", "mm10"), ("BDGP6", "bdgp6")],
)
def test_names_of_assemblies(name, same):
    assert assembly_name(name) == same


def test_sizes_are_those_of_the_assembly():
    # chr1 and chr9 of UCSC's hg19.chrom.sizes and hg38.chrom.sizes.
    assert read_assembly("hg19").sizes[["1", "9"]].tolist() == [249250621, 141213431]
    assert read_assembly("GRCh38").sizes[["1", "9"]].tolist() == [248956422, 138394717]
    assert read_assembly("GRCm38").sizes["1"] == read_assembly("mm10").sizes["1"] == 195471971
    assert read_assembly("sacCer3").sizes["I"] == 230218
    for name in ("hg99", "my own"):
        message = rf"^assembly='{name}' is not known; known are .*hg19, hg38, .*Leave assembly="
        with pytest.raises(InputError, match=message):
            read_assembly(name)
    with pytest.raises(InputError, match=r"^assembly=38: give its name, such as 'hg38'\.$"):
        read_assembly(38)


def test_intervals_of_another_assembly_are_told_by_their_ends_and_by_what_is_stated(placed):
    _, positions = placed
    eigen = eigenvectors()  # which run on behind the ends that the chromosomes have in hg38
    read_intervals(eigen, "E", positions, read_assembly("hg19"), value=True)
    ends = read_assembly("hg38").sizes.reindex(eigen["chrom"].str.removeprefix("chr")).to_numpy()
    n = int((eigen["end"].to_numpy() > ends).sum())
    assert n > 5
    with pytest.raises(
        InputError, match=rf"^E: {n} of 2811 places end behind .*='hg38', such as 1:249,000,000 of 248,9"
    ):
        read_intervals(eigen, "E", positions, read_assembly("hg38"), value=True)
    stated = raw(TADS)
    stated.attrs["assembly"] = "hg19"
    with pytest.raises(InputError, match=r"^assembly='hg38', but T states 'hg19'\."):
        read_intervals(stated, "T", positions, read_assembly("hg38"))
    read_intervals(stated, "T", positions, read_assembly("GRCh37"))


def test_statements_that_contradict_each_other_are_an_error_without_an_assembly():
    table = known_genes("hg19")
    table.attrs["assembly"] = "hg19"
    anything = read_assembly(None)
    positions = positions_of(table, anything)
    tads = raw(TADS)
    for same in (None, "GRCh37.p13"):
        tads.attrs["assembly"] = same
        read_intervals(tads, "T", positions, anything)
    tads.attrs["assembly"] = "hg38"
    with pytest.raises(InputError, match=r"^positions states 'hg19', but D states 'hg38'\. Bring both"):
        read_intervals(tads, "D", positions, anything)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (5, r"^T is a int: give the path of a BED file"),
        ("nothing.bed", r"^T: 'nothing.bed' is not a file"),
        (pd.DataFrame({"chrom": [], "start": [], "end": []}), r"^T has no intervals"),
        (pd.DataFrame({"chrom": ["chr1"], "start": [5]}), r"^T needs a column 'end' \(or End, chromEnd\)"),
        (pd.DataFrame({"chrom": ["chr1"], "start": [5], "end": [5]}), r"^T has intervals whose start or end"),
        (pd.DataFrame({"chrom": ["chr1"], "start": [5], "end": [9]}), r"^T: none of the 80 genes .* one assembly\?$"),
    ],
)
def test_intervals_that_cannot_be_used(placed, table, message):
    _, positions = placed
    with pytest.raises(InputError, match=message):
        members(positions, read_intervals(table, "T", positions, ANY), "T")


def test_bed_files_with_heads_and_those_that_are_none(placed, tmp_path):
    _, positions = placed
    file = tmp_path / "x.bed"
    file.write_text("browser position chr1\ntrack name=x\n# by hand\nchr1\t10\t20\tname\nchr1 30 40\n")
    assert read_intervals(file, "T", positions, ANY)[["start", "end"]].to_numpy().tolist() == [[10, 20], [30, 40]]
    file.write_text("chr1-5\tchr1\t5\t9\t+\t.3\n")
    with pytest.raises(InputError, match=r"is no BED file, .*: a row starts with 'chr1-5 chr1 5'\. Read it, and give"):
        read_intervals(file, "T", positions, ANY)
    file.write_text("chr1\t5\n")
    with pytest.raises(InputError, match=r"is no BED file of 3 columns or more"):
        read_intervals(file, "T", positions, ANY)


@pytest.fixture(scope="module")
def cool(tmp_path_factory):
    """A cooler of two chromosomes with 100 kb bins, balanced by made-up weights, and the dense matrix."""
    folder, rng = tmp_path_factory.mktemp("cool"), np.random.default_rng(0)
    sizes = {"chr1": 3_000_000, "chr2": 2_050_000}
    bins = pd.concat(
        [
            pd.DataFrame({"chrom": name, "start": range(0, size, 100_000)}).assign(
                end=lambda t, size=size: np.minimum(t["start"] + 100_000, size)
            )
            for name, size in sizes.items()
        ],
        ignore_index=True,
    )
    n = len(bins)
    dense = np.triu(rng.poisson(3.0, (n, n)))
    dense = dense + np.triu(dense, 1).T
    at = np.nonzero(np.triu(dense))
    pixels = pd.DataFrame({"bin1_id": at[0], "bin2_id": at[1], "count": dense[at]})
    weight = rng.uniform(0.5, 1.5, n)
    weight[3] = np.nan
    paths = []
    for name, table in (("counts.cool", bins), ("balanced.cool", bins.assign(weight=weight))):
        paths.append(str(folder / name))
        cooler.create_cooler(paths[-1], table, pixels, assembly="hg19")
    return *paths, bins, dense, weight


@pytest.mark.parametrize("balanced", [False, True])
def test_contacts_are_those_of_the_dense_matrix(cool, balanced):
    counts, weighted, bins, dense, weight = cool
    chrom = np.array(["1", "1", "1", "2", "2", "2", "3"], dtype=object)
    start = np.array([350_000, 5, 2_999_999, 0, 2_049_999, 999_999, 7])
    table = pd.DataFrame({"gene": list("abcdefg"), "chrom": chrom, "start": start, "end": start + 1, "strand": "+"})
    source, target = (at.ravel() for at in np.meshgrid(range(7), range(7)))
    found = contacts_of_pairs(
        weighted if balanced else counts, "contacts", positions_of(table), read_assembly("hg19"), source, target
    )
    at = [
        np.flatnonzero((bins["chrom"] == f"chr{c}") & (bins["start"] <= s) & (bins["end"] > s)).tolist()
        for c, s in zip(chrom, start, strict=True)
    ]
    for value, i, j in zip(found, source, target, strict=True):
        if chrom[i] != chrom[j] or not at[i] or not at[j]:
            assert np.isnan(value)
            continue
        (a,), (b,) = at[i], at[j]
        expected = dense[a, b] * (weight[a] * weight[b] if balanced else 1.0)
        assert value == pytest.approx(expected, nan_ok=True)
    assert np.isnan(found).sum() > 20 + 5 * balanced


def test_contacts_that_cannot_be_used(cool, tmp_path):
    counts = cool[0]
    table = pd.DataFrame({"gene": ["a", "b"], "chrom": "chr1", "start": [10, 2_000_000], "end": [11, 2_000_001]})
    positions, both = positions_of(table), (np.array([0]), np.array([1]))
    with pytest.raises(InputError, match=r"^assembly='hg38', but contacts=.* states 'hg19'"):
        contacts_of_pairs(counts, "contacts", positions, read_assembly("hg38"), *both)
    with pytest.raises(InputError, match=r"^contacts='x.cool' is not a file"):
        contacts_of_pairs("x.cool", "contacts", positions, ANY, *both)
    with pytest.raises(InputError, match=r"1 genes start behind the ends of their chromosomes"):
        contacts_of_pairs(counts, "contacts", positions_of(table.assign(start=[10, 5e6], end=[11, 6e6])), ANY, *both)
    file = tmp_path / "x.cool"
    file.write_text("nothing")
    with pytest.raises(InputError, match=r"cannot be read as a cooler"):
        contacts_of_pairs(str(file), "contacts", positions, ANY, *both)
    many = tmp_path / "x.mcool"
    cooler.zoomify_cooler(counts, str(many), [200_000], chunksize=1000)
    with pytest.raises(InputError, match=r"It holds /resolutions/100000, /resolutions/200000: give '.*x\.mcool::'"):
        contacts_of_pairs(str(many), "contacts", positions, ANY, *both)
    assert np.isfinite(contacts_of_pairs(f"{many}::/resolutions/200000", "contacts", positions, ANY, *both)).all()


def test_a_package_that_is_missing_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "cooler", None)
    with pytest.raises(ImportError) as caught:
        genomics_package("cooler")
    assert caught.value.__notes__ == [
        "cooler reads this kind of evidence. Please install it: pip install 'argen[genomics]'."
    ]

"""Tables of guides as programs write them: Cell Ranger, IGVF, SCEPTRE, Replogle, pertpy, spreadsheets."""

import gzip

import numpy as np
import pandas as pd
import pytest
from guide_screens import refuse

import argen as ag

GUIDES = ["STAT1g1", "STAT1g2", "MYCg1", "NTg1", "NTg2"]
SYMBOLS = ["STAT1", "STAT1", "MYC", "Non-Targeting", "Non-Targeting"]
# Test runners in parallel have to agree on the parameters: no time of compression in the bytes.
CUT = gzip.compress(b"guide,target\n" * 99, mtime=0)[:-9]
IDS = ["ENSG00000115415", "ENSG00000115415", "ENSG00000136997", "Non-Targeting", "Non-Targeting"]


def feature_reference():
    """Cell Ranger's: a row per feature, also of antibodies."""
    rows = {
        "id": [f"{guide}_id" for guide in GUIDES],
        "name": GUIDES,
        "read": "R2",
        "pattern": "5PNNNN(BC)",
        "sequence": ["ACGT", "AAAA", "CCCC", "GGGG", "TTTT"],
        "feature_type": "CRISPR Guide Capture",
        "target_gene_id": IDS,
        "target_gene_name": SYMBOLS,
    }
    antibody = {"id": "CD3", "name": "CD3_TotalB", "feature_type": "Antibody Capture", "target_gene_name": "CD3E"}
    return pd.concat([pd.DataFrame(rows), pd.DataFrame([antibody])], ignore_index=True)


def igvf():
    """Its targeting is TRUE or FALSE; a guide that is not targeting has no target."""
    return pd.DataFrame(
        {
            "guide_id": GUIDES,
            "spacer": ["ACGT", "AAAA", "CCCC", "GGGG", "TTTT"],
            "targeting": ["TRUE", "TRUE", "TRUE", "FALSE", "FALSE"],
            "type": ["targeting", "targeting", "positive control", "non-targeting", "safe-targeting"],
            "guide_chr": ["chr2", "chr2", "chr8", "", "chr1"],
            "intended_target_name": ["STAT1", "STAT1", "MYC", "", np.nan],
        }
    )


def sceptre():
    return pd.DataFrame({"grna_id": GUIDES, "grna_target": ["STAT1", "STAT1", "MYC", *["non-targeting"] * 2], "chr": 2})


def replogle():
    return pd.DataFrame({"gene": SYMBOLS, "transcript": "P1P2", "sgID_AB": GUIDES, "gene_id": IDS})


def without_a_column_for_guides():
    return pd.DataFrame({"Target Gene Symbol": SYMBOLS, "plate": 3, "oligo": GUIDES})


TABLES = {
    "feature reference": feature_reference,
    "feature reference by id": lambda: feature_reference().assign(id=lambda t: t["name"]).drop(columns="name"),
    "igvf": igvf,
    "sceptre": sceptre,
    "replogle": replogle,
    "pertpy": lambda: pd.DataFrame({"gene_target": SYMBOLS}, index=GUIDES),
    "capitals": lambda: pd.DataFrame({"sgRNA ID": GUIDES, "Target": SYMBOLS}),
    "index beside an id": lambda: pd.DataFrame({"id": list("abcde"), "target": SYMBOLS}, index=GUIDES),
    "own names as genes": lambda: pd.DataFrame({"guide": GUIDES, "gene_name": GUIDES, "target_gene_id": SYMBOLS}),
    "empty names": lambda: pd.DataFrame({"guide": GUIDES, "target_gene_name": "", "target_gene_id": SYMBOLS}),
    "no column for guides": without_a_column_for_guides,
    "blanks": lambda: pd.DataFrame({"guide": [f" {guide} " for guide in GUIDES], "target": SYMBOLS}),
    "identical rows twice": lambda: pd.concat([sceptre(), sceptre()]),
}


@pytest.fixture
def bare(mdata):
    """A screen whose guides have no targets yet."""
    del mdata["guide"].var["target"]
    return mdata


def perturbations(mdata):
    return mdata["rna"].obs["argen_perturbation"].tolist()


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_programs(bare, expected, kind):
    ag.pp.argen_guides(bare, method="max", guide_target=TABLES[kind]())
    assert perturbations(bare) == expected


@pytest.mark.parametrize("kind", ["feature reference", "igvf", "sceptre", "no column for guides"])
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("library.csv", lambda table, path: table.to_csv(path, index=False)),
        ("semicolons.csv", lambda table, path: table.to_csv(path, sep=";", index=False)),
        ("tabs.csv", lambda table, path: table.to_csv(path, sep="\t", index=False)),
        ("commas.tsv", lambda table, path: table.to_csv(path, index=False)),
        ("bars.txt", lambda table, path: table.to_csv(path, sep="|", index=False)),
        ("mark.csv", lambda table, path: table.to_csv(path, index=False, encoding="utf-8-sig")),
        ("excel.txt", lambda table, path: table.to_csv(path, sep="\t", index=False, encoding="utf-16")),
        ("library.csv.gz", lambda table, path: table.to_csv(path, index=False)),
        ("rownames.tsv", lambda table, path: table.to_csv(path, sep="\t", na_rep="NA")),
        ("no_ending", lambda table, path: table.to_csv(path, index=False)),
    ],
)
def test_text_files(bare, expected, tmp_path, kind, name, write):
    write(TABLES[kind](), tmp_path / name)
    ag.pp.argen_guides(bare, method="max", guide_target=str(tmp_path / name))
    assert perturbations(bare) == expected


@pytest.mark.parametrize("text", ["guide,target\r\n{0}\r\n", "target\tguide\n{1}\n", '"guide, all";target\n{2}\n'])
def test_text_by_hand(bare, expected, tmp_path, text):
    pairs = list(zip(GUIDES, SYMBOLS, strict=True))
    rows = "\r\n".join(f"{a},{b}" for a, b in pairs), "\n".join(f"{b}\t{a}" for a, b in pairs)
    path = tmp_path / "table.csv"
    path.write_bytes(text.format(*rows, "\n".join(f"{a};{b}" for a, b in pairs)).encode())
    ag.pp.argen_guides(bare, method="max", guide_target=path)
    assert perturbations(bare) == expected


def test_excel_without_its_reader(bare, tmp_path, monkeypatch):
    def missing(*_, **__):
        msg = "Missing optional dependency 'openpyxl'."
        raise ImportError(msg)

    monkeypatch.setattr(pd, "read_excel", missing)
    (tmp_path / "library.xlsx").write_bytes(b"")
    refuse(bare, r"pip install openpyxl.*as CSV", guide_target=tmp_path / "library.xlsx")


def test_excel(bare, expected, tmp_path, monkeypatch):
    """What pandas reads is used as a text file is."""
    (tmp_path / "library.xlsx").write_bytes(b"")
    monkeypatch.setattr(pd, "read_excel", lambda path, **options: feature_reference().fillna("").astype(str))
    ag.pp.argen_guides(bare, method="max", guide_target=str(tmp_path / "library.xlsx"))
    assert perturbations(bare) == expected


def test_excel_file(bare, expected, tmp_path):
    igvf().to_excel(tmp_path / "library.xlsx", index=False)
    ag.pp.argen_guides(bare, method="max", guide_target=tmp_path / "library.xlsx")
    assert perturbations(bare) == expected
    (tmp_path / "damaged.xlsx").write_bytes(b"PK")
    refuse(bare, "damaged.xlsx cannot be read as a table of guides", guide_target=tmp_path / "damaged.xlsx")


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("cut.csv.gz", CUT, "cut.csv.gz cannot be read as a table of guides"),
        ("picture.csv", b"\x89PNG\r\n\xff", "picture.csv cannot be read as a table of guides"),
        ("empty.csv", b"", "empty.csv cannot be read as a table of guides"),
        ("one.csv", b"guide\nSTAT1g1\n", "no column known to hold targets .*it has: 'guide'.*dict.zip"),
        (
            "headless.csv",
            b"STAT1g1,STAT1\nMYCg1,MYC\n",
            "it has: 'STAT1g1', 'STAT1'. Call two of them guide and target",
        ),
        ("other.csv", b"id,target\nx,STAT1\n", "such as 'STAT1g1', .*: column 'id' holds 'x'. Its columns are .*dict"),
        ("twice.csv", b"a,b,target\nMYCg1,MYCg1,MYC\n", "Several columns .*column 'a', column 'b'.: give dict.zip"),
    ],
)
def test_files_that_cannot_be_used(bare, tmp_path, name, content, match):
    (tmp_path / name).write_bytes(content)
    refuse(bare, match, guide_target=str(tmp_path / name))


@pytest.mark.parametrize("name", ["library.xlsx", "library.csv", "library.tsv.gz"])
def test_files_that_are_not_there(bare, name):
    refuse(bare, f"^{name}: there is no such file", guide_target=name)


def test_a_name_that_is_neither_a_column_nor_a_file(bare):
    bare["guide"].var["locus"] = "chr1"
    refuse(
        bare,
        r"no column 'library.json' .and there is no file of that name.; it has: 'locus'",
        guide_target="library.json",
    )


def test_a_column_whose_name_could_be_a_regular_expression(bare, expected):
    bare["guide"].var["target (gene"] = SYMBOLS
    ag.pp.argen_guides(bare, method="max", guide_target="target (gene")
    assert perturbations(bare) == expected


@pytest.mark.parametrize("column", ["target_gene_name", "intended_target_name", "gene", "Target Gene"])
def test_columns_of_the_modality(bare, expected, column):
    bare["guide"].var[column] = SYMBOLS
    bare["guide"].var["target_gene_id"] = IDS
    ag.pp.argen_guides(bare, method="max")
    assert perturbations(bare) == expected


def test_columns_of_the_modality_as_igvf_has_them(bare, expected):
    table = igvf().set_index("guide_id").assign(targeting=[True, True, True, False, False])
    bare["guide"].var = table.assign(intended_target_name=["STAT1", "STAT1", "MYC", "", "chr1:5-25"])
    ag.pp.argen_guides(bare, method="max")
    assert perturbations(bare) == expected
    record = bare["rna"].uns["argen_guides"]
    assert record["settings"]["control"].tolist() == ["non-targeting", "safe-targeting"]
    assert record["tables"]["guides"]["target_label"].tolist() == [
        "STAT1",
        "STAT1",
        "MYC",
        "non-targeting",
        "chr1:5-25",
    ]


def test_named_controls_go_before_what_the_table_says(bare):
    """A target that is given stays one where the user says which are controls; a guide without any has the word."""
    bare["guide"].var = igvf().set_index("guide_id").assign(intended_target_name=[*SYMBOLS[:3], "chr1:5-25", ""])
    ag.pp.argen_guides(bare, method="max", control="chr1:5-25")
    table = bare["rna"].uns["argen_guides"]["tables"]["guides"]
    assert table["target"].tolist() == ["STAT1", "STAT1", "MYC", "control", "safe-targeting"]


def test_a_guide_that_targets_is_no_control_by_its_type(bare):
    bare["guide"].var = igvf().set_index("guide_id").assign(type=["negative control", *[""] * 4])
    ag.pp.argen_guides(bare, method="max")
    table = bare["rna"].uns["argen_guides"]["tables"]["guides"]
    assert table["target"].tolist() == ["STAT1", "STAT1", "MYC", "control", "control"]


EMPTY = {
    "dict without them": dict(zip(GUIDES[:3], SYMBOLS[:3], strict=True)),
    "dict with NaN": dict(zip(GUIDES, [*SYMBOLS[:3], np.nan, ""], strict=True)),
    "table with NA": pd.DataFrame({"guide": GUIDES, "target": [*SYMBOLS[:3], "NA", None]}),
    "type": pd.DataFrame({"guide": GUIDES, "target": [*SYMBOLS[:3], "", ""], "type": [*["x"] * 3, "NT", "control"]}),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_controls_without_a_target(bare, expected, kind):
    ag.pp.argen_guides(bare, method="max", guide_target=EMPTY[kind])
    assert perturbations(bare) == expected


def test_other_guides_without_a_target_are_an_error(bare):
    table = pd.DataFrame({"guide": GUIDES, "target": ["STAT1", "NA", "MYC", "", ""]})
    refuse(bare, r"1 guide has no target: 'STAT1g2'. Give each a target, or name them in control", guide_target=table)
    refuse(bare, "2 guides have no target: 'NTg1', 'NTg2'", guide_target=EMPTY["dict without them"], control="STAT1")


LONG = {
    "table": lambda long: long,
    "series": lambda long: long.set_index("grna_id")["grna_target"],
    "lists": lambda long: long.groupby("grna_id")["grna_target"].apply(list).to_dict(),
    "separator": lambda long: long.groupby("grna_id")["grna_target"].apply("+".join),
}


@pytest.mark.parametrize("kind", LONG)
def test_a_guide_in_two_rows_is_against_two_targets(bare, log, kind):
    """As SCEPTRE has it: cells with such a guide are multiple."""
    long = pd.concat([sceptre(), pd.DataFrame({"grna_id": ["STAT1g1", "NTg1"], "grna_target": ["MYC", "NT"]})])
    options = {"separator": "+"} if kind == "separator" else {}
    ag.pp.argen_guides(bare, method="max", guide_target=LONG[kind](long), **options)
    table = bare["rna"].uns["argen_guides"]["tables"]["guides"]
    assert table["target"].tolist() == ["multiple", "STAT1", "MYC", "control", "control"]
    assert table["target_label"].tolist()[0] == "STAT1+MYC"
    assert perturbations(bare)[0] == "multiple"
    if kind != "separator":
        assert "2 guides are against several targets" in log.getvalue()
        assert "'STAT1g1'" in log.getvalue()


def test_two_rows_with_a_target_and_a_control_are_that_target(bare, expected):
    long = pd.concat([sceptre(), pd.DataFrame({"grna_id": ["STAT1g1"], "grna_target": ["non-targeting"]})])
    ag.pp.argen_guides(bare, method="max", guide_target=long)
    assert perturbations(bare) == expected


def test_the_log_says_which_columns_were_taken(bare, log):
    ag.pp.argen_guides(bare, method="max", guide_target=without_a_column_for_guides())
    assert "guides from column 'oligo', targets from column 'Target Gene Symbol'" in log.getvalue()
    ag.pp.argen_guides(bare, method="max", guide_target=igvf())
    assert "2 guides are controls by the column targeting or type: 'NTg1', 'NTg2'" in log.getvalue()
    bare["guide"].var["target_gene_name"] = SYMBOLS
    ag.pp.argen_guides(bare, method="max")
    assert "column 'target_gene_name' of mdata.mod['guide'].var" in log.getvalue()


def test_a_table_names_the_columns_of_an_array(adata, counts, expected):
    adata.obsm["array"] = counts
    for table in (feature_reference(), igvf(), pd.DataFrame({"oligo": GUIDES, "target": SYMBOLS})):
        ag.pp.argen_guides(adata, method="max", guides="array", guide_target=table)
        assert adata.obs["argen_perturbation"].tolist() == expected

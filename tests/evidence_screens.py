"""Genes at made-up places of the real chromatin of K562, and networks among them that are made by hand."""

import numpy as np
import pandas as pd
from anndata import AnnData
from data_files import DATA

from argen._bridge.results.entries import new_entry, write_entry

FOLDER = DATA / "evidence_k562"
TADS, BOUNDARIES = FOLDER / "k5_tads.bed.gz", FOLDER / "k5_tadbounds.bed.gz"

# Well-known genes: chromosome, then start and end in hg19 and in hg38 (UCSC), strand.
WELL_KNOWN = pd.DataFrame(
    [
        ("JAK2", "chr9", 4985032, 5128183, 4984390, 5128183, "+"),
        ("STAT1", "chr2", 191829083, 191885686, 190964357, 191020960, "-"),
        ("STAT4", "chr2", 191894301, 192016322, 191029575, 191151596, "-"),
        ("IRF1", "chr5", 131817300, 131826490, 132481607, 132490798, "-"),
        ("MYC", "chr8", 128748314, 128753680, 127736068, 127741434, "+"),
        ("GATA1", "chrX", 48644961, 48652716, 48786553, 48794308, "+"),
        ("SPI1", "chr11", 47376410, 47400127, 47354859, 47378576, "-"),
        ("TP53", "chr17", 7571719, 7590868, 7668401, 7687550, "-"),
        ("HBG1", "chr11", 5269501, 5271087, 5248271, 5249857, "-"),
        ("HBB", "chr11", 5246695, 5248301, 5225465, 5227071, "-"),
        ("KLF1", "chr19", 12995236, 12998017, 12884422, 12887203, "-"),
        ("PDCD1LG2", "chr9", 5510569, 5571254, 5510569, 5571254, "+"),
        ("CD274", "chr9", 5450502, 5470567, 5450502, 5470567, "+"),
    ],
    columns=["gene", "chrom", "start_hg19", "end_hg19", "start_hg38", "end_hg38", "strand"],
)


def known_genes(assembly: str) -> pd.DataFrame:
    """Positions of the well-known genes."""
    ends = {f"{end}_{assembly}": end for end in ("start", "end")}
    return WELL_KNOWN[["gene", "chrom", *ends, "strand"]].rename(columns=ends)


def eigenvectors() -> pd.DataFrame:
    """Compartments of K562 at 1 Mb."""
    table = pd.read_csv(FOLDER / "k5_eigs.bed.gz", sep="\t", header=None)
    return table[[1, 2, 3, 5]].set_axis(["chrom", "start", "end", "value"], axis=1)


def placed_genes(
    seed: int, n: int = 120, chromosomes: tuple[str, ...] = ("chr1", "chr2", "chr3"), n_domains: int = 40
) -> pd.DataFrame:
    """Genes at random places of domains of K562, several in each of them."""
    rng = np.random.default_rng(seed)
    tads = pd.read_csv(TADS, sep="\t", header=None, names=["chrom", "start", "end", "name"])
    tads = tads[tads["chrom"].isin(chromosomes)].sample(n_domains, random_state=seed)
    at = tads.iloc[rng.integers(0, len(tads), n)]
    start = rng.integers(at["start"].to_numpy(), at["end"].to_numpy() - 1000)
    return pd.DataFrame(
        {"gene": [f"G{i}" for i in range(n)], "chrom": at["chrom"].to_numpy(), "start": start, "end": start + 1000,
         "strand": rng.choice(["+", "-"], n)}
    )  # fmt: skip


def object_of(genes: list[str]) -> AnnData:
    """An object with these genes and hardly any cells."""
    return AnnData(np.ones((2, len(genes)), dtype=np.float32), var=pd.DataFrame(index=list(genes)))


def add_network(adata: AnnData, edges: pd.DataFrame, key: str = "net", **settings: object) -> AnnData:
    """A network as another program's is stored: ``source``, ``target``, ``selected`` and what else `edges` has."""
    genes = list(adata.var_names)
    nothing = np.full(len(edges), np.nan)
    table = pd.DataFrame(
        {
            "source": pd.Categorical(edges["source"], genes),
            "target": pd.Categorical(edges["target"], genes),
            "coef": edges.get("coef", 1.0),
            "se": nothing, "z": nothing, "p": nothing,
            "selected": edges.get("selected", True),
            "flags": pd.Categorical(edges["flags"] if "flags" in edges else [""] * len(edges)),
        }
    ).reset_index(drop=True)  # fmt: skip
    nodes = pd.DataFrame({"gene": genes, "layer": np.zeros(len(genes), dtype=int)})
    tables = {"edges": table, "nodes": nodes, "order": nodes["gene"].to_numpy(dtype=object)}
    write_entry(adata, new_entry(key, "network", {"method": "imported", "descendants": "", **settings}, tables))
    return adata


def all_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of all ordered pairs of distinct genes."""
    return np.nonzero(~np.eye(n, dtype=bool))

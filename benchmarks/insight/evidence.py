"""Size and power of the tests of evidence from outside, on the domains of K562 (a quarter of an hour on one core).

    PYTHONPATH=src python benchmarks/insight/evidence.py [simulations] > docs/benchmarks/outside_evidence.csv

120 genes lie at random places in 12 neighbouring domains on each of three chromosomes (Hi-C of K562,
``tests/data/evidence_k562``); three of ten pairs were tested; which of them are edges depends on nothing ("null"), on
the distance alone ("near"), on hubs alone ("hubs", where a prior has the same hubs), on domains beyond the distance
("domains") or on the prior ("prior").
"""

import sys

import numpy as np
import pandas as pd
from anndata import AnnData

import argen as ag
from argen._bridge.results.entries import new_entry, write_entry

TADS = "tests/data/evidence_k562/k5_tads.bed.gz"
CHROMOSOMES = ("chr1", "chr2", "chr3")
N_GENES, N_DOMAINS, N_PERMUTATIONS, LEVEL = 120, 12, 199, 0.05
TESTED = {"null": "same_TAD", "near": "same_TAD", "hubs": "prior", "domains": "same_TAD", "prior": "prior"}


def genes_in_domains(rng: np.random.Generator, tads: pd.DataFrame) -> pd.DataFrame:
    """Genes in domains that follow each other, on each chromosome."""
    runs = [of.iloc[rng.integers(0, len(of) - N_DOMAINS) :][:N_DOMAINS] for _, of in tads.groupby("chrom", sort=False)]
    near = pd.concat(runs)
    at = near.iloc[rng.integers(0, len(near), N_GENES)]
    start = rng.integers(at["start"].to_numpy(), at["end"].to_numpy() - 1)
    names = [f"G{i}" for i in range(N_GENES)]
    return pd.DataFrame({"gene": names, "chrom": at["chrom"].to_numpy(), "start": start, "domain": at.index.to_numpy()})


def simulate(kind: str, rng: np.random.Generator, tads: pd.DataFrame) -> tuple[AnnData, pd.DataFrame, pd.DataFrame]:
    """An object with a network, positions of its genes, and a prior."""
    genes = genes_in_domains(rng, tads)
    names = genes["gene"].to_numpy(dtype=object)
    hub = rng.lognormal(0.0, 1.0, N_GENES) if kind == "hubs" else np.ones(N_GENES)
    known = rng.random((N_GENES, N_GENES)) < np.minimum(0.05 * hub[:, None], 1.0)
    source, target = np.nonzero((rng.random((N_GENES, N_GENES)) < 0.3) & ~np.eye(N_GENES, dtype=bool))
    chrom, start, domain = (genes[name].to_numpy() for name in ("chrom", "start", "domain"))
    near = np.where(chrom[source] == chrom[target], np.exp(-np.abs(start[source] - start[target]) / 1e6), 0.0)
    chance = {
        "null": np.full(len(source), 0.03),
        "near": 0.02 + 0.2 * near,
        "hubs": 0.03 * hub[source],
        "domains": 0.02 + 0.15 * (domain[source] == domain[target]),
        "prior": 0.03 + 0.06 * known[source, target],
    }[kind]
    selected = rng.random(len(source)) < np.minimum(chance, 1.0)
    edges = pd.DataFrame({"source": names[source], "target": names[target], "coef": 1.0, "selected": selected})
    nodes = pd.DataFrame({"gene": names, "layer": 0})
    adata = AnnData(np.ones((1, N_GENES), dtype=np.float32), var=pd.DataFrame(index=names))
    tables = {"edges": edges.assign(flags=""), "nodes": nodes, "order": names}
    write_entry(adata, new_entry("net", "network", {"method": "imported", "descendants": ""}, tables))
    at = np.nonzero(known & ~np.eye(N_GENES, dtype=bool))
    return adata, genes, pd.DataFrame({"source": names[at[0]], "target": names[at[1]]})


def main(n: int) -> None:
    tads = pd.read_csv(TADS, sep="\t", header=None, names=["chrom", "start", "end", "name"])
    tads = tads[tads["chrom"].isin(CHROMOSOMES)].reset_index(drop=True)
    rows = []
    for kind, evidence in TESTED.items():
        found = []
        for i in range(n):
            adata, genes, prior = simulate(kind, np.random.default_rng(i), tads)
            ag.tl.argen_evidence(
                adata, network="net", positions=genes, domains={"TAD": TADS}, pairs={"prior": prior},
                n_permutations=N_PERMUTATIONS, rng=i,
            )  # fmt: skip
            table = ag.get.outside_evidence(adata, table="tests")
            found.append(table[table["evidence"] == evidence])
        for comparison, part in pd.concat(found).groupby("comparison", sort=False):
            row = {"edges depend on": kind, "evidence": evidence, "against": comparison}
            for name in ("p", "p_degree", "p_distance", "p_both"):
                share = float((part[name] <= LEVEL).mean())
                row |= {name: round(share, 3), f"{name}_se": round((share * (1 - share) / len(part)) ** 0.5, 3)}
            rows.append(row)
            print(row, file=sys.stderr)
    pd.DataFrame(rows).to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)

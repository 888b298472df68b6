"""Published screens, as small as tests and tutorials need them."""

from typing import TYPE_CHECKING

from ._files import find_file, read_screen

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from mudata import MuData

__all__ = [
    "collectri",
    "dixit_2016",
    "gasperini_2019",
    "hill_2018",
    "norman_2019_doubles",
    "papalexi_2021",
    "schraivogel_2020",
]


def papalexi_2021() -> "MuData":
    """THP-1 cells, knock-outs of 26 regulators of PD-L1, guide counts: the screen of the quick start.

    ECCITE-seq after stimulation with interferon γ, CRISPR knock-out, low multiplicity of infection
    :cite:p:`Papalexi2021`. The authors of sceptre took a part of the genes: random ones, and nine of the perturbed ones
    (CMTM6, IFNGR2, JAK2, NFKBIA, STAT1, STAT2, STAT3, TNFRSF14, UBE2L6). The other 17 are perturbed and
    not measured.

    Origin: GEO GSE153056, by way of the R package sceptredata (MIT; counts), the history of sceptre (GPL-3; depth,
    genes and mitochondrial share of the full transcriptome) and the CRISPR-JAMBOREE of IGVF (barcodes and lanes of
    7,108 cells). The licence of the data themselves is not stated.

    Returns
    -------
    UMI counts of 20,729 cells, ``"rna"`` with 303 genes and ``"guide"`` with 110 guides, as CSR of int32.

    `["rna"].obs['bio_rep']`
        Replicate. `lane` and `barcode` where known.
    `["rna"].obs['total_umi']`, `['n_genes']`, `['percent_mito']`
        Depth, genes seen and mitochondrial share (in percent) of the full transcriptome.
    `["rna"].obs['guide_simple']`, `['target_simple']`, `['n_guides_ge5']`
        A plain call, made for this package: the top guide with at least 5 UMIs and 80 % of the cell's.
    `["rna"].var['is_target']`
        Whether a gene is perturbed.
    `["guide"].var['target']`
        Perturbed gene, or ``"non-targeting"`` (nine guides).

    Notes
    -----
    Counts are int32, as in every function here: the small integers of the files would overflow in sums. Names of cells
    are row numbers, since the source has no barcodes. Replicates 2 and 3 have their names exchanged in the
    CRISPR-JAMBOREE. No guide of CD274 is called in any cell; MYC and SPI1 have few cells.

    Raises
    ------
    argen.errors.MissingDataError
        The file is not part of this installation.

    Examples
    --------
    >>> import argen as ag
    >>> mdata = ag.datasets.papalexi_2021()
    >>> mdata["rna"].shape, mdata["guide"].shape
    ((20729, 303), (20729, 110))
    """
    return read_screen("papalexi_2021.h5mu", "GEO GSE153056 or the R package sceptredata")


def schraivogel_2020() -> "MuData":
    """K562 cells, ten promoters and four enhancers repressed, guide counts, a targeted panel.

    TAP-seq, CRISPR interference, low multiplicity of infection :cite:p:`Schraivogel2020`. The ten promoters (CCNE2,
    CPQ, DSCC1, FAM83A, LRRCC1, OXR1, PHF20L1, RIPK2, STK3, UBR5) are neighbours on chromosome 8 and no regulators: few
    effects on each other are expected.

    Origin: GEO GSE135497, by way of the examples of crispat (MIT); the licence of the data themselves is not stated. No
    cell and no gene was left out.

    Returns
    -------
    UMI counts of 21,977 cells, ``"rna"`` with 72 genes of the panel and ``"guide"`` with 86 guides, as CSR of int32.

    `["rna"].obs['batch']`
        TAP1 or TAP2.
    `["rna"].obs['total_umi_panel']`, `['total_umi_panel_noHB']`
        UMIs of the panel, and of the panel without haemoglobins.
    `["rna"].obs['guide_crispat_poisson_gauss']`, `['target_crispat_poisson_gauss']`
        crispat's own calls of cells with one guide; `guide_simple`, `target_simple` as in :func:`papalexi_2021`.
    `["guide"].var['target']`, `['target_type']`, `['target_gene']`
        Promoter, enhancer or ``"non-targeting"`` (30 guides), and the gene nearby (our reading of the guides' names).

    Notes
    -----
    There is no depth of the full transcriptome, and HBE1 is a large share of the panel's counts: with
    ``total_umi_panel`` as depth all other genes seem to rise where the enhancer HS2 is repressed. Use
    ``total_umi_panel_noHB``.

    Raises
    ------
    argen.errors.MissingDataError
        The file is not part of this installation.

    Examples
    --------
    >>> import argen as ag
    >>> mdata = ag.datasets.schraivogel_2020()
    >>> mdata["guide"].var["target_type"].value_counts().to_dict()
    {'promoter': 40, 'non-targeting': 30, 'enhancer': 16}
    """
    return read_screen("schraivogel_2020.h5mu", "GEO GSE135497 or the examples of crispat")


def gasperini_2019() -> "MuData":
    """K562 cells, enhancers repressed, many guides per cell: what argen warns about.

    CRISPR interference, high multiplicity of infection :cite:p:`Gasperini2019`. The authors of sceptre took a part of
    the guides: 20 of ten promoters (CITED2, COX4I1, DIMT1, LARP1, MRPL9, NDUFB5, PRKAR2B, SLC25A37, TAF12, VAPA, all
    measured), 34 of 17 enhancers, and 25 non-targeting ones.

    Origin: GEO GSE120861, by way of the history of sceptre (GPL-3); the licence of the data themselves is not stated.

    With 4 MB it is not in the installed package, but it comes with a clone of the repository.

    Returns
    -------
    UMI counts of 40,002 cells, ``"rna"`` with 366 genes and ``"guide"`` with 79 guides, as CSR of int32.

    `["rna"].obs['batch']`, `['total_umi']`, `['n_genes']`, `['percent_mito']`
        Batch, and numbers of the full transcriptome.
    `["rna"].obs['total_guide_umi_full']`, `['n_guides_full']`
        UMIs and guides of the full library.
    `["rna"].var['symbol']`, `['is_target']`
        Names of genes are Ensembl's.
    `["guide"].var['target']`, `['target_type']`, `['target_gene']`, `['target_gene_symbol']`
        Promoter, enhancer or ``"non-targeting"``, and the promoter's gene.
    `.uns['discovery_pairs_response']`, `.uns['discovery_pairs_target']`
        The 358 pairs of an enhancer and a gene nearby that sceptre tests.

    Notes
    -----
    Most guides of a cell are not among these 79: a cell without a guide here is *not* unperturbed.

    Raises
    ------
    argen.errors.MissingDataError
        The file is not part of this installation; the message says where it is.

    Examples
    --------
    >>> import argen as ag
    >>> mdata = ag.datasets.gasperini_2019()
    >>> int(mdata["rna"].obs["n_guides_full"].median())
    53
    """
    return read_screen("gasperini_2019.h5mu", "GEO GSE120861 or the R package sceptre")


def hill_2018() -> "MuData":
    """MCF10A cells with doxorubicin, knock-outs of tumour suppressors, guide counts: most are not testable.

    CROP-seq, CRISPR knock-out :cite:p:`Hill2018`. Of the 30 perturbed genes 27 are measured, and few of them lose mRNA
    (CDH1, BRCA2, RB1, PTEN and STK11 by more than 30 %): a knock-out need not lower the mRNA, and then the guide is a
    weak instrument.

    Origin: GEO GSE108699, by way of the examples of scMAGeCK (BSD-2-Clause); the licence of the data themselves is not
    stated, and that they are those of Hill et al. is concluded from the names of files and guides.

    Returns
    -------
    UMI counts of 6,229 cells, ``"rna"`` with 28 genes and ``"guide"`` with 183 guides, as CSR of int32.

    `["rna"].obs['total_umi']`, `['n_genes']`, `['percent_mito']`
        Numbers of the full transcriptome; `percent_mito` is a fraction here.
    `["rna"].obs['target_source']`, `['guide_source']`, `['n_guides']`
        The source's own call, for 4,063 cells.
    `["guide"].var['target']`, `['spacer']`
        Perturbed gene or ``"non-targeting"``, and the sequence.

    Raises
    ------
    argen.errors.MissingDataError
        The file is not part of this installation.

    Examples
    --------
    >>> import argen as ag
    >>> mdata = ag.datasets.hill_2018()
    >>> int(mdata["rna"].obs["target_source"].notna().sum())
    4063
    """
    return read_screen("hill_2018.h5mu", "GEO GSE108699 or the examples of scMAGeCK")


def dixit_2016() -> "AnnData":
    """Dendritic cells of the mouse, knock-outs of eight transcription factors, one label per cell.

    Perturb-seq of cells stimulated with LPS, CRISPR knock-out :cite:p:`Dixit2016`, as Wang et al. used them for causal
    discovery :cite:p:`Wang2017`. The perturbed ones are Cebpb, Hif1a, Nfkb1, Rel, Rela, Spi1, Stat1 and Stat2.

    Origin: GEO GSE90063, by way of the code of Wang et al. (sp-intervention, no licence stated). Its log1p values were
    turned back into counts, which is exact; cells were filtered and labelled by others.

    Returns
    -------
    UMI counts of 14,427 cells × 24 genes, as CSR of int32.

    `.obs['target']`
        Perturbed gene, or ``"non-targeting"`` (992 cells).
    `.obs['total_umi_panel']`
        UMIs of the 24 genes: the only depth there is. Eleven cells have none.
    `.var['is_target']`
        Whether a gene is perturbed.

    Notes
    -----
    Without guide counts, batches and the depth of the transcriptome; the mRNA of the perturbed genes falls little.

    Raises
    ------
    argen.errors.MissingDataError
        The file is not part of this installation.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.dixit_2016()
    >>> adata.shape, int((adata.obs["target"] == "non-targeting").sum())
    ((14427, 24), 992)
    """
    return read_screen("dixit_2016.h5ad", "GEO GSE90063 or the code of Wang et al. 2017, sp-intervention")


def norman_2019_doubles() -> "AnnData":
    """K562 cells, genes activated alone and in pairs, one label per cell.

    CRISPR activation :cite:p:`Norman2019`, a part of the screen: 100 controls, and 80–100 cells of each of 18 genes and
    15 pairs of them. Of the perturbed genes only TMSB4X is measured, so there is no network in it; it shows how labels
    of several perturbations are read.

    Origin: GEO GSE133344, by way of the tests of perturbench (its licence covers code; that of the data is not stated).
    Its log1p values were turned back into counts with the smallest factor that makes all of a cell's integers.

    Returns
    -------
    Counts of 3,375 cells × 500 variable genes, as CSR of int32.

    `.obs['perturbation']`
        ``"non-targeting"``, a gene, or two joined by ``"+"``.
    `.obs['total_umi']`, `['n_genes']`
        Numbers of the full transcriptome.

    Raises
    ------
    argen.errors.MissingDataError
        The file is not part of this installation.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.norman_2019_doubles()
    >>> int(adata.obs["perturbation"].str.contains("+", regex=False).sum())
    1480
    """
    return read_screen("norman_2019_doubles.h5ad", "GEO GSE133344 or the tests of perturbench")


def collectri() -> "pd.DataFrame":
    """CollecTRI, a network of human transcription factors and their targets from the literature.

    For :func:`argen.metrics.prior_overlap` and :func:`argen.get.prior_overlap` :cite:p:`MullerDott2023`.

    Origin: a copy in a fork of decoupleR; it was not compared with the newest release. The regulons are freely
    available, and the resources that they were collected from keep their licences.

    Returns
    -------
    One row per regulation, 43,178 in all.

    `source`, `target`
        Transcription factor and gene.
    `weight`
        1 activates, -1 represses.

    Raises
    ------
    argen.errors.MissingDataError
        The file is not part of this installation.

    Examples
    --------
    >>> import argen as ag
    >>> ag.datasets.collectri().head(2)
      source target  weight
    0    MYC   TERT       1
    1   SPI1  BGLAP       1
    """
    import pandas as pd

    return pd.read_csv(find_file("collectri.csv.gz", "the package decoupler"))

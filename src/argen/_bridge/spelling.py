"""Labels that are no gene: which pattern they have, and what makes genes of them."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argen._bridge.gene_names import GeneNames, gene_names, text_of
from argen._bridge.guides.combinations import find_joined
from argen._bridge.guides.names import looks_like_control

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["Asked", "cure_of", "cure_of_most"]

# Usual columns of var with names of genes; where several hold the labels, the first.
_USUAL_COLUMNS = (
    "gene_name", "gene_names", "gene_symbol", "gene_symbols", "feature_name", "symbol", "SYMBOL", "gene_short_name",
    "gene_id", "gene_ids", "ensembl_id", "feature_id",
)  # fmt: skip
MOST_LISTED = 5  # labels that a cure names one by one
_VERSION = r"\.\d+$"
_BEFORE_A_GENE = re.compile(r"^([A-Za-z][A-Za-z0-9.]*?[:_|]+|s?gRNA[_-]?|sg[_-]?)(.+)$")
_AFTER_A_GENE = re.compile(r"^(.+?)([-_ ](?:KO|KD|OE|ko|kd|oe|CRISPRi|CRISPRa|sgRNA|guide)|i)$")
# Names of guides, the narrowest pattern first.
_GUIDES = (
    r"^(.+)[_-]s?g(?:RNA)?[_-]?\d+$",
    r"^(.+)g\d+$",
    r"^(.+)[_.-]\d+$",
    r"^sg(.+)[_-]s?g?\d+$",
    r"^([^_]+)_.+$",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for.

    Attributes
    ----------
    names
        Labels of which none is a gene.
    adata
        The object whose genes they should be.
    genes
        Names of its genes.
    column
        Column of ``obs`` that holds the labels, None for targets of guides.
    others
        Further labels of that column, controls among them.
    """

    names: Sequence[str]
    adata: "AnnData"
    genes: GeneNames
    column: str | None
    others: Collection[str] = ()

    @property
    def what(self) -> str:
        """What the names are called."""
        return "targets" if self.column is None else "labels"

    def is_gene(self, name: str) -> bool:
        return self.genes.gene(name) in self.genes.var_names

    def replaced(self, pattern: str, example: str, gene: str) -> str:
        """How a part of the names is taken out."""
        if self.column is None:
            return f"measured_as={{{example!r}: {gene!r}, ...}}"
        column = f"adata.obs[{self.column!r}]"
        return f'{column} = {column}.astype(object).str.replace(r"{pattern}", "", regex=True)'


@dataclass(frozen=True, slots=True)
class Found:
    """A pattern that some of the names have, how many, and what to do, in words."""

    n: int
    words: str


def cure_of(asked: Asked) -> str:
    """What makes genes of these names, as a sentence without its stop; '' where no pattern is found."""
    found = _best(asked)
    return "" if found is None else found.words


def cure_of_most(asked: Asked) -> str:
    """The same where it helps half of the names at least: the others may well be no genes. Combinations are few."""
    found = _best(asked)
    if found is None or 2 * found.n < len(asked.names):
        found = next(_combinations(asked), None)
    return "" if found is None else found.words


def _best(asked: Asked) -> Found | None:
    """The pattern that most names have, the first of :data:`_PATTERNS` among equals."""
    found = [one for look in _PATTERNS for one in look(asked)]
    return max(found, key=lambda one: one.n, default=None)


def _combinations(asked: Asked) -> Iterator[Found]:
    """``A+B`` and GEARS' ``A+ctrl``."""
    if asked.column is None:
        return
    known = {*asked.names, *asked.others, *asked.genes.var_names, *asked.genes.stored}
    joined = find_joined(asked.names, known)
    if joined is None:
        return
    parts = [part.strip() for part in joined.label.split(joined.separator)]
    is_pair = any(not asked.is_gene(part) and looks_like_control(part) for part in parts)
    what = "a gene and a control" if is_pair else "several perturbations"
    call = f"ag.pp.argen_guides(adata, labels={asked.column!r}, separator={joined.separator!r})"
    yield Found(joined.n_labels, f"labels such as {joined.label!r} name {what}: {call} splits them")


def _columns(asked: Asked) -> Iterator[Found]:
    """Names of another column of var: symbols where ``var_names`` are identifiers, or the other way round."""
    var = asked.adata.var
    usual = {name: at for at, name in enumerate(_USUAL_COLUMNS)}
    for column in sorted(var.columns, key=lambda name: (usual.get(name, len(usual)), str(name))):
        if column == asked.genes.column or not isinstance(column, str) or text_of(var[column]) is None:
            continue
        called = gene_names(asked.adata, column)
        if hits := [name for name in asked.names if name in called.stored]:
            gene = called.stored[hits[0]]
            yield Found(
                len(hits),
                f"{asked.what} such as {hits[0]!r} are names of adata.var[{column!r}], not of adata.var_names "
                f"({gene!r}): give gene_symbols={column!r}",
            )


def _versions(asked: Asked) -> Iterator[Found]:
    """``ENSG00000115415.12`` on one side, ``ENSG00000115415`` on the other."""
    bare = {name: re.sub(_VERSION, "", name) for name in asked.names}
    if hits := [name for name in asked.names if bare[name] != name and asked.is_gene(bare[name])]:
        cure = asked.replaced(_VERSION, hits[0], bare[hits[0]])
        yield _found(asked, hits, bare[hits[0]], "have a version that adata.var_names does not have", cure)
    versioned = _renamed(asked, lambda gene: re.sub(_VERSION, "", gene))
    if hits := [name for name in asked.names if name in versioned]:
        cure = f'adata.var_names = adata.var_names.str.replace(r"{_VERSION}", "", regex=True)'
        yield _found(asked, hits, versioned[hits[0]], "lack the version that adata.var_names has", cure)


def _affixes(asked: Asked) -> Iterator[Found]:
    """``sgSTAT1``, ``rna:STAT1``, ``STAT1-KO``; ``GRCh38_STAT1`` in ``var_names``."""
    for pattern, gene, affix, what in ((_BEFORE_A_GENE, 2, 1, "prefix"), (_AFTER_A_GENE, 1, 2, "ending")):
        matches = {name: found for name in asked.names if (found := pattern.match(name)) and asked.is_gene(found[gene])}
        by_affix: dict[str, list[str]] = {}
        for name, found in matches.items():
            by_affix.setdefault(found[affix], []).append(name)
        for mark, hits in by_affix.items():
            out = f"^{re.escape(mark)}" if what == "prefix" else f"{re.escape(mark)}$"
            name = matches[hits[0]][gene]
            yield _found(asked, hits, name, f"have the {what} {mark!r}", asked.replaced(out, hits[0], name))
    prefixed = _renamed(asked, lambda gene: found[2] if (found := _BEFORE_A_GENE.match(gene)) else gene)
    if hits := [name for name in asked.names if name in prefixed]:
        mark = prefixed[hits[0]].removesuffix(hits[0])
        cure = f'adata.var_names = adata.var_names.str.replace(r"^{re.escape(mark)}", "", regex=True)'
        yield _found(asked, hits, prefixed[hits[0]], f"lack the prefix {mark!r} that adata.var_names has", cure)


def _guide_names(asked: Asked) -> Iterator[Found]:
    """``STAT1_g1``: the guide, not the gene that it is against."""
    targets = [name for name in {*asked.names, *asked.others} if not looks_like_control(name)]
    for text in _GUIDES:
        pattern = re.compile(text)
        hits = {name: found[1] for name in asked.names if (found := pattern.match(name)) and asked.is_gene(found[1])}
        if not hits:
            continue
        gene = next(iter(hits.values()))
        # Labels without the ending of a guide, if there are any, are targets as they stand.
        end = text if all(map(pattern.match, targets)) else _optional_end(text)
        call = f'ag.pp.argen_guides(adata, labels={asked.column!r}, guide_target=r"{end}")'
        cure = f'give guide_target=r"{text}"' if asked.column is None else call
        yield _found(asked, list(hits), gene, "are names of guides", f"{cure} takes their targets")


def _optional_end(text: str) -> str:
    start, _, end = text.removesuffix("$").partition(")")
    return f"{start.replace('.+', '.+?')})(?:{end})?$"


def _case(asked: Asked) -> Iterator[Found]:
    lower = _renamed(asked, str.casefold)
    if hits := [name for name in asked.names if name.casefold() in lower]:
        gene = lower[hits[0].casefold()]
        genes = {name: lower[name.casefold()] for name in hits}
        cure = "write them as the genes" if asked.column is None else _as_genes(asked.column, genes)
        yield _found(asked, hits, gene, "are written with other capitals", f"{cure}, if they are of the same species")


def _as_genes(key: str, genes: dict[str, str]) -> str:
    """The line that replaces labels by genes, and nothing else: controls and missing labels stay as they are."""
    column = f"adata.obs[{key!r}]"
    ways = ("upper", "lower", "capitalize")
    way = next((way for way in ways if all(getattr(gene, way)() == name for name, gene in genes.items())), None)
    if len(genes) <= MOST_LISTED or way is None:
        pairs = ", ".join(f"{name!r}: {gene!r}" for name, gene in genes.items())
        return f"{column} = {column}.astype(object).replace({{{pairs}}})"
    return f"{column} = {column}.astype(object).replace({{gene.{way}(): gene for gene in adata.var_names}})"


def _found(asked: Asked, hits: Sequence[str], gene: str, what: str, cure: str) -> Found:
    return Found(len(hits), f"{asked.what} such as {hits[0]!r} {what} (the gene is {gene!r}): {cure}")


def _renamed(asked: Asked, rename: Callable[[str], str]) -> dict[str, str]:
    """Genes by another spelling of their names, where it is another one and one gene's."""
    new: dict[str, list[str]] = {}
    for gene in asked.genes.var_names:
        if (name := rename(gene)) != gene or rename is str.casefold:
            new.setdefault(name, []).append(gene)
    return {name: genes[0] for name, genes in new.items() if len(genes) == 1}


_PATTERNS = (_combinations, _columns, _versions, _affixes, _guide_names, _case)

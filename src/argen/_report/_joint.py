"""What a report says of a network of the joint search: its fit, and how far the chains agree."""

from collections.abc import Callable, Iterator

from argen import get
from argen._report._html import Text, paragraph, table
from argen._report._results import Results
from argen.pl._axes import on_paper
from argen.pl._fit import LARGE_RESIDUAL, draw_fit

__all__ = ["fit_section", "joint_words"]


def joint_words(results: Results) -> str:
    """What p-values and probabilities of the edges rest on."""
    search = results.network.tables["search"].iloc[0]
    return (
        f"{search['expected_false']:.2f} of them are expected to be false by their probabilities (inclusion). "
        "P-values are conditional on the graph that was searched for, and intervals are after selection. Two halves of "
        f"the chains share {search['jaccard']:.0%} of their edges, and differ by {search['largest_difference']:.2f} at "
        "most in the probability of one."
    )


def fit_section(results: Results, drawn: Callable[[object, str], Iterator[Text]]) -> Iterator[Text]:
    """Total effects that the network does not explain, shifts, and perturbations that do not move their own gene."""
    fit = get.fit(results.adata, key=results.key, gene_symbols=results.gene_symbols)
    search = results.network.tables["search"].iloc[0]
    yield paragraph(
        f"χ² of the fitted table is {search['misfit']:.2f} per degree of freedom (standard errors are enlarged by its "
        f"root where it is above 1); the groups' usual variance is {search['tail']:.2f} of the model's."
    )
    yield from drawn(on_paper(draw_fit)(fit), "observed total effects against those that the network predicts")
    worst = fit[fit["residual"].abs() > LARGE_RESIDUAL]
    if len(worst):
        where = f"ag.get.fit(adata, key={results.key!r})"
        yield table(worst, caption="Total effects that are not explained", where=where)
    strengths = results.network.tables["strengths"]
    silent = strengths.loc[~strengths["instrument"].astype(bool), "perturbation"].astype(str)
    if len(silent):
        yield paragraph(f"Without an effect on their own gene, hence without edges: {', '.join(silent)}.")
    shifted = strengths[(strengths["row_shift"] != 0) | (strengths["column_shift"] != 0)]
    if len(shifted):
        yield table(shifted, caption="Shifts of a whole row or column of the table that were taken out")

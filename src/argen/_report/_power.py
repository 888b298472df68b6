"""What a report says of effects that were not found."""

from collections.abc import Iterator

import numpy as np

from argen._bridge.results.pairs import has_all_pairs
from argen._report._html import Text, paragraph, values
from argen._report._results import Results

__all__ = ["power_section"]

_MDE_OF_SIGNS = ("mde_negative", "mde_positive", "mde_decrease", "mde_increase")


def power_section(results: Results, *, is_joint: bool) -> Iterator[Text]:
    """Verdicts of the tests, and the smallest effects that those which found nothing could have found."""
    tables = {"candidate edges": results.opened.candidates}
    if results.step is not None:
        tables["pairs"] = results.pairs
    for name, part in tables.items():
        if "verdict" not in part:
            if is_joint:
                yield paragraph(
                    "Smallest detectable effects of edges are known for the two-stage search only.", "missing"
                )
                continue
            yield paragraph(f"No p-values of {name}, hence nothing about what they could have found.", "missing")
            continue
        counts = part["verdict"].astype(str).value_counts()
        missed = part[part["verdict"].astype(str) == "tested"]
        tested = missed["mde"]
        of_signs = missed[[name for name in _MDE_OF_SIGNS if name in missed]]
        words = ", ".join(f"{counts.get(v, 0)} {v}" for v in ("found", "tested", "not testable"))
        yield paragraph(f"{len(part)} {name}: {words}.")
        if name == "pairs" and not has_all_pairs(results.step.tables):
            yield paragraph(
                f"What the {name} that were not found could have been is not known: of so many only the significant "
                "ones and descendants are stored with standard errors and counts.",
                "missing",
            )
            continue
        if len(tested):
            n_blind = np.isinf(of_signs).sum(axis=1)
            quartiles = np.quantile(tested, [0.25, 0.5, 0.75], method="nearest")
            yield values(
                {
                    "smallest detectable effect (power .8) of the tested: lower quartile": quartiles[0],
                    "median": quartiles[1],
                    "upper quartile": quartiles[2],
                    "neither a positive nor a negative effect could have been found": int(
                        np.isinf(of_signs).all(axis=1).sum()
                    ),
                    "of one sign none could have been found": int((n_blind == 1).sum()),
                },
                caption=f"Of the {name} that were not found",
            )
    yield paragraph(
        "Effects are on the natural log scale, of either sign; where few counts are expected no decrease can be found.",
        "note",
    )

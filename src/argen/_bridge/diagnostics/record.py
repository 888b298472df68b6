"""The diagnostics of a network: the one list over which the report and the command line loop.

A new one takes a record here, its kind in :data:`argen._bridge.results.entries.KINDS`, one file each in ``_core``,
``_bridge``, ``tl`` and ``get``, and one function in the sections of the report.
"""

from dataclasses import dataclass

from argen._bridge.results.entries import KINDS

__all__ = ["DIAGNOSTICS", "Diagnostic"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One diagnostic.

    Attributes
    ----------
    kind
        Of its entry; its function is ``argen_<kind>`` in ``ag.tl``, and ``<kind>`` in ``ag.get`` reads its tables.
    title
        Of its section in the report.
    tables
        Tables of its entry.
    needs_guides
        Whether it compares guides, so that it takes guide calls of argen.
    """

    kind: str
    title: str
    tables: tuple[str, ...]
    needs_guides: bool = False

    @property
    def function(self) -> str:
        """Name of the function that computes it."""
        return KINDS[self.kind].function


_RECORDS = (
    Diagnostic(
        "calibration",
        "Calibration",
        ("summary", "pseudo_perturbations", "equations", "qq", "positive_controls", "skipped"),
    ),
    Diagnostic("stability", "Stability under resampling of cells", ("edges",)),
    Diagnostic("sensitivity", "Sensitivity to choices", ("variations", "edges", "searches", "skipped")),
    Diagnostic(
        "overidentification",
        "Over-identification: do guides agree?",
        ("perturbations", "guides", "pairs", "edges", "equations"),
        needs_guides=True,
    ),
)
DIAGNOSTICS = {record.kind: record for record in _RECORDS}

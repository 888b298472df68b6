"""Names of chromosomes, and whether places fit the assembly that they are said to be of."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.genomics.extra import genomics_package
from argen._bridge.validate import counted, name_some
from argen.errors import InputError

__all__ = ["Assembly", "assembly_name", "bare_names", "in_names_of", "read_assembly"]

_PREFIX = "chr"
_MITOCHONDRIAL = {"MT": "M"}
# One assembly under the names of UCSC and of the Genome Reference Consortium.
_SYNONYMS = {"GRCH37": "hg19", "HG19": "hg19", "B37": "hg19", "HS37D5": "hg19", "GRCH38": "hg38", "HG38": "hg38",
             "NCBI37": "mm9", "MGSCV37": "mm9", "MM9": "mm9",
             "GRCM38": "mm10", "MM10": "mm10", "GRCM39": "mm39", "MM39": "mm39",
             "T2T-CHM13V2.0": "hs1", "HS1": "hs1", "CHM13": "hs1"}  # fmt: skip
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Assembly:
    """A genome assembly that a user has named.

    Attributes
    ----------
    name
        As it was named; None if it was not.
    sizes
        Length of each chromosome by its name without ``chr``; empty if they are not known.
    stated
        What files and tables have stated so far, by what they are.
    """

    name: str | None
    sizes: pd.Series
    stated: dict[str, str] = field(default_factory=dict)

    def check_name(self, stated: str | None, what: str) -> None:
        """Raise if something states another assembly than this one, or than what was read before."""
        if not stated:
            return
        other = next((name for name in self.stated if assembly_name(self.stated[name]) != assembly_name(stated)), None)
        self.stated[what] = stated
        if self.name is None:
            if other is not None:
                msg = (
                    f"{other} states {self.stated[other]!r}, but {what} states {stated!r}. Bring both into one "
                    "assembly (liftOver), or correct what they state (attrs['assembly'] of tables)."
                )
                raise InputError(msg)
        elif assembly_name(stated) != assembly_name(self.name):
            msg = (
                f"assembly={self.name!r}, but {what} states {stated!r}. Bring both into one assembly (liftOver), or "
                "name the one that all of them are of."
            )
            raise InputError(msg)

    def check_ends(self, chromosome: np.ndarray, end: np.ndarray, what: str) -> None:
        """Raise if places lie beyond the ends of their chromosomes."""
        if not len(self.sizes):
            return
        size = self.sizes.reindex(chromosome).to_numpy(dtype=float)
        beyond = np.flatnonzero(end > size)
        if len(beyond):
            i = beyond[0]
            msg = (
                f"{what}: {len(beyond)} of {counted(len(end), 'place')} end behind their chromosome in "
                f"assembly={self.name!r}, such as {chromosome[i]}:{int(end[i]):,} of {int(size[i]):,}. They are of "
                "another assembly: bring all into one (liftOver), or name theirs."
            )
            raise InputError(msg)


def assembly_name(name: str) -> str:
    """One name for an assembly, whatever it is called: patches do not count."""
    text = name.strip()
    bare = text.upper().split(".P")[0]
    return _SYNONYMS.get(bare, bare.lower())


def read_assembly(name: object) -> Assembly:
    """The assembly of that name, with the sizes that bioframe ships; None for one that is not named.

    Raises :class:`~argen.errors.InputError` for a name that bioframe does not know, since nothing could be checked.
    """
    if name is None:
        return Assembly(None, pd.Series(dtype=float))
    if not isinstance(name, str) or not name.strip():
        msg = f"assembly={name!r}: give its name, such as 'hg38'."
        raise InputError(msg)
    bioframe = genomics_package("bioframe")
    builds = bioframe.assemblies_available()["provider_build"].astype(str)
    # Of two names of one assembly that of UCSC is the last.
    known = {assembly_name(build): build for build in sorted(builds, key=lambda one: one.lower() == assembly_name(one))}
    if assembly_name(name) not in known:
        msg = (
            f"assembly={name!r} is not known; known are {', '.join(sorted(set(builds), key=str.lower))}. Leave "
            "assembly= out for another one: then ends of chromosomes are not checked."
        )
        raise InputError(msg)
    sizes = bioframe.assembly_info(known[assembly_name(name)]).chromsizes
    return Assembly(name, pd.Series(np.asarray(sizes, dtype=float), index=bare_names(sizes.index)))


def bare_names(names: object) -> np.ndarray:
    """Names of chromosomes without ``chr``, in which ``"chr1"`` and ``"1"``, ``"chrM"`` and ``"MT"`` are one."""
    codes, found = pd.factorize(pd.Series(names).astype(str))
    bare = [str(name)[len(_PREFIX) :] if str(name).lower().startswith(_PREFIX) else str(name) for name in found]
    return np.array([_MITOCHONDRIAL.get(name, name) for name in bare], dtype=object)[codes]


def in_names_of(names: pd.Series, ours: pd.Series, what: str) -> np.ndarray:
    """Bare names of the chromosomes of some intervals; a log line where they are written otherwise than `ours`.

    Raises :class:`~argen.errors.InputError` where no chromosome is common to both.
    """
    bare, mine = bare_names(names), set(bare_names(ours))
    written, wanted = pd.unique(names.astype(str)), pd.unique(ours.astype(str))
    if len(wanted) and not mine.intersection(bare):
        msg = (
            f"{what} and the positions of the genes have no chromosome in common: "
            f"{name_some(map(repr, written), _NAMED)} against {name_some(map(repr, wanted), _NAMED)}."
        )
        raise InputError(msg)
    if len(wanted) and not set(written) & set(wanted):
        log.info(f"    {what}: chromosomes are named {written[0]!r}, not {wanted[0]!r}: 'chr' is left out of both")
    return bare

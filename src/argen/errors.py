"""Errors and warnings that argen raises; all of them derive from :class:`ArgenError` or :class:`ArgenWarning`."""

__all__ = [
    "ArgenError",
    "ArgenWarning",
    "CheckpointError",
    "ClusterError",
    "CountsError",
    "DesignError",
    "InputError",
    "MissingDataError",
    "MissingResultError",
    "StaleResultError",
]


class ArgenError(Exception):
    """Base class of every error that argen raises on purpose."""


class InputError(ArgenError, ValueError):
    """An argument, a column or a label that cannot be used; the message names it and the cure.

    Attributes
    ----------
    column
        Name of the column of ``obs`` that is not there, if that is the matter.
    """

    column: str | None = None


class CountsError(InputError):
    """The matrix is not one of raw counts: NaN, negative, non-integer or log-normalised values."""


class DesignError(InputError):
    """The covariates, perturbations or controls do not make a design that can be estimated."""


class MissingDataError(ArgenError, FileNotFoundError):
    """A data set of :mod:`argen.datasets` is not on this machine; the message names its source."""


class MissingResultError(ArgenError, KeyError):
    """A result that an earlier step should have written is not there."""

    def __str__(self) -> str:  # KeyError would print the repr of its argument
        return str(self.args[0]) if self.args else ""


class StaleResultError(ArgenError, RuntimeError):
    """A stored result was computed from other cells, genes, counts or perturbations than the object holds now."""


class CheckpointError(ArgenError, OSError):
    """A folder of finished blocks cannot be written, as on a full disk; what is in it stays usable."""


class ClusterError(ArgenError, RuntimeError):
    """The workers of a cluster were lost too often; the message says what to look at."""


class ArgenWarning(UserWarning):
    """Something was left out or could not be computed; the message counts and names it."""

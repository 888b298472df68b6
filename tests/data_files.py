"""Files of the tests: numbers of reference programs, and screens that are too large for the package."""

from pathlib import Path

DATA = Path(__file__).parent / "data"


def fixture(*parts: str) -> Path:
    """Path below ``data/fixtures``; a missing file is an error, and never a skipped test."""
    return _existing(DATA.joinpath("fixtures", *parts))


def screen(name: str) -> Path:
    """Path of a file in ``data/screens``; what is in the package comes from :mod:`argen.datasets`."""
    return _existing(DATA / "screens" / name)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(path)
    return path

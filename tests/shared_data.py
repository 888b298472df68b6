"""Where the shared data and fixtures are."""

import os
from pathlib import Path


def shared(*parts: str) -> Path:
    """Path below the folder of shared data: ARGEN_SHARED, else ``shared`` beside the repository.

    A missing file is an error and never a skipped test, which would look like a passed one.
    """
    root = Path(os.environ.get("ARGEN_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    path = root.joinpath(*parts)
    if not path.exists():
        msg = f"{path} is missing: set ARGEN_SHARED to the folder that holds {parts[0] if parts else 'the data'}."
        raise FileNotFoundError(msg)
    return path

"""The arithmetic: plain arrays in, frozen dataclasses out. numpy, scipy and numba only."""

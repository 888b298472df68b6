"""Other methods, to compare with; `argen.tl` has their functions."""

"""Measured genes that are nobody's parent: total and direct effects of the perturbed genes on them."""

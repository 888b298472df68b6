"""Inverse sparse regression (INSPRE, Brown et al. 2025): a baseline that inverts the matrix of total effects."""

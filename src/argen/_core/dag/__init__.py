"""Causal order, equations of the genes, their estimates and covariances, the search."""

"""Causal discovery by other packages."""

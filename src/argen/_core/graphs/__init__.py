"""Graphs as matrices: components, centrality, comparison."""

"""Pairs of genes against what is known of them from elsewhere: tests, and permutations that keep degrees."""

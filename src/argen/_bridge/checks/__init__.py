"""Checks of the assumptions: findings in words, from sums over all measured genes and from what `obs` holds."""

"""Quasi-likelihood regressions with log link: fits, sandwich covariances, degenerate cases."""

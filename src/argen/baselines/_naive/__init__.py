"""The naive proxy regression."""

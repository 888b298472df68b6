"""Inverse sparse regression."""

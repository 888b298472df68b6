"""Diagnostics between the AnnData and the core, one file each."""

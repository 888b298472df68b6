"""Responders: genes that are measured but no nodes of the network; their tables and slots."""

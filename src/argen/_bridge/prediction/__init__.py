"""Predictions: what a user asks for, what the network and the screen say, as tables."""

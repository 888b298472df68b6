"""What cells that a network has not seen say about it."""

"""Total effects of all pairs, their tests, and the relation that is made of them."""

"""The same network in several sets of cells: its equations estimated in each, and what differs between them."""

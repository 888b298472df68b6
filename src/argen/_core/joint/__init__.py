"""The network from the whole table of total effects at once: group sums, chains over graphs, tests."""

"""The equations of a network in each level of a column."""

"""Guide counts and labels of an AnnData, and what is written about them."""

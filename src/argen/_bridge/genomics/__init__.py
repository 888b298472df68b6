"""Where genes are, and what is known of these places: intervals by bioframe, contacts by cooler."""

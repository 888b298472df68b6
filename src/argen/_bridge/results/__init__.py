"""What is written to an AnnData and read back: entries, tables, slots."""

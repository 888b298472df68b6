"""What is written to an AnnData and read back: slots, tables, provenance."""

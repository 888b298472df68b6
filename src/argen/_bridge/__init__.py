"""Between AnnData and arithmetic: reading, checking and writing; the only part that knows both sides."""

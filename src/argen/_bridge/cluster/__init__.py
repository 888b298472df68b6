"""Where block tasks run (threads, a dask cluster), and where their results are kept."""

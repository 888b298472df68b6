"""What speaks for and against each edge, put together and graded."""

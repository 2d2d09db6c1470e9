"""What is claimed, measured: quality, speed, memory, and the tables in docs/results.md."""

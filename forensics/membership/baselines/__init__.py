"""The rivals of the two methods, one published formula a file (scores as published, the direction stated)."""

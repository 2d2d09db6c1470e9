"""One file a method: each claim as an experiment."""

"""One Lightning entry for every method: profiles, resuming, averaging, checkpoints."""

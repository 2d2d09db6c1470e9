"""Public corpora of forged faces: one file each, all read into the same rows."""

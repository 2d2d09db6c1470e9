"""Detectors of forged faces that learn from labels and, all but two, from manipulation maps."""

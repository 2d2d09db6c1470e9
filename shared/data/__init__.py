"""Clips, manifests and splits: one form for the embedded corpus and for real footage."""

"""Backbones that two or more detectors stand on; pictures enter as ``(B, 3, H, W)`` RGB in [0, 1]."""

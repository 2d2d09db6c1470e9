"""Diffusion models that are trained here, because only of one's own target the members are known."""

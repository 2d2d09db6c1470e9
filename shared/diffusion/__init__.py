"""Diffusion in the papers' symbols: noise schedules and the DDIM step, used by every diffusion model here."""

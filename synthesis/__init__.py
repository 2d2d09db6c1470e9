"""Synthesis: one photo and a recording become a talking head."""

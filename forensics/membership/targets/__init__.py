"""Adapters round diffusers models, opened by :func:`forensics.membership.target.open_target`."""

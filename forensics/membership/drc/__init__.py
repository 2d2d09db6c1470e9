"""DRC (degrade, restore, compare): let the model finish the picture, and see whether it knows it."""

from forensics.membership.drc.attack import DRC

__all__ = ["DRC"]

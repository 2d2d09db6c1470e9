"""The forensic wing: is this file made or altered, by what, and how sure can one be."""

from shared.media.marks import Marks, read_marks

__all__ = ["Marks", "read_marks"]

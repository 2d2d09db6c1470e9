"""Manipulation maps by many ways behind one interface, so that any of them can teach any detector."""

"""Marionette, the embedded corpus: rendered people with exact ground truth, nobody's face taken."""

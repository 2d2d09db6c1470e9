"""Known forgeries of known clips, with exact masks: one family a file, one chain for authentic and forged alike."""

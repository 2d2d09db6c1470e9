"""Reports that a person without a laboratory can read: one file, nothing loaded from elsewhere, no script."""

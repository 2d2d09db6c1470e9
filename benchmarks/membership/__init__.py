"""What membership inference achieves on targets whose members are known: every attack beside every control."""

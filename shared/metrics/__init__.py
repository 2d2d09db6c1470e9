"""One file per metric: a function with the formula, tested against an independent reference."""

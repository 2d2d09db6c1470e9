"""Audio features: functions from samples to frames, each with its formula."""

"""The registry of shipped checkpoints: safetensors, a config, a card, and a hash for each."""

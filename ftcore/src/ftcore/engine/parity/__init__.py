"""Runs one recipe on several backends and certifies whether it is the same training."""

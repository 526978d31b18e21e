"""Metrics, statistics and the safe SQL runner: everything that judges a prediction; no torch."""

"""Run directories: where everything that a run used and made is kept."""

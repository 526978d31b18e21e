"""The child side: runs in the engine's environment, knows the parent by files only."""

"""Packages from the user's index: their pip and uv settings, and the uv binary that obeys them."""

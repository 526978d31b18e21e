"""Backends that each do one thing wrongly while they claim to be right."""

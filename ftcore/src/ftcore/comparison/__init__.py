"""Holds trainings against each other: what they were fed, what they computed, what came out."""

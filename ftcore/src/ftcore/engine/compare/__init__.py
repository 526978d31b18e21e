"""Runs what a comparison needs and has not, and puts the runs against each other."""

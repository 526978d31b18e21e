"""Votes on pairs of answers, by people on a local page and by a model; agreement and report."""

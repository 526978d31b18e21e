"""The metrics that ft ships, one file for each kind of answer."""

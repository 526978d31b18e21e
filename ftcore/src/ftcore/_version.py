"""The version, a build-time constant: reading it imports nothing."""

__version__ = "0.1.0"

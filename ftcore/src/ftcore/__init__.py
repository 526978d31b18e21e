"""ft: one recipe, any engine, provably the same training problem."""

from ftcore._version import __version__

__all__ = ["__version__"]

"""Readers of row formats, one file each, and their registry."""

from ftcore.data.formats.base import Format, FormatOptions, NerOptions, RowProblem
from ftcore.data.formats.registry import detect_format, formats, get_format, register_format

__all__ = [
    "Format",
    "FormatOptions",
    "NerOptions",
    "RowProblem",
    "detect_format",
    "formats",
    "get_format",
    "register_format",
]

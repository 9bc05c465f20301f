"""Formats of files: how rows become bytes, and which format a file has."""

"""Transfers: results of runs to files in a store."""

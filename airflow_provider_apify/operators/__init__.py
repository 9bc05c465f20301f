"""Operators: start, find and stop runs; read and fill storages; webhooks."""

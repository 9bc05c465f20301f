"""Stores that files go to: the worker's disk, S3, and any other object storage."""

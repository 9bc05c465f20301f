"""Rows and records on their way from Apify to files; loaded at work: DAG files pay for every import."""

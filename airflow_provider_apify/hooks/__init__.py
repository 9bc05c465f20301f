"""Hook: the connection to Apify, and the calls of its API."""

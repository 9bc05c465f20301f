"""The emulated platform: what exists on it and how it behaves; it knows nothing of the HTTP API."""

"""Helpers of the tests; what pytest hands out is in the `conftest.py` files."""

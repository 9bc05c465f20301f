"""Apify's API over HTTP. Imports nothing of Airflow."""

"""The endpoints of the API: one file for each kind of resource, and what several of them share."""

"""The life of a run, and what is told of it: start once, wait, stop, report."""

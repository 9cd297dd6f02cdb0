"""Calls in the days to come, and how many must answer them: of a release, unit by unit."""

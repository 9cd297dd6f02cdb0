"""Great Expectations over the daily profile of every source."""

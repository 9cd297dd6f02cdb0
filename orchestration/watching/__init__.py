"""What a run came to, and what an installation looks like now, for people and for machines."""

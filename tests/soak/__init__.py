"""Killing the pipeline at random moments, over and over."""

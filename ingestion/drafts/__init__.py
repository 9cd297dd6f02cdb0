"""Drafts of source files from samples, and how two deliveries of a sender differ."""

from ingestion.drafts.draft import Draft, draft, open_questions
from ingestion.drafts.looked_at import Sample, SampleError
from ingestion.drafts.sample import look_at, read_sample

__all__ = ["Draft", "Sample", "SampleError", "draft", "look_at", "open_questions", "read_sample"]

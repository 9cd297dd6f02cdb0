"""Readiness: what receipts tell the warehouse, what a release may show, and pages of findings."""

"""The truth folder: what really happened, which faults were put in, and what every figure is.

Figures are computed here from the records themselves, with no code of the pipeline, so that the two
can be compared.
"""

from __future__ import annotations

from ingestion.synthetic.truth.book import Truth

__all__ = ["Truth"]

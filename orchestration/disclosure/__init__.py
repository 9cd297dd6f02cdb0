"""Disclosure control: which cells of kpi_values may be seen. One step, before every channel."""

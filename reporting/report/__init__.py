"""The report that a leader takes to the board: one unit, one period, as HTML, PDF and DOCX."""

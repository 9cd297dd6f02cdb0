"""Quality of the data: what receipts tell the warehouse, what may be shown, pages of findings."""

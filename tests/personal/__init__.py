"""Personal values planted in deliveries of every format, and looked for in all that is written."""

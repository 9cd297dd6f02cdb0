"""A mutation campaign over the intake: valid files, mutated, and judged by an oracle of its own."""

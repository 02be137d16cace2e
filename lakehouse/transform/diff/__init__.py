"""The difference between two states of silver and gold, at the same bronze commits: in rows, and in money."""

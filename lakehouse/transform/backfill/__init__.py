"""How a candidate is built beside what readers see: planned, cut into slices, caught up with the live line."""

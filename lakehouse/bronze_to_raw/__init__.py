"""Fills raw gaps from bronze. At the rim ``bronze`` reads and ``filling`` writes; ``lines`` is pure."""

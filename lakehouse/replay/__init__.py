"""Sends a file of events through the edge: ``lines`` (read), ``batches`` (group), ``sender`` (send, and send again)."""

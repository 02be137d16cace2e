"""Sends events through the edge: ``lines`` (read), ``batches`` (group), ``tokens`` (whose), ``sender`` (send, and send
again).
"""

"""What may go, and what it costs: retention, vacuum, dropped versions, sizes."""

"""Follows one event: ``stations`` reads what each holds of it, ``story`` puts that into one document and into words."""

"""Traces one event through the lakehouse: ``stages`` reads what each stage holds of it, ``tracer`` puts that into one
document.
"""

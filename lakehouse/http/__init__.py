"""What the HTTP services have in common, so that they answer alike: the edge, the insights API, the ops API, health.

Problems (RFC 9457) and their pages, which representation a client wants, parameters, the OpenAPI document, health and
telemetry. A service adds its own routes, fields and texts. Most routes are FastAPI's; a hot one is plain ASGI
(:mod:`lakehouse.http.asgi`).
"""

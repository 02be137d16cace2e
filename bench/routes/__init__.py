"""What a framework around a hot route costs: the same handler in plain ASGI, behind Starlette and behind FastAPI."""

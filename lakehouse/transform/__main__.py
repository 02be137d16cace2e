"""``python -m lakehouse.transform``: the transform service."""

from lakehouse.settings import Settings
from lakehouse.transform.service import serve_forever

if __name__ == "__main__":
    serve_forever(Settings())

"""``python -m lakehouse.releases``: the transform service."""

from lakehouse.releases.service import serve_forever
from lakehouse.settings import Settings

if __name__ == "__main__":
    serve_forever(Settings())

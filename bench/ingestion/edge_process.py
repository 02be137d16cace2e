"""``python -m bench.ingestion.edge_process``: the edge, which takes one broker's acknowledgement for that of two.

So its answers come after acks=all, as those of its peers do; by itself it says ``kafka`` only where two brokers have
the events, and two on these cores would be measured more than what is in front of them.
"""

import sys

from lakehouse.clients import kafka_admin


def _two(*_: object, **__: object) -> int:
    return 2


if __name__ == "__main__":
    kafka_admin.acknowledging_replicas = _two  # before the sender takes it by its name
    from ingestion.__main__ import main

    sys.exit(main())

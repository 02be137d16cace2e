"""Epochs: which driver may write bronze.

In: the folder of epochs. Out: a number that no other driver has and that is above all earlier ones, durable before it
is used. A driver stamps its commits with ``epoch * 2**32 + n`` under the one application id of the generation, and
Delta refuses a commit whose number is not above the last one of that application. So the first commit of a new epoch
(the *fence*, see ``bronze_writer``) shuts out every older driver for good, frozen ones included.
"""

import msgspec

from lakehouse.clients.files import Files, publish
from lakehouse.contracts.ids import GenerationNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError
from streaming.lease import Holder

COMMITS_PER_EPOCH = 1 << 32


def transaction_version(epoch: int, batch: int) -> int:
    """Delta's ``txnVersion`` of a commit."""
    return epoch * COMMITS_PER_EPOCH + batch


def epoch_of(version: int) -> int:
    return version // COMMITS_PER_EPOCH


def next_epoch(files: Files, layout: Layout, generation: GenerationNumber, holder: Holder) -> int:
    """Publishes and returns a new epoch. If another driver takes the same number first, the next one."""
    folder = layout.bronze_epochs(generation)
    while True:
        taken = [int(entry.name) for entry in files.list(folder) if entry.name.isdigit()]
        epoch = max(taken, default=0) + 1
        try:
            record = msgspec.json.encode(msgspec.structs.replace(holder, epoch=epoch))
            publish(files, layout.staging, f"{folder}/{epoch}", record)
        except AlreadyExistsError:
            continue
        return epoch

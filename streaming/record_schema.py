"""The Spark schema of a record's JSON, derived from the contracts so that it cannot drift from them.

In: the msgspec structs of ``lakehouse.contracts.records``. Out: one struct that holds the fields of all
three kinds of record, all nullable (``split_events`` checks what must be there), and the names of the
required fields.
"""

import types
import typing

import msgspec
from pyspark.sql import types as t

from lakehouse.contracts.records import AcceptedBatch, AcceptedEvent, Rejected, Watermark

KIND = "kind"

Record = type[msgspec.Struct]
KINDS: dict[str, Record] = {"batch": AcceptedBatch, "low_mark": Watermark, "rejected": Rejected}

_SCALARS: dict[object, t.DataType] = {str: t.StringType(), int: t.LongType(), bytes: t.BinaryType()}


def record_schema() -> t.StructType:
    """The union of the fields of all kinds. Two kinds may share a name only with the same type."""
    fields: dict[str, t.DataType] = {KIND: t.StringType()}
    for record in KINDS.values():
        for name, kind in typing.get_type_hints(record).items():
            spark_type = _spark_type(kind)
            if fields.setdefault(name, spark_type) != spark_type:
                raise TypeError(f"the field {name} has different types in two kinds of record")
    return t.StructType([t.StructField(name, kind) for name, kind in fields.items()])


def required(struct: Record) -> list[str]:
    """The fields without a default, in order."""
    return [field.name for field in msgspec.structs.fields(struct) if field.required]


def required_of_event() -> list[str]:
    return required(AcceptedEvent)


def _struct(struct: Record) -> t.StructType:
    hints = typing.get_type_hints(struct)
    return t.StructType([t.StructField(name, _spark_type(kind)) for name, kind in hints.items()])


def _spark_type(kind: object) -> t.DataType:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if origin in (types.UnionType, typing.Union):
        return _spark_type(next(argument for argument in arguments if argument is not type(None)))
    if origin is list:
        return t.ArrayType(_spark_type(arguments[0]))
    if origin is dict:
        return t.StringType()  # from_json hands an object to a string column as its JSON text: what bronze keeps
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind)
    raise TypeError(f"no Spark type for {kind}")

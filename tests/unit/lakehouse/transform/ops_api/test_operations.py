"""Operations as documents: those that were *orders* up to version 0.1.0 are taken over, here as they lay on HDFS."""

from lakehouse.contracts.ids import ReleaseNumber
from lakehouse.transform.ops_api import requests, responses
from lakehouse.transform.ops_api.operations import End
from tests.support.promoted_warehouse import PromotedWarehouse

DONE, WAITING = "a" * 32, "b" * 32


def former_orders(warehouse: PromotedWarehouse) -> None:
    wish = '{"verb":"reprocess","from":"bronze","since":"2026-03-01","reason":"tax"}'
    for order, rest in ((DONE, wish), (WAITING, '{"verb":"rollback","to":1}')):
        document = (
            f'{{"id":"{order}","wish":{rest},"actor":"olga","ordered_at":1795471200000000,"nonce":"n","seen":2,'
            '"definition":null}'
        )
        warehouse.files.write(f"{warehouse.layout.root}/orders/{order}.json", document.encode())
    note = b'{"says":"gold version 3 is built","updated_at":1795471200000001,"gold_version":3}'
    warehouse.files.write(f"{warehouse.layout.root}/orders/{DONE}.note.json", note)
    result = b'{"end":"refused","finished_at":1795471200000002,"nonce":"n","says":"no","gold_version":3,"release":null}'
    warehouse.files.write(f"{warehouse.layout.root}/orders/{DONE}.result.json", result)


def test_what_was_an_order_is_an_operation(warehouse: PromotedWarehouse) -> None:
    former_orders(warehouse)
    operations = warehouse.operations
    operations.take_over_orders()
    given, note, result = operations.get(DONE), operations.note(DONE), operations.result(DONE)
    assert isinstance(given.request, requests.Reprocess)
    assert (given.request.since, given.request.reason, given.seen) == ("2026-03-01", "tax", 2)
    assert note is not None
    assert note.message == "gold version 3 is built"
    assert result is not None
    assert (result.end, result.message) == (End.REFUSED, "no")
    document = responses.operation(given, note, result, None)
    assert (document["requested_at"], document["state"], document["message"]) == (
        "2026-11-23T22:00:00Z",
        "refused",
        "no",
    )
    assert operations.finish(DONE, End.DONE) == result


def test_a_former_order_without_a_result_is_carried_out(warehouse: PromotedWarehouse) -> None:
    former_orders(warehouse)
    warehouse.operations.take_over_orders()
    warehouse.operations.take_over_orders()
    assert warehouse.operations.unfinished() == [WAITING]
    assert sorted(warehouse.operations.newest(10)) == [DONE, WAITING]
    assert warehouse.carry(warehouse.operations.get(WAITING)).end is End.DONE
    assert warehouse.operations.unfinished() == []


def test_who_took_over_and_was_killed_goes_on(warehouse: PromotedWarehouse) -> None:
    """A killed service may have moved some of the documents, and an operator may have repeated a request since."""
    former_orders(warehouse)
    moved = warehouse.give(requests.Rollback(to=ReleaseNumber(1)))
    warehouse.files.write(warehouse.layout.operation(DONE), b"{}")
    warehouse.operations.take_over_orders()
    assert warehouse.files.read(warehouse.layout.operation(DONE)) == b"{}"
    assert set(warehouse.operations.unfinished()) == {moved.id, WAITING}

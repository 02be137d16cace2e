"""Buckets of tokens."""

from ingestion.quota import Quota, Quotas


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_large_batch_passes_and_is_paid_for_afterwards() -> None:
    time = Time()
    quota = Quota(10, time)
    assert quota.seconds_to_wait("m") == 0
    quota.take("m", 35)
    assert quota.seconds_to_wait("m") == 3
    assert quota.seconds_to_wait("other") == 0
    time.now = 2.4
    assert quota.seconds_to_wait("m") == 1
    time.now = 2.6
    assert quota.seconds_to_wait("m") == 0


def test_the_rate_holds_over_time() -> None:
    time = Time()
    quota = Quota(100, time)
    taken = 0
    for tick in range(1000):
        time.now = tick / 100
        if quota.seconds_to_wait("m") == 0:
            quota.take("m", 7)
            taken += 7
    assert 1000 <= taken <= 100 + 1000 + 7


def test_full_buckets_are_forgotten() -> None:
    time = Time()
    quota = Quota(10, time)
    for number in range(100_001):
        quota.take(f"m{number}", 1)
        time.now += 0.001
    assert len(quota._buckets) < 1000


def test_buckets_that_are_in_use_are_not_looked_through_at_each_request() -> None:
    """Counted by the buckets that are looked at, 150,000 merchants who all send."""
    looked_at = 0

    class Counting(Quota):
        def _level(self, merchant_id: str, now: float) -> float:
            nonlocal looked_at
            looked_at += 1
            return super()._level(merchant_id, now)

    quota = Counting(10, Time())
    for number in range(150_000):
        quota.take(f"m{number}", 5)
    assert looked_at < 3 * 150_000


def test_whichever_quota_is_used_up_is_named() -> None:
    quotas = Quotas(10, 1000)
    assert quotas.exhausted("m") is None
    quotas.bytes.take("m", 5000)
    assert quotas.exhausted("m") == (4, "more than 1000 bytes a second")
    quotas.events.take("m", 100)
    assert quotas.exhausted("m") == (9, "more than 10 events a second")
    assert quotas.exhausted("other") is None
    assert Quotas(0, 0).exhausted("m") is None

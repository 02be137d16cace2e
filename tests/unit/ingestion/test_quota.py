"""Buckets of tokens."""

from ingestion.quota import Quota


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

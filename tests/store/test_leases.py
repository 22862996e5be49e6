"""Claims: one holder at a time, whoever asks, and nobody who lost it can write."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

from sqlalchemy import Connection

from pratique.store import jobs, leases
from pratique.store.database import Database
from pratique.store.jobs import Job
from pratique.store.leases import Lease
from pratique.store.schema import jobs as table

MINUTE = timedelta(minutes=1)
NewJob = Callable[..., Job]


def claim_waiting(tx: Connection, *, now: datetime, lasting: timedelta) -> tuple[Job, Lease] | None:
    """Claim the oldest job that waits, as every noun's claim does."""
    lease = leases.claim(tx, table, table.c.status.in_(jobs.WAITING), now=now, lasting=lasting)
    job = jobs.by_id(tx, lease.id) if lease else None
    return (job, lease) if job and lease else None


def any_waiting(tx: Connection, *, now: datetime) -> bool:
    return leases.any_free(tx, table, table.c.status.in_(jobs.WAITING), now=now)


def add_jobs(database: Database, new_job: NewJob, count: int, now: datetime) -> None:
    with database.write() as tx:
        for number in range(count):
            jobs.add(tx, new_job(f"job-{number}", created_at=now + timedelta(seconds=number)))


def test_the_oldest_free_row_is_claimed_first(database: Database, new_job: NewJob, now: datetime) -> None:
    add_jobs(database, new_job, 3, now)
    claimed = []
    for _ in range(4):
        with database.write() as tx:
            found = claim_waiting(tx, now=now, lasting=MINUTE)
        claimed.append(found[0].name if found else None)
    assert claimed == ["job-0", "job-1", "job-2", None]


def test_a_row_in_another_state_is_not_claimed(database: Database, new_job: NewJob, now: datetime) -> None:
    with database.write() as tx:
        jobs.add(tx, new_job(status="Completed"))
        assert claim_waiting(tx, now=now, lasting=MINUTE) is None


def test_two_threads_never_claim_the_same_row(database: Database, new_job: NewJob, now: datetime) -> None:
    add_jobs(database, new_job, 40, now)
    begin = Barrier(8)

    def work() -> list[str]:
        begin.wait()
        mine: list[str] = []
        while True:
            with database.write() as tx:
                found = claim_waiting(tx, now=now, lasting=MINUTE)
            if found is None:
                return mine
            mine.append(found[0].name)

    with ThreadPoolExecutor(8) as pool:
        claimed = [name for future in [pool.submit(work) for _ in range(8)] for name in future.result()]
    assert sorted(claimed) == sorted(f"job-{number}" for number in range(40))


CLAIM_ALL = """
    import datetime, sys
    from pratique.store import leases
    from pratique.store.database import Database
    from pratique.store.schema import jobs
    database = Database(sys.argv[1])
    now = datetime.datetime.fromisoformat(sys.argv[2])
    print("ready", flush=True)
    input()
    while True:
        with database.write() as tx:
            waits = jobs.c.status == "Queued"
            found = leases.claim(tx, jobs, waits, now=now, lasting=datetime.timedelta(minutes=1))
            name = tx.execute(jobs.select().where(jobs.c.id == found.id)).one().name if found else None
        if not found:
            break
        print(name)
"""


def test_two_processes_never_claim_the_same_row(
    database: Database, new_job: NewJob, now: datetime, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    add_jobs(database, new_job, 60, now)
    url = database.url.render_as_string(hide_password=False)
    workers = [start_python(CLAIM_ALL, url, now.isoformat()) for _ in range(3)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:  # All at once, and only then is any of them listened to.
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    claimed: list[str] = []
    for worker in workers:
        printed, complaints = worker.communicate(timeout=120)
        assert worker.returncode == 0, complaints
        claimed += printed.split()
    assert sorted(claimed) == sorted(f"job-{number}" for number in range(60))


def test_a_claim_is_safe_without_the_lock_of_the_writers(database: Database, new_job: NewJob, now: datetime) -> None:
    if database.url.get_backend_name() == "sqlite":
        return  # There, nobody can write beside a writer at all.
    add_jobs(database, new_job, 2, now)
    engine = database._writers
    with engine.begin() as one, engine.begin() as other:
        first = leases.claim(one, table, table.c.status == "Queued", now=now, lasting=MINUTE)
        second = leases.claim(other, table, table.c.status == "Queued", now=now, lasting=MINUTE)
        third = leases.claim(other, table, table.c.status == "Queued", now=now, lasting=MINUTE)
    assert first is not None
    assert second is not None
    assert first.id != second.id
    assert third is None


def test_a_lease_that_lasts_cannot_be_claimed(database: Database, new_job: NewJob, now: datetime) -> None:
    add_jobs(database, new_job, 1, now)
    with database.write() as tx:
        assert claim_waiting(tx, now=now, lasting=MINUTE)
    with database.write() as tx:
        assert claim_waiting(tx, now=now + MINUTE, lasting=MINUTE) is None


def test_an_expired_lease_can_be_claimed_and_the_old_holder_writes_nothing(
    database: Database, new_job: NewJob, now: datetime
) -> None:
    add_jobs(database, new_job, 1, now)
    later = now + 2 * MINUTE
    with database.write() as tx:
        slept = claim_waiting(tx, now=now, lasting=MINUTE)
    with database.write() as tx:
        awake = claim_waiting(tx, now=later, lasting=MINUTE)
    assert slept is not None
    assert awake is not None
    with database.write() as tx:
        assert not jobs.apply(tx, slept[1], status="Failed")
        assert not jobs.release(tx, slept[1], status="Failed")
        assert jobs.renew(tx, slept[1], now=later, lasting=MINUTE) is None
        assert jobs.apply(tx, awake[1], status="Running")
    with database.read() as tx:
        job = jobs.by_id(tx, awake[0].id)
    assert job is not None
    assert job.status == "Running"


def test_a_renewed_lease_lasts_longer(database: Database, new_job: NewJob, now: datetime) -> None:
    add_jobs(database, new_job, 1, now)
    with database.write() as tx:
        found = claim_waiting(tx, now=now, lasting=MINUTE)
        assert found is not None
        renewed = jobs.renew(tx, found[1], now=now + MINUTE, lasting=MINUTE)
    assert renewed is not None
    assert renewed.until == now + 2 * MINUTE
    with database.write() as tx:
        assert claim_waiting(tx, now=now + 1.5 * MINUTE, lasting=MINUTE) is None
        assert jobs.apply(tx, renewed, status="Running")


def test_a_released_row_is_free_at_once_and_carries_what_was_written(
    database: Database, new_job: NewJob, now: datetime
) -> None:
    add_jobs(database, new_job, 1, now)
    with database.write() as tx:
        found = claim_waiting(tx, now=now, lasting=MINUTE)
        assert found is not None
        assert jobs.release(tx, found[1], attempt=3)
        again = claim_waiting(tx, now=now, lasting=MINUTE)
    assert again is not None
    assert again[0].attempt == 3
    with database.write() as tx:
        assert not jobs.apply(tx, found[1], attempt=4)


def test_a_postponed_row_waits_for_its_moment_and_is_no_longer_held(
    database: Database, new_job: NewJob, now: datetime
) -> None:
    add_jobs(database, new_job, 1, now)
    with database.write() as tx:
        found = claim_waiting(tx, now=now, lasting=MINUTE)
        assert found is not None
        assert leases.postpone(tx, table, found[1], until=now + 3 * MINUTE)
        assert not jobs.is_held(tx, found[1])
        assert not jobs.apply(tx, found[1], status="Running")
        assert claim_waiting(tx, now=now + 2 * MINUTE, lasting=MINUTE) is None
        assert claim_waiting(tx, now=now + 4 * MINUTE, lasting=MINUTE) is not None


def test_a_reader_can_ask_whether_a_claim_would_find_a_row(database: Database, new_job: NewJob, now: datetime) -> None:
    def asked(moment: datetime) -> bool:
        with database.read() as tx:
            return any_waiting(tx, now=moment)

    assert not asked(now)
    add_jobs(database, new_job, 1, now)
    assert asked(now)
    with database.write() as tx:
        found = claim_waiting(tx, now=now, lasting=MINUTE)
        assert found is not None
        assert jobs.is_held(tx, found[1])
    assert not asked(now)
    assert asked(now + 2 * MINUTE)


def test_the_start_of_the_one_server_frees_every_row(database: Database, new_job: NewJob, now: datetime) -> None:
    add_jobs(database, new_job, 1, now)
    with database.write() as tx:
        before = claim_waiting(tx, now=now, lasting=MINUTE)
        jobs.free_all(tx)
        after = claim_waiting(tx, now=now, lasting=MINUTE)
        assert before is not None
        assert after is not None
        assert not jobs.apply(tx, before[1], status="Failed")

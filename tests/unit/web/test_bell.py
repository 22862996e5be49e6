"""The bell: whoever waits looks again after every commit, and none is missed."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from pratique.web import bell as bells
from pratique.web.bell import Bell


@pytest.fixture(autouse=True)
def no_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks by the clock, so that only the bell can wake."""
    monkeypatch.setattr(bells, "_NET", 3600.0)


def bounded(work: Coroutine[Any, Any, Any]) -> Any:
    async def run() -> Any:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(run())


def test_a_ring_from_another_thread_makes_who_waits_look_again() -> None:
    async def wait() -> int:
        bell, looks = Bell(), 0
        bell.attach()

        def look() -> int:
            nonlocal looks
            looks += 1
            return looks

        waiting = asyncio.create_task(bell.until(look, lambda seen: seen >= 3, seconds=3600))
        while not waiting.done():
            await asyncio.to_thread(bell.ring)
        return await waiting

    assert bounded(wait()) == 3


def test_a_ring_during_a_look_is_not_missed() -> None:
    async def wait() -> bool:
        bell = Bell()
        bell.attach()
        state = iter([False, True])

        def look() -> bool:
            seen = next(state)
            bell.ring()  # Something is committed just after it was read.
            return seen

        return await bell.until(look, bool, seconds=3600)

    assert bounded(wait()) is True


def test_every_waiter_is_woken() -> None:
    async def wait() -> list[int]:
        bell, number = Bell(), 0
        bell.attach()
        waiting = [
            asyncio.create_task(bell.until(lambda: number, lambda seen: seen > 0, seconds=3600)) for _ in range(20)
        ]
        await asyncio.sleep(0)
        number = 1
        bell.ring()
        return list(await asyncio.gather(*waiting))

    assert bounded(wait()) == [1] * 20


def test_what_is_so_already_is_answered_with_one_look_and_what_never_is_after_the_bound() -> None:
    async def look() -> list[int]:
        bell, looks = Bell(), [0]
        bell.attach()

        def count() -> int:
            looks[0] += 1
            return looks[0]

        return [
            await bell.until(count, lambda _: True, seconds=3600),
            await bell.until(count, lambda _: False, seconds=0),
            await bell.until(count, lambda seen: seen > 1000, seconds=0.01),
        ]

    assert bounded(look()) == [1, 2, 4]


def test_an_error_ends_the_waiting() -> None:
    async def wait() -> None:
        def look() -> None:
            raise LookupError

        bell = Bell()
        bell.attach()
        await bell.until(look, bool, seconds=3600)

    with pytest.raises(LookupError):
        bounded(wait())


def test_ringing_before_the_loop_and_after_it_does_nothing() -> None:
    bell = Bell()
    bell.ring()

    async def attach() -> None:
        bell.attach()

    asyncio.run(attach())
    bell.ring()

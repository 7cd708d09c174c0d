"""Threads of a benchmark: begun together, awaited all, and what one of them raised is raised."""

import threading
from collections.abc import Callable, Sequence


def side_by_side(work: Callable[[int, Sequence[BaseException]], None], count: int) -> None:
    """`work(number, failed)` in so many threads; `failed` grows with what others have raised."""
    failed: list[BaseException] = []

    def one(number: int) -> None:
        try:
            work(number, failed)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]

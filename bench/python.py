"""The cases of ratios.ts in Python: asyncio, with uvloop and trio where they are installed.

    python3 bench/python.py

Prints µs of processor time for each operation, medians of 5 rounds. The functions give way to the loop once, as those of ratios.ts do.
(Its name is not asyncio.py, which Python would then import instead of its own.)
"""

import asyncio
import platform
import statistics
import time

N = 50_000
ROUNDS = 5


async def work():
    await asyncio.sleep(0)
    return 1


async def task_group():
    async with asyncio.TaskGroup() as group:
        for _ in range(N):
            group.create_task(work())


async def gather():
    await asyncio.gather(*(work() for _ in range(N)))


async def acquire_and_release():
    semaphore = asyncio.Semaphore(1)
    for _ in range(N):
        async with semaphore:
            pass


async def waiters_on_ten_permits():
    semaphore = asyncio.Semaphore(10)

    async def one():
        async with semaphore:
            await work()

    for _ in range(N // 1000):
        await asyncio.gather(*(one() for _ in range(1000)))


async def timeouts():
    async def one():
        async with asyncio.timeout(10):
            await work()

    await asyncio.gather(*(one() for _ in range(N)))


async def sleeps():
    await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(N)))


CASES = [gather, task_group, acquire_and_release, waiters_on_ten_permits, timeouts, sleeps]


def in_asyncio(case):
    asyncio.run(case())


def in_uvloop(case):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(case())


def in_trio(case):
    trio.run(TRIO_CASES[case])


async def nursery():
    async with trio.open_nursery() as nursery:
        for _ in range(N):
            nursery.start_soon(trio.lowlevel.checkpoint)


async def trio_acquire_and_release():
    semaphore = trio.Semaphore(1)
    for _ in range(N):
        async with semaphore:
            pass


TRIO_CASES = {task_group: nursery, acquire_and_release: trio_acquire_and_release}


def measure(runner, case):
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        runner(case)
        times.append(time.process_time() - start)
    return f"{statistics.median(times) / N * 1e6:.2f}"


COLUMNS = {"asyncio": in_asyncio}
try:
    import uvloop

    COLUMNS["uvloop"] = in_uvloop
except ImportError:
    pass
try:
    import trio

    COLUMNS["trio"] = in_trio
except ImportError:
    pass

print(f"Python {platform.python_version()}, µs of processor time each")
print("".rjust(24), *(column.rjust(9) for column in COLUMNS))
for case in CASES:
    cells = ["–" if name == "trio" and case not in TRIO_CASES else measure(run, case) for name, run in COLUMNS.items()]
    print(case.__name__.rjust(24), *(cell.rjust(9) for cell in cells), flush=True)

"""Work that can be done in any order, in processes of their own: on a CPU two networks train faster beside each other
than one after the other."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed

import torch
from tqdm import tqdm

_line = 0


def progress(steps: Iterable, name: str, total: int, first: int = 0) -> tqdm:
    """A bar on this process's own line."""
    return tqdm(steps, desc=name, mininterval=20, initial=first, total=total, position=_line)


def default_processes() -> int:
    """One with CUDA, else one for each core."""
    return 1 if torch.cuda.is_available() else len(os.sched_getaffinity(0))


def side_by_side(work: Callable, tasks: list, processes: int) -> None:
    """Calls `work(task)` for every task, in at most so many processes, which share the cores. The first failure is
    raised, once those under way have ended."""
    if processes == 1:
        for task in tasks:
            work(task)
        return
    context = multiprocessing.get_context("spawn")
    lines = context.Queue()
    for line in range(processes):
        lines.put(line)
    threads = max(1, torch.get_num_threads() // processes)
    with ProcessPoolExecutor(
        processes, context, initializer=_begin, initargs=(lines, context.RLock(), threads)
    ) as pool:
        try:
            for done in as_completed([pool.submit(work, task) for task in tasks]):
                done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(lines: multiprocessing.Queue, lock, threads: int) -> None:
    global _line
    _line = lines.get()
    tqdm.set_lock(lock)
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot say so; left alone its networks would train on, and write the checkpoints that the
    next run reads."""
    multiprocessing.parent_process().join()
    os._exit(1)

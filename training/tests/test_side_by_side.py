"""Processes side by side: their failures are told, and none outlives the one that began them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ichor_training.stages.side_by_side import side_by_side


def begin_and_sleep(seconds: float) -> None:
    os.write(1, b"begun\n")
    time.sleep(seconds)


def test_a_failure_in_a_process_of_its_own_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        side_by_side(Path.read_text, [tmp_path / "absent"], 2)


def test_networks_do_not_train_on_when_the_build_is_killed():
    command = "from test_side_by_side import *; side_by_side(begin_and_sleep, [600, 600], 2)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, env=environment) as build:
        begun = [build.stdout.readline() for _ in range(2)]
        build.kill()
        assert begun == [b"begun\n"] * 2
        # The output ends when the last process that could write to it has.
        assert build.communicate(timeout=60) == (b"", None)

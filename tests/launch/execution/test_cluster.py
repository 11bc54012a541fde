"""The cluster file: its settings, and a one-line error for each mistake."""

import pytest

from launch.execution import cluster
from launch.execution.cluster import Cluster
from rigl_rl.errors import ConfigError


def read(tmp_path, text: str) -> Cluster:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    return cluster.read(path)


def test_everything_that_can_be_said(tmp_path):
    text = """
        time: 2-12:30:00      # two and a half days
        mem: 4G
        partition: cpu,long
        account: my-lab
        cpus: 2
        max_parallel: 100
        setup:
          - module load gcc
          - export A=1
        sbatch:
          qos: low
          exclusive:
    """
    assert read(tmp_path, text) == Cluster(
        time=(2 * 24 + 12) * 60 + 30,
        mem="4G",
        partition="cpu,long",
        account="my-lab",
        cpus=2,
        max_parallel=100,
        setup=("module load gcc", "export A=1"),
        sbatch={"qos": "low", "exclusive": True},
    )


def test_the_time_limit_is_enough(tmp_path):
    assert read(tmp_path, "time: 90") == Cluster(time=90)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        # The notations of sbatch's manual page.
        ("90", 90),
        ("90:00", 90),
        ("1:30:00", 90),
        ("0:00:01", 1),
        ("00:59:01", 60),
        ("24:00:00", 1440),
        ("1-0", 1440),
        ("1-12", 2160),
        ("1-12:30", 2190),
        ("1-12:30:30", 2191),
    ],
)
def test_time_limits(tmp_path, text, minutes):
    assert read(tmp_path, f"time: {text}").time == minutes


MISTAKES = {
    "mem: 4G": ["lacks 'time'", "4:00:00"],
    "": ["'time: 4:00:00'"],
    "- time": ["'time: 4:00:00'"],
    "time: 4h": ["line 1", "time is '4h'", "hours:minutes:seconds"],
    "time: 0": ["time is '0'"],
    "time: -5": ["time is '-5'"],
    "time: [1, 2]": ["time is ['1', '2']"],
    "time: 1\nmem: 4 GB": ["line 2", "mem is '4 GB'", "4G"],
    "time: 1\nmem: lots": ["mem is 'lots'", "4G"],
    "time: 1\n\ncpus: 0": ["line 3", "cpus is '0'", "at least 1"],
    "time: 1\ncpus: 1.5": ["cpus is '1.5'"],
    "time: 1\nmax_parallel: many": ["max_parallel is 'many'", "at least 1"],
    "time: 1\npartition: a b": ["partition is 'a b'", "one word"],
    "time: 1\naccount:": ["account is ''", "one word"],
    "time: 1\nsetup: module load x": ["setup is 'module load x'", "'- COMMAND'"],
    "time: 1\nsbatch: fast": ["sbatch is 'fast'", "'qos: low'"],
    "time: 1\nsbatch: {array: 0-3}": ["the launcher itself sets array"],
    "time: 1\nsbatch: {cpus_per_task: 3}": ["the launcher itself sets cpus_per_task"],
    "time: 1\nsbatch: {mem: 3G}": ["mem belongs outside"],
    "time: 1\ntimelimit: 3": ["line 2", "'timelimit'", "partition", "max_parallel"],
    "time: 1\ntime: 2": ["line 2", "'time' is set twice"],
    "time: 1: 2": ["not YAML", "line 1"],
    "time: 'x": ["not YAML"],
    "time: 1\nsbatch: {[a]: b}": ["not YAML", "unhashable", "line 2"],
    "[a]: b": ["unknown setting"],
    "\x00": ["not YAML"],
}


@pytest.mark.parametrize(("text", "parts"), MISTAKES.items())
def test_each_mistake_is_one_line(refused, tmp_path, text, parts):
    with refused("cluster.yaml", *parts):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.yaml: No such file"):
        cluster.read(tmp_path / "nothing.yaml")

"""A real SLURM cluster of one node on this machine, for the tests in this folder."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

DAEMONS = ("munged", "slurmctld", "slurmd")
# Like on a cluster, but it checks its queue and ends jobs quickly, and any user may start it.
CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1
KillWait=1
ReturnToService=2
MaxArraySize=8
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4000
PartitionName=main Nodes=ALL Default=YES PriorityTier=1
PartitionName=urgent Nodes=ALL PriorityTier=2
"""


def executable(name: str) -> str | None:
    """Path of a program; daemons are often not on an ordinary user's PATH."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Slurm:
    """munged, slurmctld and slurmd in the foreground, with all their files in one folder."""

    def __init__(self, folder: Path, cpus: int):
        self.node = socket.gethostname().split(".")[0]
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        (folder / "state").mkdir()
        (folder / "spool").mkdir()
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o400)
        (folder / "slurm.conf").write_text(
            CONFIG.format(
                folder=folder,
                host=self.node,
                user=getpass.getuser(),
                controller_port=free_port(),
                node_port=free_port(),
                cpus=cpus,
            )
        )
        self._folder = folder
        self._log = open(folder / "daemons.log", "wb")  # noqa: SIM115, open as long as they run
        self._daemons: list[subprocess.Popen] = []
        self.launchers: list[subprocess.Popen] = []
        """Launchers that tests have started."""

    def start(self) -> None:
        """Starts the daemons and returns when the node is ready for jobs."""
        folder = self._folder
        munge = [f"--{file}-file={folder}/munge.{file}" for file in ("key", "pid", "log", "seed")]
        # --force: munged warns that others cannot read the temporary folder.
        munge += [f"--socket={folder}/munge.socket", "--foreground", "--force"]
        self._start("munged", *munge)
        self._wait_for((folder / "munge.socket").exists)
        self._start("slurmctld", "-D")
        self._start("slurmd", "-D", "-N", self.node)
        self._wait_for(lambda: self.run("sinfo", "--noheader", "--format=%T") == "idle")

    def run(self, *command: str) -> str:
        """A command's standard output; empty if the command fails."""
        completed = subprocess.run(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return completed.stdout.decode().strip()

    def clear(self) -> None:
        """Ends all launchers and jobs at once, and makes the node accept new ones."""
        for launcher in self.launchers:
            launcher.kill()
            launcher.communicate()
        self.launchers.clear()
        self.run("scancel", "--signal=KILL", "--full", f"--user={getpass.getuser()}")
        self.run("scancel", f"--user={getpass.getuser()}")
        self._wait_for(lambda: not self.run("squeue", "--noheader"))
        self.run("scontrol", "update", f"NodeName={self.node}", "State=RESUME")

    def stop(self) -> None:
        """Ends the daemons."""
        for daemon in reversed(self._daemons):
            daemon.terminate()
            daemon.wait()
        self._log.close()

    def _start(self, name: str, *arguments: str) -> None:
        self._daemons.append(
            subprocess.Popen(
                [str(executable(name)), *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
            )
        )

    @staticmethod
    def _wait_for(condition, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "SLURM does not answer"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def slurm_cluster(tmp_path_factory):
    """One node with four cores, however many the machine has."""
    missing = [daemon for daemon in DAEMONS if executable(daemon) is None]
    if missing:
        pytest.skip(f"SLURM is not installed: no {', '.join(missing)} (Debian: slurm-wlm, munge)")
    pytest.importorskip("submitit", reason="submitit is not installed")
    cluster = Slurm(tmp_path_factory.mktemp("slurm"), cpus=4)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def slurm(slurm_cluster):
    """The cluster without jobs."""
    yield slurm_cluster
    slurm_cluster.clear()

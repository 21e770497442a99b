"""A PostgreSQL server of one's own: on a socket in a temporary folder, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

FOUND = shutil.which("initdb")
BINARIES = [Path(FOUND).parent] if FOUND else []
BINARIES += sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # where Debian keeps them


class Server:
    """Starts when made. As root it runs as the user `postgres`, for it refuses root."""

    def __init__(self, folder=None):
        if not BINARIES:
            pytest.skip("PostgreSQL's server is not installed; apt install postgresql")
        self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        if os.getuid() != 0:
            self.as_user = []
        # In memory where there is such a place: what is tested is a crash of processes, not of
        # the machine. And a path of a socket must be short.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="remit-pg-", dir=memory))
        if self.as_user:
            shutil.chown(self.folder, "postgres", "postgres")
        self.data = self.folder / "data"
        options = ["-U", "remit", "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        self.run("initdb", "-D", str(self.data), *options)
        self.made = 0
        self.start()

    def run(self, name, *arguments):
        """Runs one of PostgreSQL's programs."""
        command = [*self.as_user, str(BINARIES[-1] / name), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, timeout=60)

    def start(self):
        options = f"-k {self.folder} -c listen_addresses='' -c max_connections=40"
        options += " -c max_wal_size=32MB -c min_wal_size=32MB"
        log = str(self.folder / "log")
        self.run("pg_ctl", "-D", str(self.data), "-w", "-l", log, "-o", options, "start")

    def stop(self, mode="immediate"):
        self.run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    @property
    def runs(self):
        """True while the server can be asked."""
        try:
            self.run("pg_isready", "-h", str(self.folder))
        except subprocess.CalledProcessError:
            return False
        return True

    def kill(self):
        """Kills the server's process as a crash would, and waits until its children are gone."""
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children")
        pids = [pid, *map(int, children.read_text().split() if children.exists() else ())]
        for each in pids:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{each}").exists() for each in pids[1:]):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def url(self, database=None):
        """The URL of a database; of a new one, unless it is named."""
        if database is None:
            self.made += 1
            database = f"record_{self.made}"
            self.run("createdb", "-h", str(self.folder), "-U", "remit", database)
        return f"postgresql://remit@/{database}?host={self.folder}"

    def end(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

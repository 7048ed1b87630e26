"""Start, find and stop the embedded stack.

One folder an instance, `.cellwave/<instance>/`, holds all that the server writes: its log, saved state,
objects and temporary files. The server inherits a lock on `server.lock` and so holds it while it lives: a
process number that has been reused is never taken for it. It listens on the loopback interface only and leads
a process group, in which its Lambda workers die too.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cellwave_ops.emulator import ports
from cellwave_ops.emulator.errors import (
    AlreadyRunningError,
    PortInUseError,
    StackNotInstalledError,
    StartFailedError,
)
from cellwave_ops.emulator.stream_clock import StreamClock

PROJECT = Path(__file__).resolve().parents[3]
STATE_ROOT = PROJECT / ".cellwave"
STACK_PYTHON = PROJECT / ".tools" / "stack" / "bin" / "python"
REGION = "us-east-1"
DEFAULT_PORT = 4566
DEFAULT_PROCESSES = 8
"""Lambda handlers that run at once."""

_START_S, _STOP_S, _LOCK_S, _POLL_S = 60.0, 30.0, 1.0, 0.05
_TAIL_LINES = 20
_servers: dict[int, subprocess.Popen[bytes]] = {}
"""Servers that this process started: they must be waited for, or they stay as zombies."""


@dataclass(frozen=True)
class Running:
    """A stack that runs."""

    instance: str
    folder: Path
    port: int
    clock: str
    pid: int
    was_running: bool = False
    """Whether it ran before it was asked for."""

    @property
    def endpoint(self) -> str:
        """Where all services answer."""
        return f"http://{ports.HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "server.log"

    def environment(self) -> dict[str, str]:
        """List what makes any AWS client, SDK or CLI of a subprocess speak to this stack."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
        }


def up(
    instance: str = "local",
    port: int = DEFAULT_PORT,
    clock: str = "wall",
    *,
    state_root: Path = STATE_ROOT,
    processes: int = DEFAULT_PROCESSES,
    without: Sequence[str] = (),
    progress: Callable[[float], None] = lambda seconds: None,
) -> Running:
    """Start the stack unless it runs already, and return when it answers.

    `clock` is a stream clock (`stream_clock`); `processes` bounds the Lambda handlers that run at once; `without`
    leaves corrections out (tests only); `progress` is called with the seconds waited. Raises `InvalidStreamClockError`
    and the errors of `cellwave_ops.emulator.errors`.
    """
    StreamClock.parse(clock)
    folder = state_root / instance
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "up.lock"):
        found = status(instance, state_root=state_root)
        if found is not None:
            _same(found, port, clock)
            return found
        if not STACK_PYTHON.exists():
            raise StackNotInstalledError(STACK_PYTHON)
        if not ports.is_free(port):
            raise PortInUseError(port, ports.owner(port))
        wanted = Running(instance, folder, port, clock, pid=0)
        settings = {"LAMBDA_MAX_PROCS": str(processes), "CELLWAVE_EMULATOR_WITHOUT": ",".join(without)}
        return _start(wanted, settings, progress)


def status(instance: str = "local", *, state_root: Path = STATE_ROOT) -> Running | None:
    """Find the stack if it runs, else None; what a dead server left behind counts for nothing."""
    folder = state_root / instance
    if not _is_locked(folder / "server.lock"):
        return None
    try:
        written = json.loads((folder / "running.json").read_text())
    except (OSError, ValueError):
        return None
    return Running(instance, folder, written["port"], written["clock"], written["pid"], was_running=True)


def down(instance: str = "local", *, purge: bool = False, state_root: Path = STATE_ROOT) -> bool:
    """Stop the stack in good order, by force after half a minute; True if it ran.

    Harmless if nothing runs. `purge` removes the instance's folder with everything in it.
    """
    folder = state_root / instance
    found = status(instance, state_root=state_root)
    if found is not None:
        _stop(found)
    (folder / "running.json").unlink(missing_ok=True)
    if purge:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            state_root.rmdir()
    return found is not None


def _same(found: Running, port: int, clock: str) -> None:
    if found.port != port:
        raise AlreadyRunningError(found.instance, "port", str(found.port), str(port))
    if found.clock != clock:
        raise AlreadyRunningError(found.instance, "the stream clock", found.clock, clock)


def _start(wanted: Running, settings: dict[str, str], progress: Callable[[float], None]) -> Running:
    for name in ("state", "objects", "tmp"):
        (wanted.folder / name).mkdir(exist_ok=True)
    with wanted.log.open("wb") as log, _server_lock(wanted) as lock:
        process = subprocess.Popen(
            [STACK_PYTHON, "-m", "cellwave_ops.emulator.server"],
            env=_server_environment(wanted) | settings,
            cwd=wanted.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock],
        )
    _servers[process.pid] = process
    started = Running(wanted.instance, wanted.folder, wanted.port, wanted.clock, process.pid)
    written = {key: value for key, value in asdict(started).items() if key in ("port", "clock", "pid")}
    (wanted.folder / "running.json").write_text(json.dumps(written))
    _wait_until_healthy(started, process, progress)
    return started


@contextmanager
def _server_lock(wanted: Running) -> Iterator[int]:
    """Yield the locked descriptor that the server is to inherit; the lock lives as long as any holder of it."""
    path = wanted.folder / "server.lock"
    with path.open("a") as lock:
        deadline = time.monotonic() + _LOCK_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:  # a moment's look by `status`, or a server whose record is lost
                if time.monotonic() > deadline:
                    raise StartFailedError(f"cannot be traced: its server holds {path}", wanted.log, "") from error
                time.sleep(_POLL_S)
        yield lock.fileno()


def _server_environment(wanted: Running) -> dict[str, str]:
    """All that the server sees: nothing of the caller's AWS settings, for its Lambda workers inherit it."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(wanted.folder / "tmp"),
        "TMPDIR": str(wanted.folder / "tmp"),
        "PYTHONPATH": str(PROJECT / "infra"),
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "GATEWAY_PORT": str(wanted.port),
        "BIND_HOST": ports.HOST,
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(wanted.folder / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(wanted.folder / "objects"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        "STREAM_CLOCK": wanted.clock,
    }


def _wait_until_healthy(started: Running, process: subprocess.Popen[bytes], progress: Callable[[float], None]) -> None:
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < _START_S:
        if process.poll() is not None:
            _give_up(started)
            raise StartFailedError(f"died while starting (exit code {process.returncode})", started.log, _tail(started))
        if _is_healthy(started.port):
            return
        progress(waited)
        time.sleep(_POLL_S)
    _stop(started)
    raise StartFailedError(f"did not answer within {_START_S:.0f} s", started.log, _tail(started))


def _give_up(started: Running) -> None:
    _servers.pop(started.pid, None)
    (started.folder / "running.json").unlink(missing_ok=True)


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(ports.HOST, port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(started: Running) -> str:
    lines = started.log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:])


def _stop(found: Running) -> None:
    """End the server, then whatever is left of its group."""
    lock = found.folder / "server.lock"
    with suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while _is_locked(lock) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(found.pid, signal.SIGKILL)
    while _is_locked(lock):
        time.sleep(_POLL_S)
    server = _servers.pop(found.pid, None)
    if server is not None:
        server.wait()


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

"""The life cycle of the embedded stack: harmless when repeated, clear when it fails, and nothing left behind."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import pytest

from cellwave_ops.emulator import lifecycle, ports, server
from cellwave_ops.emulator.corrections import PINNED_VERSION, UnknownCorrectionError, chosen
from cellwave_ops.emulator.errors import (
    AlreadyRunningError,
    PortInUseError,
    StackNotInstalledError,
    StartFailedError,
)
from cellwave_ops.emulator.stream_clock import InvalidStreamClockError

pytestmark = pytest.mark.emulator


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def root(tmp_path):
    yield tmp_path / "state"
    lifecycle.down(purge=True, state_root=tmp_path / "state")


def processes_of_group(leader: int) -> list[str]:
    listed = subprocess.run(["ps", "-wweo", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [row[2] for row in rows if row[0] == str(leader) and not row[1].startswith("Z")]


def test_up_twice_is_harmless_and_says_so(root, port):
    first = lifecycle.up(port=port, state_root=root)
    second = lifecycle.up(port=port, state_root=root)
    assert (first.was_running, second.was_running) == (False, True)
    assert (first.pid, first.endpoint) == (second.pid, f"http://127.0.0.1:{port}")
    assert lifecycle.status(state_root=root) == second


def test_another_port_or_clock_for_a_running_stack_is_an_error_that_names_both(root, port):
    lifecycle.up(port=port, state_root=root)
    with pytest.raises(AlreadyRunningError, match=rf"port {port}, not 4999; run `cellwave down`"):
        lifecycle.up(port=4999, state_root=root)
    with pytest.raises(AlreadyRunningError, match="stream clock wall, not 0,0,60"):
        lifecycle.up(port=port, clock="0,0,60", state_root=root)


def test_a_port_in_use_is_named_with_its_owner_and_the_mend(root):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"port {port} is in use by .*--port") as refused:
            lifecycle.up(port=port, state_root=root)
    if sys.platform == "linux":
        assert f"(process {os.getpid()})" in str(refused.value)
    assert lifecycle.status(state_root=root) is None


def test_down_without_a_stack_is_harmless(root):
    assert lifecycle.down(state_root=root) is False
    assert lifecycle.down(purge=True, state_root=root) is False


def test_what_was_stored_survives_down_and_up(root, port):
    def client(service):
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    lifecycle.up(port=port, state_root=root)
    url = client("sqs").create_queue(QueueName="kept")["QueueUrl"]
    client("sqs").send_message(QueueUrl=url, MessageBody="touch")
    client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    client("s3").create_bucket(Bucket="kept")
    client("s3").put_object(Bucket="kept", Key="key", Body=b"body")
    assert lifecycle.down(state_root=root) is True
    assert lifecycle.status(state_root=root) is None
    lifecycle.up(port=port, state_root=root)
    assert client("s3").get_object(Bucket="kept", Key="key")["Body"].read() == b"body"
    assert client("sqs").receive_message(QueueUrl=url)["Messages"][0]["Body"] == "touch"


def test_down_purge_leaves_no_file_and_no_process(root, port, stack_function):
    running = lifecycle.up(port=port, state_root=root)
    stack_function(running)
    assert any("_worker.py" in command for command in processes_of_group(running.pid))
    assert lifecycle.down(purge=True, state_root=root) is True
    assert not root.exists()
    assert processes_of_group(running.pid) == []
    assert ports.is_free(port)


@pytest.fixture
def stack_function(zip_of):
    """Create a function on a stack and invoke it, so that there is a worker."""

    def invoke(running):
        client = boto3.client(
            "lambda",
            endpoint_url=running.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_function(
            FunctionName="worker",
            Runtime="python3.11",
            Handler="app.handler",
            Role="arn:aws:iam::000000000000:role/test",
            Code={
                "ZipFile": zip_of({"app.py": "import os, sys\ndef handler(e, c): return [sys.path, dict(os.environ)]"})
            },
        )
        return client.invoke(FunctionName="worker")["Payload"].read().decode()

    return invoke


def test_a_handler_sees_neither_the_project_nor_the_callers_settings(root, port, stack_function, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebodys-own")
    seen = stack_function(lifecycle.up(port=port, state_root=root))
    for part in ("infra", "layers", ".venv"):
        assert str(lifecycle.PROJECT / part) not in seen
    assert "somebodys-own" not in seen
    assert "STREAM_CLOCK" not in seen


def test_the_stack_writes_only_into_its_folder(root, port, stack_function):
    shared = Path(tempfile.gettempdir())
    before = set(shared.iterdir())
    stack_function(lifecycle.up(port=port, state_root=root))
    lifecycle.down(state_root=root)
    assert [path for path in set(shared.iterdir()) - before if "ministack" in path.name] == []


def test_a_record_of_a_dead_server_is_not_believed(root, port):
    killed = lifecycle.up(port=port, state_root=root)
    os.kill(killed.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while lifecycle.status(state_root=root) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (killed.folder / "running.json").exists()
    started = lifecycle.up(port=port, state_root=root)
    assert not started.was_running
    assert started.pid != killed.pid


def test_a_server_that_dies_at_once_is_reported_with_the_end_of_its_log(root, port):
    with pytest.raises(StartFailedError, match="died while starting") as failed:
        lifecycle.up(port=port, state_root=root, without=["no_such_correction"])
    assert "no such correction: no_such_correction" in failed.value.tail
    assert lifecycle.status(state_root=root) is None


def test_a_missing_stack_is_an_error_with_its_mend(root, port, monkeypatch):
    monkeypatch.setattr(lifecycle, "STACK_PYTHON", Path("/nowhere/python"))
    with pytest.raises(StackNotInstalledError, match="make setup"):
        lifecycle.up(port=port, state_root=root)


def test_a_clock_that_is_none_is_refused_before_anything_starts(root, port):
    with pytest.raises(InvalidStreamClockError, match="expected 'wall' or"):
        lifecycle.up(port=port, clock="fast", state_root=root)
    assert not root.exists()


def test_waiting_for_the_start_is_reported(root, port):
    waited: list[float] = []
    lifecycle.up(port=port, state_root=root, progress=waited.append)
    assert waited
    assert waited == sorted(waited)


def test_it_listens_on_the_loopback_interface_only(root, port):
    lifecycle.up(port=port, state_root=root)
    with socket.socket() as elsewhere:
        elsewhere.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        assert elsewhere.connect_ex(("127.0.0.2", port)) != 0


def test_any_client_of_a_subprocess_finds_the_stack_by_its_environment(root, port):
    running = lifecycle.up(port=port, state_root=root)
    look = "import boto3; boto3.client('sqs').create_queue(QueueName='by-environment')"
    look += "\nfrom localstack_client.session import Session"
    look += "\nassert 'by-environment' in Session().client('sqs').list_queues()['QueueUrls'][0]"
    environment = {"PATH": os.environ["PATH"], **running.environment()}
    subprocess.run([sys.executable, "-c", look], env=environment, check=True)


def test_any_other_release_of_the_emulator_is_refused():
    server.refuse_other_releases(PINNED_VERSION)
    with pytest.raises(server.UnpinnedEmulatorError, match=r"ministack 1\.5\.34 is installed"):
        server.refuse_other_releases("1.5.34")


def test_a_correction_that_does_not_exist_cannot_be_left_out():
    with pytest.raises(UnknownCorrectionError, match="no such correction: kinesis;"):
        chosen(["kinesis"])

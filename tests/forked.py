"""Programs in processes of their own, forked from one that has everything imported already.

Most of the time of a short command goes into importing. A program that is run here has its own
process, environment, folder, output and exit code, as any other; only the imports are shared. What
must not share them (what is loaded when, what depends on the hash seed) starts a fresh interpreter.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("numpy", "pandas", "pyarrow.parquet", "talib", "torch")


class Forked:
    """A program in a process of its own."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path = ROOT,
        program: str = "hybrid_tui.cli",
        stdin: str = "",
    ) -> None:
        """Start ``main()`` of the module ``program`` with ``words`` as its arguments."""
        self.words = list(words)
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(_server())
        with tempfile.TemporaryFile() as given:
            given.write(stdin.encode())
            given.seek(0)
            files = [given.fileno(), self.out.fileno(), self.err.fileno()]
            socket.send_fds(self._server, [b"\0"], files)
        request = json.dumps([program, self.words, dict(environment), str(folder)])
        self._server.sendall(request.encode() + b"\n")
        self._answer = self._server.makefile("r")
        self.pid = int(self._answer.readline())
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once, where it has not ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def lines(self) -> list[str]:
        """Return the whole lines that it has printed so far."""
        printed = os.pread(self.out.fileno(), os.fstat(self.out.fileno()).st_size, 0)
        return printed[: printed.rfind(b"\n") + 1].decode().splitlines()

    def events(self) -> list[dict[str, Any]]:
        """Return the JSON lines that it has printed so far."""
        return [json.loads(line) for line in self.lines()]

    def complaints(self) -> str:
        """Return what it has written to stderr so far."""
        return os.pread(self.err.fileno(), os.fstat(self.err.fileno()).st_size, 0).decode()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Return what it wrote to stdout and to stderr until its end, as ``wait`` does."""
        done = self.wait(timeout)
        return done.stdout, done.stderr

    def wait(self, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Return its exit code and what it wrote; raises TimeoutExpired after ``seconds``."""
        self._server.settimeout(seconds)
        try:
            code = int(self._answer.readline())
        except TimeoutError:
            self.kill()
            raise subprocess.TimeoutExpired(self.words, seconds) from None
        self.returncode = code
        with self._server, self._answer, self.out, self.err:
            return subprocess.CompletedProcess(self.words, code, _text(self.out), _text(self.err))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


@cache
def _server() -> str:
    """Start the process that forks, once; return the path of its socket."""
    path = str(Path(tempfile.mkdtemp(prefix="forked-")) / "s")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", path], cwd=ROOT, stdin=subprocess.PIPE
    )
    atexit.register(process.wait)
    atexit.register(process.terminate)
    deadline = time.monotonic() + 60
    while True:
        unheard = contextlib.suppress(FileNotFoundError, ConnectionRefusedError)
        with unheard, socket.socket(socket.AF_UNIX) as tried:
            tried.connect(path)
            return path
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail("the process that forks commands did not start")
        time.sleep(0.02)


def _import_everything() -> None:
    import hybrid_tui

    for name in HEAVY:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(hybrid_tui.__path__, "hybrid_tui."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _serve(path: str) -> NoReturn:
    """Fork a program for each connection, and answer with its pid and then its exit code."""
    _import_everything()
    gc.collect()
    gc.freeze()
    children: dict[int, socket.socket] = {}
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(64)
    with selectors.DefaultSelector() as selector:
        for source in (woken, listening, sys.stdin):
            selector.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    sys.exit(0)  # whoever asked has gone
                if key.fileobj is listening:
                    _accept(listening, children)
                else:
                    os.read(woken, 64)
            _reap(children)


def _accept(listening: socket.socket, children: dict[int, socket.socket]) -> None:
    asked, _ = listening.accept()
    _, files, _, _ = socket.recv_fds(asked, 1, 3)
    if not files:
        asked.close()
        return
    program, words, environment, folder = json.loads(asked.makefile("r").readline())
    pid = os.fork()
    if pid == 0:
        _become(program, words, environment, folder, files)
    for file in files:
        os.close(file)
    asked.sendall(f"{pid}\n".encode())
    children[pid] = asked


def _reap(children: dict[int, socket.socket]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with children.pop(pid) as asked, contextlib.suppress(BrokenPipeError):
            asked.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(
    program: str, words: list[str], environment: dict[str, str], folder: str, files: list[int]
) -> NoReturn:
    """Be the program: nothing of the process that forked is left but its imports."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [program, *words]
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8") for number, mode in enumerate(("r", "w", "w"))
    )
    code = 0
    try:
        importlib.import_module(program).main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        # Not the interpreter's own end: exit handlers here are those of the process that forked.
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])

"""A service for one test: a private folder, processes of our own, and an end that always comes.

The caller holds our standard input. When it closes it (or dies), or on SIGTERM or SIGINT, the
processes we started are ended by their ids and the folder is removed.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


class Failed(Exception):
    """What could not be set up, in one sentence."""


class _Stopped(BaseException):
    pass


class Throwaway:
    """The folder and the processes. Use it in a `with`."""

    def __init__(self, prefix):
        self.dir = tempfile.mkdtemp(prefix=prefix, dir=os.environ.get("CSBACKUP_JUDGES_TMP"))
        self.children = []

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        return self

    def __exit__(self, *_):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for child in reversed(self.children):
            self._end(child)
        shutil.rmtree(self.dir, ignore_errors=True)

    @staticmethod
    def _stop(*_):
        raise _Stopped

    @staticmethod
    def _end(child):
        # Every child is the leader of its own session, so this is its family and nobody else.
        for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            try:
                os.killpg(child.pid, number)
            except ProcessLookupError:
                pass
            try:
                child.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            return

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o600):
        """Writes a file of the folder and returns its path."""
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def run(self, *command, stdin=None, env=None):
        """Runs a program to its end and returns what it printed."""
        done = subprocess.run(command, input=stdin, capture_output=True, text=True,
                              env={**os.environ, **(env or {})}, cwd=self.dir, check=False)
        if done.returncode:
            raise Failed(f"`{command[0]}` failed: {last_line(done.stderr + done.stdout)}")
        return done.stdout

    def start(self, *command, env=None):
        """Starts a program in a session of its own; its output goes to a file of the folder."""
        log = open(self.path(f"{os.path.basename(command[0])}.log"), "ab")
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 env={**os.environ, **(env or {})}, cwd=self.dir, start_new_session=True,
                                 preexec_fn=die_with_parent)
        log.close()
        self.children.append(child)
        return child

    def wait_for_ports(self, address, ports, child, limit=60):
        """Returns when all ports take a connection; fails when the program ends before."""
        end = time.monotonic() + limit
        for port in ports:
            while True:
                try:
                    socket.create_connection((address, port), 1).close()
                    break
                except OSError:
                    pass
                if child.poll() is not None:
                    raise Failed(f"`{child.args[0]}` ended with {child.returncode}: {self.log(child)}")
                if time.monotonic() > end:
                    raise Failed(f"`{child.args[0]}` does not listen on {address}:{port}: {self.log(child)}")
                time.sleep(0.02)

    def log(self, child):
        try:
            with open(self.path(f"{os.path.basename(child.args[0])}.log"), errors="replace") as file:
                return last_line(file.read())
        except OSError:
            return "it said nothing"

    def serve(self, facts):
        """Prints the facts as one line of JSON, then waits until the caller is done with us."""
        print(json.dumps(facts), flush=True)
        while True:
            ready, _, _ = select.select([sys.stdin], [], [], 1.0)
            if ready and not os.read(sys.stdin.fileno(), 4096):
                return
            for child in self.children:
                if child.poll() is not None:
                    raise Failed(f"`{child.args[0]}` ended with {child.returncode}: {self.log(child)}")


def die_with_parent():
    """Even when we are killed without a chance to tidy up, the program ends (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def main(body):
    """Runs `body` as a program: errors are one line on stderr, being stopped is success."""
    try:
        body()
    except _Stopped:
        pass
    except (Failed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)

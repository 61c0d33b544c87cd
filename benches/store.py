"""Repositories: ours, restic's and borg's, of the same synthetic CA database in the same run.

The database is `mixed`'s (crates/testkit/src/mix.rs): valid headers, checksums, trailer and logs, a page
mix as of a real CA, and a second state with one percent of the pages changed in place. Each round makes
new repositories and stores both states in each, one program after the other. Page cache warm.

BENCH_STORE_MIB is the size of the database (2048), BENCH_STORE_ROUNDS the number of rounds (3).
"""

import os
import shutil
import statistics
import subprocess
import threading
import time
from pathlib import Path

MIB = int(os.environ.get("BENCH_STORE_MIB", "2048"))
ROUNDS = int(os.environ.get("BENCH_STORE_ROUNDS", "3"))
CA_NAME = "Corp Issuing CA"
TICK = os.sysconf("SC_CLK_TCK")


def quiet(command, env):
    ended = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 0, f"{command} ended with {ended.returncode}: {ended.stderr}"


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def cpu_of(pid):
    """CPU seconds of a process that runs."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Published(threading.Thread):
    """When the set got its name: the first new file among the snapshots. What follows is reading back."""

    def __init__(self, snapshots, pid):
        super().__init__(daemon=True)
        self.snapshots, self.pid = snapshots, pid
        self.begin, self.before = time.monotonic(), set(os.listdir(snapshots))
        self.ended = threading.Event()
        self.seconds = self.cpu = None
        self.start()

    def run(self):
        while not self.ended.wait(0.005):
            new = set(os.listdir(self.snapshots)) - self.before
            if any(not name.endswith(".tmp") for name in new):
                self.seconds, self.cpu = time.monotonic() - self.begin, cpu_of(self.pid)
                return


def measure(command, env, snapshots=None):
    """Runs a program: its wall time, CPU seconds, largest resident size in MB; and those two until it published."""
    begin = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    published = Published(snapshots, process.pid) if snapshots else None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    assert status == 0, f"{command}: {said.decode()}"
    result = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss * 1024 / 1e6}
    if published:
        published.ended.set()
        published.join()
        assert published.seconds, "the set was published while nobody looked"
        result |= {"stored_wall": published.seconds, "stored_cpu": published.cpu}
    return result


class Ours:
    """The whole program on an embedded CA: checks every page, hashes, stores, reads back, notes."""

    name = "csbackup"

    def __init__(self, root, csbackup):
        self.ca, self.repo, self.csbackup = root / "ca", root / "repo-csbackup", csbackup
        self.env = os.environ | {"CSBACKUP_REPO_PASSWORD": "bench"}
        self.current = (self.ca / "current").read_bytes()
        self.logs = set(os.listdir(self.ca / "CertLog"))

    def fresh(self):
        (self.ca / "current").write_bytes(self.current)
        for name in set(os.listdir(self.ca / "CertLog")) - self.logs:
            (self.ca / "CertLog" / name).unlink()
        quiet([self.csbackup, "init", "--quiet", "--repo", self.repo, "--ca-dir", self.ca], self.env)

    def store(self):
        command = [self.csbackup, "backup", "--quiet", "--keep-logs", "--type", "full", "--verify", "stream",
                   "--ca-dir", self.ca, "--repo", self.repo]
        return measure(command, self.env, self.repo / CA_NAME / "snapshots")

    def move_on(self):
        quiet([self.csbackup, "ca", "advance", "--quiet", self.ca], self.env)


class Peer:
    """A program that stores the folder `source`, which holds the files of one state."""

    def __init__(self, root):
        self.ca, self.source, self.repo = root / "ca", root / "source", root / f"repo-{self.name}"
        self.env = os.environ | {
            "RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(root / "cache"), "RESTIC_REPOSITORY": str(self.repo),
            "BORG_PASSPHRASE": "bench", "BORG_BASE_DIR": str(root), "BORG_REPO": str(self.repo)}

    def take(self, state):
        shutil.rmtree(self.source, ignore_errors=True)
        self.source.mkdir()
        for path in (self.ca / f"state-{state:02}").iterdir():
            if path.suffix in (".edb", ".log"):
                os.link(path, self.source / path.name)

    def fresh(self):
        self.take(1)
        quiet(self.make, self.env)

    def move_on(self):
        self.take(2)

    def store(self):
        return measure([*self.put, self.source], self.env)


class Restic(Peer):
    name, make, put = "restic", ["restic", "init"], ["restic", "backup", "--quiet"]


class Borg(Peer):
    """Compression as ours; its default leaves almost half more."""

    name = "borg"
    make = ["borg", "init", "--encryption", "repokey-blake2"]
    put = ["borg", "create", "--compression", "zstd,3", "::{now:%s%f}"]


def rounds(root, programs):
    """Results by program and backup (0, 1): a list, one of each round."""
    results = {program.name: ([], []) for program in programs}
    for number in range(ROUNDS):
        for program in programs:
            shutil.rmtree(program.repo, ignore_errors=True)
            program.fresh()
            before = size_of(program.repo)
            for backup in (0, 1):
                if backup:
                    program.move_on()
                result = program.store()
                after = size_of(program.repo)
                results[program.name][backup].append(result | {"stored": (after - before) / (1 << 20)})
                before = after
            shutil.rmtree(program.repo)
    return results


def median(results, what):
    return statistics.median(result[what] for result in results)


def show(results):
    print(f"{MIB} MiB, {ROUNDS} rounds; wall: median [min-max] s; CPU: median s; then MB of memory, MiB stored")
    for name, backups in results.items():
        for number, backup in enumerate(backups):
            parts = [("", "wall", "cpu")]
            if name == Ours.name:
                parts = [("until published", "stored_wall", "stored_cpu"), ("with read-back", "wall", "cpu")]
            for text, wall, cpu in parts:
                times = [result[wall] for result in backup]
                print(f"  {name + ', ' + ('first', 'second')[number]:<17} {text:<15} {median(backup, wall):6.2f} "
                      f"[{min(times):.2f}-{max(times):.2f}]  CPU {median(backup, cpu):6.2f}  "
                      f"{max(result['rss'] for result in backup):4.0f} MB  {median(backup, 'stored'):7.1f} MiB")


def judge(title, value, limit):
    verdict = "ok" if value <= limit else "OVER"
    print(f"{title:<66} {value:6.2f} (limit {limit})  {verdict}")
    return value <= limit


def store(root, target):
    programs = [Restic, Borg]
    missing = [peer.name for peer in programs if not shutil.which(peer.name)]
    if missing:
        print(f"store is not measured: {' and '.join(missing)} not on the PATH")
        return False
    quiet([target / "mixed", root / "ca", str(MIB)], os.environ)
    results = rounds(root, [Ours(root, target / "csbackup"), *(peer(root) for peer in programs)])
    show(results)
    (first, second), restic, borg = results[Ours.name], results["restic"], results["borg"]
    peer = min(median(restic[0], "wall"), median(borg[0], "wall"))
    again = median(restic[1], "wall")
    return all([
        judge("first backup without read-back : faster of restic and borg", median(first, "stored_wall") / peer, 0.7),
        judge("first backup with read-back : faster of restic and borg", median(first, "wall") / peer, 1.0),
        judge("second backup without read-back : restic", median(second, "stored_wall") / again, 0.4),
        judge("second backup with read-back : restic", median(second, "wall") / again, 0.8),
        judge("bytes of the second backup : restic", median(second, "stored") / median(restic[1], "stored"), 0.25),
        judge("largest memory of ours, MB", max(result["rss"] for result in first + second), 300),
    ])

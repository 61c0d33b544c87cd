"""Ratios of csbackup to a peer, both timed in the same run, warm cache, best of several rounds.

The database is made by repeating real pages with right page numbers and checksums
(crates/testkit/src/bin/grow.rs); the logs are real.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGET = Path(sys.argv[1]).resolve() / "release"
WANTED = sys.argv[2:] or ["checksum", "verify", "backup", "memory"]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
SET = os.environ.get("BENCH_SET", "main")  # `page8k` is in the repository, `main` in the team's data


def run(*command, **options):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, **options)


def timed(job, before=lambda: None):
    before()
    begin = time.monotonic()
    job()
    return time.monotonic() - begin


def compare(title, limit, ours, peer, before=lambda: None):
    """Alternates the two, so that a busy neighbour hits both."""
    mine, theirs = [], []
    for _ in range(ROUNDS):
        mine.append(timed(ours, before))
        theirs.append(timed(peer, before))
    ratio = min(mine) / min(theirs)
    verdict = "ok" if ratio <= limit else "OVER"
    print(f"{title:<58} {min(mine):6.3f} s  peer {min(theirs):6.3f} s  ratio {ratio:4.2f} (limit {limit})  {verdict}")
    return ratio <= limit


def peak_memory(*command):
    """Largest resident size of one process, in MB."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return usage.ru_maxrss * 1024 / 1e6


def make_ca(root, mib):
    run(TARGET / "grow", SET, root / "set", mib)
    run(TARGET / "csbackup", "ca", "new", root / "ca", "--from", root / "set")


def main():
    good = True
    csbackup = TARGET / "csbackup"
    with tempfile.TemporaryDirectory(prefix="csbackup-bench-", dir=os.environ.get("BENCH_DIR")) as name:
        root = Path(name)
        if set(WANTED) - {"memory"}:
            make_ca(root, 1024)
        hot = root / "set" / "hot"
        if "checksum" in WANTED:
            edb = hot / "ExampleCA.edb"
            good &= compare(
                "checksum pass over a bare 1 GiB .edb : b3sum, 1 thread each", 1.3,
                lambda: run(csbackup, "verify", "--quiet", edb),
                lambda: run("b3sum", "--num-threads", "1", edb))
        backup = ["backup", "--quiet", "--keep-logs", "--type", "full", "--ca-dir", root / "ca", "--dir", root / "sets"]
        if "verify" in WANTED:
            run(csbackup, *backup)
            stored = next((root / "sets" / "ExampleCA").glob("*-full-*/"))
            files = [path for path in stored.rglob("*") if path.is_file()]
            good &= compare(
                "full verify of a set, pages and hashes : b3sum, 1 thread each", 1.6,
                lambda: run(csbackup, "verify", "--quiet", stored),
                lambda: run("b3sum", "--num-threads", "1", *files))
        if "backup" in WANTED:
            source = [path for path in hot.iterdir() if path.is_file()]
            copy = root / "copy"

            def clean():
                shutil.rmtree(root / "sets", ignore_errors=True)
                shutil.rmtree(copy, ignore_errors=True)
                copy.mkdir()
                run("sync")

            def peer():
                run("cp", *source, copy)
                files = list(copy.iterdir())
                run("sync", *files)
                run("b3sum", *files)

            good &= compare(
                "full backup to a directory : cp, sync and b3sum of the copy", 1.5,
                lambda: run(csbackup, *backup), peer, clean)
        if "memory" in WANTED:
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            make_ca(root, 4096)
            peak = peak_memory(csbackup, *backup)
            stored = next((root / "sets" / "ExampleCA").glob("*-full-*/"))
            peak = max(peak, peak_memory(csbackup, "verify", "--quiet", stored))
            verdict = "ok" if peak < 150 else "OVER"
            print(f"peak memory of backup and verify of a 4 GiB database: {peak:.0f} MB (limit 150 MB)  {verdict}")
            good &= peak < 150
    sys.exit(0 if good else 1)


main()

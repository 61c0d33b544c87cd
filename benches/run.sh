#!/usr/bin/env bash
# Measures csbackup against peers in one run: `cargo xtask bench [checksum|verify|backup|memory|wire|distance|reader|deep|replay|proof|lookup|store ...]`.
# Needs python3, and b3sum on the PATH (`cargo install b3sum`, or Debian's package); `reader` compares with
# esedbexport (Debian: libesedb-utils) and dissect.database (by CSBACKUP_JUDGES), where they are; `store` with restic and borg
# (Debian: borgbackup). Takes about 12 GB of disk.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v b3sum >/dev/null || { echo "bench: b3sum is not on the PATH: cargo install b3sum" >&2; exit 1; }
cargo build --release --quiet --package csbackup-cli --package testkit
cargo build --release --quiet --package ntlm --example seal
cargo build --release --quiet --package ese --example rows --example replay
cargo build --release --quiet --package csbackup --example index
exec python3 benches/bench.py "${CARGO_TARGET_DIR:-target}" "$@"

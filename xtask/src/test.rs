//! `cargo xtask test`: sets up, runs every test, and counts what passed, failed and was skipped.
//!
//! A test that lacks its data or its judge says so through `testkit` and returns, so the test
//! harness calls it passed. We do not: a test that announced a skip is counted as skipped only.

mod wire;

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::{self, BufReader, Write as _};
use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::tools;
use crate::windows::Windows;
use wire::WireJudges;

/// Runs `cargo test` for the workspace, or with `cargo_args` for a part of it.
pub(crate) fn run(cargo_args: &[&str]) -> Result<ExitCode> {
    tools::require_c_compiler()?;
    let skip_file = tools::target().join("skips.txt");
    tools::remove(&skip_file)?;
    let judges = tools::judges();
    let wire = WireJudges::install(judges.python.as_deref());
    let windows = if needs_windows(cargo_args) { Windows::install()? } else { Windows::default() };

    let mut command = tools::cargo();
    command.args(["test", "--release", "--no-fail-fast"]).stdout(Stdio::piped());
    command.args(if cargo_args.is_empty() { &["--workspace"] } else { cargo_args });
    if let Some(python) = &judges.python {
        command.env("CSBACKUP_JUDGES", python);
    }
    wire.tell(&mut command);
    windows.tell(&mut command);
    let mut child = command.spawn().context("cannot start cargo test")?;
    let Some(stdout) = child.stdout.take() else { bail!("cargo test has no output to read") };
    let run = scan(BufReader::new(stdout)).context("cannot read the output of cargo test")?;
    let status = child.wait().context("cannot wait for cargo test")?;

    let missing = judges.missing.into_iter().chain(wire.missing).chain(windows.missing);
    let mut skips: BTreeSet<Skip> = missing.map(|why| Skip { test: "xtask".to_owned(), why }).collect();
    skips.extend(read_skips(&skip_file)?);
    Ok(report(&count(&run, status.success(), &skips), &skips))
}

/// A part of the tests that has none for Windows need not wait for the build.
fn needs_windows(cargo_args: &[&str]) -> bool {
    cargo_args.is_empty() || cargo_args.iter().any(|arg| ["csbackup-cli", "certadm-dll"].contains(arg))
}

/// What the test programs printed.
#[derive(Debug, Default, PartialEq)]
struct Run {
    passed: usize,
    failed: usize,
    ignored: usize,
    /// Tests the harness calls passed.
    passed_names: HashSet<String>,
    /// A test program started and has not printed its result yet.
    open: bool,
}

/// The closing line.
#[derive(Debug, PartialEq)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// One line of `skips.txt`: `SKIP test: why`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Skip {
    test: String,
    why: String,
}

/// Passes every line on as it comes, and remembers what matters.
fn scan(mut output: impl io::BufRead) -> io::Result<Run> {
    let mut run = Run::default();
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&line)?;
        stdout.flush()?;
        run.note(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    run.close();
    Ok(run)
}

impl Run {
    fn note(&mut self, line: &str) {
        if line.starts_with("running ") && (line.ends_with(" test") || line.ends_with(" tests")) {
            self.close();
            self.open = true;
        }
        let Some(rest) = line.strip_prefix("test ") else { return };
        if let Some(name) = rest.strip_suffix(" ... ok") {
            self.passed_names.insert(name.to_owned());
        }
        // `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`
        let Some(numbers) = rest.strip_prefix("result: ") else { return };
        self.open = false;
        for part in numbers.split(';') {
            let mut words = part.split_whitespace().rev();
            let (Some(what), Some(Ok(number))) = (words.next(), words.next().map(str::parse::<usize>)) else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    /// A test program that ended without a result died: one failure.
    fn close(&mut self) {
        self.failed += usize::from(self.open);
        self.open = false;
    }
}

fn count(run: &Run, cargo_succeeded: bool, skips: &BTreeSet<Skip>) -> Count {
    let tests: BTreeSet<&str> = skips.iter().map(|skip| skip.test.as_str()).collect();
    let known = tests.iter().filter(|test| run.passed_names.contains(**test)).count();
    // Not from a test by name: set-up, or a helper thread of a test.
    let unnamed = skips.iter().filter(|skip| !run.passed_names.contains(&skip.test)).count();
    Count {
        passed: run.passed.saturating_sub(known),
        // What does not compile prints nothing at all.
        failed: if cargo_succeeded { run.failed } else { run.failed.max(1) },
        skipped: run.ignored + known + unnamed,
    }
}

/// Prints the skips and the closing line, which nothing may follow.
fn report(count: &Count, skips: &BTreeSet<Skip>) -> ExitCode {
    let nothing_ran = count.passed + count.failed == 0;
    if nothing_ran {
        println!("error: no test ran");
    }
    let judge_missing = tools::in_ci() && skips.iter().any(|skip| skip.why.starts_with("judge "));
    if judge_missing {
        println!("error: in CI every judge must be there; see the skips that say `judge`");
    }
    for skip in skips {
        println!("skipped {}: {}", skip.test, skip.why);
    }
    println!("{} passed, {} failed, {} skipped", count.passed, count.failed, count.skipped);
    if count.failed > 0 || nothing_ran || judge_missing { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn read_skips(file: &Path) -> Result<BTreeSet<Skip>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().map(parse_skip).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", file.display())),
    }
}

fn parse_skip(line: &str) -> Skip {
    let line = line.strip_prefix("SKIP ").unwrap_or(line);
    let (test, why) = line.split_once(": ").unwrap_or(("?", line));
    Skip { test: test.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 3 tests
test pages::a_clean_page_has_no_finding ... ok
test pages::needs_data ... ok
test pages::broken ... FAILED
test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.01s
running 1 test
test crates/ese/src/lib.rs - (line 3) ... ok
test crates/ese/src/lib.rs - (line 9) ... ignored
test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.20s
";

    fn skips(lines: &[&str]) -> BTreeSet<Skip> {
        lines.iter().map(|line| parse_skip(line)).collect()
    }

    fn noted(output: &str) -> Run {
        let mut run = Run::default();
        output.lines().for_each(|line| run.note(line));
        run.close();
        run
    }

    #[test]
    fn results_of_all_test_programs_are_added_up() {
        let run = noted(OUTPUT);
        assert_eq!((run.passed, run.failed, run.ignored), (3, 1, 1));
        assert_eq!(count(&run, false, &skips(&[])), Count { passed: 3, failed: 1, skipped: 1 });
    }

    #[test]
    fn a_test_that_announced_a_skip_is_not_counted_as_passed() {
        let skips = skips(&[
            "SKIP pages::needs_data: data set `a` is not on this machine",
            "SKIP pages::needs_data: data set `b` is not on this machine",
            "SKIP xtask: judge `esedbinfo`: not installed",
        ]);
        assert_eq!(count(&noted(OUTPUT), false, &skips), Count { passed: 2, failed: 1, skipped: 3 });
    }

    #[test]
    fn a_test_program_that_dies_without_a_result_is_a_failure() {
        let run = noted(&format!("running 2 tests\ntest a ... ok\n{OUTPUT}"));
        assert_eq!(count(&run, false, &skips(&[])), Count { passed: 3, failed: 2, skipped: 1 });
    }

    #[test]
    fn a_test_program_that_does_not_compile_is_a_failure() {
        assert_eq!(count(&Run::default(), false, &skips(&[])), Count { passed: 0, failed: 1, skipped: 0 });
    }

    #[test]
    fn a_skip_line_is_test_and_reason() {
        let skip = parse_skip("SKIP it::dumps::main: judge `esedbinfo` is not on the PATH");
        assert_eq!(skip.test, "it::dumps::main");
        assert_eq!(skip.why, "judge `esedbinfo` is not on the PATH");
    }
}

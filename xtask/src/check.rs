//! `cargo xtask check`: rules no compiler knows. One line per violation: where, what, what to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::tools;

pub(crate) fn run() -> Result<ExitCode> {
    let violations = violations(&tools::workspace())?;
    for violation in &violations {
        println!("{violation}");
    }
    if !violations.is_empty() {
        println!("check: {} violations", violations.len());
        return Ok(ExitCode::FAILURE);
    }
    println!("check: crate edges, file lengths, unfinished code and documents are in order");
    Ok(ExitCode::SUCCESS)
}

/// Who may use whom (`ARCHITECTURE.md`). A crate that is not here is an error.
///
/// A new edge is its own change: write here why it must be.
const CRATES: &[Crate] = &[
    Crate { name: "dtyp", tier: Tier::Core, uses: &[], tests_use: &[] },
    Crate { name: "certadm", tier: Tier::Core, uses: &["dtyp"], tests_use: &[] },
    Crate { name: "ese", tier: Tier::Core, uses: &[], tests_use: &[] },
    // What the tables mean; certificates are read by `x509-parser`.
    Crate { name: "ca-database", tier: Tier::Edge, uses: &["ese"], tests_use: &[] },
    Crate { name: "ndr", tier: Tier::Core, uses: &["dtyp"], tests_use: &[] },
    Crate { name: "dcerpc", tier: Tier::Core, uses: &["dtyp", "ndr"], tests_use: &[] },
    Crate { name: "dcom", tier: Tier::Core, uses: &["dtyp", "ndr"], tests_use: &[] },
    Crate { name: "csra", tier: Tier::Core, uses: &["dtyp", "certadm", "ndr", "dcom"], tests_use: &[] },
    // Cryptographic primitives are not ours to write (`OUTSIDE`).
    Crate { name: "ntlm", tier: Tier::Core, uses: &["dcerpc"], tests_use: &[] },
    Crate { name: "spnego", tier: Tier::Core, uses: &["dcerpc"], tests_use: &[] },
    // The only crate that names `sspi`.
    Crate { name: "kerberos", tier: Tier::Edge, uses: &["dcerpc"], tests_use: &[] },
    Crate {
        name: "rpc-auth",
        tier: Tier::Edge,
        uses: &["dcerpc", "ntlm", "spnego", "kerberos"],
        tests_use: &[],
    },
    // The only client socket; its tests need a server, and an engine that reads through it.
    Crate {
        name: "csra-client",
        tier: Tier::Edge,
        uses: &["dtyp", "certadm", "ndr", "dcerpc", "dcom", "csra", "rpc-auth"],
        tests_use: &["certsrv", "csbackup"],
    },
    // The only RPC listener.
    Crate {
        name: "certsrv",
        tier: Tier::Edge,
        uses: &["dtyp", "certadm", "ese", "ndr", "dcerpc", "dcom", "csra", "rpc-auth"],
        tests_use: &[],
    },
    // The C interface, for both sides of it. Names and numbers only.
    Crate { name: "certadm-sys", tier: Tier::Edge, uses: &[], tests_use: &[] },
    // The only crate that loads a library; its tests run the engine on it.
    Crate {
        name: "certadm-native",
        tier: Tier::Edge,
        uses: &["dtyp", "certadm", "certadm-sys"],
        tests_use: &["csbackup"],
    },
    // The C interface of a client; restores are registered in the directory of an embedded CA.
    Crate {
        name: "certadm-dll",
        tier: Tier::Edge,
        uses: &["dtyp", "certadm", "certadm-sys", "certsrv", "csra-client", "rpc-auth"],
        tests_use: &[],
    },
    // The only crate that names the Windows API outside of `certadm-native`.
    Crate { name: "winhost", tier: Tier::Edge, uses: &["certadm"], tests_use: &[] },
    // The engine never imports a transport; its tests need a CA to talk to.
    Crate {
        name: "csbackup",
        tier: Tier::Edge,
        uses: &["dtyp", "certadm", "ese", "ca-database"],
        tests_use: &["certsrv"],
    },
    // The only crate that names `age`.
    Crate {
        name: "csbackup-archive",
        tier: Tier::Edge,
        uses: &["certadm", "csbackup", "ese"],
        tests_use: &["certsrv"],
    },
    // The only crate that names `rustic_core`, and the clients of stores.
    Crate {
        name: "csbackup-repo",
        tier: Tier::Edge,
        uses: &["certadm", "csbackup", "ese"],
        tests_use: &["certsrv"],
    },
    // The only crate that names `smb2`, and the async runtime it needs.
    Crate { name: "csbackup-smb", tier: Tier::Edge, uses: &["csbackup", "rpc-auth"], tests_use: &[] },
    Crate {
        name: "csbackup-cli",
        tier: Tier::Edge,
        uses: &[
            "dtyp",
            "certadm",
            "certadm-native",
            "ese",
            "ca-database",
            "certsrv",
            "csbackup",
            "csbackup-archive",
            "csbackup-repo",
            "csbackup-smb",
            "csra-client",
            "rpc-auth",
            "winhost",
        ],
        tests_use: &["certadm-dll"],
    },
    Crate {
        name: TESTKIT,
        tier: Tier::Edge,
        uses: &["dtyp", "certadm", "ese", "certsrv", "csbackup"],
        tests_use: &[],
    },
    Crate { name: "xtask", tier: Tier::Edge, uses: &[], tests_use: &[] },
];

/// What a core crate may use from outside: `no_std`, no I/O, and nothing we should write ourselves.
const OUTSIDE: &[(&str, &[&str])] = &[("ntlm", &["hmac", "md-5", "md4", "rc4", "subtle", "zeroize"])];

/// Crates that meet C, and may say `unsafe`: the workspace's lints forbid it, theirs are their own.
const C_BOUNDARY: &[&str] = &["certadm-native", "certadm-dll", "winhost"];

/// Every crate's tests may use it, no product code may.
const TESTKIT: &str = "testkit";

/// Lines of a source file, without its test module.
const MAX_LINES: usize = 800;

/// Files above [`MAX_LINES`] that we still have to split, and how long each may be at most.
/// This list only ever shrinks.
const OVERSIZED: &[(&str, usize)] = &[];

/// What may not stand in a crate, and what to do instead.
const UNFINISHED: &[(&str, &str)] = &[
    ("todo!", "finish it, or return an error that says what is missing"),
    ("unimplemented!", "finish it, or return an error that says what is missing"),
    ("#[ignore", "make the test run, or remove it; a test without its data calls `testkit`'s `skip`"),
    ("#[should_panic", "return an error and assert it"),
];

const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/manifest.md"];

struct Crate {
    name: &'static str,
    tier: Tier,
    /// Crates of ours in its `[dependencies]` and `[build-dependencies]`.
    uses: &'static [&'static str],
    /// Those its `[dev-dependencies]` may add, besides `testkit`.
    tests_use: &'static [&'static str],
}

#[derive(PartialEq)]
enum Tier {
    /// `no_std`, and no dependency from outside: our proof that it does no I/O.
    Core,
    Edge,
}

fn violations(root: &Path) -> Result<Vec<String>> {
    let packages = packages(root)?;
    let mut found = edge_violations(&packages);
    found.extend(core_violations(&packages)?);
    for package in &packages {
        let path = text(package, "manifest_path");
        let source = fs::read_to_string(path).with_context(|| format!("cannot read `{path}`"))?;
        found.extend(lint_violation(text(package, "name"), &source));
    }

    let mut sources = Vec::new();
    let mut lengths = Vec::new();
    for file in rust_files(&root.join("crates"))?.into_iter().chain(rust_files(&root.join("xtask"))?) {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        if name.contains("/src/") {
            lengths.push((name.clone(), lines_without_tests(&text)));
        }
        if name.starts_with("crates/") {
            sources.push((name, text));
        }
    }
    found.extend(length_violations(&lengths, OVERSIZED));
    found.extend(sources.iter().flat_map(|(name, text)| unfinished_violations(name, text)));

    for document in DOCUMENTS {
        if !root.join(document).is_file() {
            found.push(format!("{document}: does not exist; write it"));
        }
    }
    Ok(found)
}

fn packages(root: &Path) -> Result<Vec<Value>> {
    let output = tools::cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cannot read cargo metadata")?;
    Ok(list(&metadata, "packages").to_vec())
}

fn edge_violations(packages: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let name = text(package, "name");
        let Some(row) = CRATES.iter().find(|row| row.name == name) else {
            found.push(format!(
                "{}: crate `{name}` is not in the table of xtask/src/check.rs; add it with what it may use",
                manifest(package)
            ));
            continue;
        };
        for dependency in list(package, "dependencies") {
            found.extend(dependency_violation(package, row, dependency));
        }
    }
    let present: BTreeSet<&str> = packages.iter().map(|package| text(package, "name")).collect();
    for row in CRATES.iter().filter(|row| !present.contains(row.name)) {
        found.push(format!("xtask/src/check.rs: there is no crate `{}`; remove it from the table", row.name));
    }
    found
}

fn dependency_violation(package: &Value, row: &Crate, dependency: &Value) -> Option<String> {
    let to = text(dependency, "name");
    let for_tests = text(dependency, "kind") == "dev";
    let from = manifest(package);
    if text(dependency, "path").is_empty() {
        let known = OUTSIDE.iter().any(|(name, crates)| *name == row.name && crates.contains(&to));
        return (row.tier == Tier::Core && !for_tests && !known).then(|| {
            format!(
                "{from}: core crate `{}` depends on `{to}`; core has no dependency from outside, do it by hand or at the edge",
                row.name
            )
        });
    }
    if row.uses.contains(&to) || (for_tests && (to == TESTKIT || row.tests_use.contains(&to))) {
        return None;
    }
    Some(if to == TESTKIT {
        format!("{from}: `{TESTKIT}` is for tests only; move it to [dev-dependencies]")
    } else {
        format!(
            "{from}: `{}` may not use `{to}`{}; remove it, or draw the edge in xtask/src/check.rs with a reason",
            row.name,
            if for_tests { ", not even in tests" } else { "" }
        )
    })
}

fn core_violations(packages: &[Value]) -> Result<Vec<String>> {
    let is_core = |name: &str| CRATES.iter().any(|row| row.name == name && row.tier == Tier::Core);
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| is_core(text(package, "name"))) {
        let libraries = list(package, "targets")
            .iter()
            .filter(|target| list(target, "kind").iter().any(|kind| kind.as_str() == Some("lib")));
        for library in libraries {
            let path = text(library, "src_path");
            let source = fs::read_to_string(path).with_context(|| format!("cannot read `{path}`"))?;
            if !source.lines().any(|line| line.trim() == "#![no_std]") {
                found.push(format!("{}: core crate without `#![no_std]`; add it", relative(path)));
            }
        }
    }
    Ok(found)
}

/// Only the C boundary has lints of its own.
fn lint_violation(name: &str, manifest: &str) -> Option<String> {
    let inherited = manifest.contains("[lints]\nworkspace = true\n");
    (inherited == C_BOUNDARY.contains(&name)).then(|| {
        format!(
            "{name}: lints {} the workspace's; `unsafe` is for the C boundary only (C_BOUNDARY in xtask/src/check.rs)",
            if inherited { "are" } else { "are not" }
        )
    })
}

fn length_violations(files: &[(String, usize)], oversized: &[(&str, usize)]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, lines) in files {
        let listed = oversized.iter().find(|(file, _)| file == name).map(|(_, max)| *max);
        match listed {
            Some(_) if *lines <= MAX_LINES => {
                found.push(format!(
                    "{name}: now has {lines} lines; remove it from OVERSIZED in xtask/src/check.rs"
                ));
            }
            Some(max) if *lines <= max => {}
            _ if *lines <= MAX_LINES => {}
            _ => {
                let max = listed.unwrap_or(MAX_LINES);
                found.push(format!(
                    "{name}: {lines} lines without tests, at most {max} are allowed; split it"
                ));
            }
        }
    }
    for (name, _) in oversized.iter().filter(|(name, _)| !files.iter().any(|(file, _)| file == name)) {
        found.push(format!("{name}: does not exist; remove it from OVERSIZED in xtask/src/check.rs"));
    }
    found
}

/// Counts up to an inline test module, which by house style comes last.
fn lines_without_tests(source: &str) -> usize {
    let lines: Vec<&str> = source.lines().collect();
    lines
        .windows(2)
        .position(|pair| matches!(pair, ["#[cfg(test)]", module] if module.starts_with("mod ") && module.ends_with('{')))
        .unwrap_or(lines.len())
}

fn unfinished_violations(name: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(source.lines()) {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (token, advice) in UNFINISHED.iter().filter(|(token, _)| line.contains(token)) {
            found.push(format!("{name}:{number}: `{token}` may not stay; {advice}"));
        }
    }
    found
}

/// All `*.rs` below a folder, in a stable order.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot list `{}`", folder.display()))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn manifest(package: &Value) -> String {
    relative(text(package, "manifest_path"))
}

fn relative(path: &str) -> String {
    Path::new(path).strip_prefix(tools::workspace()).unwrap_or(Path::new(path)).display().to_string()
}

/// The string of a field; empty when it is absent or null.
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edges(name: &str, dependency: Value) -> Vec<String> {
        let mut packages: Vec<Value> =
            CRATES.iter().filter(|row| row.name != name).map(|row| json!({"name": row.name})).collect();
        packages.push(json!({
            "name": name,
            "manifest_path": format!("crates/{name}/Cargo.toml"),
            "dependencies": [dependency],
        }));
        edge_violations(&packages)
    }

    #[test]
    fn a_drawn_edge_is_allowed() {
        assert!(edges("certadm", json!({"name": "dtyp", "kind": null, "path": "crates/dtyp"})).is_empty());
        assert!(edges("csbackup", json!({"name": "certsrv", "kind": "dev", "path": "x"})).is_empty());
        assert!(edges("ese", json!({"name": "testkit", "kind": "dev", "path": "x"})).is_empty());
        assert!(edges("ese", json!({"name": "proptest", "kind": "dev"})).is_empty());
        assert!(edges("certsrv", json!({"name": "serde", "kind": null})).is_empty());
    }

    #[test]
    fn an_edge_that_is_not_drawn_is_a_violation() {
        for (from, dependency, part) in [
            ("ese", json!({"name": "dtyp", "kind": null, "path": "x"}), "`ese` may not use `dtyp`;"),
            ("csbackup", json!({"name": "certsrv", "kind": null, "path": "x"}), "may not use `certsrv`;"),
            ("csbackup", json!({"name": "certsrv", "kind": "build", "path": "x"}), "may not use `certsrv`;"),
            ("certsrv", json!({"name": "csbackup", "kind": "dev", "path": "x"}), "not even in tests"),
            ("csbackup", json!({"name": "testkit", "kind": null, "path": "x"}), "[dev-dependencies]"),
            ("dtyp", json!({"name": "serde", "kind": null}), "core crate `dtyp` depends on `serde`"),
            ("dtyp", json!({"name": "cc", "kind": "build"}), "core crate `dtyp` depends on `cc`"),
        ] {
            let found = edges(from, dependency);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found.iter().all(|line| line.contains(part)), "{found:?} without {part}");
        }
    }

    #[test]
    fn the_table_and_the_workspace_name_the_same_crates() {
        let found = edges("surprise", json!({"name": "serde", "kind": null}));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(edge_violations(&[]).len() == CRATES.len());
    }

    #[test]
    fn only_the_c_boundary_has_lints_of_its_own() {
        let (own, inherited) = ("[lints.rust]\n", "[lints]\nworkspace = true\n");
        assert!(
            lint_violation("certadm-native", own).is_none() && lint_violation("ese", inherited).is_none()
        );
        assert!(
            lint_violation("certadm-native", inherited).is_some() && lint_violation("ese", own).is_some()
        );
    }

    #[test]
    fn an_inline_test_module_does_not_count_but_a_declared_one_does() {
        assert_eq!(lines_without_tests("a\nb\n\n#[cfg(test)]\nmod tests {\n}\n"), 3);
        assert_eq!(lines_without_tests("#[cfg(test)]\nmod pair;\na\n"), 3);
    }

    #[test]
    fn the_list_of_oversized_files_only_shrinks() {
        let lines = |count| vec![("a.rs".to_owned(), count)];
        assert!(length_violations(&lines(MAX_LINES), &[]).is_empty());
        assert_eq!(length_violations(&lines(MAX_LINES + 1), &[]).len(), 1);
        assert!(length_violations(&lines(900), &[("a.rs", 900)]).is_empty());
        assert_eq!(length_violations(&lines(901), &[("a.rs", 900)]).len(), 1);
        assert_eq!(length_violations(&lines(800), &[("a.rs", 900)]).len(), 1);
        assert_eq!(length_violations(&[], &[("a.rs", 900)]).len(), 1);
    }

    #[test]
    fn unfinished_code_is_found_outside_comments() {
        let source = "// todo!() later\nfn f() { todo!() }\n    #[ignore = \"slow\"]\n";
        let found = unfinished_violations("a.rs", source);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|line| line.starts_with("a.rs:2: `todo!`") || line.starts_with("a.rs:3: ")));
    }
}

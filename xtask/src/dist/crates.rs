//! What is linked into the program: the bill of materials, and the licences that want to be handed on.
//!
//! The bill is CycloneDX 1.5, written here: cargo-cyclonedx puts a file beside each `Cargo.toml` of the workspace, with
//! a time and a number that change each time, and we walk the crates for their licences anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{PROGRAM, Release, linux, write};
use crate::{tools, windows};

/// A crate that is linked in.
struct Linked {
    id: String,
    name: String,
    version: String,
    licence: String,
    /// Ours have none.
    registry: Option<String>,
    repository: Option<String>,
    folder: PathBuf,
    /// SHA-256 of the crate's file, as `Cargo.lock` has it.
    checksum: Option<String>,
    uses: BTreeSet<String>,
}

impl Linked {
    /// Name of a package, as all kinds of bills and scanners write it.
    fn purl(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

/// The program and all it is linked with, itself first; tests and build scripts are not.
///
/// `cargo metadata` has the edges, with the features of the whole workspace; `cargo tree` knows the program's own.
fn linked(target: &str) -> Result<Vec<Linked>> {
    let arguments = ["metadata", "--locked", "--format-version", "1", "--filter-platform", target];
    let output = tools::stdout(tools::cargo().args(arguments))?;
    let metadata: Value = serde_json::from_str(&output).context("cannot read cargo metadata")?;
    let nodes: BTreeMap<&str, &Value> =
        array(&metadata["resolve"]["nodes"]).iter().map(|node| (text(&node["id"]), node)).collect();
    let packages: BTreeMap<&str, &Value> =
        array(&metadata["packages"]).iter().map(|package| (text(&package["id"]), package)).collect();
    let lock = tools::workspace().join("Cargo.lock");
    let lock = fs::read_to_string(&lock).with_context(|| format!("cannot read `{}`", lock.display()))?;
    let checksums = checksums(&lock);
    let compiled = compiled(target)?;
    let is_compiled = |id: &&str| {
        packages.get(id).is_some_and(|it| {
            compiled.contains(&(text(&it["name"]).to_owned(), format!("v{}", text(&it["version"]))))
        })
    };

    let roots =
        packages.values().filter(|package| package["name"] == PROGRAM).map(|package| text(&package["id"]));
    let mut open: Vec<&str> = roots.collect();
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    let mut found = Vec::new();
    while let Some(id) = open.pop() {
        let node = nodes.get(id).with_context(|| format!("cargo metadata does not know `{id}`"))?;
        let package = packages.get(id).with_context(|| format!("cargo metadata does not know `{id}`"))?;
        let uses = array(&node["deps"]).iter().filter(|dependency| is_linked(dependency));
        let uses: Vec<&str> = uses.map(|dependency| text(&dependency["pkg"])).filter(is_compiled).collect();
        open.extend(uses.iter().copied().filter(|dependency| seen.insert(dependency)));
        found.push(described(package, &uses, &checksums));
    }
    if let [_, rest @ ..] = found.as_mut_slice() {
        rest.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    }
    Ok(found)
}

/// Name and `vVERSION` of each crate that is compiled for the program.
fn compiled(target: &str) -> Result<BTreeSet<(String, String)>> {
    let mut tree = tools::cargo();
    tree.args(["tree", "--locked", "--package", PROGRAM, "--edges", "normal", "--target", target]);
    let lines = tools::stdout(tree.args(["--prefix", "none", "--format", "{p}"]))?;
    let name = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    Ok(lines.lines().filter_map(name).collect())
}

fn is_linked(dependency: &Value) -> bool {
    array(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
}

fn described(package: &Value, uses: &[&str], checksums: &BTreeMap<(&str, &str), &str>) -> Linked {
    let (name, version) = (text(&package["name"]), text(&package["version"]));
    let optional = |field: &str| package[field].as_str().map(str::to_owned);
    Linked {
        id: text(&package["id"]).to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        licence: expression(text(&package["license"])),
        registry: optional("source"),
        repository: optional("repository"),
        folder: Path::new(text(&package["manifest_path"])).parent().unwrap_or(Path::new("")).to_owned(),
        checksum: checksums.get(&(name, version)).map(|sum| (*sum).to_owned()),
        uses: uses.iter().map(|id| (*id).to_owned()).collect(),
    }
}

/// `MIT/Apache-2.0` is how old crates say `OR`.
fn expression(licence: &str) -> String {
    licence.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")
}

/// Checksums of `Cargo.lock` by name and version. Its form is cargo's own: one `key = "value"` a line.
fn checksums(lock: &str) -> BTreeMap<(&str, &str), &str> {
    let mut found = BTreeMap::new();
    for package in lock.split("[[package]]") {
        let value = |key: &str| {
            let mut lines = package.lines().filter_map(|line| line.split_once(" = "));
            lines.find(|(name, _)| *name == key).map(|(_, value)| value.trim_matches('"'))
        };
        if let (Some(name), Some(version), Some(sum)) = (value("name"), value("version"), value("checksum")) {
            found.insert((name, version), sum);
        }
    }
    found
}

/// The bill of each system.
pub(super) fn write_bills(release: &Release) -> Result<Vec<PathBuf>> {
    let mut bills = Vec::new();
    for (target, system) in [(linux::TARGET, "linux"), (windows::TARGET, "windows")] {
        let file = release.file(&format!("csbackup-{}-x86_64-{system}.cdx.json", release.version))?;
        let bill = bill(&linked(target)?, &release.date("%Y-%m-%dT%H:%M:%SZ")?);
        let text = serde_json::to_string_pretty(&bill).context("cannot write the bill of materials")?;
        write(&file, &(text + "\n"))?;
        bills.push(file);
    }
    Ok(bills)
}

fn bill(crates: &[Linked], date: &str) -> Value {
    let purls: BTreeMap<&str, String> =
        crates.iter().map(|linked| (linked.id.as_str(), linked.purl())).collect();
    let dependencies = crates.iter().map(|linked| {
        let uses: Vec<&String> = linked.uses.iter().filter_map(|id| purls.get(id.as_str())).collect();
        json!({ "ref": linked.purl(), "dependsOn": uses })
    });
    let program = crates.first().map(|linked| component(linked, "application"));
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "timestamp": date, "component": program },
        "components": crates.iter().skip(1).map(|linked| component(linked, "library")).collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    })
}

fn component(linked: &Linked, kind: &str) -> Value {
    let purl = linked.purl();
    let mut component = json!({
        "type": kind, "bom-ref": purl, "name": linked.name, "version": linked.version, "scope": "required",
        "licenses": [{ "expression": linked.licence }],
    });
    // Only what comes from the registry has a name there.
    if linked.registry.is_some() {
        component["purl"] = json!(purl);
    }
    if let Some(sum) = &linked.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    if let Some(url) = &linked.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": url }]);
    }
    component
}

/// The licence texts of what is linked in, each once, with the crates that it is for.
pub(super) fn notices(target: &str) -> Result<String> {
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut list = String::new();
    let crates = linked(target)?;
    for linked in crates.iter().filter(|linked| linked.registry.is_some()) {
        let name = format!("{} {}", linked.name, linked.version);
        list.push_str(&format!("{name}: {}\n", linked.licence));
        for file in licences(&linked.folder) {
            let text = fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
            let text = String::from_utf8_lossy(&text).replace('\r', "").trim().to_owned();
            texts.entry(text).or_default().insert(name.clone());
        }
    }
    let mut texts: Vec<(String, Vec<String>)> =
        texts.into_iter().map(|(text, names)| (text, names.into_iter().collect())).collect();
    texts.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));

    let mut notices = format!("{HEAD}\n{list}");
    for (text, names) in texts {
        notices.push_str(&format!("\n{RULE}\n{}\n{RULE}\n\n{text}\n", names.join("\n")));
    }
    Ok(notices)
}

const HEAD: &str = "\
csbackup is licensed under MIT or Apache-2.0. Linked into the program are the crates of this list, Rust's standard
library (MIT or Apache-2.0), and on Linux musl libc (MIT; Copyright (c) 2005-2020 Rich Felker, et al.), on Windows the
runtime of mingw-w64 (public domain and Zope Public License 2.1). The source of each crate is on crates.io under its
name and version. Below the list are the texts of their licences.
";

const RULE: &str = "--------------------------------------------------------------------------------";

/// Files with a licence in a crate, and in the C library that it brings in a folder of its own.
fn licences(folder: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    let top = list(folder);
    let below = top.iter().filter(|path| path.is_dir()).flat_map(|folder| list(folder));
    let mut found: Vec<PathBuf> = below.chain(top.iter().cloned()).filter(|path| is_licence(path)).collect();
    found.sort();
    found
}

fn is_licence(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
    let source = [".RS", ".C", ".H", ".PY", ".HTML"].iter().any(|suffix| name.ends_with(suffix));
    let starts = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];
    path.is_file() && !source && starts.iter().any(|start| name.starts_with(start))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_has_no_tests_tools_or_build_scripts() {
        let crates = linked(linux::TARGET).expect("read cargo metadata");
        let names: BTreeSet<&str> = crates.iter().map(|linked| linked.name.as_str()).collect();
        assert_eq!(crates.first().map(|linked| linked.name.as_str()), Some(PROGRAM));
        for name in ["csbackup", "clap", "rustic_core", "aws-lc-sys"] {
            assert!(names.contains(name), "{name} is linked in");
        }
        for name in ["testkit", "proptest", "expect-test", "embed-manifest", "cc", "xtask"] {
            assert!(!names.contains(name), "{name} is not linked in");
        }
        for linked in crates.iter().filter(|linked| linked.registry.is_some()) {
            assert_eq!(linked.checksum.as_ref().map(String::len), Some(64), "{}", linked.name);
        }
    }

    #[test]
    fn a_bill_refers_only_to_what_it_lists() {
        let crates = linked(windows::TARGET).expect("read cargo metadata");
        let bill = bill(&crates, "2026-11-23T00:00:00Z");
        let components = array(&bill["components"]).iter().chain([&bill["metadata"]["component"]]);
        let listed: BTreeSet<&str> = components.map(|component| text(&component["bom-ref"])).collect();
        assert_eq!(listed.len(), crates.len());
        for dependency in array(&bill["dependencies"]) {
            assert!(listed.contains(text(&dependency["ref"])));
            assert!(array(&dependency["dependsOn"]).iter().all(|to| listed.contains(text(to))));
        }
    }

    #[test]
    fn old_and_new_licence_expressions_are_one() {
        assert_eq!(expression("MIT/Apache-2.0"), "MIT OR Apache-2.0");
        assert_eq!(expression("MIT OR Apache-2.0"), "MIT OR Apache-2.0");
    }
}

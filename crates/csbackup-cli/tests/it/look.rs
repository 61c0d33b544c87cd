//! Looking into sets, folders and databases: rows, files, differences.

use std::fs;
use std::path::{Path, PathBuf};

use ese::{Database, PageNumber};
use serde_json::Value;
use tempfile::TempDir;

use crate::world::{Run, World, files_below, run_in};

/// Runs the program on sets; what it keeps of them lies in the world too.
fn look(world: &World, args: &[&str]) -> Run {
    let cache = world.path("cache");
    world.run_with(&[("CSBACKUP_CACHE_DIR", &cache.to_string_lossy())], args)
}

/// Runs `certs latest` of a world's sets with `--json`; its certificates.
#[track_caller]
fn certs(world: &World, filters: &[&str]) -> Vec<Value> {
    let args = [&["--json", "certs", "latest", "--dir", "sets"], filters].concat();
    look(world, &args).exits(0).of_type("certificate")
}

/// Folder of one state of a recorded CA.
fn recorded(state: &str) -> Option<PathBuf> {
    let folder = testkit::data::engine_set("page8k")?;
    let nested = folder.join("page8k").join(state);
    Some(if nested.is_dir() { nested } else { folder.join(state) })
}

/// The database of a CA on Windows Server 2019.
fn certlog() -> Option<String> {
    let folder = testkit::data::field_folder("ca")?;
    Some(folder.join("CertLog.edb").to_string_lossy().into_owned())
}

fn temp() -> TempDir {
    tempfile::tempdir().expect("create a temporary folder")
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn a_set_lists_its_certificates_and_says_which_changes_it_lacks() {
    let world = World::with_full();
    let run = look(&world, &["certs", "latest", "--dir", "sets", "--limit", "5"]).exits(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{}", run.stdout);
    assert!(lines[0].starts_with("request id  serial"), "{}", lines[0]);
    assert!(run.stderr.contains("as streamed at "), "{}", run.stderr);
    assert!(run.stderr.contains("are not replayed (`--at end` replays them)"), "{}", run.stderr);
    let run = look(&world, &["--json", "certs", "latest", "--dir", "sets"]).exits(0);
    let source = run.message("source");
    assert_eq!(source["consistent"], false);
    assert!(source["not_replayed"][0].as_u64() < source["not_replayed"][1].as_u64());
    let rows = run.of_type("certificate");
    assert!(rows.len() > 100, "{}", rows.len());
    let ids: Vec<_> = rows.iter().map(|row| row["request_id"].as_i64()).collect();
    assert!(ids.is_sorted());
}

#[test]
fn an_increment_shows_the_database_of_its_full_backup() {
    let world = World::with_chain();
    let full = world.sets()[0].id.to_string();
    let of = |set: &str| look(&world, &["--json", "certs", set, "--dir", "sets"]).exits(0);
    let (base, newest) = (of(&full), of("latest"));
    assert_eq!(base.of_type("certificate"), newest.of_type("certificate"));
    let (base, newest) = (base.message("source"), newest.message("source"));
    assert_eq!((&base["base"], &newest["base"]), (&Value::Null, &Value::from(full.as_str())));
    assert!(base["not_replayed"][1].as_u64() < newest["not_replayed"][1].as_u64());
    let run = look(&world, &["certs", "latest", "--dir", "sets", "--count"]).exits(0);
    assert!(run.stderr.contains(&format!("has only logs, this is the database of {full}")), "{}", run.stderr);
}

#[test]
fn each_filter_lets_through_what_it_says() {
    let world = World::with_full();
    let all = certs(&world, &[]);
    let field = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let sample = all
        .iter()
        .find(|row| row["sans"][0].is_string() && row["requester"].is_string())
        .expect("one with names");
    let holds = |filter: &[&str], fits: &dyn Fn(&Value) -> bool| {
        let expected: Vec<&Value> = all.iter().filter(|row| fits(row)).collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "{filter:?} would tell nothing");
        assert_eq!(certs(&world, filter).iter().collect::<Vec<_>>(), expected, "{filter:?}");
    };
    let same = |name: &'static str| {
        let value = field(sample, name);
        move |row: &Value| row[name] == value.as_str()
    };
    holds(&["--serial", &field(sample, "serial").to_uppercase()], &same("serial"));
    holds(&["--thumbprint", &field(sample, "sha1")], &same("sha1"));
    holds(&["--thumbprint", &field(sample, "sha256")], &same("sha256"));
    holds(&["--requester", &field(sample, "requester")], &same("requester"));
    holds(&["--subject", &field(sample, "common_name")], &same("common_name"));
    holds(&["--template", &field(sample, "template_id")], &same("template_id"));
    holds(&["--revoked"], &|row| row["disposition"] == "revoked");
    holds(&["--disposition", "issued"], &|row| row["disposition"] == "issued");
    let san = sample["sans"][0].clone();
    let name = san.as_str().and_then(|san| san.split_once(':')).expect("kind and name").1;
    holds(&["--san", name], &|row| row["sans"].as_array().is_some_and(|all| all.contains(&san)));
    let id = sample["request_id"].as_i64().expect("a number");
    let range = format!("{}-{}", id, id + 20);
    holds(&["--request-id", &range], &|row| {
        row["request_id"].as_i64().is_some_and(|n| (id..=id + 20).contains(&n))
    });
    let middle = field(&all[all.len() / 2], "not_after");
    holds(&["--expires-before", &middle], &|row| field(row, "not_after") < middle);
    holds(&["--expires-after", &middle], &|row| field(row, "not_after") >= middle);
    let issued = "2022-10-23";
    holds(&["--issued-since", issued], &|row| field(row, "issued").as_str() >= issued);
    holds(&["--issued-before", issued], &|row| field(row, "issued").as_str() < issued);
}

#[test]
fn distances_of_time_count_from_now() {
    let world = World::with_full();
    let count = |filters: &[&str]| certs(&world, filters).len();
    // All of it was issued in 2022.
    assert_eq!(count(&["--issued-since", "30d"]), 0);
    assert_eq!(count(&["--issued-before", "30d"]), count(&[]));
    assert_eq!(count(&["--issued-since", "-5d"]), 0);
    // Nobody counts from before 1601.
    look(&world, &["certs", "latest", "--dir", "sets", "--issued-since", "1000y"]).exits(2);
}

#[test]
fn rows_come_sorted_limited_or_only_counted() {
    let world = World::with_full();
    let run = |args: &[&str]| {
        look(&world, &[&["requests", "latest", "--dir", "sets"], args].concat()).exits(0).stdout
    };
    let lines = run(&["--csv", "--columns", "submitted,request_id", "--sort", "submitted:desc"]);
    let mut lines = lines.lines();
    assert_eq!(lines.next(), Some("submitted,request_id"));
    let rows: Vec<&str> = lines.collect();
    assert!(rows.iter().map(|row| row.split_once(',').expect("two columns").0).rev().is_sorted());
    let limited =
        run(&["--csv", "--columns", "submitted,request_id", "--sort", "submitted:desc", "--limit", "3"]);
    assert_eq!(limited.lines().skip(1).collect::<Vec<_>>(), rows[..3]);
    assert_eq!(run(&["--count"]).trim(), rows.len().to_string());
}

#[test]
fn columns_are_listed_and_unknown_ones_refused() {
    let world = World::new();
    let run = world.run(&["certs", "nowhere", "--columns", "help"]).exits(0);
    assert!(run.stdout.lines().any(|line| line.starts_with("thumbprint") || line.starts_with("sha1")));
    let run = world.run(&["certs", "nowhere", "--columns", "colour"]).exits(2);
    assert!(run.stderr.contains("there is no column `colour`"), "{}", run.stderr);
    world.run(&["certs", "nowhere", "--json", "--csv"]).exits(2);
    world.run(&["certs", "nowhere", "--issued-since", "yesterday"]).exits(2);
    world.run(&["certs", "nowhere"]).exits(1);
}

#[test]
fn the_database_of_a_windows_ca_can_be_named_by_itself() {
    let Some(database) = certlog() else { return };
    let here = temp();
    let run = |args: &[&str]| run_in(here.path(), args).exits(0);
    let rows = run(&["--json", "certs", &database]).of_type("certificate");
    assert_eq!(rows.len(), 8);
    let esc1 = rows.iter().find(|row| row["request_id"] == 4).expect("request 4");
    assert_eq!(esc1["template"], "ESC1");
    assert_eq!(esc1["sans"], serde_json::json!(["upn:administrator@sevenkingdoms.local"]));
    assert_eq!(esc1["requester"], r"SEVENKINGDOMS\cersei.lannister");
    assert_eq!(run(&["requests", &database, "--disposition", "denied", "--count"]).stdout, "3\n");
    let crls = run(&["crls", &database, "--csv", "--columns", "number,delta,entries"]).stdout;
    assert_eq!(crls, "number,delta,entries\n1,no,0\n1,yes,0\n");
    // Shut down cleanly: nothing to warn of.
    assert_eq!(run(&["certs", &database]).stderr, "");
}

#[test]
fn the_table_of_a_small_ca_is_this() {
    let Some(database) = certlog() else { return };
    let columns = "request_id,template,requester,not_after";
    let run =
        run_in(temp().path(), &["certs", &database, "--columns", columns, "--request-id", "1-4"]).exits(0);
    expect_test::expect![[r#"
        request id  template          requester                       not after
        1                             SEVENKINGDOMS\KINGSLANDING$     2030-09-30T09:00:45Z
        2           DomainController  SEVENKINGDOMS\KINGSLANDING$     2026-09-30T08:50:51Z
        3           DomainController  NORTH\WINTERFELL$               2026-09-30T09:08:47Z
        4           ESC1              SEVENKINGDOMS\cersei.lannister  2026-09-30T09:30:40Z
    "#]]
    .assert_eq(&run.stdout);
}

/// A copy of a recorded database whose page with the middle row of a table is damaged.
fn damaged(table: &str) -> Option<(TempDir, PageNumber)> {
    let from = recorded("clean")?.join("ExampleCA.edb");
    let mut bytes = fs::read(from).expect("read a database");
    let database = Database::open(&bytes[..]).expect("open a database");
    let rows: Vec<_> =
        database.rows(database.table(table).expect("the table")).collect::<Result<_, _>>().expect("rows");
    let page = rows[rows.len() / 2].page();
    drop(database);
    bytes[(usize::try_from(page.0).expect("a page number") + 1) * 8192 + 4000..][..100].fill(0xee);
    let folder = temp();
    fs::write(folder.path().join("ExampleCA.edb"), bytes).expect("write a database");
    Some((folder, page))
}

#[test]
fn a_damaged_page_is_named_and_the_other_rows_are_listed() {
    let Some((folder, page)) = damaged("Certificates") else { return };
    let Some(sound) = recorded("clean") else { return };
    let count = |path: &str| run_in(folder.path(), &["certs", path, "--csv"]);
    let whole = count(&text(&sound)).exits(0).stdout.lines().count();
    let run = count(".").exits(4);
    assert!(run.stdout.lines().count() > whole / 2 && run.stdout.lines().count() < whole);
    let warning = format!(
        "warning: page {page}: checksum is wrong: rows of Certificates are lost, if there were any between "
    );
    assert!(run.stderr.starts_with(&warning), "{}", run.stderr);
    run_in(folder.path(), &["crls", "."]).exits(0);
}

#[test]
fn what_is_no_database_of_a_ca_is_said_to_be_none() {
    let Some(folder) = testkit::data::field_folder("db4k") else { return };
    let here = temp();
    let run = run_in(here.path(), &["certs", &text(&folder.join("basic.edb"))]).exits(1);
    assert!(run.stderr.contains("is no database of a CA"), "{}", run.stderr);
    fs::write(here.path().join("empty.edb"), [0; 65536]).expect("write a file");
    let run = run_in(here.path(), &["certs", "empty.edb"]).exits(4);
    assert!(run.stderr.contains("not an ESE database"), "{}", run.stderr);
}

#[test]
fn certificates_are_exported_under_their_numbers() {
    let Some(database) = certlog() else { return };
    let here = temp();
    let run = |args: &[&str]| run_in(here.path(), &[&["export", &database][..], args].concat());
    run(&["--to", "out", "--template", "DomainController"]).exits(0);
    let serials = ["650000000259eefa38562a8363000000000002", "65000000036e155d38362569df000000000003"];
    let names: Vec<String> =
        serials.iter().zip(2..).map(|(serial, id)| format!("{id}-{serial}.cer")).collect();
    assert_eq!(files_below(&here.path().join("out")), names);
    let der = fs::read(here.path().join("out").join(&names[0])).expect("read a certificate");
    assert_eq!(der.first(), Some(&0x30));
    // Nothing is written over unless it is asked for.
    fs::write(here.path().join("out").join(&names[0]), "mine").expect("write a file");
    run(&["--to", "out", "--request-id", "2"]).exits(1);
    assert_eq!(fs::read(here.path().join("out").join(&names[0])).expect("read a file"), b"mine");
    run(&["--to", "out", "--request-id", "2", "--force"]).exits(0);
    assert_eq!(fs::read(here.path().join("out").join(&names[0])).expect("read a certificate"), der);
}

#[test]
fn a_bundle_has_all_certificates_with_those_of_the_ca() {
    let Some(database) = certlog() else { return };
    let here = temp();
    let run = |args: &[&str]| run_in(here.path(), &[&["export", &database][..], args].concat()).exits(0);
    run(&["--bundle", "all.pem", "--subject", "Jaime*", "--chain"]);
    let pem = fs::read_to_string(here.path().join("all.pem")).expect("read a bundle");
    assert_eq!(pem.matches("-----BEGIN CERTIFICATE-----").count(), 2);
    run(&["--to", "crls", "--crls", "--pem"]);
    assert_eq!(files_below(&here.path().join("crls")), ["1-base-1.crl", "2-delta-1.crl"]);
    let pem = fs::read_to_string(here.path().join("crls/1-base-1.crl")).expect("read a list");
    assert!(pem.starts_with("-----BEGIN X509 CRL-----\n"));
    run(&["--to", "requests", "--requests", "--request-id", "4"]);
    let request = fs::read(here.path().join("requests/4.req")).expect("read a request");
    assert_eq!(request.first(), Some(&0x30));
}

#[test]
fn differences_of_two_states_add_up() {
    let (Some(older), Some(newer)) = (recorded("hot-restored"), recorded("hot-inc2-restored")) else {
        return;
    };
    let here = temp();
    let run = run_in(here.path(), &["--json", "diff", &text(&older), &text(&newer)]).exits(0);
    let summary = run.message("diff");
    assert_eq!(summary["kinship"], "same-database");
    let differences = run.of_type("difference");
    for kind in ["issued", "revoked", "requested", "changed", "vanished", "crl-published"] {
        let count = differences.iter().filter(|one| one["kind"] == kind).count();
        assert_eq!(summary[kind.replace('-', "_")], count, "{kind}");
    }
    let known = |path: &Path| -> Vec<i64> {
        let run = run_in(here.path(), &["--json", "requests", &text(path)]).exits(0);
        run.of_type("request").iter().filter_map(|row| row["request_id"].as_i64()).collect()
    };
    let (before, after) = (known(&older), known(&newer));
    let vanished: Vec<i64> = differences
        .iter()
        .filter(|one| one["kind"] == "vanished")
        .filter_map(|one| one["request_id"].as_i64())
        .collect();
    assert_eq!(vanished, before.iter().copied().filter(|id| !after.contains(id)).collect::<Vec<_>>());
    let changed = differences.iter().find(|one| one["kind"] == "changed").expect("something changed");
    let columns = changed["columns"].as_object().expect("which columns");
    assert!(columns.values().all(|change| change["before"] != change["after"]) && !columns.is_empty());
}

#[test]
fn a_set_does_not_differ_from_itself_and_another_ca_is_told() {
    let world = World::with_full();
    // It was copied while the CA worked: of what was in motion nothing is said.
    let run = look(&world, &["diff", "latest", "latest", "--dir", "sets"]).exits(3);
    assert!(run.stdout.ends_with("\nno difference in what can be read\n"), "{}", run.stdout);
    let Some(database) = certlog() else { return };
    let run = look(&world, &["diff", "latest", &database, "--dir", "sets"]).exits(3);
    assert!(run.stderr.contains("warning: these are databases of different CAs"), "{}", run.stderr);
}

#[test]
fn what_a_database_in_motion_may_lack_is_told_as_not_comparable() {
    let (Some(older), Some(newer)) = (recorded("hot"), recorded("hot-restored")) else { return };
    let here = temp();
    let run = run_in(here.path(), &["--json", "diff", &text(&older), &text(&newer)]).exits(3);
    let ids =
        |rows: Vec<Value>| -> Vec<i64> { rows.iter().filter_map(|row| row["request_id"].as_i64()).collect() };
    let of = |path: &Path| {
        ids(run_in(here.path(), &["--json", "certs", &text(path)]).exits(0).of_type("certificate"))
    };
    let (before, after) = (of(&older), of(&newer));
    let differences = run.of_type("difference");
    let unsure = differences.iter().filter(|one| one["kind"] == "not-comparable").count();
    assert_eq!(run.message("diff")["not_comparable"], unsure);
    let told = ids(differences);
    assert!(after.iter().filter(|id| !before.contains(id)).all(|id| told.contains(id)));
    assert!(unsure > 0);
    let ranges = run.of_type("unreadable");
    assert!(!ranges.is_empty());
    assert!(
        ranges.iter().all(|range| range["to"].is_null() || range["from"].as_i64() <= range["to"].as_i64())
    );
    let warned = run.of_type("warning");
    let in_motion =
        |row: &Value| row["text"].as_str().is_some_and(|text| text.contains("how many rows that concerns"));
    assert!(warned.iter().any(in_motion), "{warned:?}");
}

/// A copy of a recorded database whose long values of a table are damaged in the middle.
fn without_values(table: &str) -> Option<TempDir> {
    let mut bytes = fs::read(recorded("clean")?.join("ExampleCA.edb")).expect("read a database");
    let database = Database::open(&bytes[..]).expect("open a database");
    let values = database.table(table).and_then(|table| table.long_values.as_ref()).expect("long values");
    let nodes: Vec<_> = database.nodes(values.root).flatten().collect();
    let page = nodes[nodes.len() / 2].page;
    drop(database);
    bytes[(usize::try_from(page.0).expect("a page number") + 1) * 8192 + 4000..][..100].fill(0xee);
    let folder = temp();
    fs::write(folder.path().join("ExampleCA.edb"), bytes).expect("write a database");
    Some(folder)
}

#[test]
fn values_that_cannot_be_read_are_damage_and_no_difference() {
    let (Some(sound), Some(crls)) = (recorded("clean"), without_values("CRLs")) else { return };
    let run = run_in(crls.path(), &["diff", &text(&sound), "."]).exits(4);
    assert!(run.stderr.contains("warning: CRL in row "), "{}", run.stderr);
    assert!(!run.stdout.contains("crl-changed"), "{}", run.stdout);
    let Some(rows) = without_values("Requests") else { return };
    let run = run_in(rows.path(), &["diff", &text(&sound), "."]).exits(4);
    assert!(run.stderr.contains("warning: request "), "{}", run.stderr);
}

#[cfg(target_os = "linux")]
mod streams {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Runs the program on a database whose listing is far longer than a pipe holds.
    fn spawn(args: &[&str], stdout: Stdio) -> Option<Child> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_csbackup"));
        command.args(args).arg(recorded("clean")?).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
        Some(command.spawn().expect("run the program"))
    }

    #[test]
    fn a_listing_that_cannot_be_written_fails() {
        for args in [&["certs", "--csv"][..], &["requests"], &["crls", "--count"], &["certs", "--json"]] {
            let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("open a full device");
            let Some(child) = spawn(args, full.into()) else { return };
            let output = child.wait_with_output().expect("wait for the program");
            assert_eq!(output.status.code(), Some(1), "{args:?}");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(args.contains(&"--json") || stderr.contains("cannot write the output: "), "{stderr}");
        }
    }

    #[test]
    fn a_reader_that_goes_ends_a_listing_quietly() {
        let Some(mut child) = spawn(&["certs", "--json"], Stdio::piped()) else { return };
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("wait for the program");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    /// Interrupts a listing that is under way; how it ended.
    fn interrupted(command: &str) -> Option<i32> {
        let mut child = spawn(&["--json", command], Stdio::piped())?;
        let mut reader = BufReader::new(child.stdout.take().expect("its output"));
        // It is under way once rows come, and waits for a reader of the rest.
        for _ in 0..2 {
            reader.read_line(&mut String::new()).expect("read a row");
        }
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.expect("interrupt it").success());
        reader.read_to_string(&mut String::new()).expect("read the rest");
        child.wait_with_output().expect("wait for the program").status.code()
    }

    #[test]
    fn an_interrupt_ends_a_listing_as_cancelled() {
        for command in ["certs", "requests"] {
            // The signal is handled beside the listing, which may be through before.
            let ends: Vec<_> = (0..20).map_while(|_| interrupted(command)).collect();
            assert!(ends.is_empty() || ends.contains(&130), "{command}: {ends:?}");
        }
    }
}

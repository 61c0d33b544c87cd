//! `dump` against what the engine says of its own files, and on damaged ones.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::{Run, run_in};

fn main_set() -> Option<PathBuf> {
    testkit::data::engine_set("main")
}

fn dump(folder: &Path, args: &[&str]) -> Run {
    run_in(folder, &[&["--json", "dump"], args].concat())
}

/// The value behind a label in the engine's dump of a file.
fn engine(folder: &Path, state: &str, file: &str, label: &str) -> String {
    let text = fs::read_to_string(folder.join(format!("facts/{state}.engine-dump.txt"))).unwrap();
    let (_, section) = text.split_once(&format!("##### {file}\n")).unwrap();
    let line = section.lines().find(|line| line.trim().starts_with(label)).unwrap();
    line.trim().strip_prefix(label).unwrap().trim().to_owned()
}

#[test]
fn headers_of_databases_are_those_of_the_engine() {
    let Some(main) = main_set() else { return };
    let run = dump(&main, &["header", "crash/ExampleCA.edb"]).exits(0);
    let headers = run.of_type("header");
    assert_eq!(headers.len(), 2);
    let fields = &headers[0]["fields"];
    let engine = |label| engine(&main, "crash", "ExampleCA.edb", label);
    assert_eq!(fields["dbtimeDirtied"], 319);
    assert_eq!(engine("dbtime:"), "319 (0x13f)");
    assert_eq!(engine("Extend Count:"), fields["extendCount"].to_string());
    assert_eq!(engine("Last Objid:"), fields["objidLast"].to_string());
    assert!(engine("Log Required:").contains("(0xc-0x11)"));
    assert_eq!((&fields["lGenMinRequired"], &fields["lGenMaxRequired"]), (&"0xc".into(), &"0x11".into()));
    let consistent = u64::from_str_radix(&fields["lGenMinConsistent"].as_str().unwrap()[2..], 16).unwrap();
    assert!(engine("Log Consistent:").starts_with(&consistent.to_string()));
    // 11/22/2026 03:51:12.621 UTC
    assert_eq!(engine("Extend Date:"), "11/22/2026 03:51:12.621 UTC");
    assert_eq!(fields["logtimeLastExtend"], "2026-11-22T03:51:12.621Z");
    let flush = fields["signDbHdrFlush"].as_str().unwrap().split(' ').next().unwrap();
    let flush = u32::from_str_radix(&flush[2..], 16).unwrap();
    assert!(engine("Database Header Flush Signature:").contains(&format!("Rand:{flush} ")));
}

#[test]
fn a_stream_shows_its_trailer() {
    let Some(main) = main_set() else { return };
    let run = dump(&main, &["header", "hot/ExampleCA.edb"]).exits(0);
    let headers = run.of_type("header");
    assert_eq!(headers[2]["kind"], "trailer");
    assert!(
        headers[2]["fields"]["bkinfo"].as_str().unwrap().ends_with("generations 0x7-0x16"),
        "{}",
        headers[2]
    );
    assert_eq!(headers[0]["fields"]["signLog"], headers[2]["fields"]["signLog"]);
}

#[test]
fn headers_of_logs_and_checkpoints_are_those_of_the_engine() {
    let Some(main) = main_set() else { return };
    let run = dump(&main, &["header", "crash/edb.log"]).exits(0);
    let header = run.message("header");
    let checksum = engine(&main, "crash", "edb.log", "prev gen accumulated segment checksum:");
    assert_eq!(header["fields"]["checksumPrevGen"], checksum);
    assert_eq!(header["fields"]["lGeneration"], "0x11");
    assert_eq!(run.message("attached_database")["path"], r"C:\CertLog\ExampleCA.edb");
    let run = dump(&main, &["header", "crash/edb.chk"]).exits(0);
    assert_eq!(run.of_type("header").len(), 2);
    assert_eq!(run.of_type("header")[0]["fields"]["lgposDbConsistency"], "d:00a0:0000");
}

#[test]
fn a_damaged_header_is_shown_as_it_lies_there() {
    let Some(damaged) = testkit::data::engine_set("main-damaged") else { return };
    let run = dump(&damaged, &["header", "header-both/ExampleCA.edb"]).exits(4);
    let headers = run.of_type("header");
    assert!(headers.iter().all(|header| header["checksum_good"] == false), "{headers:?}");
    let run = run_in(&damaged, &["dump", "header", "header1-bit/ExampleCA.edb"]).exits(4);
    assert!(run.stdout.contains("CHECKSUM WRONG"), "{}", run.stdout);
}

#[test]
fn a_page_shows_its_nodes_and_their_children() {
    let Some(main) = main_set() else { return };
    let run = dump(&main, &["page", "clean/ExampleCA.edb", "4"]).exits(0);
    let page = run.message("page");
    assert_eq!((&page["checksum"], &page["fields"]["objidFDP"]), (&"right".into(), &2.into()));
    let nodes = run.of_type("node");
    assert_eq!(Value::from(nodes.len()), page["nodes"]);
    assert!(nodes.iter().all(|node| node["child"].is_u64()), "{nodes:?}");
    assert_eq!(nodes.last().unwrap()["key"], "");
    let raw = dump(&main, &["page", "clean/ExampleCA.edb", "0x4", "--raw"]).exits(0).message("page");
    assert_eq!(raw["raw"].as_str().unwrap().len(), 2 * 4096);
    dump(&main, &["page", "clean/ExampleCA.edb", "9999999"]).exits(4);
}

/// Each damaged page is shown with the verdict that it deserves.
#[test]
fn damaged_pages_are_shown() {
    let Some(damaged) = testkit::data::engine_set("main-damaged") else { return };
    let cases: Value = serde_json::from_slice(&fs::read(damaged.join("damage.json")).unwrap()).unwrap();
    for (case, verdict, code) in
        [("bitflip1-data", "one-bit", 0), ("bitflip2-data", "wrong", 4), ("torn-page", "wrong", 4)]
    {
        let cases = cases["cases"].as_array().unwrap();
        let known = cases.iter().find(|one| one["case"] == case).unwrap();
        let number = known["page"]["pgno"].to_string();
        let run = dump(&damaged, &["page", &format!("{case}/ExampleCA.edb"), &number]).exits(code);
        assert_eq!(run.message("page")["checksum"], verdict, "{case}");
    }
}

#[test]
fn a_tree_is_shown_level_by_level() {
    let Some(main) = main_set() else { return };
    let file = "crash-recovered/ExampleCA.edb";
    let run = dump(&main, &["tree", file, "Requests", "--limit", "100000"]).exits(0);
    let levels = run.of_type("level");
    let deleted: u64 = run.of_type("tree_page").iter().map(|page| page["deleted"].as_u64().unwrap()).sum();
    // 1471 rows, and one that is deleted only by its flag.
    assert_eq!(levels.last().unwrap()["nodes"].as_u64().unwrap(), 1471 + deleted);
    let by_root = run.of_type("tree_page")[0]["page"].to_string();
    let again = dump(&main, &["tree", file, &by_root, "--limit", "100000"]).exits(0);
    assert_eq!(again.stdout, run.stdout);
    let few = dump(&main, &["tree", file, "Requests", "--limit", "3"]).exits(0);
    assert_eq!(few.of_type("tree_page").len(), 3);
    dump(&main, &["tree", file, "Requests/long-values", "--limit", "5"]).exits(0);
    let run = dump(&main, &["tree", file, "Requests/nothing"]).exits(1);
    assert!(run.message("error")["text"].as_str().unwrap().contains("has no index `nothing`"));
}

#[test]
fn a_tree_goes_on_behind_an_unreadable_page() {
    let (Some(damaged), Some(main)) = (testkit::data::engine_set("main-damaged"), main_set()) else { return };
    let pages = |run: Run| run.of_type("tree_page").len();
    for table in ["Requests", "Certificates", "CertificateExtensions"] {
        let args = |file: &'static str| ["tree", file, table, "--limit", "100000"];
        let whole = pages(dump(&main, &args("crash-recovered/ExampleCA.edb")).exits(0));
        let run = dump(&damaged, &args("torn-page/ExampleCA.edb"));
        if run.code == Some(4) {
            assert_eq!(run.of_type("unreadable").len(), 1);
            assert_eq!(pages(run), whole - 1);
            return;
        }
    }
    panic!("the torn page is in none of the tables");
}

#[test]
fn a_table_shows_its_rows() {
    let Some(main) = main_set() else { return };
    let file = "crash-recovered/ExampleCA.edb";
    let tables = dump(&main, &["table", file]).exits(0).of_type("table");
    let names: Vec<&str> = tables.iter().map(|table| table["name"].as_str().unwrap()).collect();
    assert!(
        ["MSysObjects", "Requests", "Certificates", "CRLs"].iter().all(|name| names.contains(name)),
        "{names:?}"
    );
    let rows = dump(&main, &["table", file, "Requests", "--limit", "100000"]).exits(0).of_type("row");
    assert_eq!(rows.len(), 1471);
    let one = &rows[7];
    let key = one["key"].as_str().unwrap();
    let by_key = dump(&main, &["table", file, "requests", "--key", key]).exits(0).message("row");
    assert_eq!(&by_key, one);
    assert!(one["values"]["RequestID"][0].is_i64(), "{one}");
    dump(&main, &["table", file, "Requests", "--key", "00"]).exits(1);
    dump(&main, &["table", file, "Requests", "--key", "0"]).exits(2);
    dump(&main, &["table", file, "Nothing"]).exits(1);
}

#[test]
fn a_log_shows_its_records() {
    let Some(main) = main_set() else { return };
    let run = dump(&main, &["log", "crash/edb.log", "--limit", "1000000"]).exits(0);
    let records = run.of_type("record");
    assert_eq!(run.message("records")["records"], records.len());
    let inserted = records.iter().find(|record| record["name"] == "Insert").unwrap();
    let page = inserted["pages"][0].to_string();
    let few = dump(&main, &["log", "crash/edb.log", "--page", &page]).exits(0).of_type("record");
    assert!(!few.is_empty() && few.len() < records.len());
    assert!(few.iter().all(|record| record["pages"].as_array().unwrap().contains(&inserted["pages"][0])));
    let from = records[10]["position"].as_str().unwrap();
    let rest = dump(&main, &["log", "crash/edb.log", "--from", from, "--limit", "1"]).exits(0);
    assert_eq!(rest.message("record"), records[10]);
}

#[test]
fn a_damaged_log_shows_what_comes_before_the_damage() {
    let (Some(damaged), Some(_)) = (testkit::data::engine_set("main-damaged"), main_set()) else { return };
    let run = dump(&damaged, &["log", "log-zeroed-sector/edb0000E.log", "--limit", "1000000"]).exits(4);
    assert!(!run.of_type("record").is_empty());
    assert_eq!(run.of_type("unreadable").len(), 1);
}

#[test]
fn what_is_nothing_of_the_engine_is_an_error() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("text.txt"), "nothing").unwrap();
    for args in [["header", "text.txt"], ["header", "gone"], ["table", "text.txt"]] {
        dump(temp.path(), &args).exits(1);
    }
    dump(temp.path(), &["log", "text.txt"]).exits(1);
    dump(temp.path(), &["page", "text.txt", "x"]).exits(2);
}

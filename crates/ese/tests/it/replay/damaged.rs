//! Every case of `main-damaged/damage.json` and `main/hot-damage.json` that replay can see.

use ese::PageTrouble;

use super::spoilt::{reachable, run, streamed};
use super::*;
use crate::support::flip;

/// Logs in the order of their names.
type Logs = Vec<(String, Vec<u8>)>;

/// The folders of `main` and of its damaged cases, and the logs of the crash image.
fn crash() -> Option<(PathBuf, PathBuf, Logs)> {
    let main = testkit::data::engine_set("main")?;
    let damaged = testkit::data::engine_set("main-damaged")?;
    let mut logs = Vec::new();
    for entry in fs::read_dir(main.join("crash")).unwrap() {
        let path = entry.unwrap().path();
        if log_generation_of_name(&path.to_string_lossy()).is_some() {
            logs.push((path.file_name().unwrap().to_str().unwrap().to_owned(), read(path)));
        }
    }
    // The current log has no number, and is the last.
    logs.sort_by_key(|(name, _)| (name == "edb.log", name.clone()));
    Some((main, damaged, logs))
}

/// How a replay of the crash image ends with the files of a case instead of its own.
fn log_case(case: &str) -> Option<Result<(Vec<u8>, ReplayReport), ReplayError>> {
    let (main, damaged, mut logs) = crash()?;
    let facts: Json = serde_json::from_slice(&read(damaged.join("damage.json"))).unwrap();
    let facts = facts["cases"].as_array().unwrap().iter().find(|facts| facts["case"] == case).unwrap();
    let removed = facts["remove"].as_array().unwrap();
    logs.retain(|(name, _)| removed.iter().all(|removed| removed != name));
    for (name, log) in &mut logs {
        let other = damaged.join(case).join(name);
        if other.is_file() {
            *log = read(other);
        }
    }
    let logs: Vec<Vec<u8>> = logs.into_iter().map(|(_, log)| log).collect();
    Some(run(&database_file(&main.join("crash")), &logs))
}

/// As far as the logs are needed, each of these is refused, with the log that is at fault.
#[test]
fn a_crash_image_with_a_damaged_log_is_refused() {
    let missing = |log| ReplayError::Missing { first: Generation(log), last: Generation(log) };
    for (case, expected) in [
        ("log-missing", missing(0xE)),
        ("log-swapped", missing(0xD)),
        ("log-other-signature", ReplayError::LogStream { generation: Generation(0xE) }),
        (
            "log-last-missing",
            ReplayError::NotConsistent { needed: Generation(0x11), reached: Some(Generation(0x10)) },
        ),
    ] {
        let Some(result) = log_case(case) else { return };
        assert_eq!(result.unwrap_err(), expected, "{case}");
    }
    for (case, expected) in [
        ("log-truncated", Some(Generation(0xE))),
        ("log-zeroed-sector", Some(Generation(0xE))),
        ("log-last-2bits", Some(Generation(0x11))),
        // The headers are damaged, so that only the names tell.
        ("log-2bits", None),
        ("log-header-bit", None),
    ] {
        let Some(result) = log_case(case) else { return };
        match result {
            Err(ReplayError::Log { generation, .. }) => assert_eq!(generation, expected, "{case}"),
            other => panic!("{case}: {:?}", other.map(|(_, report)| report)),
        }
    }
}

#[test]
fn a_crash_image_whose_logs_have_harmless_damage_gets_all_rows() {
    for case in ["log-bitflip", "log-last-tail-bit", "log-missing-unneeded"] {
        let Some(result) = log_case(case) else { return };
        let (recovered, report) = result.unwrap();
        assert_eq!((report.stopped, report.reached), (None, Some(Generation(0x11))), "{case}");
        let main = testkit::data::engine_set("main").unwrap();
        assert_rows(recovered, &main.join("crash-recovered.json"), case);
    }
}

/// Pages that are damaged, torn, swapped or lost in a closed database. Of `lost-flush` nothing can tell: the page is
/// right, and the logs end before the database was attached the last time.
#[test]
fn a_closed_database_with_a_damaged_page_gets_no_other_rows() {
    let Some((_, damaged, logs)) = crash() else { return };
    let logs: Vec<Vec<u8>> = logs.into_iter().map(|(_, log)| log).collect();
    let expected = reachable(&run(&database_file(&damaged.join("base")), &logs).unwrap().0);
    let mut refused = Vec::new();
    for entry in fs::read_dir(&damaged).unwrap() {
        let case = entry.unwrap().path();
        if !case.join("ExampleCA.edb").is_file() || case.ends_with("lost-flush") {
            continue;
        }
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        match run(&database_file(&case), &logs) {
            Err(_) => refused.push(name),
            Ok((recovered, _)) => {
                let (_, findings) = check(&recovered, None);
                let is_seen = findings.iter().any(|finding| finding.severity >= Severity::Error);
                assert!(is_seen || reachable(&recovered) == expected, "{name}");
            }
        }
    }
    assert!(refused.iter().any(|name| name == "header-both"), "{refused:?}");
}

/// A streamed backup after `damage` of its database and its logs, which begin with generation 7.
fn hot(
    damage: impl FnOnce(&mut Vec<u8>, &mut Vec<Vec<u8>>),
) -> Option<Result<(Vec<u8>, ReplayReport), ReplayError>> {
    let (set, mut database, _) = streamed("main")?;
    let mut logs = logs(&[set.join("hot")]);
    assert_eq!(LogHeader::parse(&logs[0]).unwrap().generation, Generation(7));
    damage(&mut database, &mut logs);
    Some(run(&database, &logs))
}

#[test]
fn a_damaged_stream_is_refused() {
    let missing = |log| ReplayError::Missing { first: Generation(log), last: Generation(log) };
    let Some(result) = hot(|_, logs| drop(logs.remove(7))) else { return };
    assert_eq!(result.unwrap_err(), missing(0xE));
    assert_eq!(hot(|_, logs| drop(logs.remove(0))).unwrap().unwrap_err(), missing(7));
    let cut = hot(|_, logs| logs.truncate(15)).unwrap();
    let expected = ReplayError::NotConsistent { needed: Generation(0x16), reached: Some(Generation(0x15)) };
    assert_eq!(cut.unwrap_err(), expected);
    let log = hot(|_, logs| {
        flip(&mut logs[7], (0x50000 + 300) * 8 + 4);
        flip(&mut logs[7], (0x50000 + 1111) * 8 + 2);
    });
    assert!(matches!(log.unwrap(), Err(ReplayError::Log { generation: Some(Generation(0xE)), .. })));
    let trailer = hot(|database, _| {
        let trailer = database.len() - 4096;
        flip(database, (trailer + 200) * 8);
        flip(database, (trailer + 600) * 8 + 2);
    });
    assert_eq!(trailer.unwrap().unwrap_err(), ReplayError::Trailer);
    let page = hot(|database, _| {
        flip(database, (358 * 4096 + 300) * 8);
        flip(database, (358 * 4096 + 1300) * 8 + 3);
    });
    let error = page.unwrap().unwrap_err();
    let is_it = matches!(error, ReplayError::Page { page, trouble: PageTrouble::Damaged | PageTrouble::LostWrite { .. }, .. } if page.0 == 357);
    assert!(is_it, "{error}");
}

#[test]
fn a_stream_without_its_last_log_gets_the_rows_of_the_engine() {
    let Some(result) = hot(|_, logs| drop(logs.pop())) else { return };
    let (recovered, report) = result.unwrap();
    assert_eq!(report.reached, Some(Generation(0x16)));
    let set = testkit::data::engine_set("main").unwrap();
    let facts: Json = serde_json::from_slice(&read(set.join("hot-damage.json"))).unwrap();
    let facts = facts.as_array().unwrap().iter().find(|facts| facts["case"] == "hot-last-log-missing");
    let database = Database::open(recovered).unwrap();
    for (name, rows) in facts.unwrap()["engine"]["rows"].as_object().unwrap() {
        let table = database.table(name).unwrap();
        assert_eq!(database.rows(table).count() as u64, rows.as_u64().unwrap(), "{name}");
    }
}

//! Headers and logs of the engine sets against what the engine's own dump says (`facts.json`).

use ese::{BackupInfo, DatabaseHeader, LogPosition, Origin, Signature};
use serde_json::Value;

use crate::support::{database, database_file, log, read};

const SETS: [&str; 6] = ["main", "page8k", "page32k", "efv7060", "efv9600", "jtxnames"];

/// `MM/DD/YYYY hh:mm:ss.mmm UTC` as a time prints.
fn time(text: &str) -> String {
    let mut parts = text.split_whitespace();
    let (date, clock, zone) = (parts.next().unwrap(), parts.next().unwrap(), parts.next());
    if date == "00/00/1900" {
        return "never".to_owned();
    }
    let clock = clock.strip_suffix(".000").unwrap_or(clock);
    let z = if zone == Some("LOC") { "" } else { "Z" };
    format!("{}-{}-{}T{clock}{z}", &date[6..], &date[..2], &date[3..5])
}

/// `Create time:MM/DD/YYYY hh:mm:ss.mmm Rand:N Computer:` as a signature prints.
fn signature(value: &Value) -> String {
    let text = value.as_str().unwrap().strip_prefix("Create time:").unwrap();
    let (created, rest) = text.split_once(" Rand:").unwrap();
    let random: u32 = rest.split(' ').next().unwrap().parse().unwrap();
    format!("{random:#010x} {}", time(created))
}

/// `(0xG,S,O)`, hexadecimal, perhaps with a time behind.
fn position(text: &str) -> String {
    let text = text.split(')').next().unwrap().trim_start_matches('(');
    let parts: Vec<u32> =
        text.split(',').map(|part| u32::from_str_radix(part.trim_start_matches("0x"), 16).unwrap()).collect();
    format!("{:x}:{:04x}:{:04x}", parts[0], parts[1], parts[2])
}

#[track_caller]
fn same_position(position_of: LogPosition, time_of: ese::LogTime, value: &Value) {
    let text = value.as_str().unwrap();
    assert_eq!(position_of.to_string(), position(text));
    assert_eq!(time_of.to_string(), time(text.split(')').nth(1).unwrap()));
}

#[track_caller]
fn same_backup(info: &BackupInfo, value: &Value) {
    let generations = [info.low.0, info.high.0].map(Value::from);
    assert_eq!(Value::from(generations.to_vec()), value["gen"]);
    assert_eq!(info.mark.to_string(), position(value["mark"].as_str().unwrap()));
    assert_eq!(info.time.to_string(), time(value["time"].as_str().unwrap()));
}

fn check_header(header: &DatabaseHeader, expected: &Value) {
    let state = format!("{:?}", header.state).replace("Shutdown", " Shutdown");
    assert_eq!(state, expected["state"].as_str().unwrap());
    let format = format!("{:#x},{},{}", header.version, header.update_major, header.update_minor);
    assert_eq!(format, expected["format"].as_str().unwrap());
    assert_eq!(u64::from(header.page_size.bytes()), expected["page_size"].as_u64().unwrap());
    assert_eq!(header.dbtime, expected["dbtime"].as_u64().unwrap());
    assert_eq!(header.signature.to_string(), signature(&expected["db_signature"]));
    assert_eq!(header.log_signature.to_string(), signature(&expected["log_signature"]));
    let required = [header.required.0.0, header.required.1.0].map(Value::from);
    assert_eq!(Value::from(required.to_vec()), expected["log_required"]);
    assert_eq!(Some(u64::from(header.committed.0)), expected["log_committed"][1].as_u64());
    same_position(header.consistent, header.consistent_time, &expected["last_consistent"]);
    same_position(header.attach, header.attach_time, &expected["last_attach"]);
    same_position(header.detach, header.detach_time, &expected["last_detach"]);
    same_backup(&header.full_prev, &expected["previous_full_backup"]);
    same_backup(&header.inc_prev, &expected["previous_incremental_backup"]);
    same_backup(&header.full_cur, &expected["current_full_backup"]);
    assert_eq!(u64::from(header.last_object), expected["last_objid"].as_u64().unwrap());
}

fn facts(check: impl Fn(&std::path::Path, &str, &Value)) {
    for name in SETS {
        let Some(set) = testkit::data::engine_set(name) else { return };
        let facts: Value = serde_json::from_slice(&read(set.join("facts/facts.json"))).unwrap();
        for (part, value) in facts.as_object().unwrap() {
            check(&set.join(part), &format!("{name} {part}"), value);
        }
    }
}

#[test]
fn database_headers() {
    facts(|folder, name, value| {
        if value["header"].is_null() || !folder.join("ExampleCA.edb").is_file() {
            return;
        }
        let origin = if name.ends_with("hot") { Origin::Streamed } else { Origin::Raw };
        let report = database(&database_file(folder), origin);
        let facts = report.facts.unwrap();
        check_header(&facts.header, &value["header"]);
        match &value["header"]["patch_current_full_backup"] {
            Value::Null => assert!(facts.trailer.is_none(), "{name}"),
            expected => same_backup(&facts.trailer.unwrap().info, expected),
        }
        let kinds = value["page_kinds"].as_object().unwrap();
        let all: u64 = kinds.values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(report.pages.zero, kinds["zero"].as_u64().unwrap(), "{name}");
        assert_eq!(report.pages.total, all, "{name}");
        assert_eq!(report.pages.ecc + report.pages.zero, all, "{name}");
    });
}

#[test]
fn trailer_of_a_new_engine_knows_the_required_logs() {
    let Some(set) = testkit::data::engine_set("efv9600") else { return };
    let facts = database(&database_file(&set.join("hot")), Origin::Streamed).facts.unwrap();
    let trailer = facts.trailer.unwrap();
    assert_eq!(facts.header.required, (ese::Generation(1), ese::Generation(4)));
    assert_eq!(trailer.required, Some((ese::Generation(1), ese::Generation(6))));
    assert_eq!(trailer.committed, Some(ese::Generation(6)));
    assert_eq!(trailer.log_signature, facts.header.log_signature);
    assert_ne!(trailer.db_signature, Signature::default());
}

#[test]
fn logs() {
    facts(|folder, set, value| {
        let Some(logs) = value["logs"].as_object() else { return };
        for (file, expected) in logs {
            let path = folder.join(file);
            if !path.is_file() {
                continue;
            }
            let name = format!("{set} {file}");
            let origin = if set.contains("hot") { Origin::Streamed } else { Origin::Raw };
            let report = log(&read(&path), origin);
            assert_eq!(report.findings, [], "{name}");
            let facts = report.facts.unwrap();
            let header = &facts.header;
            assert_eq!(u64::from(header.generation.0), expected["generation"].as_u64().unwrap(), "{name}");
            assert_eq!(header.created.to_string(), time(expected["created"].as_str().unwrap()), "{name}");
            let previous = time(expected["prev_created"].as_str().unwrap());
            assert_eq!(header.previous_created.to_string(), previous, "{name}");
            assert_eq!(format!("({})", header.version), expected["log_format"].as_str().unwrap(), "{name}");
            assert_eq!(header.signature.to_string(), signature(&expected["signature"]), "{name}");
            assert_eq!(
                header.checkpoint.to_string(),
                position(expected["checkpoint"].as_str().unwrap()),
                "{name}"
            );
            let sum = format!("{:#018x}", facts.checksum);
            assert_eq!(sum, expected["accumulated_checksum"].as_str().unwrap(), "{name}");
            let sum = format!("{:#018x}", header.previous_checksum);
            assert_eq!(sum, expected["prev_accumulated_checksum"].as_str().unwrap(), "{name}");
            // The engine names the first position behind the last segment.
            let next = LogPosition {
                generation: header.generation,
                sector: u16::try_from(facts.last_segment + 1).unwrap(),
                offset: 0,
            };
            assert_eq!(next.to_string(), position(expected["last_lgpos"].as_str().unwrap()), "{name}");
        }
    });
}

//! Every file of the field data against `expected.json`, which other readers made.

use ese::{FileType, LogFormat, LogHeader, Origin, sniff};
use serde_json::Value;

use crate::support::{database, field_logs, log, read};

const FOLDERS: [&str; 8] = ["ca", "backup-dhcp", "replay-32k", "replay-v7", "db4k", "db8k", "db16k", "db32k"];
const LOGS: [&str; 3] = ["secedit-lw", "secedit-new", "cachestorage"];

/// All unpacked files, with what is known about them.
fn files() -> Vec<(String, Vec<u8>, Value)> {
    let Some(shared) = testkit::data::shared() else {
        testkit::data::skip("no field data on this machine");
        return Vec::new();
    };
    let expected: Value = serde_json::from_slice(&read(shared.join("ese/expected.json"))).unwrap();
    let folders = FOLDERS.iter().map(|&name| (name.to_owned(), testkit::data::field_folder(name)));
    let logs = LOGS.iter().map(|name| (format!("logs/{name}"), field_logs(name)));
    let mut files = Vec::new();
    for (name, folder) in folders.chain(logs) {
        let Some(folder) = folder else { continue };
        for (key, value) in expected.as_object().unwrap() {
            if let Some(file) = key.strip_prefix(&format!("{name}/")).filter(|file| !file.contains('/')) {
                files.push((key.clone(), read(folder.join(file)), value.clone()));
            }
        }
    }
    files
}

fn hex(value: &Value) -> u32 {
    u32::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

/// `rand=0x.. create=YYYY-MM-DD hh:mm:ss.mmmZ computer=..` as a signature prints.
fn signature(value: &Value) -> String {
    let text = value.as_str().unwrap();
    let (random, rest) = text.strip_prefix("rand=").unwrap().split_once(" create=").unwrap();
    let created = time(rest.split(" computer=").next().unwrap());
    format!("{} {created}", random.to_lowercase())
}

fn time(text: &str) -> String {
    if text == "-" { "never".to_owned() } else { text.replace(' ', "T").replace(".000", "") }
}

#[test]
fn database_headers() {
    for (name, bytes, expected) in files() {
        let expected = &expected["db"]["header"];
        if expected.is_null() {
            continue;
        }
        let header = database(&bytes, Origin::Raw).facts.unwrap().header;
        assert_eq!(u64::from(header.page_size.bytes()), expected["pagesize"].as_u64().unwrap(), "{name}");
        assert_eq!(header.checksum, hex(&expected["chk"]), "{name}");
        assert_eq!(header.version, hex(&expected["ver"]), "{name}");
        assert_eq!(header.dbtime, expected["dbtime"].as_u64().unwrap(), "{name}");
        assert_eq!(format!("{:?}", header.state), expected["state"].as_str().unwrap(), "{name}");
        assert_eq!(header.signature.to_string(), signature(&expected["signDb"]), "{name}");
        assert_eq!(header.log_signature.to_string(), signature(&expected["signLog"]), "{name}");
        assert_eq!(
            header.attach_time.to_string(),
            time(expected["logtimeAttach"].as_str().unwrap()),
            "{name}"
        );
        assert_eq!(
            header.detach_time.to_string(),
            time(expected["logtimeDetach"].as_str().unwrap()),
            "{name}"
        );
        assert_eq!(u64::from(header.required.0.0), expected["genMinRequired"].as_u64().unwrap(), "{name}");
        assert_eq!(u64::from(header.required.1.0), expected["genMaxRequired"].as_u64().unwrap(), "{name}");
        assert_eq!(u64::from(header.committed.0), expected["genMaxCommitted"].as_u64().unwrap(), "{name}");
        assert_eq!(header.update_major, hex(&expected["update"]), "{name}");
        assert_eq!(u64::from(header.update_minor), expected["updateMinor"].as_u64().unwrap(), "{name}");
        assert_eq!(u64::from(header.efv), expected["efvMaxBin"].as_u64().unwrap(), "{name}");
        assert_eq!(u64::from(header.dbid), expected["dbid"].as_u64().unwrap(), "{name}");
        assert_eq!(u64::from(header.last_object), expected["objidLast"].as_u64().unwrap(), "{name}");
        let attach = &header.attach;
        let position = format!(
            "{}({:#X}):{:04X}:{:04X}",
            attach.generation.0, attach.generation.0, attach.sector, attach.offset
        );
        assert_eq!(position.replace("0X", "0x"), expected["lgposAttach"].as_str().unwrap(), "{name}");
        let os = header.os_version;
        let os = format!("{}.{}.{} sp{}", os.major, os.minor, os.build, os.service_pack);
        assert_eq!(os, expected["os"].as_str().unwrap(), "{name}");
    }
}

#[test]
fn page_kinds() {
    for (name, bytes, expected) in files() {
        let expected = &expected["db"];
        if expected.is_null() {
            continue;
        }
        let origin = if name.starts_with("backup") { Origin::Streamed } else { Origin::Raw };
        let report = database(&bytes, origin);
        let count = |kinds: &[&str]| -> u64 {
            kinds.iter().filter_map(|kind| expected["page_states"][kind].as_u64()).sum()
        };
        let trailer = u64::from(origin == Origin::Streamed);
        assert_eq!(report.pages.zero, count(&["zero"]), "{name}");
        assert_eq!(report.pages.ecc, count(&["ecc_ok", "ecc4_ok"]), "{name}");
        assert_eq!(report.pages.xor, count(&["xor_ok"]), "{name}");
        assert_eq!(report.pages.bad + trailer, count(&["ecc_bad", "ecc4_bad", "xor_bad"]), "{name}");
        assert_eq!(report.pages.total + trailer, expected["pages"].as_u64().unwrap(), "{name}");
        let ranges = expected["bad_pages"].as_array().unwrap();
        if origin == Origin::Raw {
            let findings = report.findings.iter().filter(|finding| finding.is_checksum()).count();
            assert_eq!(findings, ranges.len(), "{name}");
        }
    }
}

#[test]
fn log_headers_and_segments() {
    for (name, bytes, expected) in files() {
        let expected = &expected["log"];
        if expected.is_null() {
            continue;
        }
        let report = log(&bytes, Origin::Raw);
        assert_eq!(report.findings, [], "{name}");
        let facts = report.facts.unwrap();
        let header: LogHeader = facts.header;
        let number = |key: &str| expected[key].as_u64().unwrap();
        assert_eq!(u64::from(header.generation.0), number("gen"), "{name}");
        assert_eq!(u64::from(header.sector_size), number("cbSec"), "{name}");
        assert_eq!(u64::from(header.header_sectors), number("csecHdr"), "{name}");
        assert_eq!(u64::from(header.file_sectors), number("csecFile"), "{name}");
        assert_eq!(u64::from(header.page_size), number("cbPage"), "{name}");
        assert_eq!(u64::from(header.flags), number("fLG"), "{name}");
        assert_eq!(u64::from(header.version.update_minor), number("updMinor"), "{name}");
        assert_eq!(u64::from(header.efv), number("efv"), "{name}");
        assert_eq!(header.version.to_string(), expected_version(expected), "{name}");
        assert_eq!(header.created.to_string(), local(expected, "tmCreate", &header), "{name}");
        assert_eq!(header.previous_created.to_string(), local(expected, "tmPrev", &header), "{name}");
        let remembered = u64::from_str_radix(expected["chkPrevAllSeg"].as_str().unwrap(), 16).unwrap();
        assert_eq!(header.previous_checksum, remembered, "{name}");
        if header.format == LogFormat::Ranges {
            assert_eq!(u64::from(report.segments.valid), number("lrchecksum_ok"), "{name}");
            continue;
        }
        assert_eq!(u64::from(facts.last_segment), number("last_valid_segment"), "{name}");
        assert_eq!(u64::from(report.segments.valid), number("valid_segments"), "{name}");
        assert_eq!(u64::from(report.segments.zero), number("zero_segments"), "{name}");
        let shadows = expected["shadow_segments"].as_array().unwrap().len();
        assert_eq!(usize::try_from(report.segments.shadow).unwrap(), shadows, "{name}");
        let sum = expected["segment_checksum_xor"].as_str().unwrap();
        assert_eq!(format!("{:016x}", facts.checksum), sum, "{name}");
    }
}

/// The other reader prints three or four parts.
fn expected_version(expected: &Value) -> String {
    let text = expected["ver"].as_str().unwrap();
    if text.split('.').count() == 3 { format!("{text}.{}", expected["updMinor"]) } else { text.to_owned() }
}

/// Times of old logs are local; the other reader may print a `Z` all the same.
fn local(expected: &Value, key: &str, header: &LogHeader) -> String {
    let text = time(expected[key].as_str().unwrap());
    if header.created.is_utc() { text } else { text.trim_end_matches('Z').to_owned() }
}

#[test]
fn single_pages() {
    let Some(folder) = testkit::data::field_folder("pages") else { return };
    for (name, number) in [
        ("lv_leaf_8k_pgno1793.raw", 1793),
        ("win10_lv_leaf_pgno56.16k.raw", 56),
        ("win10_lv_root_pgno37.16k.raw", 37),
        ("win10_search_pgno.32k.raw", 13),
        ("win10_system_root_pgno1.16k.raw", 1),
        ("win10_table_leaf_pgno578.16k.raw", 578),
        ("win11_catalog_24h2_pgno4.16k.raw", 4),
        ("win11_edge_catalog_24h2_pgno4.32k.raw", 4),
    ] {
        let page = read(folder.join(name));
        let mut file = crate::support::empty_database(page.len(), number - 1);
        file.extend_from_slice(&page);
        let report = database(&file, Origin::Raw);
        assert_eq!(report.findings, [], "{name}");
        assert_eq!((report.pages.ecc, report.pages.total), (1, u64::from(number)), "{name}");
    }
}

#[test]
fn kinds_of_files() {
    for (name, bytes, _) in files() {
        let expected = match name.rsplit('.').next().unwrap() {
            "log" => FileType::Log,
            "chk" => FileType::Checkpoint,
            "jfm" => FileType::FlushMap,
            "pat" => FileType::Unknown, // two trailer pages
            _ => FileType::Database,
        };
        if !bytes.is_empty() {
            assert_eq!(sniff(&bytes[..bytes.len().min(32_768)]), expected, "{name}");
        }
    }
}

//! Logs and databases with a defect: replay stops where it is, and never makes a wrong database.

use super::*;

pub(super) fn streamed(name: &str) -> Option<(PathBuf, Vec<u8>, Vec<Vec<u8>>)> {
    let set = testkit::data::engine_set(name)?;
    let database = database_file(&set.join("hot"));
    let logs = logs(&["hot", "hot-inc1", "hot-inc2"].map(|folder| set.join(folder)));
    Some((set, database, logs))
}

pub(super) fn run(database: &[u8], logs: &[Vec<u8>]) -> Result<(Vec<u8>, ReplayReport), ReplayError> {
    let mut replay = Replay::open(database.to_vec(), MEMORY)?;
    for log in logs {
        if replay.push_log(log.as_slice()).is_err() {
            break;
        }
    }
    replay.finish()
}

/// What the set gives up to a generation.
fn up_to(database: &[u8], logs: &[Vec<u8>], last: u32) -> Vec<u8> {
    let is_in = |log: &&Vec<u8>| LogHeader::parse(log).unwrap().generation <= Generation(last);
    run(database, &logs.iter().filter(is_in).cloned().collect::<Vec<_>>()).unwrap().0
}

#[test]
fn a_missing_log_ends_the_replay_before_it() {
    let Some((_, database, logs)) = streamed("efv7060") else { return };
    for (gap, missing) in (1_u32..).zip(0..logs.len() - 1) {
        let mut part = logs.clone();
        part.remove(missing);
        let error = ReplayError::Missing { first: Generation(gap), last: Generation(gap) };
        let ended = run(&database, &part);
        if gap <= 6 {
            assert_eq!(ended.unwrap_err(), error);
        } else {
            let (recovered, report) = ended.unwrap();
            assert_eq!((report.stopped, report.reached), (Some(error), Some(Generation(gap - 1))));
            assert_eq!(recovered, up_to(&database, &logs, gap - 1));
        }
    }
}

#[test]
fn a_log_of_another_stream_ends_the_replay_before_it() {
    let (Some((_, database, logs)), Some((_, _, others))) = (streamed("efv7060"), streamed("efv9600")) else {
        return;
    };
    let mut mixed = logs.clone();
    mixed[7] = others[7].clone();
    let (recovered, report) = run(&database, &mixed).unwrap();
    assert_eq!(report.stopped, Some(ReplayError::LogStream { generation: Generation(8) }));
    assert_eq!(recovered, up_to(&database, &logs, 7));
    mixed.swap(2, 3);
    let error = ReplayError::Missing { first: Generation(3), last: Generation(3) };
    assert_eq!(run(&database, &mixed).unwrap_err(), error);
}

#[test]
fn a_damaged_log_ends_the_replay_inside_it() {
    let Some((_, database, mut logs)) = streamed("efv7060") else { return };
    let log = &mut logs[7];
    for byte in [0x20300, 0x20711] {
        log[byte] ^= 0x14;
    }
    let (recovered, report) = run(&database, &logs).unwrap();
    assert!(matches!(report.stopped, Some(ReplayError::Log { generation: Some(Generation(8)), .. })));
    assert_eq!((report.position.generation, report.reached), (Generation(8), Some(Generation(7))));
    assert_sound(&recovered, &logs[..7], "damaged");
    for byte in [0x20300, 0x20711] {
        logs[3][byte] ^= 0x14;
    }
    assert!(matches!(run(&database, &logs), Err(ReplayError::Log { generation: Some(Generation(4)), .. })));
}

#[test]
fn a_page_that_the_logs_do_not_continue_spoils_the_database() {
    let Some((set, database, logs)) = streamed("main") else { return };
    let later = database_file(&set.join("hot-restored"));
    let mut redo = DryRedo::new(
        &DatabaseHeader::parse(&database).unwrap(),
        page_dbtimes(database.as_slice(), ese::PageSize::DEFAULT),
    );
    logs[..17].iter().for_each(|log| redo.push_log(log.as_slice()).unwrap());
    let ends = redo.finish().pages;
    let expected = reachable(&run(&database, &logs).unwrap().0);
    let mut spoilt = 0;
    // The logs of this set do not begin with the database, so that they cannot make all of it anew.
    let pages = database.len() / 4096 - 1;
    for page in (3..pages).step_by(pages / 25) {
        let place = page * 4096..page * 4096 + 4096;
        let changed = |bytes: &[u8], with: &[u8]| {
            let mut changed = bytes.to_vec();
            changed[place.clone()].copy_from_slice(with);
            changed
        };
        // A page that is damaged, and one that comes from the future of the first log.
        let mut garbage = database[place.clone()].to_vec();
        garbage[100..400].fill(0xA7);
        let mut kinds = vec![garbage, vec![0; 4096]];
        let later = &later[place.clone()];
        // What recovery rolled back on the later page is another history than that of the logs.
        let number = ese::PageNumber(u32::try_from(page - 1).unwrap());
        if ends.dbtime(number) == Some(PageView::new(later, ese::PageSize::DEFAULT).unwrap().dbtime()) {
            kinds.push(later.to_vec());
        }
        for with in kinds {
            let Ok((recovered, _)) = run(&changed(&database, &with), &logs) else {
                spoilt += 1;
                continue;
            };
            // Else nothing depends on the page, or it is seen in the result.
            let (_, findings) = check(&recovered, None);
            let is_seen = findings.iter().any(|finding| finding.severity >= Severity::Warning);
            assert!(is_seen || reachable(&recovered) == expected, "page {}", page - 1);
        }
    }
    assert!(spoilt > 5, "{spoilt}");
}

/// The rows of all tables, as one hash.
pub(super) fn reachable(bytes: &[u8]) -> String {
    let database = Database::open(bytes).unwrap();
    let mut hash = Sha256::new();
    for table in database.tables() {
        for node in database.nodes(table.root) {
            let node = node.unwrap();
            if !node.flags.is_deleted() {
                hash.update(&node.key);
                hash.update(&node.data);
            }
        }
    }
    hex(&hash.finalize())
}

#[test]
fn a_stream_without_its_trailer_is_refused() {
    let Some((_, database, _)) = streamed("efv7060") else { return };
    let cut = database[..database.len() - 4096].to_vec();
    assert_eq!(Replay::open(cut, MEMORY).unwrap_err(), ReplayError::Trailer);
}

/// Bytes changed behind the engine's back, in logs and pages whose checksums are right again: replay ends,
/// with an error or with a database, and twice the same one.
#[test]
fn made_up_logs_and_pages_end_in_an_error_or_a_database() {
    let Some(set) = testkit::data::engine_set("jtxnames") else { return };
    let (database, logs) = (database_file(&set.join("crash")), logs(&[set.join("crash")]));
    let mut seed = 7_u32;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(seed >> 4).unwrap() % below
    };
    let (mut errors, mut databases) = (0, 0);
    for _ in 0..300 {
        let (mut database, mut logs) = (database.clone(), logs.clone());
        for _ in 0..=random(3) {
            let file = random(logs.len() + 1);
            let is_log = file < logs.len();
            let bytes = logs.get_mut(file).unwrap_or(&mut database);
            let block = 2 + random(bytes.len() / 4096 - 2);
            let block = if is_log { block / 2 } else { block };
            let part = &mut bytes[block * 4096..][..4096];
            if part.iter().all(|&byte| byte == 0) || block == 0 {
                continue;
            }
            part[40 + random(4056)] = [0, 1, 0xFF, 0x7F][random(4)];
            let tag = if is_log { block } else { block - 1 };
            let sum = ese::xor_ecc(part, u32::try_from(tag).unwrap(), ese::Block::WithChecksum).unwrap();
            part[..8].copy_from_slice(&sum.to_le_bytes());
        }
        let result = run(&database, &logs);
        assert_eq!(result, run(&database, &logs));
        match result {
            Ok((recovered, _)) => {
                databases += 1;
                drop(check(&recovered, None));
            }
            Err(error) => {
                errors += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(errors > 20 && databases > 20, "{errors} {databases}");
}

//! Rules of a set, one defect at a time.

use ese::{DatabaseFacts, Generation, NamedLog, Origin, SetInput, check_set, required_logs};
use expect_test::{Expect, expect};

use crate::build::{Log, dirty, facts, stream};
use crate::support::lines;

fn chain(generations: impl IntoIterator<Item = u32>) -> Vec<NamedLog> {
    generations.into_iter().map(|generation| Log::new(generation).file()).collect()
}

#[track_caller]
fn check(
    origin: Origin,
    databases: &[DatabaseFacts],
    logs: &[NamedLog],
    listed: Option<&[u32]>,
    expected: Expect,
) {
    let listed: Option<Vec<_>> = listed.map(|all| all.iter().copied().map(Generation).collect());
    let input = SetInput { origin, databases, logs, listed: listed.as_deref() };
    expected.assert_eq(&lines(&check_set(&input)));
}

#[track_caller]
fn streamed(databases: &[DatabaseFacts], logs: &[NamedLog], expected: Expect) {
    check(Origin::Streamed, databases, logs, None, expected);
}

#[track_caller]
fn raw(databases: &[DatabaseFacts], logs: &[NamedLog], expected: Expect) {
    check(Origin::Raw, databases, logs, None, expected);
}

#[test]
fn nothing_is_no_defect() {
    streamed(&[], &[], expect![""]);
    raw(&[], &[], expect![""]);
}

#[test]
fn order_of_the_files_does_not_matter() {
    streamed(&[stream(2, 3, 4, 6)], &chain([7, 2, 5, 4, 3, 6]), expect![""]);
}

#[test]
fn stream_ends_at_its_trailer() {
    streamed(
        &[stream(2, 3, 4, 6)],
        &chain(2..=6),
        expect![[r#"
        info - ends-at-trailer generation 0x6: set ends at the trailer's generation; later listed logs cannot be excluded
    "#]],
    );
    check(Origin::Streamed, &[stream(2, 3, 4, 6)], &chain(2..=6), Some(&[2, 3, 4, 5, 6]), expect![""]);
}

#[test]
fn stream_without_some_logs() {
    streamed(
        &[stream(2, 3, 4, 6)],
        &[],
        expect![[r#"
        error -557 log-missing generation 0x2: no usable log file, inside the range of the backup
        error -543 log-missing generations 0x3 to 0x4: no usable log file, required to recover the database
        error -557 log-missing generations 0x5 to 0x6: no usable log file, inside the range of the backup
    "#]],
    );
    streamed(
        &[stream(2, 3, 4, 6)],
        &chain([5, 7]),
        expect![[r#"
        error -554 log-missing generation 0x2: no usable log file, below the lowest log of the set but not below genLow of the backup
        error -543 log-missing generations 0x3 to 0x4: no usable log file, required to recover the database
        error -557 log-missing generation 0x6: no usable log file, inside the range of the backup
    "#]],
    );
    streamed(
        &[stream(2, 3, 4, 6)],
        &chain(3..=5),
        expect![[r#"
        error -554 log-missing generation 0x2: no usable log file, below the lowest log of the set but not below genLow of the backup
        error -553 log-missing generation 0x6: no usable log file, above the highest log of the set but not above genHigh of the trailer
    "#]],
    );
}

#[test]
fn gap_above_the_backup_breaks_the_chain() {
    streamed(
        &[stream(2, 3, 4, 6)],
        &chain([2, 3, 4, 5, 6, 8]),
        expect![[r#"
        error -556 log-missing generation 0x7: no usable log file, later logs cannot be replayed without it
    "#]],
    );
}

#[test]
fn gap_below_the_backup_does_not_matter() {
    streamed(
        &[stream(5, 5, 5, 6)],
        &chain([1, 3, 5, 6, 7]),
        expect![[r#"
        info - log-missing generation 0x2: no usable log file, not needed by the database
        info - log-missing generation 0x4: no usable log file, not needed by the database
    "#]],
    );
}

#[test]
fn listed_logs_have_to_be_there() {
    let logs = chain(2..=6);
    check(
        Origin::Streamed,
        &[stream(2, 3, 4, 6)],
        &logs,
        Some(&[8, 2, 7, 3, 3, 4, 10, 5, 6]),
        expect![[r#"
        error -557 log-missing generations 0x7 to 0x8: no usable log file, listed by the server
        error -556 log-missing generation 0x9: no usable log file, later logs cannot be replayed without it
        error -557 log-missing generation 0xa: no usable log file, listed by the server
    "#]],
    );
    check(
        Origin::Streamed,
        &[],
        &chain([4, 6]),
        Some(&[3, 4, 5, 6]),
        expect![[r#"
        error -557 log-missing generation 0x3: no usable log file, listed by the server
        error -557 log-missing generation 0x5: no usable log file, listed by the server
    "#]],
    );
}

#[test]
fn increment_has_to_be_contiguous() {
    streamed(
        &[],
        &chain([2, 3, 5, 6]),
        expect![[r#"
        error -556 log-missing generation 0x4: no usable log file, later logs cannot be replayed without it
    "#]],
    );
    raw(
        &[],
        &chain([2, 3, 5, 6]),
        expect![[r#"
        error -515 log-missing generation 0x4: no usable log file, later logs cannot be replayed without it
    "#]],
    );
}

#[test]
fn clean_database_needs_no_log() {
    raw(&[facts(&[], None)], &[], expect![""]);
    raw(
        &[facts(&[], None)],
        &chain([2, 5]),
        expect![[r#"
        info - log-missing generations 0x3 to 0x4: no usable log file, not needed by the database
    "#]],
    );
}

#[test]
fn dirty_database_needs_its_required_logs() {
    let mut logs = chain(2..=5);
    logs.push(Log::new(6).named("edb.log"));
    raw(&[dirty(3, 5, 6)], &logs, expect![""]);
    raw(
        &[dirty(3, 5, 6)],
        &logs[2..],
        expect![[r#"
        error -543 log-missing generation 0x3: no usable log file, required to recover the database
    "#]],
    );
    raw(
        &[dirty(3, 5, 6)],
        &logs[..4],
        expect![[r#"
        warning -582 log-missing generation 0x6: no usable log file, holds committed transactions
    "#]],
    );
    raw(
        &[dirty(3, 6, 6)],
        &logs[..4],
        expect![[r#"
        error -528 log-missing generation 0x6: no usable log file, required to recover the database and the current log is not there
    "#]],
    );
    raw(
        &[dirty(3, 5, 6)],
        &[],
        expect![[r#"
        error -543 log-missing generations 0x3 to 0x5: no usable log file, required to recover the database
        warning -582 log-missing generation 0x6: no usable log file, holds committed transactions
    "#]],
    );
}

#[test]
fn wrong_name() {
    let mut logs = chain([2, 3]);
    logs[1].name = "edb00004.log".to_owned();
    streamed(
        &[],
        &logs,
        expect![[r#"
        error -513 log-name generation 0x3: file `edb00004.log` is named as generation 0x4
    "#]],
    );
}

#[test]
fn name_that_says_nothing_is_not_judged() {
    let mut logs = chain([2, 3]);
    logs[1].name = "blob-17".to_owned();
    streamed(&[], &logs, expect![""]);
}

#[test]
fn same_generation_twice() {
    streamed(
        &[],
        &chain([2, 3, 3, 4]),
        expect![[r#"
        error - log-duplicate generation 0x3: log is there more than once
    "#]],
    );
}

#[test]
fn other_signature() {
    let logs = [Log::new(2).file(), Log { signature: 7, ..Log::new(3) }.file(), Log::new(4).file()];
    streamed(
        &[stream(2, 2, 2, 4)],
        &logs,
        expect![[r#"
        error -555 log-signature generation 0x3: signLog is 0x07070707 1907-07-07T07:07:07.387Z, expected 0x01010101 1901-01-01T01:01:01Z
        info - ends-at-trailer generation 0x4: set ends at the trailer's generation; later listed logs cannot be excluded
    "#]],
    );
    raw(
        &[],
        &logs,
        expect![[r#"
        error -530 log-signature generation 0x3: signLog is 0x07070707 1907-07-07T07:07:07.387Z, expected 0x01010101 1901-01-01T01:01:01Z
    "#]],
    );
}

#[test]
fn database_of_another_stream() {
    let logs: Vec<_> = (2..=4).map(|number| Log { signature: 7, ..Log::new(number) }.file()).collect();
    streamed(
        &[stream(2, 2, 2, 4)],
        &logs,
        expect![[r#"
        error -530 database-signature signLog of the database is 0x01010101 1901-01-01T01:01:01Z, no log of the set has it
        info - ends-at-trailer generation 0x4: set ends at the trailer's generation; later listed logs cannot be excluded
    "#]],
    );
    raw(
        &[facts(&[], None)],
        &logs,
        expect![[r#"
        warning -530 database-signature signLog of the database is 0x01010101 1901-01-01T01:01:01Z, no log of the set has it
    "#]],
    );
}

#[test]
fn creation_time_of_the_previous_log() {
    let logs = [Log::new(2).file(), Log { previous: 40, ..Log::new(3) }.file(), Log::new(4).file()];
    streamed(
        &[],
        &logs,
        expect![[r#"
        error -556 chain-broken generation 0x3: tmPrevGen is not the creation time of the previous log
    "#]],
    );
    raw(
        &[],
        &logs,
        expect![[r#"
        error -515 chain-broken generation 0x3: tmPrevGen is not the creation time of the previous log
    "#]],
    );
    raw(
        &[dirty(2, 4, 4)],
        &logs,
        expect![[r#"
        error -515 chain-broken generation 0x3: tmPrevGen is not the creation time of the previous log
    "#]],
    );
    raw(
        &[dirty(4, 4, 4)],
        &logs,
        expect![[r#"
        warning -515 chain-broken generation 0x3: tmPrevGen is not the creation time of the previous log
    "#]],
    );
}

#[test]
fn checksum_of_the_previous_log() {
    let first = Log::new(2).file();
    let right = first.facts.checksum;
    assert_ne!(right, 0);
    let second = |remembers, update_minor| Log { remembers, update_minor, ..Log::new(3) }.file();
    streamed(&[], &[first.clone(), second(right, 16)], expect![""]);
    streamed(&[], &[first.clone(), second(0, 16)], expect![""]);
    streamed(
        &[],
        &[first.clone(), second(right ^ 1, 16)],
        expect![[r#"
        error -501 chain-checksum generation 0x2: segment checksums add up to 0x0000000000030000, the next log remembers 0x0000000000030001
    "#]],
    );
    streamed(
        &[],
        &[first, second(right ^ 1, 4)],
        expect![[r#"
        warning -501 chain-checksum generation 0x2: segment checksums add up to 0x0000000000030000, the next log remembers 0x0000000000030001
    "#]],
    );
}

#[test]
fn different_sizes() {
    let logs = [Log::new(2).file(), Log { sectors: 8, ..Log::new(3) }.file()];
    streamed(
        &[],
        &logs,
        expect![[r#"
        warning - log-sizes generation 0x3: log has 32768 bytes, other logs of the set have 24576
    "#]],
    );
}

#[test]
fn creation_time_of_the_committed_log() {
    let database = |second| facts(&[(52, 2), (296, 3), (300, 3), (416, 4), (348, second)], None);
    let mut logs = chain([3]);
    logs.push(Log::new(4).named("edb.log"));
    raw(&[database(4)], &logs, expect![""]);
    raw(&[database(3)], &logs, expect![""]); // older engines
    raw(
        &[database(50)],
        &logs,
        expect![[r#"
        warning - committed-time generation 0x4: log was not created when the database header says
    "#]],
    );
    raw(
        &[database(50)],
        &logs[..0],
        expect![[r#"
        error -543 log-missing generation 0x3: no usable log file, required to recover the database
        warning -582 log-missing generation 0x4: no usable log file, holds committed transactions
    "#]],
    );
}

#[test]
fn two_databases_share_the_logs() {
    let databases = [stream(2, 3, 4, 6), stream(2, 3, 5, 7)];
    let input =
        SetInput { origin: Origin::Streamed, databases: &databases, logs: &chain(3..=6), listed: None };
    let required = required_logs(&input);
    assert_eq!(required.required, Some((Generation(2), Generation(7))));
    assert_eq!(required.missing, [(Generation(2), Generation(2)), (Generation(7), Generation(7))]);
    expect![[r#"
        error -554 log-missing generation 0x2: no usable log file, below the lowest log of the set but not below genLow of the backup
        error -553 log-missing generation 0x7: no usable log file, above the highest log of the set but not above genHigh of the trailer
        info - ends-at-trailer generation 0x6: set ends at the trailer's generation; later listed logs cannot be excluded
    "#]].assert_eq(&lines(&check_set(&input)));
}

#[test]
fn huge_ranges_are_ranges() {
    let database = dirty(1, u32::MAX, u32::MAX);
    raw(
        &[database],
        &chain([5]),
        expect![[r#"
        error -543 log-missing generations 0x1 to 0x4: no usable log file, required to recover the database
        error -528 log-missing generations 0x6 to 0xffffffff: no usable log file, required to recover the database and the current log is not there
    "#]],
    );
}

#[test]
fn nothing_is_required_without_a_dirty_database() {
    for databases in [vec![], vec![facts(&[], None)]] {
        let input = SetInput { origin: Origin::Raw, databases: &databases, logs: &[], listed: None };
        assert_eq!(required_logs(&input), ese::RequiredLogs::default());
    }
}

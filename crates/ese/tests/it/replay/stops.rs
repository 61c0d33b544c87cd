//! A replay may end anywhere: what it leaves is sound, and holds no open transaction.

use super::*;

/// A database of which nothing is there but its header, so that every point of its logs is consistent.
fn nothing(set: &Path) -> Vec<u8> {
    let whole = database_file(&set.join("clean"));
    let length = usize::try_from(DatabaseHeader::parse(&whole).unwrap().page_size.bytes()).unwrap();
    let mut header = whole[..length].to_vec();
    // Just created; never attached, consistent, detached or backed up; no logs required.
    put(&mut header, 52, 1);
    for at in [56, 60, 80, 84, 96, 100, 184, 200, 296, 300, 416, 16, 20] {
        put(&mut header, at, 0);
    }
    seal(&mut header);
    header.repeat(2)
}

#[test]
fn the_whole_history_of_a_database_gives_the_database() {
    for name in ["jtxnames", "efv7060", "efv9600", "page8k", "page32k"] {
        let Some(set) = testkit::data::engine_set(name) else { return };
        let mut replay = Replay::open(nothing(&set), MEMORY).unwrap();
        let logs = logs(&[set.join("clean")]);
        assert_eq!(LogHeader::parse(&logs[0]).unwrap().generation, Generation(1), "{name}");
        for log in &logs {
            replay.push_log(log.as_slice()).unwrap();
        }
        let (recovered, report) = replay.finish().unwrap();
        assert_eq!((report.open_sessions, report.undone), (0, 0), "{name}");
        let engine = database_file(&set.join("clean"));
        assert_pages(&recovered, &engine, name);
        assert_rows(recovered, &set.join("clean.json"), name);
    }
}

#[test]
fn a_stop_behind_any_record_leaves_a_sound_database() {
    // Both steps are prime, so that every kind of record is the last one somewhere.
    for (name, step) in [("jtxnames", 97), ("efv9600", 307)] {
        let Some(set) = testkit::data::engine_set(name) else { return };
        let mut replay = Replay::open(nothing(&set), MEMORY).unwrap();
        let (mut stops, mut undone) = (0, 0);
        for log in logs(&[set.join("clean")]) {
            for stop in (0..).map(|count| count * step) {
                let (mut part, mut left) = (replay.clone(), stop);
                let go_on = |_, _: &ese::Record<'_>| {
                    left -= 1;
                    left >= 0
                };
                part.push_log_while(log.as_slice(), go_on).unwrap();
                if left >= 0 {
                    break;
                }
                let (recovered, report) = part.finish().unwrap();
                if report.counts.redone < 500 {
                    // The tables of the engine itself are not all there yet.
                    continue;
                }
                let (_, findings) = check(&recovered, None);
                let worst = findings.iter().map(|finding| finding.severity).max();
                assert!(worst < Some(Severity::Warning), "{name} {}:\n{}", report.position, lines(&findings));
                (stops, undone) = (stops + 1, undone + report.undone);
            }
            replay.push_log(log).unwrap();
        }
        assert!(stops > 50 && undone > 20, "{name}: {stops} {undone}");
    }
}

#[test]
fn a_stop_behind_any_generation_leaves_a_sound_database() {
    for name in ["efv7060", "efv9600", "page8k", "page32k"] {
        let Some(set) = testkit::data::engine_set(name) else { return };
        let mut replay = Replay::open(database_file(&set.join("hot")), MEMORY).unwrap();
        let (lowest, needed) = replay.required_logs().unwrap();
        let all = logs(&["hot", "hot-inc1", "hot-inc2"].map(|folder| set.join(folder)));
        assert_eq!(LogHeader::parse(&all[0]).unwrap().generation, lowest, "{name}");
        let mut given = Vec::new();
        for log in all {
            let generation = LogHeader::parse(&log).unwrap().generation;
            replay.push_log(log.as_slice()).unwrap();
            given.push(log);
            let ended = replay.clone().finish();
            if generation < needed {
                let expected = ReplayError::NotConsistent { needed, reached: Some(generation) };
                assert_eq!(ended.unwrap_err(), expected, "{name}");
                continue;
            }
            let (recovered, report) = ended.unwrap();
            assert_eq!(report.reached, Some(generation), "{name}");
            assert_sound(&recovered, &given, &format!("{name} {generation}"));
        }
    }
}

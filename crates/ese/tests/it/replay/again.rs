//! More logs than are needed, the same logs twice, less memory, a copy that is only half written.

use ese::{PageSource, PageStore, SourceError};

use super::spoilt::{reachable, run, streamed};
use super::*;

fn crashed(name: &str) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let folder = testkit::data::engine_set(name)?.join("crash");
    Some((database_file(&folder), logs(&[folder])))
}

#[test]
fn logs_that_are_not_needed_change_nothing() {
    let Some((database, logs)) = crashed("main") else { return };
    let (lowest, _) = Replay::open(database.clone(), MEMORY).unwrap().required_logs().unwrap();
    assert_eq!((lowest, logs.len()), (Generation(12), 17));
    let (expected, _) = run(&database, &logs[11..]).unwrap();
    for first in [0, 4, 10] {
        // Older logs may know a higher last object than the header, which tells it again when it is closed.
        let recovered = run(&database, &logs[first..]).unwrap().0;
        assert!(recovered[2 * 4096..] == expected[2 * 4096..], "{first}");
    }
    for gap in [1..2, 3..9, 5..11] {
        let mut part = logs.clone();
        part.drain(gap.clone());
        let recovered = run(&database, &part).unwrap().0;
        assert!(recovered[2 * 4096..] == expected[2 * 4096..], "{gap:?}");
    }
    let mut part = logs.clone();
    part.drain(9..12);
    let error = ReplayError::Missing { first: Generation(12), last: Generation(12) };
    assert_eq!(run(&database, &part).unwrap_err(), error);
}

#[test]
fn a_recovered_database_is_the_same_after_the_same_logs() {
    for name in ["jtxnames", "efv7060", "efv9600", "page8k", "page32k", "main"] {
        let Some((database, logs)) = crashed(name) else { return };
        let (recovered, report) = run(&database, &logs).unwrap();
        assert_eq!(report.undone > 0, name == "jtxnames", "{name}");
        let (again, report) = run(&recovered, &logs).unwrap();
        assert_eq!((report.counts.redone, report.undone), (0, 0), "{name}");
        assert!(again == recovered, "{name}");
    }
}

#[test]
fn memory_changes_nothing_but_the_traffic() {
    for name in ["efv7060", "efv9600", "page8k", "page32k"] {
        let Some((_, database, logs)) = streamed(name) else { return };
        let run = |memory| {
            let mut replay = Replay::open(database.clone(), memory).unwrap();
            logs.iter().for_each(|log| replay.push_log(log.as_slice()).unwrap());
            replay.finish().unwrap()
        };
        let ((small, least), (large, most)) = (run(0), run(256 << 20));
        assert!(small == large, "{name}");
        assert!(least.counts.traffic.0 > most.counts.traffic.0, "{name}");
        assert!(most.counts.traffic.1 <= u64::from(most.pages), "{name}");
    }
}

/// A copy to which only so many writes come.
struct Cut<'a>(&'a mut Vec<u8>, u32);

impl PageSource for Cut<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), SourceError> {
        self.0.read_at(offset, into)
    }
}

impl Cut<'_> {
    fn goes_on(&mut self, offset: u64) -> Result<(), SourceError> {
        self.1 = self.1.checked_sub(1).ok_or(SourceError { offset, reason: "power is off".into() })?;
        Ok(())
    }
}

impl PageStore for Cut<'_> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SourceError> {
        self.goes_on(offset)?;
        self.0.write_at(offset, bytes)
    }

    fn set_size(&mut self, bytes: u64) -> Result<(), SourceError> {
        self.goes_on(bytes)?;
        self.0.set_size(bytes)
    }
}

#[test]
fn a_half_written_copy_gets_the_same_rows_or_is_refused() {
    for (name, step) in [("jtxnames", 3), ("efv7060", 61), ("page32k", 13)] {
        let Some((database, logs)) = crashed(name) else { return };
        let expected = reachable(&run(&database, &logs).unwrap().0);
        let (mut same, mut refused) = (0, 0);
        for writes in (1..).step_by(step) {
            let mut copy = database.clone();
            let mut replay = Replay::open(Cut(&mut copy, writes), 0).unwrap();
            let is_cut = logs.iter().any(|log| replay.push_log(log.as_slice()).is_err());
            if !is_cut && replay.finish().is_ok() {
                break;
            }
            match run(&copy, &logs) {
                Ok((recovered, _)) => {
                    same += 1;
                    assert_eq!(reachable(&recovered), expected, "{name} {writes}");
                }
                Err(_) => refused += 1,
            }
        }
        // Only where changes were rolled back already is the copy of no use.
        assert_eq!((same > 3, refused > 0), (true, name == "jtxnames"), "{name}: {same} {refused}");
    }
}

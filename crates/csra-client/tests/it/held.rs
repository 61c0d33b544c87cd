//! What holds however a backup over the wire ends.

use std::path::PathBuf;

use csbackup::{BackupOptions, Outcome, Requested, SetState, TruncationOutcome};
use csra_client::RemoteCa;
use testkit::world::World;

use crate::wire::Wire;

/// How a run ended; the error may be one of the road or one of the engine.
pub(crate) type Ended = Result<Outcome, Box<dyn std::error::Error>>;

/// A world before the backup in question.
pub(crate) struct Before {
    lowest: u32,
    stored: Vec<(PathBuf, Vec<u8>)>,
    sets: usize,
}

impl Before {
    pub(crate) fn of(world: &World) -> Self {
        let (lowest, stored) = (*world.generations().start(), world.contents());
        Self { lowest, stored, sets: world.sets().len() }
    }

    /// The lowest generation that the CA had.
    pub(crate) fn lowest(&self) -> u32 {
        self.lowest
    }

    /// How many sets there were.
    pub(crate) fn sets(&self) -> usize {
        self.sets
    }

    /// Nothing stored earlier changed, the CA forgot only what a published, proven, good set holds, and
    /// what was said of that is true.
    pub(crate) fn assert_held(&self, world: &World, ended: &Ended, case: &str) {
        let truncated = self.assert_kept(world, case);
        match ended.as_ref().map(|outcome| outcome.truncation.outcome) {
            Ok(TruncationOutcome::Done) => assert!(truncated, "{case}"),
            Ok(TruncationOutcome::Unknown) => {}
            Ok(other) => assert!(!truncated, "{case}: truncated, but the outcome is {other:?}"),
            Err(error) => assert!(!truncated, "{case}: truncated, but the run failed: {error}"),
        }
    }

    /// As [`Before::assert_held`], of a run that could say nothing more. Did the CA forget something?
    pub(crate) fn assert_kept(&self, world: &World, case: &str) -> bool {
        let now = world.contents();
        assert!(self.stored.iter().all(|file| now.contains(file)), "{case}: an earlier set changed");
        let truncated = *world.generations().start() > self.lowest;
        if truncated {
            let new = world.sets().split_off(self.sets);
            let newest = new.last().unwrap_or_else(|| panic!("{case}: logs are gone, nothing is published"));
            assert_eq!(world.catalogue().state(newest), SetState::Good, "{case}");
            assert_eq!(newest.proven(), Some(true), "{case}");
        }
        assert_eq!(world.lost(), [] as [u32; 0], "{case}");
        truncated
    }

    /// Everything listed, the new sets too, is whole.
    pub(crate) fn assert_whole(&self, world: &World, case: &str) {
        assert_eq!(world.errors(), [] as [String; 0], "{case}");
    }
}

/// The next backup succeeds and leaves nothing behind.
pub(crate) fn assert_heals(wire: &Wire, ca: &mut RemoteCa, case: &str) {
    // What a call that lost its client still does may take a moment.
    let wait = std::time::Duration::from_secs(60);
    let options = BackupOptions { kind: Requested::Auto, wait, ..BackupOptions::default() };
    let healed = wire.run_on(ca, &wire.medium, &options);
    let healed = healed.unwrap_or_else(|error| panic!("{case}: then {error:?}"));
    assert_eq!(healed.truncation.outcome, TruncationOutcome::Done, "{case}: {:?}", healed.truncation);
    assert!(healed.ended, "{case}");
    assert_eq!(wire.states().last(), Some(&SetState::Good), "{case}");
    assert_eq!(wire.leftovers(), [] as [String; 0], "{case}");
    assert_eq!(wire.lost(), [] as [u32; 0], "{case}");
}

/// The CAs before a backup, let in over the wire: one that was never backed up, and one whose logs go
/// on from a set.
pub(crate) fn scenarios() -> [(World, Requested); 2] {
    let mut first = World::new(&testkit::ca::plain_life());
    crate::wire::prepare(&mut first, |_| {});
    let mut second = first.copy();
    second.good(Requested::Full);
    second.advance();
    [(first, Requested::Full), (second, Requested::Incremental)]
}

//! Whatever the facts are.

use ca_database::FileTime;
use csbackup::DrillOutcome;
use csbackup::status::{Facts, HeldLogs, Known, Policy, Trouble, Word, judge};
use proptest::prelude::*;
use time::OffsetDateTime;

use super::{drill, healthy, lists};

fn moment() -> impl Strategy<Value = Option<FileTime>> {
    prop_oneof![any::<u64>().prop_map(FileTime::new), (0..u64::MAX / 7).prop_map(FileTime::new)]
}

fn trouble() -> impl Strategy<Value = Option<Trouble>> {
    let text = String::new;
    prop_oneof![
        Just(None),
        Just(Some(Trouble::Damaged { text: text() })),
        Just(Some(Trouble::DrillFailed)),
        Just(Some(Trouble::Misread { text: text() })),
        Just(Some(Trouble::Unproven)),
        Just(Some(Trouble::Sampled)),
        Just(Some(Trouble::Broken { text: text() })),
    ]
}

fn facts() -> impl Strategy<Value = Facts> {
    let times = proptest::collection::vec(moment(), 12);
    let kept = proptest::collection::vec(any::<bool>(), 8);
    (times, kept, trouble(), any::<[i64; 2]>()).prop_map(|(times, kept, trouble, [database, logs])| {
        let mut facts = healthy();
        facts.trouble = trouble;
        facts.newest.as_mut().unwrap().taken = times[0];
        facts.verified.as_mut().unwrap().taken = times[1];
        facts.chain.as_mut().unwrap().full_taken = times[2];
        facts.drills = vec![drill(DrillOutcome::Failed, times[3]), drill(DrillOutcome::Passed, times[4])];
        let [base, delta] = lists(&mut facts);
        [base.this_update, base.next_publish, base.next_update] = [times[5], times[6], times[7]];
        [delta.this_update, delta.next_publish, delta.next_update] = [times[8], times[9], times[10]];
        facts.published.as_mut().unwrap().certificates[0].not_after = times[11];
        facts.growth.database_per_day = Some(database);
        facts.growth.logs_per_day = Some(logs);
        facts.newest = facts.newest.filter(|_| kept[0]);
        facts.verified = facts.verified.filter(|_| kept[1]);
        facts.published = facts.published.filter(|_| kept[2]);
        facts.chain = facts.chain.filter(|_| kept[3]);
        facts.drills.retain(|_| kept[4]);
        facts.held_logs = kept[5].then_some(HeldLogs { sets: 3, logs: None, detail: None });
        facts.unreadable.extend(kept[6].then(String::new));
        facts.unread.extend(kept[7].then(String::new));
        facts
    })
}

proptest! {
    #[test]
    fn the_word_is_the_worst_of_the_alarms_and_each_is_raised_once(
        facts in facts(),
        now in -377_705_116_800_i64..253_402_300_799,
        free in proptest::option::of(any::<u64>()),
        offline: bool,
    ) {
        let now = OffsetDateTime::from_unix_timestamp(now).unwrap();
        let policy = if offline { Policy::of_offline_ca() } else { Policy::default() };
        let far = [facts.clone()];
        let status = judge(&Known { facts: &facts, far: &far, free }, &policy, now);
        let worst = status.alarms.iter().map(|alarm| alarm.severity).max().unwrap_or(Word::Ok);
        prop_assert_eq!(status.word, worst);
        let mut codes: Vec<_> = status.alarms.iter().map(|alarm| alarm.code).collect();
        codes.sort();
        codes.dedup();
        prop_assert_eq!(codes.len(), status.alarms.len());
        prop_assert!(status.alarms.iter().all(|alarm| alarm.severity != Word::Ok && !alarm.text.is_empty()));
    }
}

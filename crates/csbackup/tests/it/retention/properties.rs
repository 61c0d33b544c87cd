//! What holds of every plan.

use std::collections::BTreeSet;

use csbackup::{ForgetPlan, KeepOptions, Now, Quiet, Reason, SetState, forget, plan_forget};
use proptest::prelude::*;
use time::Duration;

use super::shelf::{Shelf, hold};
use super::{NOW, fates};

fn options() -> impl Strategy<Value = KeepOptions> {
    let within = proptest::option::of((0_i64..40).prop_map(Duration::days));
    (0..5_usize, 0..8_usize, 0..4_usize, 0..4_usize, 0..3_usize, within).prop_map(
        |(last, daily, weekly, monthly, yearly, within)| {
            let last = if [daily, weekly, monthly, yearly] == [0; 4] { last.max(1) } else { last };
            KeepOptions { last, daily, weekly, monthly, yearly, within, accept_unreadable: false }
        },
    )
}

/// Fulls and increments of several chains, some of them bad, in any order of days.
fn shelves() -> impl Strategy<Value = (Vec<String>, BTreeSet<usize>)> {
    let set = (0..10_u8, 0..8_usize, 0..8_u8, 1..12_u8, 1..28_u8);
    let sets = proptest::collection::vec(set, 1..14).prop_map(|sets| {
        let mut texts: Vec<String> = Vec::new();
        for (kind, chain, state, month, day) in sets {
            let fulls: Vec<usize> =
                (1..).zip(&texts).filter(|(_, text)| text.starts_with('F')).map(|(place, _)| place).collect();
            let what = match fulls.get(chain % fulls.len().max(1)) {
                Some(full) if kind > 2 => format!("I{full}"),
                _ => "F".to_owned(),
            };
            let mark = match state {
                0 => "!",
                1 => "?",
                2 => "x",
                _ => "",
            };
            texts.push(format!("{what}{mark} {month:02}-{day:02}"));
        }
        texts
    });
    (sets, proptest::collection::btree_set(0..14_usize, 0..3))
}

fn shelf((sets, held): &(Vec<String>, BTreeSet<usize>)) -> Shelf {
    let shelf = Shelf::of(&sets.iter().map(String::as_str).collect::<Vec<_>>());
    held.iter().filter(|place| **place < sets.len()).for_each(|place| shelf.note(*place, hold(None)));
    shelf
}

fn kept(plan: &ForgetPlan<'_>) -> BTreeSet<String> {
    plan.fates.iter().filter(|fate| fate.kept).map(|fate| fate.set.id.to_string()).collect()
}

proptest! {
    #[test]
    fn chains_stay_whole_holds_hold_and_the_newest_good_chain_stays(sets in shelves(), keep in options()) {
        let shelf = shelf(&sets);
        let catalogue = shelf.catalogue();
        let plan = plan_forget(&catalogue, &keep, Now::Given(NOW)).unwrap();
        prop_assert_eq!(plan.fates.len(), catalogue.sets().len());
        let kept = kept(&plan);
        let of = |id: &csbackup::SetId| catalogue.sets().iter().any(|set| set.id == *id);
        for fate in &plan.fates {
            prop_assert!(!fate.reasons.is_empty());
            let base = fate.set.manifest.base.as_ref().filter(|base| of(base));
            if let Some(base) = base.filter(|_| fate.kept) {
                prop_assert!(kept.contains(base.as_str()), "{} lost its base", fate.set.id);
            }
            prop_assert!(fate.kept || fate.set.hold(NOW).is_none());
        }
        let good = |set: &&csbackup::StoredSet| catalogue.state(set) == SetState::Good;
        let mut fulls = catalogue.sets().iter().filter(good).filter(|set| set.manifest.base.is_none());
        if let Some(full) = fulls.next_back() {
            let mut line = catalogue.sets().iter().filter(good);
            let newest = line.rfind(|set| set.manifest.timeline == full.manifest.timeline).unwrap();
            for set in catalogue.chain(newest).unwrap() {
                prop_assert!(kept.contains(set.id.as_str()), "{} is of the newest good chain", set.id);
            }
        }
        // What continues a set goes before it.
        let order: Vec<_> = plan.forgotten().iter().map(|set| set.manifest.sequence).collect();
        prop_assert!(order.is_sorted_by(|a, b| a > b), "{:?}", order);
    }

    #[test]
    fn a_second_time_finds_nothing_to_do(sets in shelves(), keep in options()) {
        let shelf = shelf(&sets);
        let before = shelf.catalogue();
        let plan = plan_forget(&before, &keep, Now::Given(NOW)).unwrap();
        let done = forget(&shelf, &plan, NOW, &Quiet).unwrap();
        prop_assert_eq!(done.spared, []);
        prop_assert_eq!(done.removed.len(), plan.forgotten().len());
        let after = shelf.catalogue();
        let again = plan_forget(&after, &keep, Now::Given(NOW)).unwrap();
        prop_assert!(again.forgotten().is_empty(), "{:?}", fates(&again));
        prop_assert_eq!(kept(&plan), kept(&again));
    }

    #[test]
    fn without_rules_about_time_clocks_decide_nothing(
        sets in shelves(),
        last in 1..5_usize,
        days in proptest::collection::vec(1..28_u8, 14),
    ) {
        let keep = KeepOptions { last, ..KeepOptions::default() };
        let shelf = shelf(&sets);
        let catalogue = shelf.catalogue();
        let plan = plan_forget(&catalogue, &keep, Now::Given(NOW)).unwrap();
        let before: Vec<Vec<Reason>> = plan.fates.iter().map(|fate| fate.reasons.clone()).collect();
        for (place, day) in (0..sets.0.len()).zip(&days) {
            shelf.retime(place, format!("2026-06-{day:02}T00:00:00Z"));
        }
        let catalogue = shelf.catalogue();
        let plan = plan_forget(&catalogue, &keep, Now::Given(NOW)).unwrap();
        let after: Vec<Vec<Reason>> = plan.fates.iter().map(|fate| fate.reasons.clone()).collect();
        prop_assert_eq!(before, after);
    }

    #[test]
    fn another_rule_keeps_more(sets in shelves(), keep in options(), more in 1..20_usize) {
        let shelf = shelf(&sets);
        let catalogue = shelf.catalogue();
        let few = kept(&plan_forget(&catalogue, &keep, Now::Given(NOW)).unwrap());
        let more = KeepOptions { last: keep.last + more, daily: keep.daily + more, ..keep };
        let many = kept(&plan_forget(&catalogue, &more, Now::Given(NOW)).unwrap());
        prop_assert!(few.is_subset(&many));
    }
}

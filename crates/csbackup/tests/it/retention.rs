//! What is forgotten, and what never is.

mod directory;
mod properties;
mod shelf;

use csbackup::{Catalogue, Error, ForgetPlan, KeepOptions, Now, forget, plan_forget, plan_forget_named};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use shelf::{Shelf, hold, released};

const NOW: OffsetDateTime = datetime!(2026-11-22 20:00 UTC);

/// `+` or `-` and the reasons, by set.
fn fates(plan: &ForgetPlan<'_>) -> Vec<String> {
    let fate = |fate: &csbackup::Fate<'_>| {
        let reasons: Vec<_> = fate.reasons.iter().map(csbackup::Reason::code).collect();
        format!("{}{}", if fate.kept { '+' } else { '-' }, reasons.join(","))
    };
    plan.fates.iter().map(fate).collect()
}

fn planned(sets: &[&str], keep: &KeepOptions) -> Vec<String> {
    let shelf = Shelf::of(sets);
    let catalogue = shelf.catalogue();
    fates(&plan_forget(&catalogue, keep, Now::Given(NOW)).unwrap())
}

fn last(last: usize) -> KeepOptions {
    KeepOptions { last, ..KeepOptions::default() }
}

fn refusal(sets: &[&str], keep: &KeepOptions, now: Now) -> String {
    let shelf = Shelf::of(sets);
    let catalogue = shelf.catalogue();
    match plan_forget(&catalogue, keep, now) {
        Err(error @ Error::Kept { .. }) => error.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_kept_increment_keeps_its_base_and_those_of_a_forgotten_full_go_with_it() {
    let sets = ["F 11-18", "I 11-19", "F 11-20", "I 11-21", "I 11-22"];
    assert_eq!(
        planned(&sets, &last(1)),
        ["-no-rule", "-no-rule", "+newest-good,needed", "+newest-good,needed", "+last,newest-good"]
    );
    assert_eq!(planned(&sets, &last(4))[..2], ["+needed", "+last"]);
}

#[test]
fn days_weeks_months_and_years_are_counted_where_there_are_sets() {
    let sets = ["F 01-31", "F 02-01", "F 11-08", "F 11-15", "F 11-16", "F 11-22T01", "F 11-22T23"];
    let daily = KeepOptions { daily: 3, ..KeepOptions::default() };
    let rest = ["+daily", "+daily", "-no-rule", "+daily,newest-good"];
    assert_eq!(planned(&sets, &daily), [&["-no-rule"; 3][..], &rest[..]].concat());
    let weekly = KeepOptions { weekly: 2, ..KeepOptions::default() };
    // The 16th is a Monday, in a week with the 22nd.
    let rest = ["+weekly", "-no-rule", "-no-rule", "+weekly,newest-good"];
    assert_eq!(planned(&sets, &weekly), [&["-no-rule"; 3][..], &rest[..]].concat());
    let monthly = KeepOptions { monthly: 12, yearly: 1, ..KeepOptions::default() };
    let newest = "+monthly,yearly,newest-good";
    let want = ["+monthly", "+monthly", "-no-rule", "-no-rule", "-no-rule", "-no-rule", newest];
    assert_eq!(planned(&sets, &monthly), want);
}

#[test]
fn an_age_is_counted_from_the_newest_set() {
    let keep = KeepOptions { within: Some(Duration::days(7)), ..KeepOptions::default() };
    let sets = ["F 10-01", "F 11-12T11", "F 11-12T13", "F 11-19T12"];
    assert_eq!(planned(&sets, &keep), ["-no-rule", "-no-rule", "+within", "+within,newest-good"]);
    // A clock that went back in between makes nothing old.
    let sets = ["F 10-01", "F 11-18", "F 02-01", "F 11-19"];
    assert_eq!(planned(&sets, &keep), ["-no-rule", "+within", "+within", "+within,newest-good"]);
}

#[test]
fn a_set_that_is_not_good_counts_for_nothing_and_waits_for_a_newer_good_chain() {
    let sets = ["F 11-18", "F! 11-19", "F? 11-20", "F 11-21", "I! 11-22T01", "I 11-22T02"];
    assert_eq!(
        planned(&sets, &last(2)),
        [
            "+last",
            "-superseded",
            "-superseded",
            "+last,newest-good,needed",
            "+not-superseded,needed",
            "+not-superseded"
        ]
    );
    assert_eq!(planned(&["F! 11-20", "I 11-21"], &last(1)), ["+not-superseded,needed", "+not-superseded"]);
}

#[test]
fn a_misread_set_that_a_rule_would_keep_stays_and_takes_no_place_from_a_good_one() {
    let daily = KeepOptions { daily: 3, ..KeepOptions::default() };
    let sets = ["Fx 11-10", "F 11-16", "Fx 11-17", "I 11-18", "Fx 11-19", "F!x 11-20", "F 11-21", "F 11-22"];
    let shelf = Shelf::of(&sets);
    let catalogue = shelf.catalogue();
    let plan = plan_forget(&catalogue, &daily, Now::Given(NOW)).unwrap();
    assert_eq!(
        fates(&plan),
        [
            "-superseded",
            "+daily",
            "+misread,needed",
            "+misread",
            "+misread",
            "-superseded",
            "+daily",
            "+daily,newest-good"
        ]
    );
    let why = plan.fates[2].reasons[0].to_string();
    assert!(why.starts_with("misread") && why.contains("`csbackup verify`"), "{why}");
}

#[test]
fn a_sampled_set_counts_for_the_rules_and_takes_nothing_from_the_newest_good_chain() {
    let daily = KeepOptions { daily: 2, ..KeepOptions::default() };
    let sets = ["F~ 11-18", "F 11-19", "F~ 11-20", "F~ 11-21", "I~ 11-22"];
    let want = ["-no-rule", "+newest-good", "-no-rule", "+daily,newest-good,needed", "+daily,newest-good"];
    assert_eq!(planned(&sets, &daily), want);
    assert_eq!(planned(&["F! 11-20", "F~ 11-21"], &last(1)), ["+not-superseded", "+last,newest-good"]);
}

#[test]
fn an_increment_that_closes_the_gap_of_an_old_chain_does_not_make_it_the_newest() {
    let sets = ["F 11-20", "F 11-21", "I1 11-21", "I2 11-22"];
    let daily = KeepOptions { daily: 1, ..KeepOptions::default() };
    assert_eq!(planned(&sets, &daily), ["-no-rule", "+newest-good,needed", "-no-rule", "+daily,newest-good"]);
    assert_eq!(planned(&sets[..3], &last(1)), ["-no-rule", "+last,newest-good", "-no-rule"]);
}

#[test]
fn imports_that_look_back_are_forgotten_by_name_only() {
    let sets = ["F 11-20", "F 11-21", "H 11-22"];
    assert_eq!(planned(&sets, &last(1)), ["-no-rule", "+last,newest-good", "+historic"]);
    let shelf = Shelf::of(&sets);
    let catalogue = shelf.catalogue();
    let plan = plan_forget_named(&catalogue, &[&catalogue.sets()[2]], false, Now::Clock(NOW)).unwrap();
    assert_eq!(fates(&plan), ["-named"]);
}

#[test]
fn a_named_set_takes_with_it_what_continues_it() {
    let shelf = Shelf::of(&["F 11-20", "I 11-20", "I 11-21", "F 11-21"]);
    let catalogue = shelf.catalogue();
    let plan = plan_forget_named(&catalogue, &[&catalogue.sets()[1]], false, Now::Clock(NOW)).unwrap();
    assert_eq!(fates(&plan), ["-named", "-continues"]);
    let ids: Vec<_> = plan.forgotten().iter().map(|set| set.manifest.sequence).collect();
    assert_eq!(ids, [3, 2]);
    let newest = plan_forget_named(&catalogue, &[&catalogue.sets()[3]], false, Now::Clock(NOW));
    assert!(newest.unwrap_err().to_string().contains("in the newest good chain"));
    shelf.note(2, hold(None));
    let catalogue = shelf.catalogue();
    let held = plan_forget_named(&catalogue, &[&catalogue.sets()[0]], false, Now::Clock(NOW));
    assert!(held.unwrap_err().to_string().contains("on hold"), "it would take a held one with it");
}

#[test]
fn a_hold_keeps_a_set_and_what_it_needs_until_it_ends_or_is_lifted() {
    let shelf = Shelf::of(&["F 11-18", "I 11-19", "F 11-22"]);
    let judged = |shelf: &Shelf| {
        fates(&plan_forget(&shelf.catalogue(), &last(1), Now::Clock(NOW)).unwrap())[..2].to_vec()
    };
    assert_eq!(judged(&shelf), ["-no-rule", "-no-rule"]);
    shelf.note(1, hold(Some("2026-11-22T19:59:59Z")));
    assert_eq!(judged(&shelf), ["-no-rule", "-no-rule"], "it has ended");
    shelf.note(1, hold(Some("2026-11-22T20:00:01Z")));
    assert_eq!(judged(&shelf), ["+needed", "+hold"]);
    shelf.note(1, hold(Some("2026-11-01T00:00:00Z")));
    assert_eq!(judged(&shelf), ["+needed", "+hold"], "a later, shorter hold takes nothing from it");
    shelf.note(1, released());
    assert_eq!(judged(&shelf), ["-no-rule", "-no-rule"]);
    shelf.note(1, hold(Some("some day")));
    assert_eq!(judged(&shelf), ["+needed", "+hold"], "an end that nobody can read is none");
    shelf.note(1, released());
    shelf.note(1, hold(None));
    assert_eq!(judged(&shelf), ["+needed", "+hold"]);
}

#[test]
fn several_cas_and_hosts_are_counted_apart_unless_their_logs_are_the_same() {
    let one_stream = ["F 11-20 @one #1", "F 11-21 @two #1", "F 11-22 @two #1"];
    assert_eq!(planned(&one_stream, &last(1)), ["-no-rule", "-no-rule", "+last,newest-good"]);
    let two = ["F 11-20 @one #1", "F 11-21 @two #2", "F 11-22 @two #2"];
    assert_eq!(planned(&two, &last(1)), ["+last,newest-good", "-no-rule", "+last,newest-good"]);
}

#[test]
fn without_a_rule_nothing_is_forgotten() {
    let said = refusal(&["F 11-22"], &KeepOptions::default(), Now::Given(NOW));
    assert_eq!(said, "nothing was forgotten: no rule says what to keep");
}

#[test]
fn a_clock_that_is_off_is_not_believed() {
    let sets = ["F 11-20T19"];
    let clock = |at: OffsetDateTime| Now::Clock(at);
    assert!(refusal(&sets, &last(1), clock(NOW + Duration::hours(3))).contains("more than 48 hours old"));
    assert!(refusal(&sets, &last(1), clock(NOW - Duration::days(3))).contains("before the newest set"));
    let shelf = Shelf::of(&sets);
    assert!(plan_forget(&shelf.catalogue(), &last(1), clock(datetime!(2026-11-22 19:00 UTC))).is_ok());
    assert!(plan_forget(&shelf.catalogue(), &last(1), Now::Given(NOW + Duration::days(900))).is_ok());
    let catalogue = shelf.catalogue();
    let named =
        |now| plan_forget_named(&catalogue, &[&catalogue.sets()[0]], false, now).unwrap_err().to_string();
    assert!(named(clock(NOW + Duration::hours(3))).contains("more than 48 hours old"), "nor to end a hold");
    assert!(named(Now::Given(NOW + Duration::hours(3))).contains("in the newest good chain"));
    // What counts is which set came last, not which claims to.
    let sets = ["F 12-24", "F 11-22T19"];
    let shelf = Shelf::of(&sets);
    assert!(plan_forget(&shelf.catalogue(), &last(1), clock(NOW)).is_ok());
}

#[test]
fn sets_that_cannot_be_read_stop_it() {
    let shelf = Shelf::of(&["F 11-20", "F 11-22"]);
    shelf.spoil(0);
    let catalogue = shelf.catalogue();
    let refused = plan_forget(&catalogue, &last(1), Now::Clock(NOW)).unwrap_err();
    assert!(refused.to_string().contains("1 of the sets cannot be read"), "{refused}");
    let keep = KeepOptions { accept_unreadable: true, ..last(1) };
    assert_eq!(fates(&plan_forget(&catalogue, &keep, Now::Clock(NOW)).unwrap()), ["+last,newest-good"]);
}

#[test]
fn sets_that_cannot_be_read_stop_a_named_one_until_that_is_accepted() {
    let shelf = Shelf::of(&["F 11-19", "F 11-20", "F 11-22"]);
    shelf.spoil(0);
    let catalogue = shelf.catalogue();
    let named = |accept| plan_forget_named(&catalogue, &[&catalogue.sets()[0]], accept, Now::Clock(NOW));
    assert!(named(false).unwrap_err().to_string().contains("1 of the sets cannot be read"));
    assert_eq!(fates(&named(true).unwrap()), ["-named"]);
}

#[test]
fn killed_at_any_removal_every_set_that_is_left_has_its_chain() {
    let sets = ["F 11-16", "I 11-17", "I 11-18", "F 11-19", "I 11-20", "I4 11-20", "F 11-22", "I1 11-22"];
    for removals in 0..7 {
        let shelf = Shelf::of(&sets);
        shelf.fail_after(removals);
        let catalogue = shelf.catalogue();
        let plan = plan_forget(&catalogue, &last(1), Now::Clock(NOW)).unwrap();
        let outcome = forget(&shelf, &plan, NOW, &csbackup::Quiet);
        assert_eq!(outcome.is_err(), removals < plan.forgotten().len(), "{removals}");
        let left = shelf.catalogue();
        assert_eq!(left.sets().len(), 8 - removals.min(plan.forgotten().len()));
        assert!(left.sets().iter().all(|set| left.chain(set).is_ok()), "after {removals}");
        // The next run ends what this one began.
        shelf.fail_after(usize::MAX);
        let plan = plan_forget(&left, &last(1), Now::Clock(NOW)).unwrap();
        forget(&shelf, &plan, NOW, &csbackup::Quiet).unwrap();
        assert_eq!(shelf.sequences(), [7]);
    }
}

#[test]
fn what_is_held_or_continued_since_the_plan_was_made_is_spared() {
    let shelf = Shelf::of(&["F 11-18", "I 11-19", "I 11-20", "F 11-22"]);
    let catalogue = shelf.catalogue();
    let plan = plan_forget(&catalogue, &last(1), Now::Clock(NOW)).unwrap();
    shelf.note(1, hold(None));
    let done = forget(&shelf, &plan, NOW, &csbackup::Quiet).unwrap();
    assert_eq!(shelf.sequences(), [1, 2, 4]);
    assert_eq!(done.removed.len(), 1);
    let why: Vec<_> = done.spared.iter().map(|(_, why)| why.split(' ').next().unwrap()).collect();
    assert_eq!(why, ["on", "needed"]);

    let shelf = Shelf::of(&["F 11-18", "F 11-22"]);
    let catalogue = shelf.catalogue();
    let plan = plan_forget(&catalogue, &last(1), Now::Clock(NOW)).unwrap();
    shelf.add("I1 11-22");
    assert_eq!(forget(&shelf, &plan, NOW, &csbackup::Quiet).unwrap().removed, []);
    assert!(Catalogue::load(&shelf, None).unwrap().sets().len() == 3);
}

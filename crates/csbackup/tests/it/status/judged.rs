//! Judging, on invented facts.

use std::collections::BTreeMap;
use std::time::Duration as Span;

use csbackup::status::{
    AlarmCode, Facts, HeldLogs, Known, Policy, Trouble, UnsavedKeys, Word, judge, out_of_reach,
};
use csbackup::{DrillOutcome, Error, StoreTrouble};
use testkit::ca::authority;
use time::Duration;

use super::{NOW, after, alarms, before, certificate, crl, drill, healthy, judged, lists, set};
use csbackup::manifest::Kind;

const DAY: Span = Span::from_hours(24);

#[test]
fn a_healthy_ca_is_ok_and_its_figures_are_told() {
    let status = judged(&healthy(), &Policy::default());
    assert_eq!((status.word, alarms(&status)), (Word::Ok, vec![]));
    assert_eq!(status.verified.as_ref().unwrap().age_seconds, Some(3600));
    assert_eq!(status.passed_drill.as_ref().unwrap().age_seconds, Some(5 * 86_400));
    assert_eq!((status.rpo.promised_seconds, status.rpo.real_seconds), (Some(2 * 86_400), Some(3600)));
    assert_eq!(status.crl.as_ref().unwrap().seconds, Some(4 * 86_400));
    assert_eq!(status.certificate.as_ref().unwrap().seconds, Some(2000 * 86_400));
    assert_eq!(status.days_to_full, None);
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!((&json["word"], &json["newest"]["taken"]), (&"ok".into(), &"2026-11-22T11:00:00Z".into()));
}

/// An alarm, and what is wrong when it is raised.
type Defect = (&'static str, Word, Box<dyn Fn(&mut Facts)>);

fn defects() -> Vec<Defect> {
    use Word::{Critical, Warning};
    fn age(facts: &mut Facts, age: Duration) {
        for set in [&mut facts.newest, &mut facts.verified].into_iter().flatten() {
            set.taken = before(age);
        }
        facts.published.as_mut().unwrap().taken = before(age);
    }
    fn trouble(trouble: Trouble) -> Box<dyn Fn(&mut Facts)> {
        Box::new(move |facts| {
            facts.trouble = Some(trouble.clone());
            facts.verified.as_mut().unwrap().id = "20261121T110000Z-incr-00000001".to_owned();
            facts.verified.as_mut().unwrap().taken = before(Duration::hours(25));
        })
    }
    let text = || "edb00004.log: torn".to_owned();
    vec![
        ("no-set", Critical, Box::new(|f| (f.newest, f.verified, f.published) = (None, None, None))),
        ("set-overdue", Warning, Box::new(|f| age(f, Duration::hours(31)))),
        ("set-overdue", Critical, Box::new(|f| age(f, Duration::hours(49)))),
        ("set-overdue", Critical, Box::new(|f| age(f, Duration::days(25)))),
        (
            "full-overdue",
            Warning,
            Box::new(|f| f.chain.as_mut().unwrap().full_taken = before(Duration::days(9))),
        ),
        ("set-damaged", Critical, trouble(Trouble::Damaged { text: text() })),
        ("set-misread", Critical, trouble(Trouble::Misread { text: text() })),
        ("chain-broken", Critical, trouble(Trouble::Broken { text: text() })),
        (
            "set-not-proven",
            Warning,
            Box::new(move |f| {
                trouble(Trouble::Unproven)(f);
                f.newest.as_mut().unwrap().taken = before(Duration::hours(7));
            }),
        ),
        (
            "set-not-proven",
            Critical,
            Box::new(move |f| {
                trouble(Trouble::Sampled)(f);
                f.verified.as_mut().unwrap().taken = before(Duration::days(3));
            }),
        ),
        ("unreadable", Warning, Box::new(move |f| f.unreadable.push(text()))),
        ("unreadable", Warning, Box::new(move |f| f.unread.push(text()))),
        (
            "unreadable",
            Critical,
            Box::new(move |f| {
                (f.newest, f.verified, f.published) = (None, None, None);
                f.unreadable.push(text());
            }),
        ),
        ("never-drilled", Warning, Box::new(|f| f.drills.clear())),
        ("drill-overdue", Warning, Box::new(|f| f.drills[0].at = before(Duration::days(38)))),
        ("drill-failed", Critical, Box::new(|f| f.drills[0].outcome = DrillOutcome::Failed)),
        ("drill-incomplete", Warning, Box::new(|f| f.drills[0].outcome = DrillOutcome::Incomplete)),
        (
            "no-truncation",
            Warning,
            Box::new(|f| f.held_logs = Some(HeldLogs { sets: 3, logs: Some(80), detail: None })),
        ),
        (
            "key-not-saved",
            Warning,
            Box::new(move |f| {
                f.unsaved_keys = Some(UnsavedKeys { last: text(), certificates: vec![text()] });
            }),
        ),
        ("copy-behind", Warning, Box::new(|f| f.owed = BTreeMap::from([("/mnt/far".to_owned(), 2)]))),
        (
            "clock-behind",
            Warning,
            Box::new(|f| f.newest.as_mut().unwrap().taken = after(Duration::minutes(6))),
        ),
        ("clock-behind", Warning, Box::new(|f| f.drills[0].at = after(Duration::days(800)))),
    ]
}

#[test]
fn each_defect_raises_its_alarm_and_no_other() {
    for (number, (code, severity, spoil)) in defects().into_iter().enumerate() {
        let mut facts = healthy();
        spoil(&mut facts);
        let status = judged(&facts, &Policy::default());
        assert_eq!(alarms(&status), [(code, severity)], "defect {number}: {:?}", status.alarms);
        assert_eq!(status.word, severity, "defect {number}");
    }
}

#[test]
fn every_alarm_has_a_name_of_its_own_and_is_raised_by_some_test() {
    let names: Vec<&str> = AlarmCode::ALL.iter().map(|code| code.as_str()).collect();
    for (place, name) in names.iter().enumerate() {
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
        assert!(!names[..place].contains(name), "{name}");
        let json = serde_json::to_value(AlarmCode::ALL[place]).unwrap();
        assert_eq!(json, *name);
    }
    let others = [
        "out-of-reach",
        "offline-overdue",
        "crl-expiring",
        "crl-expired",
        "delta-crl-expired",
        "certificate-expiring",
        "certificate-expired",
        "disk-filling",
    ];
    let defects = defects();
    let raised = |name: &str| others.contains(&name) || defects.iter().any(|(code, ..)| *code == name);
    assert!(names.iter().all(|name| raised(name)));
}

#[test]
fn a_run_that_is_a_little_late_or_still_reads_back_is_no_alarm() {
    let mut facts = healthy();
    facts.newest.as_mut().unwrap().taken = before(Duration::hours(29));
    facts.verified.as_mut().unwrap().taken = before(Duration::hours(29));
    assert_eq!(alarms(&judged(&facts, &Policy::default())), []);
    facts.newest.as_mut().unwrap().taken = before(Duration::minutes(10));
    for trouble in [Trouble::Unproven, Trouble::Sampled] {
        facts.trouble = Some(trouble);
        assert_eq!(alarms(&judged(&facts, &Policy::default())), []);
    }
}

#[test]
fn a_set_that_was_never_verified_is_told() {
    let mut facts = healthy();
    (facts.verified, facts.chain, facts.published) = (None, None, None);
    facts.trouble = Some(Trouble::Sampled);
    assert_eq!(alarms(&judged(&facts, &Policy::default())), [("set-not-proven", Word::Warning)]);
}

#[test]
fn a_tighter_promise_than_the_schedule_counts() {
    let policy = Policy { rpo: Some(DAY / 2), ..Policy::default() };
    let mut facts = healthy();
    facts.newest.as_mut().unwrap().taken = before(Duration::hours(13));
    facts.verified.as_mut().unwrap().taken = before(Duration::hours(13));
    assert_eq!(alarms(&judged(&facts, &policy)), [("set-overdue", Word::Critical)]);
}

#[test]
fn what_nobody_wants_is_never_overdue() {
    let policy = Policy { full: None, incremental: None, drill: None, ..Policy::default() };
    let mut facts = healthy();
    facts.newest.as_mut().unwrap().taken = before(Duration::days(900));
    facts.verified.as_mut().unwrap().taken = before(Duration::days(900));
    facts.drills.clear();
    assert_eq!(alarms(&judged(&facts, &policy)), []);
}

#[test]
fn an_offline_ca_is_alarmed_by_the_last_carried_set_only() {
    let policy = Policy::of_offline_ca();
    let mut facts = healthy();
    let mut carried = |days: i64| {
        let id = "20260601T000000Z-full-00000001";
        facts.newest = Some(set(id, Kind::Full, before(Duration::days(days))));
        facts.verified = facts.newest.clone();
        facts.chain.as_mut().unwrap().full_taken = before(Duration::days(days));
        facts.drills.clear();
        facts.published.as_mut().unwrap().crls[0].next_update = after(Duration::days(40));
        alarms(&judged(&facts, &policy))
    };
    assert_eq!(carried(189), []);
    assert_eq!(carried(191), [("offline-overdue", Word::Critical)]);
}

#[test]
fn an_offline_ca_renews_its_crl_by_hand_so_its_end_counts_alone() {
    let policy = Policy::of_offline_ca();
    let ends_in = |days: i64| {
        let mut facts = healthy();
        let [base, _] = lists(&mut facts);
        // The CA is off: what it meant to publish it will not.
        base.next_publish = after(Duration::days(days));
        base.next_update = after(Duration::days(days));
        alarms(&judged(&facts, &policy))
    };
    assert_eq!(ends_in(31), []);
    assert_eq!(ends_in(29), [("crl-expiring", Word::Warning)]);
    assert_eq!(ends_in(6), [("crl-expiring", Word::Critical)]);
    assert_eq!(ends_in(-1), [("crl-expired", Word::Critical)]);
}

#[test]
fn a_crl_that_the_ca_did_not_renew_in_time_is_counted_down() {
    let late = |left: Duration| {
        let mut facts = healthy();
        let [base, _] = lists(&mut facts);
        base.next_publish = before(Duration::hours(3));
        base.next_update = after(left);
        alarms(&judged(&facts, &Policy::default()))
    };
    assert_eq!(late(Duration::hours(73)), []);
    assert_eq!(late(Duration::hours(12)), [("crl-expiring", Word::Warning)]);
    assert_eq!(late(Duration::hours(7)), [("crl-expiring", Word::Critical)]);
    assert_eq!(late(Duration::hours(-1)), [("crl-expired", Word::Critical)]);
}

#[test]
fn a_crl_that_was_not_due_when_the_set_was_taken_is_no_alarm() {
    let mut facts = healthy();
    let [base, delta] = lists(&mut facts);
    // The CA may have published the next one half an hour ago.
    base.next_publish = before(Duration::minutes(30));
    base.next_update = before(Duration::minutes(5));
    delta.next_update = before(Duration::minutes(5));
    let status = judged(&facts, &Policy::default());
    assert_eq!(alarms(&status), []);
    assert_eq!(status.crl.unwrap().seconds, Some(-300), "it is shown all the same");
}

#[test]
fn a_crl_that_does_not_say_when_the_next_comes_is_judged_by_its_end() {
    let mut facts = healthy();
    let [base, _] = lists(&mut facts);
    (base.next_publish, base.next_update) = (None, after(Duration::hours(70)));
    assert_eq!(alarms(&judged(&facts, &Policy::default())), [("crl-expiring", Word::Warning)]);
}

#[test]
fn of_several_lists_that_end_one_alarm_tells() {
    let mut facts = healthy();
    let published = facts.published.as_mut().unwrap();
    published.certificates.push(certificate(1, after(Duration::days(2000))));
    published.crls.push(crl(1, false));
    for list in published.crls.iter_mut().filter(|list| !list.is_delta) {
        (list.next_publish, list.next_update) = (None, before(Duration::days(1)));
    }
    assert_eq!(alarms(&judged(&facts, &Policy::default())), [("crl-expired", Word::Critical)]);
}

#[test]
fn lists_of_a_key_whose_certificate_has_ended_are_nobodys_concern() {
    let mut facts = healthy();
    let published = facts.published.as_mut().unwrap();
    published.certificates.push(certificate(1, before(Duration::days(300))));
    published.crls.push(crl(1, false));
    published.crls.last_mut().unwrap().next_update = before(Duration::days(300));
    published.crls.last_mut().unwrap().next_publish = before(Duration::days(301));
    let status = judged(&facts, &Policy::default());
    assert_eq!(alarms(&status), []);
    assert_eq!(status.crl.unwrap().name, "Config/ca-0.crl");
}

#[test]
fn a_delta_crl_is_judged_as_of_the_set() {
    let ended = |made: Duration| {
        let mut facts = healthy();
        let [_, delta] = lists(&mut facts);
        delta.this_update = before(made);
        delta.next_update = before(Duration::hours(3));
        alarms(&judged(&facts, &Policy::default()))
    };
    assert_eq!(ended(Duration::hours(30)), [("delta-crl-expired", Word::Warning)]);
    assert_eq!(ended(Duration::days(90)), [], "left over: the base list was renewed without it");
}

#[test]
fn the_newest_certificate_of_the_ca_counts() {
    let ends_in = |days: i64| {
        let mut facts = healthy();
        let certificates = &mut facts.published.as_mut().unwrap().certificates;
        certificates[0].not_after = after(Duration::days(days));
        let alone = alarms(&judged(&facts, &Policy::default()));
        let certificates = &mut facts.published.as_mut().unwrap().certificates;
        certificates.push(certificate(1, after(Duration::days(2000))));
        assert_eq!(alarms(&judged(&facts, &Policy::default())), [], "it was renewed");
        alone
    };
    assert_eq!(ends_in(181), []);
    assert_eq!(ends_in(179), [("certificate-expiring", Word::Warning)]);
    assert_eq!(ends_in(29), [("certificate-expiring", Word::Critical)]);
    assert_eq!(ends_in(-1), [("certificate-expired", Word::Critical)]);
}

#[test]
fn places_without_the_newest_verified_set_do_not_count_as_copies() {
    let facts = healthy();
    let policy = Policy { copies: 2, ..Policy::default() };
    let with = |far: &[Facts]| alarms(&judge(&Known { far, ..Known::of(&facts) }, &policy, NOW));
    let behind = [("copy-behind", Word::Warning)];
    assert_eq!(with(&[]), behind);
    assert_eq!(with(&[healthy()]), []);
    let mut far = healthy();
    far.verified =
        Some(set("20261121T110000Z-incr-00000001", Kind::Incremental, before(Duration::hours(25))));
    assert_eq!(with(std::slice::from_ref(&far)), [], "it is being copied");
    far.verified = Some(set("20261119T110000Z-incr-00000001", Kind::Incremental, before(Duration::days(3))));
    assert_eq!(with(&[far]), behind);
}

#[test]
fn a_disk_that_fills_up_is_told_in_days() {
    let days = |free: u64, held: bool| {
        let mut facts = healthy();
        facts.held_logs = held.then_some(HeldLogs { sets: 3, logs: None, detail: None });
        let status = judge(&Known { free: Some(free), ..Known::of(&facts) }, &Policy::default(), NOW);
        let disk = status.alarms.iter().find(|alarm| alarm.code == AlarmCode::DiskFilling);
        (status.days_to_full, disk.map(|alarm| alarm.severity))
    };
    assert_eq!(days(100 << 20, false), (Some(100), None));
    assert_eq!(days(30 << 20, false), (Some(30), Some(Word::Warning)));
    assert_eq!(days(7 << 20, false), (Some(7), Some(Word::Critical)));
    assert_eq!(days(34 << 20, true), (Some(2), Some(Word::Critical)), "logs stay, too");
}

#[test]
fn with_a_clock_set_back_no_age_is_believed_and_nothing_worse_is_said() {
    let mut facts = healthy();
    facts.newest.as_mut().unwrap().taken = after(Duration::days(400));
    facts.verified.as_mut().unwrap().taken = before(Duration::days(400));
    let [base, _] = lists(&mut facts);
    (base.next_publish, base.next_update) = (None, before(Duration::days(1)));
    let status = judged(&facts, &Policy::default());
    assert_eq!((status.word, alarms(&status)), (Word::Warning, vec![("clock-behind", Word::Warning)]));
    assert_eq!(status.verified.unwrap().age_seconds, None);
    assert_eq!(status.crl.unwrap().seconds, None);
    // What needs no clock is told.
    facts.trouble = Some(Trouble::Damaged { text: "torn".to_owned() });
    assert_eq!(judged(&facts, &Policy::default()).word, Word::Critical);
}

#[test]
fn a_drill_that_passed_later_clears_a_failure_and_a_failure_is_not_hidden_by_older_ones() {
    let mut facts = healthy();
    facts.drills = vec![
        drill(DrillOutcome::Passed, before(Duration::days(2))),
        drill(DrillOutcome::Failed, before(Duration::days(3))),
    ];
    assert_eq!(alarms(&judged(&facts, &Policy::default())), []);
    facts.drills[0].at = before(Duration::days(4));
    assert_eq!(alarms(&judged(&facts, &Policy::default())), [("drill-failed", Word::Critical)]);
}

#[test]
fn a_place_out_of_reach_is_unknown() {
    let error = Error::Store {
        place: "repo:rest:https://store/".to_owned(),
        trouble: StoreTrouble::Unreachable,
        reason: "connection refused".to_owned(),
    };
    let status = out_of_reach(&authority(), "repo:rest:https://store/", &error);
    assert_eq!((status.word, alarms(&status)), (Word::Unknown, vec![("out-of-reach", Word::Unknown)]));
    assert!(status.alarms[0].text.contains("connection refused"), "{:?}", status.alarms);
    assert_eq!([Word::Ok, Word::Warning, Word::Critical, Word::Unknown].map(Word::exit_code), [0, 1, 2, 3]);
}

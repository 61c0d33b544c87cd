//! What changed between two databases of one CA.

use std::path::PathBuf;

use ca_database::{
    CaDatabase, Cause, CrlDifference, CrlRow, Difference, Disposition, Kinship, Lost, diff, diff_crls,
    kinship,
};

use crate::engine::database_of;
use crate::open;

/// Two states of one CA: after its full backup, and after two increments.
fn pair() -> Option<(PathBuf, PathBuf)> {
    Some((database_of("page8k", "hot-restored")?, database_of("page8k", "hot-inc2-restored")?))
}

fn numbers(database: &CaDatabase<Vec<u8>>) -> Vec<i32> {
    database.requests().flatten().map(|row| row.request_id).collect()
}

fn crl_differences(older: &CaDatabase<Vec<u8>>, newer: &CaDatabase<Vec<u8>>) -> Vec<CrlDifference> {
    let rows = |row: Result<CrlRow, Lost>| row.map(|row| row.summary);
    diff_crls(older.crls().map(rows), newer.crls().map(rows))
}

#[test]
fn differences_account_for_every_row() {
    let Some((older, newer)) = pair() else { return };
    let (older, newer) = (open(&older), open(&newer));
    assert_eq!(kinship(&older, &newer), Kinship::Same);
    let (mut new, mut vanished, mut revoked) = (Vec::new(), Vec::new(), Vec::new());
    for difference in diff(&older, &newer) {
        match difference {
            Difference::Issued(entry) | Difference::Requested(entry) => new.push(entry.request_id),
            Difference::Vanished(entry) => vanished.push(entry.request_id),
            Difference::Revoked(entry) => revoked.push(entry.request_id),
            Difference::Changed { before, after } => assert_ne!(before, after),
            Difference::Unrevoked(_) => {}
            unread => panic!("{unread:?}"),
        }
    }
    let (before, after) = (numbers(&older), numbers(&newer));
    let only = |these: &[i32], those: &[i32]| -> Vec<i32> {
        these.iter().copied().filter(|id| !those.contains(id)).collect()
    };
    let issued_later: Vec<i32> = new.iter().copied().filter(|id| before.contains(id)).collect();
    new.retain(|id| !before.contains(id));
    assert_eq!(new, only(&after, &before));
    assert_eq!(vanished, only(&before, &after));
    assert!(!new.is_empty() && !revoked.is_empty(), "the CA was at work in between");
    for id in issued_later {
        assert!(
            older.certificate(id).expect("look for a certificate").is_none_or(|row| !row.summary.is_issued())
        );
    }
    for id in revoked {
        let disposition = |database: &CaDatabase<_>| {
            let found = database.request(id).expect("look for a request");
            found.map(|row| row.summary.facts.disposition)
        };
        assert_eq!(disposition(&newer), Some(Disposition::REVOKED));
        assert_ne!(disposition(&older), Some(Disposition::REVOKED));
    }
}

#[test]
fn a_database_does_not_differ_from_itself() {
    let Some((older, _)) = pair() else { return };
    let (a, b) = (open(&older), open(&older));
    assert_eq!(diff(&a, &b).count(), 0);
    assert_eq!(crl_differences(&a, &b), []);
}

#[test]
fn newer_revocation_lists_are_published_ones() {
    let Some((older, newer)) = pair() else { return };
    let (older, newer) = (open(&older), open(&newer));
    let differences = crl_differences(&older, &newer);
    let published = differences.iter().filter(|one| matches!(one, CrlDifference::Published(_))).count();
    let removed = differences.iter().filter(|one| matches!(one, CrlDifference::Removed(_))).count();
    let (before, after) = (older.crls().count(), newer.crls().count());
    assert_eq!(before + published, after + removed);
    assert!(published > 0);
}

#[test]
fn rows_on_a_lost_page_did_not_vanish() {
    let Some((older, newer)) = pair() else { return };
    let whole = open(&older);
    let table = whole.database().table("Requests").expect("the table is there");
    let rows: Vec<_> = whole.database().rows(table).collect::<Result<_, _>>().expect("rows read");
    // One with a request that nothing else tells of.
    let alone =
        whole.requests().flatten().filter(|row| row.serial.is_none()).nth(5).expect("a denied request");
    let position = numbers(&whole).iter().position(|id| *id == alone.request_id).expect("its row");
    let victim = rows[position].page();
    let mut bytes = std::fs::read(&older).expect("read a database");
    bytes[(usize::try_from(victim.0).expect("a page number") + 1) * 8192 + 4000..][..100].fill(0xee);
    let damaged = CaDatabase::open(bytes).expect("open the database of a CA");
    let vanished = |a: &CaDatabase<_>, b: &CaDatabase<_>| {
        diff(a, b).filter(|one| matches!(one, Difference::Vanished(_))).count()
    };
    assert_eq!(vanished(&whole, &damaged), 0);
    assert!(
        diff(&whole, &damaged).all(|one| matches!(one, Difference::Lost(_) | Difference::NotComparable(_)))
    );
    // Nor were they issued since.
    let newer = open(&newer);
    let on_page: Vec<i32> =
        numbers(&whole).into_iter().filter(|id| !numbers(&damaged).contains(id)).collect();
    assert!(!on_page.is_empty());
    for difference in diff(&damaged, &newer) {
        if let Difference::Issued(entry) | Difference::Requested(entry) = difference {
            assert!(!on_page.contains(&entry.request_id), "{}", entry.request_id);
        }
    }
}

#[test]
fn values_that_cannot_be_read_are_told_and_are_no_change() {
    let Some((older, _)) = pair() else { return };
    let whole = open(&older);
    let tree = |table: &str| {
        let table = whole.database().table(table).expect("the table is there");
        table.long_values.as_ref().expect("long values").root
    };
    for table in ["Requests", "CRLs"] {
        let nodes: Vec<_> = whole.database().nodes(tree(table)).flatten().collect();
        let victim = nodes[nodes.len() / 2].page;
        let mut bytes = std::fs::read(&older).expect("read a database");
        bytes[(usize::try_from(victim.0).expect("a page number") + 1) * 8192 + 4000..][..100].fill(0xee);
        let damaged = CaDatabase::open(bytes).expect("open the database of a CA");
        let rows: Vec<_> = diff(&whole, &damaged).collect();
        let crls = crl_differences(&whole, &damaged);
        let row = |one: &&Difference| matches!(one, Difference::Unreadable { error, .. } if error.cause == Cause::Damage);
        let crl = |one: &&CrlDifference| matches!(one, CrlDifference::Unreadable { error, .. } if error.cause == Cause::Damage);
        let (row, crl) = (rows.iter().filter(row).count(), crls.iter().filter(crl).count());
        assert_eq!((row > 0, crl > 0), (table == "Requests", table == "CRLs"));
        assert!(!rows.iter().any(|one| matches!(one, Difference::Changed { .. })));
        assert!(!crls.iter().any(|one| matches!(one, CrlDifference::Changed { .. })));
    }
}

#[test]
fn another_ca_is_told_apart() {
    let Some((_, newer)) = pair() else { return };
    let Some(folder) = testkit::data::field_folder("ca") else { return };
    assert_eq!(kinship(&open(&newer), &open(&folder.join("CertLog.edb"))), Kinship::Other);
}

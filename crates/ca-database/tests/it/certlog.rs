//! The database of a CA on Windows Server 2019 against what other readers found in it.

use std::collections::BTreeMap;

use ca_database::{CaDatabase, Disposition, San, check};
use serde_json::Value;

use crate::{open, unhex};

type Golden = BTreeMap<String, Vec<Value>>;

/// The database, and its rows by table.
fn certlog() -> Option<(CaDatabase<Vec<u8>>, Golden)> {
    let folder = testkit::data::field_folder("ca")?;
    let golden = testkit::data::field_folder("golden")?;
    let text = std::fs::read_to_string(golden.join("CertLog.edb.jsonl")).expect("read golden rows");
    let mut tables = Golden::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("golden rows are JSON");
        let table = line["table"].as_str().expect("each line has its table").to_owned();
        if line.get("columns").is_none() {
            tables.entry(table).or_default().push(line["values"].clone());
        }
    }
    Some((open(&folder.join("CertLog.edb")), tables))
}

fn by_id(rows: &[Value], id: i32) -> &Value {
    rows.iter().find(|row| row["RequestID"] == id).expect("a golden row of this number")
}

fn text(row: &Value, column: &str) -> Option<String> {
    row[column].as_str().map(str::to_owned)
}

fn bytes(row: &Value, column: &str) -> Option<Vec<u8>> {
    row[column]["hex"].as_str().map(unhex)
}

fn bare(text: String) -> String {
    text.replace(' ', "")
}

#[test]
fn certificates_are_those_of_the_golden_rows() {
    let Some((database, golden)) = certlog() else { return };
    let rows: Vec<_> = database.certificates().collect::<Result<_, _>>().expect("every row reads");
    assert_eq!(rows.len(), golden["Certificates"].len());
    assert_eq!(rows.len(), 11);
    for row in &rows {
        let summary = &row.summary;
        let golden = by_id(&golden["Certificates"], summary.request_id);
        assert_eq!(summary.error, None);
        assert_eq!(row.der, bytes(golden, "RawCertificate"));
        assert_eq!(summary.serial, text(golden, "$SerialNumber"));
        assert_eq!(summary.sha1, text(golden, "$CertificateHash2").map(bare));
        assert_eq!(row.recorded_hash, text(golden, "$CertificateHash2").map(bare));
        assert_eq!(summary.template, text(golden, "$CertificateTemplate"));
        assert_eq!(summary.issuer_id.map(i64::from), golden["IssuerNameID"].as_i64());
        assert_eq!(summary.key_bits.map(i64::from), golden["PublicKeyLength"].as_i64());
        let seconds = |at: u64| at / 10_000_000;
        let not_after = summary.not_after.expect("each has an end").units();
        assert_eq!(Some(seconds(not_after)), golden["NotAfter"].as_u64().map(seconds));
        if row.der.is_some() {
            // The CA wrote this column from the same certificate: the same name in the same spelling.
            assert_eq!(summary.subject, text(golden, "$DistinguishedName"));
            assert_eq!(summary.issuer.as_deref(), Some("CN=SEVENKINGDOMS-CA, DC=sevenkingdoms, DC=local"));
        }
    }
    assert_eq!(rows.iter().filter(|row| row.summary.is_issued()).count(), 8);
    // The name that the requester smuggled in is in the certificate only; the column UPN is empty.
    let esc1 = rows.iter().find(|row| row.summary.request_id == 4).expect("request 4");
    assert_eq!(esc1.summary.sans, [San::Upn("administrator@sevenkingdoms.local".to_owned())]);
}

#[test]
fn requests_are_those_of_the_golden_rows() {
    let Some((database, golden)) = certlog() else { return };
    let rows: Vec<_> = database.requests().collect::<Result<_, _>>().expect("every row reads");
    assert_eq!(rows.len(), golden["Requests"].len());
    for row in &rows {
        let golden = by_id(&golden["Requests"], row.request_id);
        assert_eq!(row.error, None);
        assert_eq!(Some(i64::from(row.facts.disposition.0)), golden["Disposition"].as_i64());
        assert_eq!(row.facts.status.map(i64::from), golden["StatusCode"].as_i64());
        assert_eq!(row.facts.submitted.map(|at| at.units()), golden["SubmittedWhen"].as_u64());
        assert_eq!(row.facts.resolved.map(|at| at.units()), golden["ResolvedWhen"].as_u64());
        assert_eq!(row.facts.requester, text(golden, "$RequesterName"));
        assert_eq!(row.facts.caller, text(golden, "$CallerName"));
        assert_eq!(row.facts.message, text(golden, "$DispositionMessage"));
        assert_eq!(row.subject, text(golden, "$DistinguishedName"));
        let full = database.request(row.request_id).expect("find a request").expect("it is there");
        assert_eq!(full.raw, bytes(golden, "RawRequest"));
        assert_eq!(full.summary, *row);
    }
    let esc1 = rows.iter().find(|row| row.request_id == 4).expect("request 4");
    assert_eq!(esc1.template.as_deref(), Some("ESC1"));
    assert_eq!(esc1.attributes, ["CertificateTemplate:ESC1", "SAN:upn=administrator@sevenkingdoms.local"]);
    let denied = rows.iter().find(|row| row.request_id == 8).expect("request 8");
    assert_eq!((denied.facts.disposition, denied.serial.as_deref()), (Disposition::DENIED, None));
}

#[test]
fn a_certificate_is_found_by_its_number() {
    let Some((database, _)) = certlog() else { return };
    for row in database.certificates().map(|row| row.expect("every row reads")) {
        let found = database.certificate(row.summary.request_id).expect("find a certificate");
        assert_eq!(found, Some(row));
    }
    assert_eq!(database.certificate(12).expect("look for a certificate"), None);
    assert_eq!(database.certificate(-1).expect("look for a certificate"), None);
    assert!(database.request(0).expect("look for a request").is_none());
}

#[test]
fn a_template_with_an_identifier_has_the_name_that_was_asked_for() {
    let Some((database, _)) = certlog() else { return };
    let row = database.certificate(4).expect("find a certificate").expect("it is there").summary;
    assert!(row.template.as_ref().is_some_and(|oid| oid.starts_with("1.3.6.1.4.1.311.21.8.")));
    assert_eq!(row.template_shown(), Some("ESC1"));
    let row = database.certificate(2).expect("find a certificate").expect("it is there").summary;
    assert_eq!((row.template.as_deref(), row.template_name), (Some("DomainController"), None));
}

#[test]
fn extensions_and_attributes_come_through_their_indexes() {
    let Some((database, golden)) = certlog() else { return };
    let (mut extensions, mut attributes) = (0, 0);
    for id in 1..=11 {
        let own = |table: &str| -> Vec<&Value> {
            golden[table].iter().filter(|row| row["RequestID"] == id).collect()
        };
        let found = database.extensions(id).expect("read extensions");
        let mut values: Vec<_> = found.iter().map(|one| (one.oid.clone(), one.value.clone())).collect();
        let golden_values = own("CertificateExtensions");
        let mut expected: Vec<_> = golden_values
            .iter()
            .map(|row| (text(row, "$ExtensionName"), bytes(row, "ExtensionRawValue")))
            .collect();
        values.sort();
        expected.sort();
        assert_eq!(values, expected);
        extensions += found.len();
        let found = database.attributes(id).expect("read attributes");
        let mut pairs: Vec<_> = found.iter().map(|one| (one.name.clone(), one.value.clone())).collect();
        let golden_values = own("RequestAttributes");
        let mut expected: Vec<_> = golden_values
            .iter()
            .map(|row| (text(row, "$AttributeName"), text(row, "$AttributeValue")))
            .collect();
        pairs.sort();
        expected.sort();
        assert_eq!(pairs, expected);
        attributes += found.len();
    }
    assert_eq!((extensions, attributes), (92, 26));
}

#[test]
fn crls_say_what_their_rows_say() {
    let Some((database, golden)) = certlog() else { return };
    let rows: Vec<_> = database.crls().collect::<Result<_, _>>().expect("every row reads");
    assert_eq!(rows.len(), 2);
    for (row, golden) in rows.iter().zip(&golden["CRLs"]) {
        let summary = &row.summary;
        assert_eq!(row.der, bytes(golden, "RawCRL"));
        assert_eq!(summary.number.map(i64::from), golden["Number"].as_i64());
        assert_eq!(summary.own_number.as_deref(), Some("1"));
        assert_eq!(summary.entries, golden["Count"].as_u64());
        assert_eq!(summary.is_delta, golden["MinBase"] != 0);
        assert_eq!(summary.propagation_complete.map(|at| at.units()), golden["PropgationComplete"].as_u64());
        assert_eq!(summary.last_published.map(|at| at.units()), golden["CRLLastPublished"].as_u64());
        assert_eq!((summary.attempts, summary.status, &summary.error), (Some(1), Some(0), &None));
        assert_eq!(summary.publish_error, None);
    }
}

#[test]
fn a_sound_ca_agrees_with_itself() {
    let Some((database, _)) = certlog() else { return };
    assert_eq!(check(&database), []);
    assert_eq!(database.missing_tables(), [""; 0]);
}

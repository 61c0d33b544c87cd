//! Certificates, CRLs and keys in a set.

use certadm::{ConfigurationPart, PartKind};
use csbackup::Requested;
use testkit::ca::plain_life;
use testkit::world::World;

use super::{alarms, gathered};
use crate::fake_host::{FakeHost, Identity, run, run_with_key};

/// A DER element.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [head, content.to_vec()].concat()
}

fn oid_sequence(oid: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[tlv(6, oid), value.to_vec()].concat())
}

/// An empty list of `CN=<issuer>`, made on 1 June 2026; nobody looks at its signature.
fn crl(issuer: &str, number: u8, ends: &str, next: &str, key: Option<u8>, delta: bool) -> Vec<u8> {
    let algorithm = oid_sequence(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], &[]);
    let name = tlv(0x30, &tlv(0x31, &oid_sequence(&[0x55, 4, 3], &tlv(0x0c, issuer.as_bytes()))));
    let time = |text: &str| tlv(0x17, text.as_bytes());
    let mut extensions = vec![oid_sequence(&[0x55, 0x1d, 20], &tlv(4, &tlv(2, &[number])))];
    if let Some(key) = key {
        let identifier = tlv(0x30, &tlv(0x80, &[key; 20]));
        extensions.push(oid_sequence(&[0x55, 0x1d, 35], &tlv(4, &identifier)));
    }
    if delta {
        extensions.push(oid_sequence(&[0x55, 0x1d, 27], &tlv(4, &tlv(2, &[1]))));
    }
    let next_publish = [0x2b, 6, 1, 4, 1, 0x82, 0x37, 21, 4];
    extensions.push(oid_sequence(&next_publish, &tlv(4, &time(next))));
    let extensions = tlv(0xa0, &tlv(0x30, &extensions.concat()));
    let parts = [tlv(2, &[1]), algorithm.clone(), name, time("260601000000Z"), time(ends), extensions];
    let list = tlv(0x30, &parts.concat());
    tlv(0x30, &[list, algorithm, tlv(3, &[0, 1])].concat())
}

fn put(world: &mut World, kind: PartKind, content: Vec<u8>) {
    world.ca.set_part(&ConfigurationPart { kind, index: 0, content }).unwrap();
}

#[test]
fn the_lists_and_certificates_of_the_ca_are_found_and_those_of_others_are_not() {
    let mut world = World::new(&plain_life());
    put(&mut world, PartKind::Certificate, Identity::example().certificate);
    put(&mut world, PartKind::Crl, crl("ExampleCA", 7, "270601000000Z", "270525000000Z", None, false));
    put(&mut world, PartKind::DeltaCrl, crl("ExampleCA", 8, "260603000000Z", "260602000000Z", None, true));
    world
        .ca
        .add_dynamic_file("Root.crl", &crl("Root CA", 1, "200601000000Z", "200501000000Z", None, false))
        .unwrap();
    let older = crl("ExampleCA", 6, "260701000000Z", "260625000000Z", None, false);
    world.ca.add_dynamic_file("ExampleCA.crl", &older).unwrap();
    world.good(Requested::Full);
    let published = gathered(&world.medium).published.unwrap();
    assert_eq!(published.certificates.len(), 1);
    assert_eq!(published.certificates[0].subject, "CN=ExampleCA");
    assert!(published.certificates[0].not_after.is_some());
    let found: Vec<_> = published.crls.iter().map(|crl| (crl.is_delta, crl.issuer.as_str())).collect();
    assert_eq!(found, [(false, "CN=ExampleCA"), (true, "CN=ExampleCA")]);
    let base = &published.crls[0];
    assert_eq!(base.next_update.unwrap().to_string(), "2027-06-01T00:00:00Z");
    assert_eq!(base.next_publish.unwrap().to_string(), "2027-05-25T00:00:00Z");
}

#[test]
fn the_key_of_a_list_is_told_and_the_newest_of_each_key_counts() {
    let mut world = World::new(&plain_life());
    let list = |number, ends, key| crl("ExampleCA", number, ends, "260701000000Z", Some(key), false);
    world.ca.add_dynamic_file("new key.crl", &list(7, "270601000000Z", 1)).unwrap();
    world.ca.add_dynamic_file("old key.crl", &list(3, "280601000000Z", 2)).unwrap();
    world.good(Requested::Full);
    let published = gathered(&world.medium).published.unwrap();
    let found: Vec<_> =
        published.crls.iter().map(|crl| (crl.key_id.clone().unwrap(), crl.number.clone().unwrap())).collect();
    assert_eq!(found, [("01".repeat(20), "7".to_owned()), ("02".repeat(20), "3".to_owned())]);
}

#[test]
fn a_renewed_key_that_nobody_saved_is_told_until_it_is() {
    let Some(renewed) = Identity::renewed() else { return };
    let world = World::new(&plain_life());
    let first = Identity::example();
    let codes = |world: &World| {
        let facts = gathered(&world.medium);
        let now = facts.newest.as_ref().and_then(|set| set.taken).unwrap().date_time();
        let policy = csbackup::status::Policy { drill: None, ..csbackup::status::Policy::default() };
        let status = csbackup::status::judge(&csbackup::status::Known::of(&facts), &policy, now);
        let mut codes: Vec<_> = alarms(&status).into_iter().map(|(code, _)| code).collect();
        // Those of the repository end when they end.
        codes.retain(|code| !code.starts_with("certificate"));
        codes
    };
    run(&world, &mut FakeHost::with(&[&first])).unwrap();
    assert_eq!(codes(&world), [] as [&str; 0], "who never saves keys has them elsewhere");
    run_with_key(&world, &mut FakeHost::with(&[&first]).exporting(&[&first]));
    assert_eq!(codes(&world), [] as [&str; 0]);
    let mut host = FakeHost::with(&[&first, &renewed]).exporting(&[&first, &renewed]);
    run(&world, &mut host).unwrap();
    assert_eq!(codes(&world), ["key-not-saved"]);
    run_with_key(&world, &mut host);
    assert_eq!(codes(&world), [] as [&str; 0]);
}

//! `crl extend`.

use std::fs;

use certadm::{CaHost as _, ConfigEntry, ConfigValue};

use crate::world::World;

#[test]
fn a_list_is_signed_anew_and_put_where_it_was() {
    let world = World::new();
    let urls =
        [r"65:C:\CertEnroll\%3%8%9.crl", "6:http://pki.example.test/%3%8%9.crl", "8:http://other/%3.crl"];
    let value = ConfigValue::List(urls.map(str::to_owned).to_vec());
    let (node, name) = ("ExampleCA".to_owned(), "CRLPublicationURLs".to_owned());
    world.ca().host().import_registry(&[ConfigEntry { node, name, value }]).expect("change the registry");
    world.backup(&[]).exits(0);
    let extend = ["crl", "extend", "latest", "--dir", "sets", "--days", "30", "--to", "out"];
    let run = world.run(&extend).exits(0);
    for expected in [
        "CRL 1, 1 certificate revoked, expires in",
        "certutil -sign \"ExampleCA.old.crl\" \"ExampleCA.crl\" now+30:00 -2.5.29.46",
        r#"copy /y "ExampleCA.crl" "C:\CertEnroll\ExampleCA.crl""#,
        "put it on that web server: http://pki.example.test/ExampleCA.crl",
    ] {
        assert!(run.stdout.contains(expected), "{expected}\n{}", run.stdout);
    }
    assert!(!run.stdout.contains("http://other"), "no certificate names it: {}", run.stdout);
    let published = testkit::data::workspace().join("testdata/ExampleCA.crl");
    let old = fs::read(world.path("out/ExampleCA.old.crl")).expect("read the list");
    assert_eq!(old, fs::read(published).expect("read the list"));
    let again = world.run(&extend).exits(1);
    assert!(again.stderr.contains("ExampleCA.old.crl"), "nothing is overwritten: {}", again.stderr);
}

#[test]
fn an_older_set_and_one_without_a_configuration_say_what_that_means() {
    let world = World::with_chain();
    let first = world.sets().remove(0).id.to_string();
    let run = world.run(&["crl", "extend", &first, "--dir", "sets"]).exits(0);
    assert!(run.stderr.contains("is newer: what was revoked since is in its lists"), "{}", run.stderr);
    assert!(run.stdout.contains("what was revoked after this list was made is not in it"), "{}", run.stdout);
}

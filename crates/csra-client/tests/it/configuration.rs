//! What the CA tells of its configuration, asked over the wire.

use certadm::{CertServer, Configuration, ConfigurationPart, PartKind};
use csbackup::{BackupOptions, Requested};
use csra_client::RemoteCa;
use testkit::ca::plain_life;
use testkit::world::World;

use crate::wire::Wire;

const REGISTRY: &str = r#"
[root]
Version = 0x00070001
[ca]
CRLPeriod = "Weeks"
CRLPeriodUnits = 1
CACertHash = ["ab cd", "-"]
Security = { hex = "0100ff" }
Empty = ""
[ca.CSP]
ProviderType = 0
Provider = "Microsoft Software Key Storage Provider – Größe"
[ca.PolicyModules]
Active = "CertificateAuthority_MicrosoftDefault.Policy"
[ca.PolicyModules."CertificateAuthority_MicrosoftDefault.Policy"]
RequestDisposition = 257
[ca.ExitModules]
Active = ["CertificateAuthority_MicrosoftDefault.Exit"]
[ca.ExitModules."CertificateAuthority_MicrosoftDefault.Exit"]
PublishCertFlags = 1
"#;

/// A CA with all that one can have: two certificates, the older of which has neither a delta CRL nor
/// a chain.
fn furnished() -> World {
    use PartKind::{AiaUrls, CdpUrls, Certificate, Chain, Crl, DeltaCrl, Templates};
    let mut world = World::new(&plain_life());
    let mut put = |kind, index, content: &[u8]| {
        world.ca.set_part(&ConfigurationPart { kind, index, content: content.to_vec() }).unwrap();
    };
    put(Certificate, 0, b"0\x03\x02\x01\x00");
    put(Crl, 0, &[0; 70_000]);
    put(Certificate, 1, b"0\x03\x02\x01\x01");
    put(Chain, 1, b"0\x80 a chain");
    put(Crl, 1, b"a CRL");
    put(DeltaCrl, 1, b"a delta CRL");
    put(CdpUrls, 1, "http://crl.corp.example/Größe.crl\nldap:///CN=x".as_bytes());
    put(AiaUrls, 1, b"http://crl.corp.example/ca.crt");
    put(Templates, 0, b"WebServer\n1.3.6.1.4.1.311.21.8.1\nUser\n1.2.3");
    std::fs::write(world.ca.path().join("ca/configuration.toml"), REGISTRY).unwrap();
    world
}

/// In the order of the road in process.
fn sorted(mut configuration: Configuration) -> Configuration {
    configuration.parts.sort_by_key(|part| (part.index, part.kind as u8));
    configuration.entries.sort_by(|a, b| (&a.node, &a.name).cmp(&(&b.node, &b.name)));
    configuration
}

#[test]
fn the_configuration_over_the_wire_is_that_in_process() {
    let wire = Wire::of(furnished(), certsrv::ServerOptions::default(), |_| {});
    let local = sorted(wire.ca.connect().configuration().unwrap());
    let remote = sorted(wire.connect().configuration().unwrap());
    assert_eq!(local.parts.len(), 9);
    assert_eq!(remote.missing, []);
    assert_eq!(remote.parts, local.parts);
    assert_eq!(remote.entries, local.entries);
}

/// Names and contents below `Config/` of the newest set.
fn stored(world: &World) -> Vec<(String, Vec<u8>)> {
    let set = world.newest();
    let paths = set.manifest.files.iter().map(|file| file.path.clone());
    let mut files: Vec<_> = paths
        .filter(|path| path.starts_with("Config/"))
        .map(|path| (path.clone(), std::fs::read(world.path_of(&set).join(path)).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_remote_set_holds_the_configuration_of_a_local_one() {
    let wire = Wire::of(furnished(), certsrv::ServerOptions::default(), |_| {});
    let local = wire.copy();
    local.good(Requested::Full);
    wire.run_on(&mut wire.connect(), &wire.medium, &BackupOptions::default()).unwrap();
    assert_eq!(stored(&wire), stored(&local));
    assert_eq!(stored(&wire).len(), 10);
    assert_eq!(wire.errors(), [] as [String; 0]);
}

#[test]
fn what_cannot_be_had_is_named_and_the_backup_goes_on() {
    use certsrv::{Fault, FaultRule};
    // State, count of certificates, certificate, chain, *CRL*.
    let fault = Fault::Fail(dtyp::HResult::ACCESS_DENIED);
    let faults = vec![FaultRule { call: 5, fault }];
    let wire = Wire::of(furnished(), certsrv::ServerOptions::default(), |config| config.faults = faults);
    let mut ca = wire.connect();
    ca.state().unwrap();
    let configuration = ca.configuration().unwrap();
    let missing: Vec<&str> = configuration.missing.iter().map(|part| part.what.as_str()).collect();
    assert_eq!(missing, ["Crl 0 of the CA"]);
    assert!(configuration.missing[0].reason.contains("0x80070005"), "{:?}", configuration.missing);
    drop(ca);

    let outcome = wire.back_up(Requested::Full).unwrap();
    let findings = &outcome.sets[0].manifest;
    let text = format!("{findings:?}");
    assert!(text.contains("Crl 0 of the CA"), "{text}");
}

#[test]
fn the_capture_ends_with_the_first_reply_that_is_lost() {
    use crate::cuts::operator;
    use crate::proxy::{Cut, Pdu, Proxy, RESPONSE};
    use certadm::Call;

    let wire = Wire::of(furnished(), certsrv::ServerOptions::default(), |_| {});
    let connect =
        |proxy: &Proxy| RemoteCa::connect(proxy.target(&wire.ca.authority().name), operator()).unwrap();
    let proxy = Proxy::new(&wire.server, None);
    connect(&proxy).configuration().unwrap();
    let log = proxy.log();
    drop(proxy);
    for (call, expected) in [
        (Call::GetCAProperty, "configuration of the CA"),
        (Call::GetConfigEntry, "rest of the configuration of the CA"),
    ] {
        let is_it = |pdu: &Pdu| pdu.kind == RESPONSE && pdu.method == Some((0, call.opnum().unwrap()));
        let place = log.iter().position(is_it).unwrap() + 1;
        let proxy = Proxy::new(&wire.server, Some((place, Cut::Host)));
        let configuration = connect(&proxy).configuration().unwrap();
        let missing: Vec<&str> = configuration.missing.iter().map(|part| part.what.as_str()).collect();
        assert_eq!(missing, [expected]);
    }
}

use dcom::{DualStringArray, Endpoint, MAX_CANDIDATES, SecurityBinding, StringBinding, choose};
use ndr::Ndr;

use crate::samples::{exporter, golden};

fn array(addresses: &[&str]) -> DualStringArray {
    let binding = |address: &&str| StringBinding { tower: 7, address: (*address).into() };
    DualStringArray { strings: addresses.iter().map(binding).collect(), security: vec![] }
}

fn chosen(addresses: &[&str], used: &str) -> Vec<String> {
    choose(&array(addresses), used, 135).iter().map(ToString::to_string).collect()
}

#[test]
fn as_a_parameter_the_array_has_a_conformance() {
    let one = DualStringArray {
        strings: vec![StringBinding::tcp("a", Some(1))],
        security: vec![SecurityBinding { service: 16, principal: "s".into() }],
    };
    golden(
        &one,
        "0c 00 00 00                         # conformance 12
         0c 00 07 00                         # wNumEntries, wSecurityOffset
         07 00 61 00 5b 00 31 00 5d 00 00 00 # tcp, a[1]
         00 00                               # end
         10 00 ff ff 73 00 00 00             # Kerberos, 0xFFFF, s
         00 00                               # end",
    );
}

#[test]
fn a_conformance_that_differs_from_the_count_is_refused() {
    let mut bytes = exporter().bindings.to_bytes();
    bytes[0] += 1;
    let error = DualStringArray::from_bytes(&bytes).unwrap_err().to_string();
    assert!(error.starts_with("aStringArray at offset 0 is 0x"), "{error}");
}

#[test]
fn hosts_and_ports_are_told_apart() {
    let split = |address: &str| {
        let binding = StringBinding { tower: 7, address: address.into() };
        binding.host_port().map(|(host, port)| (host.to_string(), port))
    };
    let is = |host: &str, port| Some((host.to_string(), port));
    assert_eq!(split("ca1.example"), is("ca1.example", None));
    assert_eq!(split("192.0.2.7[49667]"), is("192.0.2.7", Some(49667)));
    assert_eq!(split("fe80::1%3[135]"), is("fe80::1%3", Some(135)));
    assert_eq!(split("2001:db8::1"), is("2001:db8::1", None));
    assert_eq!(split("[2001:db8::1][135]"), is("2001:db8::1", Some(135)));
    assert_eq!(split("[2001:db8::1]"), is("2001:db8::1", None));
    let broken = [
        "",
        "[135]",
        "ca[",
        "ca]",
        "ca[]",
        "ca[0]",
        "ca[65536]",
        "ca[-1]",
        "ca[1]x",
        "ca[1][2]",
        "[::1",
        "ca/x[1]",
        "c a",
    ];
    for broken in broken {
        assert!(split(broken).is_none(), "{broken:?}");
    }
    assert_eq!(StringBinding { tower: 15, address: "ca".into() }.host_port(), None);
}

#[test]
fn the_host_already_used_comes_first_with_the_listed_ports() {
    let listed = ["CA1[49667]", "10.0.0.1[49667]", "10.0.0.2[49668]"];
    assert_eq!(
        chosen(&listed, "192.0.2.7"),
        ["192.0.2.7:49667", "192.0.2.7:49668", "CA1:49667", "10.0.0.1:49667", "10.0.0.2:49668"]
    );
    assert_eq!(chosen(&listed, "ca1"), ["ca1:49667", "ca1:49668", "10.0.0.1:49667", "10.0.0.2:49668"]);
}

#[test]
fn a_binding_without_a_port_means_the_resolver() {
    assert_eq!(chosen(&["CA1", "2001:db8::1"], "::1"), ["[::1]:135", "CA1:135", "[2001:db8::1]:135"]);
}

#[test]
fn other_protocols_and_nonsense_are_passed_over() {
    let mut bindings = array(&["CA1[http]", "CA2[1]", "\n[2]"]);
    bindings.strings.push(StringBinding { tower: 15, address: "CA1[\\pipe\\x]".into() });
    assert_eq!(
        choose(&bindings, "h", 135),
        [Endpoint { host: "h".into(), port: 1 }, Endpoint { host: "CA2".into(), port: 1 }]
    );
    assert_eq!(chosen(&[], "h"), [""; 0]);
}

#[test]
fn candidates_are_limited() {
    let many: Vec<String> = (1..=1000).map(|port| format!("ca{port}[{port}]")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let chosen = chosen(&many, "h");
    assert_eq!(chosen.len(), MAX_CANDIDATES);
    assert!(chosen.iter().all(|endpoint| endpoint.starts_with("h:")));
}

#[test]
fn bindings_that_cannot_be_written_are_left_out() {
    let bindings = DualStringArray {
        strings: vec![
            StringBinding { tower: 7, address: "x".repeat(70_000) },
            StringBinding { tower: 0, address: "none".into() },
            StringBinding { tower: 7, address: "cut\0here".into() },
        ],
        security: vec![SecurityBinding { service: 9, principal: "y".repeat(70_000) }],
    };
    let read = DualStringArray::from_bytes(&bindings.to_bytes()).unwrap();
    assert_eq!(read, DualStringArray { strings: vec![StringBinding::tcp("cut", None)], security: vec![] });
}

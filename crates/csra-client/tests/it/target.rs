//! How an operator names a CA.

use csra_client::{RESOLVER_PORT, Target};

fn target(host: &str, port: u16, name: Option<&str>) -> Target {
    Target { host: host.to_owned(), port, name: name.map(str::to_owned) }
}

#[test]
fn a_ca_is_named_by_host_port_and_common_name() {
    let cases = [
        (r"ca01\Corp Issuing CA", target("ca01", RESOLVER_PORT, Some("Corp Issuing CA"))),
        (r"ca01.corp.example:4135\Corp", target("ca01.corp.example", 4135, Some("Corp"))),
        (r"ca01\A\B: C", target("ca01", RESOLVER_PORT, Some(r"A\B: C"))),
        ("ca01", target("ca01", RESOLVER_PORT, None)),
        ("ca01:4135", target("ca01", 4135, None)),
        (r"192.0.2.1\Corp", target("192.0.2.1", RESOLVER_PORT, Some("Corp"))),
        (r"[2001:db8::1]:4135\Corp", target("2001:db8::1", 4135, Some("Corp"))),
        (r"[::1]\Corp", target("::1", RESOLVER_PORT, Some("Corp"))),
        (r"2001:db8::1\Corp", target("2001:db8::1", RESOLVER_PORT, Some("Corp"))),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<Target>().unwrap(), expected, "{text}");
        let printed = expected.to_string();
        assert_eq!(printed.parse::<Target>().unwrap(), expected, "{printed}");
    }
}

#[test]
fn what_names_no_ca_is_refused_with_a_reason() {
    for text in
        ["", r"\Corp", r"ca01\", "ca01:0", "ca01:x", "ca01:70000", "[::1", "[::1]4135", "user@ca01", "a b"]
    {
        let error = text.parse::<Target>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{text}` does not name a CA: ")), "{error}");
    }
}

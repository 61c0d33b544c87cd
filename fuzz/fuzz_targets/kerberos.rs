//! Kerberos: keytabs, credential caches, `krb5.conf`, names, and tokens of any client.
#![no_main]

use dcerpc::security::Acceptor as _;
use kerberos::{Config, CredentialCache, Keytab, Principal, Service};
use libfuzzer_sys::fuzz_target;

/// `host/ca@TEST`, with a key of 16 bytes.
const KEYTAB: &[u8] =
    b"\x05\x02\0\0\0\x33\0\x02\0\x04TEST\0\x04host\0\x02ca\0\0\0\x03\x66\0\0\0\x02\0\x11\0\x10\
      \x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\0\0\x01\x02";

fuzz_target!(|bytes: &[u8]| {
    if let Ok(keytab) = Keytab::parse(bytes) {
        for principal in keytab.principals() {
            let _ = principal.to_string();
        }
    }
    if let Ok(cache) = CredentialCache::parse(bytes) {
        let _ = cache.client().to_string();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let config = Config::parse(text);
        let _ = config.kdcs(config.default_realm().unwrap_or("A"));
        // Control characters are not printed as they are.
        if let Ok(principal) = Principal::parse(text, Some("R"))
            && !text.contains(char::is_control)
        {
            assert_eq!(Principal::parse(&principal.to_string(), None).expect("its name parses"), principal);
        }
    }
    let service = Service::new(Keytab::parse(KEYTAB).expect("the keytab is good"));
    let mut acceptor = service.acceptor();
    let _ = acceptor.step(bytes);
    let framed = framed(bytes);
    assert!(service.acceptor().step(&framed).is_err(), "somebody without a ticket was let in");
});

/// AP-REQ in the framing of RFC 4121.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let inner = [b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00", bytes].concat();
    let length = u16::try_from(inner.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[0x60, 0x82], &length[..], &inner].concat()
}

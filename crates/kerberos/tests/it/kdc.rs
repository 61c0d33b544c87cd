//! A KDC that only refuses, or misbehaves.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use kerberos::{Client, Config, Credential, Principal};
use picky_asn1::wrapper::{IntegerAsn1, Optional};
use picky_krb::messages::{KrbError, KrbErrorInner};

use crate::forge::{REALM, name, string, time, unix};

fn client(address: &str) -> Client {
    let config = Config::default().with_kdc(REALM, address);
    let principal = Principal::user("backup", REALM);
    Client::new(config, Credential::Password { principal, password: "Passw0rd!".to_owned().into() })
}

/// What a client says to a KDC that answers with `answer` and closes.
fn told(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut len = [0; 4];
        stream.read_exact(&mut len).unwrap();
        let mut request = vec![0; u32::from_be_bytes(len) as usize];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(&answer).unwrap();
    });
    let error = client(&address).prepare("host/ca.test.example").unwrap_err().to_string();
    server.join().unwrap();
    error.replace(&address, "KDC")
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes(), message].concat()
}

fn refusal(code: u32, at: i64) -> Vec<u8> {
    let error = KrbError::from(KrbErrorInner {
        pvno: IntegerAsn1::from(vec![5]).into(),
        msg_type: IntegerAsn1::from(vec![30]).into(),
        ctime: Optional::from(None),
        cusec: Optional::from(None),
        stime: time(at).into(),
        susec: IntegerAsn1::from(vec![0]).into(),
        error_code: code.into(),
        crealm: Optional::from(None),
        cname: Optional::from(None),
        realm: string(REALM).into(),
        sname: name("krbtgt/TEST.EXAMPLE").into(),
        e_text: Optional::from(Some(string("BAD\u{1b}NEWS").into())),
        e_data: Optional::from(None),
    });
    framed(&picky_asn1_der::to_vec(&error).unwrap())
}

#[test]
fn a_kdc_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = client(&address).prepare("host/ca.test.example").unwrap_err().to_string();
    assert!(error.starts_with(&format!("no KDC of realm TEST.EXAMPLE answers ({address}: ")), "{error}");
}

#[test]
fn a_clock_skew_is_told_with_its_size() {
    let error = told(refusal(37, unix() + 1000));
    let differs = ["1000", "999"].iter().any(|s| error.contains(&format!("TEST.EXAMPLE by {s} s")));
    assert!(differs && error.contains("behind"), "{error}");
    assert!(told(refusal(37, unix() - 1000)).contains("ahead"));
}

#[test]
fn refusals_are_told_in_words() {
    let now = unix();
    assert_eq!(told(refusal(6, now)), "the KDC does not know the user backup@TEST.EXAMPLE");
    assert_eq!(told(refusal(24, now)), "wrong password or key for backup@TEST.EXAMPLE");
    assert!(told(refusal(18, now)).contains("may not log on: it is disabled, locked"));
    assert!(told(refusal(23, now)).contains("password expired"));
    let other = told(refusal(14, now));
    assert_eq!(
        other,
        "the KDC of TEST.EXAMPLE refused with Kerberos error 14 (KDC_ERR_ETYPE_NOSUPP): BADNEWS"
    );
}

#[test]
fn answers_without_sense_are_refused() {
    assert!(told(vec![0xFF; 8]).contains("length of the answer is 4294967295"));
    assert!(told(vec![0, 0, 0, 9, 1]).contains("KDC: "));
    assert!(told(framed(b"")).contains("KDC-REP does not fit"));
    assert!(told(framed(&[0x6B, 0x84, 0xFF, 0xFF, 0xFF, 0xFF])).contains("KDC-REP does not fit"));
    assert!(told(framed(&[0x7E, 0x02, 0x30, 0x00])).contains("pvno does not fit"));
}

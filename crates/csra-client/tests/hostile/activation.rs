//! Lies about where the CA's object is and what it is.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};

use dcom::{DualStringArray, StringBinding};

use crate::host::{Host, chain};
use crate::script::{Asked, Change, Script};

/// What connecting to a host with these bindings says.
fn error_with(bindings: DualStringArray) -> String {
    let host = Host::start(Script { bindings: Some(bindings), ..Script::default() });
    chain(&host.connect().err().expect("an object that is nowhere was reached"))
}

fn strings(strings: Vec<StringBinding>) -> DualStringArray {
    DualStringArray { strings, security: Vec::new() }
}

#[test]
fn an_exporter_on_another_host_is_not_connected_to() {
    let other = TcpListener::bind("127.0.0.9:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let address = other.local_addr().unwrap();
    let error = error_with(strings(vec![
        StringBinding::tcp("127.0.0.9", Some(address.port())),
        StringBinding::tcp("localhost", Some(address.port())),
    ]));
    assert!(error.contains(&format!("cannot connect to 127.0.0.1:{}", address.port())), "{error}");
    let came = other.accept();
    assert!(
        came.is_err_and(|error| error.kind() == ErrorKind::WouldBlock),
        "the other host was connected to"
    );
    // The control: somebody who comes is seen.
    let _come = TcpStream::connect(address).unwrap();
    other.set_nonblocking(false).unwrap();
    other.accept().unwrap();
}

#[test]
fn thousands_of_endpoints_are_not_all_tried() {
    // Nobody listens at these.
    let many = (1..=2000).map(|port| StringBinding::tcp("127.0.0.1", Some(port))).collect();
    let error = error_with(strings(many));
    assert!(error.contains("cannot connect to 127.0.0.1:16"), "{error}");
}

#[test]
fn bindings_that_are_none_are_no_endpoint() {
    let odd = ["127.0.0.1[0]", "127.0.0.1[99999]", "[", "]", "a b[5]", "\u{202e}[5]", "127.0.0.1[5"];
    let tcp = |text: &&str| StringBinding { address: (*text).to_owned(), ..StringBinding::tcp("x", None) };
    let pipe = StringBinding { tower: 0x0f, address: r"\\127.0.0.1[\pipe\x]".to_owned() };
    for bindings in [odd.iter().map(tcp).collect(), vec![pipe], Vec::new()] {
        let error = error_with(strings(bindings));
        assert!(error.contains("127.0.0.1 names no TCP endpoint"), "{error}");
    }
}

/// What is said when the activation's answer is this.
fn error_of(change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Option<String> {
    let host = Host::start(Script::stubs(move |asked, stub| {
        Ok(if asked == Asked::Activation { change(stub) } else { stub })
    }));
    host.connect().err().map(|error| chain(&error))
}

#[test]
fn an_answer_that_is_no_activation_is_malformed() {
    let cases: [(&str, Change); 5] = [
        ("nothing", |_| Vec::new()),
        ("garbage", |stub| stub.iter().map(|byte| byte ^ 0xa5).collect()),
        ("all bits", |stub| vec![0xff; stub.len()]),
        ("half", |stub| stub[..stub.len() / 2].to_vec()),
        ("4 MiB of it", |stub| [&stub[..60], &vec![0x41; 4 << 20]].concat()),
    ];
    for (what, change) in cases {
        let error = error_of(change).expect(what);
        assert!(error.contains("RemoteCreateInstance (opnum 4) is malformed"), "{what}: {error}");
    }
}

#[test]
fn a_huge_number_anywhere_in_an_activation_is_survived() {
    // Found out on the way: the answer has a few hundred words.
    let length = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = std::sync::Arc::clone(&length);
    let measure = move |stub: Vec<u8>| {
        seen.store(stub.len(), std::sync::atomic::Ordering::SeqCst);
        stub
    };
    assert_eq!(error_of(measure), None);
    let words = length.load(std::sync::atomic::Ordering::SeqCst) / 4;
    for word in (0..words).step_by(7) {
        let error = error_of(move |mut stub| {
            stub[word * 4..word * 4 + 4].fill(0xff);
            stub
        });
        // Some words are of no importance; the others are named in one line.
        assert!(
            error.as_ref().is_none_or(|error| !error.contains('\n') && error.len() < 400),
            "{word}: {error:?}"
        );
    }
}

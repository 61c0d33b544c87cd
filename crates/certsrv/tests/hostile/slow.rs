//! Clients that take their time, or others'.

use std::thread;
use std::time::{Duration, Instant};

use certsrv::{Server, ServerOptions};
use dcerpc::pdu::{Body, Flags};
use dcom::exporter::{SERVER_ALIVE_2_OPNUM, SERVER_ALIVE_OPNUM};

use crate::raw::{Raw, alter, assert_serves, bind, encoded, request};
use crate::wire::{PASSWORD, Wire, ca};

const SHORT: Duration = Duration::from_millis(500);
/// What no test comes near.
const LONG: Duration = Duration::from_secs(300);

fn options(logon: Duration, pdu: Duration) -> ServerOptions {
    let mut options = ServerOptions::default();
    options.logon_timeout = logon;
    options.pdu_timeout = pdu;
    options
}

#[test]
fn a_pdu_that_comes_byte_by_byte_is_cut_off() {
    let at = ca();
    let server = Server::start(&at.ca, options(LONG, SHORT)).unwrap();
    let addrs = server.local_addrs();
    for address in [addrs.resolver, addrs.exporter] {
        let mut raw = Raw::open(address);
        raw.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let begun = Instant::now();
        // The length says 60,000 bytes, and they do come.
        let mut header = bind(0)[..16].to_vec();
        header[8..10].copy_from_slice(&60_000_u16.to_le_bytes());
        let mut bytes = header.into_iter().chain(std::iter::repeat(0));
        while raw.send(&[bytes.next().unwrap()]) {
            // Waits, unless the server has closed.
            match std::io::Read::read(&mut raw.stream, &mut [0; 1]) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                _ => break,
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it takes one byte after the other");
        }
    }
    thread::yield_now();
    let server = {
        drop(server);
        Server::start(&at.ca, ServerOptions::default()).unwrap()
    };
    assert_serves(&server);
}

#[test]
fn halves_of_pdus_leave_nothing_behind() {
    let at = ca();
    let server = Server::start(&at.ca, ServerOptions::default()).unwrap();
    let addrs = server.local_addrs();
    let whole = bind(0);
    for length in 0..whole.len() {
        for address in [addrs.resolver, addrs.exporter] {
            assert!(Raw::open(address).send(&whole[..length]));
        }
    }
    let begun = Instant::now();
    while server.connections() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} connections are left", server.connections());
        thread::yield_now();
    }
    assert_serves(&server);
}

#[test]
fn answers_that_nobody_takes_are_given_up() {
    let at = ca();
    let server = Server::start(&at.ca, options(LONG, SHORT)).unwrap();
    let mut raw = Raw::bound(server.local_addrs().resolver);
    let flood = request(SERVER_ALIVE_2_OPNUM, Flags::ONLY, 0, &[]).repeat(1000);
    // Buffers of both sides are a few MiB; then the server waits, and so do we.
    let mut rounds = 0;
    while raw.send(&flood) {
        rounds += 1;
        assert!(rounds < 5000, "the server takes requests for ever");
    }
    drop(raw);
    let server = {
        drop(server);
        Server::start(&at.ca, ServerOptions::default()).unwrap()
    };
    assert_serves(&server);
}

#[test]
fn being_busy_is_not_logging_on() {
    let at = ca();
    let server = Server::start(&at.ca, options(SHORT, LONG)).unwrap();
    let resolver = server.local_addrs().resolver;
    let begun = Instant::now();
    let talk: [fn(&mut Raw) -> bool; 3] = [
        |raw| raw.send(&alter(0, None)) && raw.next().is_some(),
        |raw| raw.send(&request(SERVER_ALIVE_OPNUM, Flags::ONLY, 0, &[])) && raw.next().is_some(),
        |raw| {
            thread::sleep(Duration::from_millis(20));
            raw.send(&encoded(Body::CoCancel, Flags::ONLY, None))
        },
    ];
    for talk in talk {
        let mut raw = Raw::bound(resolver);
        while talk(&mut raw) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it listens for ever");
        }
    }
}

#[test]
fn fragments_without_end_are_cut_off_at_the_largest_request() {
    let at = ca();
    let server = Server::start(&at.ca, ServerOptions::default()).unwrap();
    let resolver = server.local_addrs().resolver;
    for stub in [&[7; 1000][..], &[]] {
        let mut raw = Raw::bound(resolver);
        raw.send(&request(SERVER_ALIVE_OPNUM, Flags::FIRST, u32::MAX, stub));
        let mut sent = 0;
        while raw.send(&request(SERVER_ALIVE_OPNUM, Flags::default(), u32::MAX, stub)) {
            sent += stub.len() + 24;
            // The limit, and what sockets hold.
            assert!(sent < 20 << 20, "{sent} bytes are taken");
        }
    }
    assert_serves(&server);
}

#[test]
fn announced_lengths_are_not_believed() {
    let at = ca();
    let server = Server::start(&at.ca, ServerOptions::default()).unwrap();
    let resolver = server.local_addrs().resolver;
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut raw = Raw::bound(resolver);
        raw.send(&request(SERVER_ALIVE_OPNUM, Flags::FIRST, u32::MAX, &[7; 8]));
        held.push(raw);
    }
    for mut raw in held {
        raw.send(&request(SERVER_ALIVE_OPNUM, Flags::LAST, u32::MAX, &[7; 8]));
        assert!(raw.next().is_some());
    }
    // Longer than agreed, and shorter than a header.
    for (length, lie) in [(65_535_usize, 65_535_u16), (40, 15), (40, 0)] {
        let mut raw = Raw::bound(resolver);
        let mut pdu = request(SERVER_ALIVE_OPNUM, Flags::ONLY, 0, &[0; 16]);
        pdu.resize(length, 0);
        pdu[8..10].copy_from_slice(&lie.to_le_bytes());
        raw.send(&pdu);
        raw.assert_closed();
    }
    assert_serves(&server);
}

#[test]
fn a_user_who_stops_within_a_request_is_closed() {
    let at = ca();
    let server = Server::start(&at.ca, options(LONG, SHORT)).unwrap();
    let exporter = server.local_addrs().exporter;
    let level = dcerpc::security::Level::Privacy;
    let mut wire = Wire::user(exporter, &crate::wire::EXPORTED, "backup", PASSWORD, level).unwrap();
    let mut out = wire.request(0, 19, None, &[0; 4000]);
    out.truncate(out.len() - 1);
    assert!(wire.finish(out).is_err());
}

//! Seals, unseals and copies the given number of MiB in fragments as a backup has them: what no sealed
//! backup can be faster than on one core. Used by `benches/`.

use std::hint::black_box;

use dcerpc::security::{Level, Message, Protection};
use ntlm::{Role, Session, flags};

fn main() {
    let mib: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(256);
    let [mut server, mut client] =
        [Role::Server, Role::Client].map(|role| Session::new(role, &[7; 16], flags::SEAL));
    let (header, trailer, mut token) = ([0; 24], [0; 8], [0; 16]);
    // The largest stub of a fragment of 65528 bytes.
    let mut body = vec![0x5a; 65_472];
    let mut copy = Vec::with_capacity(body.len());
    for _ in 0..(mib << 20).div_ceil(body.len()) {
        let message = Message { header: &header, body: &mut body, trailer: &trailer, signs_header: true };
        server.protect(Level::Privacy, message, &mut token).expect("seal a fragment");
        let message = Message { header: &header, body: &mut body, trailer: &trailer, signs_header: true };
        client.unprotect(Level::Privacy, message, &token).expect("unseal a fragment");
        copy.clear();
        copy.extend_from_slice(black_box(&body));
    }
    black_box(copy);
}

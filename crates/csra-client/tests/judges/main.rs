//! Other people's programs judge what we speak: impacket and Samba as clients of our server, MIT's KDC
//! and a Samba AD DC for our client. What each proves stands in `judges/README.md`.

mod ad;
mod dc;
mod impacket;
mod meddler;
mod mit;
mod program;
mod realm;
mod samba;
mod served;
mod tickets;
#[path = "../it/wire.rs"]
#[expect(dead_code, reason = "what only the other tests need")]
mod wire;

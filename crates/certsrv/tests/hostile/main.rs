//! Clients that want the server's time, memory or secrets: each costs a bounded amount, and the next
//! backup is served.

#[expect(dead_code, reason = "shared with the other test binary")]
#[path = "../it/invented.rs"]
mod invented;
#[expect(dead_code, reason = "shared with the other test binary")]
#[path = "../it/wire.rs"]
mod wire;

mod logon;
mod many;
mod raw;
mod slow;
mod stubs;

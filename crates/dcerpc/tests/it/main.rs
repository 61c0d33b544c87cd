//! Golden bytes, pairs of a client and a server in memory, and hostile peers.

mod binding;
mod calls;
mod framing;
mod golden;
mod hostile;
mod mechanism;
mod pair;
mod properties;
mod tampering;
mod verification;

//! The engine against the embedded CA: what it promises when something goes wrong.
//!
//! The CA is small and invented (`testkit::synthetic`), so that every call, every step and every
//! write can fail once; `real` does the same work on what the real engine wrote.

mod calls;
mod cancel;
mod captured;
mod chains;
mod copies;
mod copy;
mod doctor;
mod drill;
mod embedded_host;
mod fail_at_call;
mod fake_host;
mod forks;
mod gaps;
mod hoarding;
mod hosts;
mod imported;
mod index;
mod kill;
mod last_steps;
mod liar;
mod medium;
mod medium_faults;
mod owed;
mod past;
mod real;
mod renewed_keys;
mod restart;
mod retention;
mod reverted;
mod sampled;
mod saved_keys;
mod script_defects;
mod status;
mod unreadable;
mod verified;

//! Names of places, ways to them, and Debian's smbd as the judge.
mod first_of;
mod hosts;
#[cfg(unix)]
mod judge;
mod login;
mod names;
#[cfg(unix)]
mod smbd;

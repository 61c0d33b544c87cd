//! Credentials against a server's users, in memory.

mod accounts;
mod logon;
mod selection;

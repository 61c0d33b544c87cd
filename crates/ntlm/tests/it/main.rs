//! NTLM against itself, the specification's examples and impacket.

mod arbitrary;
mod impacket;
mod logon;
mod messages;
mod parties;
mod refusals;
mod session;

//! MS-CSRA: bytes of every method, and the object that answers them.

mod admission;
mod authority;
mod bytes;
mod golden_admin;
mod golden_backup;
mod golden_view;
mod hostile;
mod reading;
mod sequence;
mod serving;
mod toy;
mod values;

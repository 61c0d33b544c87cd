//! The C interface against other people's words for it.

mod bindings;
mod header;

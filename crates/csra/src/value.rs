//! What travels inside the parameters: byte arrays with a layout of their own, and VARIANT.

pub(crate) mod blob;
mod ca_info;
mod column;
mod property;
mod row;
mod variant;

pub use blob::Blob;
pub use ca_info::CaInfo;
pub use column::{Column, ColumnType};
pub use property::{PropertyId, PropertyInfo, PropertyType, decode_text, encode_text};
pub use row::{Cell, Row, Rows};
pub use variant::Variant;

//! Whether the pages of a database are the trees that its catalog describes.

mod defect;

pub use defect::StructureDefect;

//! The seam's vocabulary, and the rules of its sequencing machine.

mod gate;
mod list;
mod sequence;
mod toy;
mod words;

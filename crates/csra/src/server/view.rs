use alloc::vec::Vec;

use dtyp::HResult;

use crate::method::{Counted, Restriction};
use crate::value::{Row, Rows};

/// The open view of an object: its rows as they were when it was opened.
#[derive(Debug)]
pub(super) struct View(Vec<Row<'static>>);

/// Bytes of rows after which a reply ends, however many were asked for.
const MAX_ROWS: usize = 1 << 20;

impl View {
    pub(super) fn new(rows: Vec<Row<'static>>) -> Self {
        Self(rows)
    }

    /// Rows from `first` (from 1; 0 is taken for 1), at most `count`, and at least one however large.
    pub(super) fn page(&self, first: u32, count: u32) -> Counted {
        let from = usize::try_from(first.saturating_sub(1)).unwrap_or(usize::MAX);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let left = self.0.get(from..).unwrap_or_default();
        let mut bytes = Vec::new();
        let mut fetched = 0usize;
        for row in left.iter().take(count) {
            if bytes.len() >= MAX_ROWS {
                break;
            }
            row.encode(&mut bytes);
            fetched = fetched.saturating_add(1);
        }
        if fetched == left.len() {
            let total = Rows { rows: Vec::new(), total: u32::try_from(self.0.len()).ok() };
            bytes.extend(total.encode());
        }
        Counted::new(fetched, bytes)
    }
}

/// At most one restriction sorts.
pub(super) fn check_sorting(restrictions: &[Restriction]) -> Result<(), HResult> {
    let sorting = restrictions.iter().filter(|restriction| restriction.sort != 0).count();
    if sorting > 1 { Err(HResult::INVALID_ARG) } else { Ok(()) }
}

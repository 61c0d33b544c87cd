//! What changed between two databases of a CA.

use crate::args::Diff;
use crate::exit::Exit;
use crate::printer::Printer;

pub(crate) fn diff(_args: &Diff, _printer: Printer) -> anyhow::Result<Exit> {
    anyhow::bail!("not built")
}

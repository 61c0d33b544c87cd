//! `dump`: pages, trees, tables and logs for experts.

use crate::args::{Dump};
use crate::exit::Exit;
use crate::printer::Printer;

pub(crate) fn dump(_args: &Dump, _printer: Printer) -> anyhow::Result<Exit> {
    anyhow::bail!("not built")
}

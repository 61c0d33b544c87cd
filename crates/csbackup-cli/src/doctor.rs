//! `doctor`: a CA's folder, live or broken.

use crate::args::{Doctor};
use crate::exit::Exit;
use crate::printer::Printer;

pub(crate) fn doctor(_args: &Doctor, _printer: Printer) -> anyhow::Result<Exit> {
    anyhow::bail!("not built")
}

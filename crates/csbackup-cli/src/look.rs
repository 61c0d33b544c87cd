//! Look inside the database of a set.

use crate::args::{Certs, Crls, Diff, Export, Requests};
use crate::exit::Exit;
use crate::printer::Printer;

pub(crate) fn certs(_args: &Certs, _printer: Printer) -> anyhow::Result<Exit> {
    anyhow::bail!("not built")
}

pub(crate) fn crls(_args: &Crls, _printer: Printer) -> anyhow::Result<Exit> {
    anyhow::bail!("not built")
}

pub(crate) fn diff(_args: &Diff, _printer: Printer) -> anyhow::Result<Exit> {
    anyhow::bail!("not built")
}

pub(crate) fn export(_args: &Export, _printer: Printer) -> anyhow::Result<Exit> {
    anyhow::bail!("not built")
}

pub(crate) fn requests(_args: &Requests, _printer: Printer) -> anyhow::Result<Exit> {
    anyhow::bail!("not built")
}

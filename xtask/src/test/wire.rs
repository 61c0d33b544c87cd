//! The judges of the wire protocol, installed by `judges/install.sh`: impacket, Samba, MIT Kerberos.
//!
//! Tests learn from their environment what there is:
//!
//! ```text
//! CSBACKUP_WIRE_JUDGES    names, comma-separated: impacket, samba, gssapi, addc, mitkdc, smbd
//! CSBACKUP_SYSTEM_PYTHON  the system's Python, the only one that sees Debian's packages
//! ```

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::tools;

const SYSTEM_PYTHON: &str = "/usr/bin/python3";

/// What the tests are given, and what could not be had.
#[derive(Debug, Default, PartialEq)]
pub(super) struct WireJudges {
    present: Vec<String>,
    /// One reason for each missing judge; starts with `judge `.
    pub(super) missing: Vec<String>,
}

impl WireJudges {
    /// Installs what is not there yet; `python` is the judges' own environment.
    pub(super) fn install(python: Option<&Path>) -> Self {
        // Without its own environment the script still installs all the others.
        let python = python.unwrap_or(Path::new("false"));
        run(python).map_or_else(
            |error| Self { missing: vec![format!("judge of the wire: {error:#}")], ..Self::default() },
            |output| Self::parse(&output),
        )
    }

    /// Tells a test program what there is.
    pub(super) fn tell(&self, command: &mut Command) {
        command.env("CSBACKUP_WIRE_JUDGES", self.present.join(","));
        command.env("CSBACKUP_SYSTEM_PYTHON", SYSTEM_PYTHON);
    }

    /// `present NAME` and `missing NAME: why`; any other line is for people.
    fn parse(output: &str) -> Self {
        let mut judges = Self::default();
        for line in output.lines() {
            if let Some(name) = line.strip_prefix("present ") {
                judges.present.push(name.to_owned());
            } else if let Some((name, why)) =
                line.strip_prefix("missing ").and_then(|rest| rest.split_once(": "))
            {
                judges.missing.push(format!("judge `{name}`: {why}"));
            } else {
                println!("{line}");
            }
        }
        judges
    }
}

fn run(python: &Path) -> Result<String> {
    let script = tools::workspace().join("judges/install.sh");
    let output = Command::new("bash")
        .arg(&script)
        .arg(python)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start bash for `{}`", script.display()))?;
    if !output.status.success() {
        bail!("`{}` failed", script.display());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_judge_is_present_or_missing_with_a_reason() {
        let judges = WireJudges::parse(
            "installing a\npresent impacket\nmissing addc: not root: sorry\npresent smbd\n",
        );
        assert_eq!(judges.present, ["impacket", "smbd"]);
        assert_eq!(judges.missing, ["judge `addc`: not root: sorry"]);
    }
}

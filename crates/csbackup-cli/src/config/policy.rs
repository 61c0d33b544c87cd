//! What is promised for a CA: how often, how long, how much may be lost.

use std::time::Duration;

use super::{Entry, Section, Value, Wrong};

/// What `run` and `status` go by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RunPolicy {
    /// A full backup when the newest is older.
    pub(crate) full: Option<Duration>,
    /// An increment when the newest set is older.
    pub(crate) incremental: Option<Duration>,
    /// A drill when the last that passed is older.
    pub(crate) drill: Option<Duration>,
    /// What is lost at most: the age of the newest verified set.
    pub(crate) rpo: Option<Duration>,
    /// The repository is pruned when that was longer ago.
    pub(crate) prune: Option<Duration>,
    /// Backed up by hand, onto carried media.
    pub(crate) offline: bool,
    pub(crate) crl_warning: Option<Duration>,
    pub(crate) crl_critical: Option<Duration>,
    pub(crate) certificate_warning: Option<Duration>,
    pub(crate) certificate_critical: Option<Duration>,
    /// Options of `forget`.
    pub(crate) keep: Vec<String>,
}

impl RunPolicy {
    /// Of a section that was checked.
    pub(crate) fn of(section: &Section) -> Self {
        let age = |key| section.policy.get(key).and_then(|entry: &Entry| age(entry.value.text()?));
        let keep = section.policy.iter().filter(|(key, _)| key.starts_with("keep-"));
        Self {
            full: age("full"),
            incremental: age("incremental"),
            drill: age("drill"),
            rpo: age("rpo"),
            prune: age("prune"),
            offline: section.policy.get("offline").is_some_and(|entry| entry.value == Value::Flag(true)),
            crl_warning: age("crl-warning"),
            crl_critical: age("crl-critical"),
            certificate_warning: age("certificate-warning"),
            certificate_critical: age("certificate-critical"),
            keep: keep.filter_map(|(key, entry)| Some(format!("--{key}={}", entry.value.text()?))).collect(),
        }
    }
}

/// What is wrong with the values of a policy.
pub(super) fn check(section: &Section) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (key, Entry { value, at }) in &section.policy {
        let expected = match key.as_str() {
            "offline" if matches!(value, Value::Flag(_)) => continue,
            "offline" => "true or false",
            "keep-daily" | "keep-last" | "keep-monthly" | "keep-weekly" | "keep-yearly" => {
                if value.text().is_some_and(|text| text.parse::<u32>().is_ok()) {
                    continue;
                }
                "a number of sets"
            }
            "keep-within" if value.text().is_some_and(|text| !text.ends_with('m') && age(text).is_some()) => {
                continue;
            }
            _ if key != "keep-within" && value.text().is_some_and(|text| age(text).is_some()) => continue,
            "keep-within" => "an age such as 30d (h, d, w, y)",
            _ => "a time such as 15m, 26h or 30d (m, h, d, w, y)",
        };
        wrong.push(Wrong { at: Some(at.clone()), text: format!("`{key}` is {expected}") });
    }
    wrong
}

/// 15m, 26h, 30d, 2w, 1y; not nothing.
pub(crate) fn age(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds: u64 = match unit {
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        'w' => 7 * 24 * 3600,
        'y' => 365 * 24 * 3600,
        _ => return None,
    };
    let number: u64 = text.strip_suffix(unit)?.parse().ok().filter(|number| *number > 0)?;
    // A hundred years: more is a slip.
    let whole = number.checked_mul(seconds).filter(|whole| *whole <= 100 * 365 * 24 * 3600)?;
    Some(Duration::from_secs(whole))
}

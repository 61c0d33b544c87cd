use certadm::LogHoarding;

/// Builds of Windows whose database engine keeps superfluous logs: from 2008 R2 (7600) to 2016 (14393).
///
/// Which builds: [`certadm::LogHoarding`]. Builds between 2016 and 2019 (17763) were the semi-annual
/// Server Core releases, on which no CA was kept; they count as new.
const HOARDING: std::ops::RangeInclusive<u32> = 7600..=14393;

/// Does this build keep logs, and what is it called?
pub(crate) fn log_hoarding(product: &str, build: u32) -> Option<LogHoarding> {
    HOARDING.contains(&build).then(|| LogHoarding { system: format!("{product} (build {build})") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_from_2008_r2_to_2016_keep_logs() {
        for (build, hoards) in [
            (6003, false),
            (7600, true),
            (7601, true),
            (9200, true),
            (9600, true),
            (14393, true),
            (17763, false),
            (20348, false),
            (26100, false),
        ] {
            assert_eq!(log_hoarding("Windows Server", build).is_some(), hoards, "{build}");
        }
        let system = log_hoarding("Windows Server 2016 Standard", 14393).map(|hoarding| hoarding.system);
        assert_eq!(system.as_deref(), Some("Windows Server 2016 Standard (build 14393)"));
    }
}

//! `safe_name` and `SetPath`, for names that nobody thought of.
//!
//! The library's own program `tests/paths` has the names that somebody did think of.

use csbackup::{SetPath, safe_name};
use proptest::prelude::*;

/// Names made of what makes trouble, and any others.
fn name() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("..".to_owned()),
        Just("CON".to_owned()),
        Just("lpt1".to_owned()),
        Just(".".to_owned()),
        Just(" ".to_owned()),
        Just("%".to_owned()),
        Just("%41".to_owned()),
        Just("_".to_owned()),
        Just("C:\\".to_owned()),
        Just("/".to_owned()),
        Just("\0".to_owned()),
        Just("ü".repeat(60)),
        "[a-zA-Z0-9]{1,90}",
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn is_harmless_component(name: &str) -> Result<(), TestCaseError> {
    prop_assert!(!name.is_empty() && name.len() <= 255, "{} bytes", name.len());
    prop_assert!(!name.chars().any(|c| c.is_control() || "<>:\"/\\|?*".contains(c)), "{name:?}");
    prop_assert!(!name.ends_with(['.', ' ']), "{name:?}");
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    prop_assert!(!["CON", "PRN", "AUX", "NUL", "COM1", "COM9", "LPT1", "LPT9"].contains(&&*stem), "{name:?}");
    let path = std::path::Path::new(name);
    prop_assert_eq!(path.components().count(), 1);
    prop_assert!(matches!(path.components().next(), Some(std::path::Component::Normal(_))));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn a_safe_name_is_one_harmless_component(name in name()) {
        is_harmless_component(&safe_name(&name))?;
    }

    #[test]
    fn a_clean_name_stays_as_it_is(name in "[a-zA-Z0-9][a-zA-Z0-9 ._-]{0,60}[a-zA-Z0-9]") {
        let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
        let device = ["CON", "PRN", "AUX", "NUL"].contains(&&*stem) || stem.starts_with("COM") || stem.starts_with("LPT");
        prop_assume!(!device);
        prop_assert_eq!(safe_name(&name), name);
    }

    /// A name that was made safe and has no escape in it is left alone the second time.
    #[test]
    fn a_safe_name_without_escapes_is_stable(name in name()) {
        let once = safe_name(&name);
        if !once.contains('%') && once.len() <= 200 {
            prop_assert_eq!(safe_name(&once), once);
        }
    }

    /// Reserved names get a `_`, which is no escape: a pair such as `con` and `_con` may meet, and
    /// inside a set such paths are kept apart.
    #[test]
    fn different_names_stay_different(a in name(), b in name()) {
        prop_assume!(a != b && safe_name(&a) != format!("_{b}") && safe_name(&b) != format!("_{a}"));
        prop_assert_ne!(safe_name(&a), safe_name(&b));
    }

    #[test]
    fn what_is_stored_under_a_safe_name_can_be_read_from_a_manifest(name in name()) {
        let path = SetPath::inside("DataBase", &name);
        prop_assert_eq!(SetPath::parse(path.as_str()), Some(path.clone()));
    }

    #[test]
    fn a_path_that_a_manifest_may_have_stays_below_its_root(text in name()) {
        let Some(path) = SetPath::parse(&text) else { return Ok(()) };
        for part in path.as_str().split('/') {
            is_harmless_component(part)?;
        }
        let root = std::path::Path::new("root");
        let below = path.below(root);
        prop_assert!(below.starts_with(root) && below != root);
        prop_assert!(!below.components().any(|part| part == std::path::Component::ParentDir));
    }
}

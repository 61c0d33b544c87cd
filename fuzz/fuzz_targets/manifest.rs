//! Manifests from a medium, and names: nothing panics, no path leaves its folder.
#![no_main]

use std::path::{Component, Path};

use csbackup::{Manifest, SetPath, safe_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Manifest::decode(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let name = safe_name(text);
    assert!(name.len() <= 255 && !name.is_empty());
    for path in [Some(SetPath::inside("x", text)), SetPath::parse(text)].into_iter().flatten() {
        let below = path.below(Path::new(""));
        assert!(below.components().all(|part| matches!(part, Component::Normal(_))), "{path} leaves its folder");
    }
});

//! The program's manifest for Windows: paths longer than 260 characters, and UTF-8 for what speaks in code pages.

use std::env;

use embed_manifest::manifest::{ActiveCodePage, Setting, SupportedOS};

fn main() -> Result<(), embed_manifest::Error> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_CFG_WINDOWS").is_none() {
        return Ok(());
    }
    let manifest = embed_manifest::new_manifest("csbackup")
        .active_code_page(ActiveCodePage::Utf8)
        .long_path_aware(Setting::Enabled)
        .supported_os(SupportedOS::Windows7..=SupportedOS::Windows10);
    embed_manifest::embed_manifest(manifest)
}

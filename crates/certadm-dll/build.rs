//! Link options of the library. What Rust's own toolchain lacks on other systems is not needed there.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if os == "linux" {
        // The name it is shipped and linked under, whatever cargo calls the file.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libcertadm.so");
        // Threads of it may run on when a program unloads it: the code stays (src/module.rs).
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}

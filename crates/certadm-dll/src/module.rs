//! The library stays once it has spoken to a CA: unloading it succeeds, and its code is still there.
//!
//! Threads of it may run on then: those of a context that was not ended, and those that give signs of life
//! to a CA's host, which nobody waits for when a slow network holds them up.

/// Keeps the library in the process. On other systems than Windows the linker was told so (`build.rs`).
#[cfg(not(windows))]
pub(crate) fn stay() {}

#[cfg(windows)]
pub(crate) use windows::stay;

#[cfg(windows)]
mod windows {
    use std::ffi::c_void;
    use std::ptr::null_mut;
    use std::sync::Once;

    /// Keeps the library in the process.
    pub(crate) fn stay() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let mut module = null_mut();
            // SAFETY: the address is one in this library, `module` takes the result. It cannot fail for
            // code that runs; if it did, unloading would be what it is for any library.
            unsafe { GetModuleHandleExW(PIN | FROM_ADDRESS, (&raw const ANCHOR).cast(), &mut module) };
        });
    }

    /// `GET_MODULE_HANDLE_EX_FLAG_PIN`: until the process ends.
    const PIN: u32 = 1;

    /// `GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS`: the module that has this address.
    const FROM_ADDRESS: u32 = 4;

    static ANCHOR: u8 = 0;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetModuleHandleExW(flags: u32, inside: *const c_void, module: *mut *mut c_void) -> i32;
    }
}

//! CiviShare as a PHP extension: classes, conversion and exceptions around the core, and as thin as they can be.
//!
//! Loading it opens nothing and starts no thread. A panic in the core becomes a PHP `Error`.

#![allow(
    missing_docs,
    reason = "php_module generates an item that cannot carry a comment"
)]

mod convert;
mod core;
mod error;
mod info;
mod seal;
mod settings;
mod store;

use ext_php_rs::prelude::*;

// Deliberate defects (src/defect.rs) are for a test of the core's tests.
const _: () = assert!(
    !civishare_core::HAS_DEFECTS,
    "the PHP module is not built with the feature `defects`"
);

/// Registers everything with PHP.
#[php_module]
#[php(startup = "startup")]
pub fn get_module(module: ModuleBuilder) -> ModuleBuilder {
    let module = module
        .name("civishare")
        .info_function(info::print)
        .class::<core::Core>()
        .class::<store::Store>();
    if std::env::var_os("CIVISHARE_TEST").is_some() {
        return module.function(wrap_function!(civishare_panic));
    }
    module
}

fn startup(_kind: i32, module: i32) -> i32 {
    settings::register(module);
    // PHP tells of the panic as an Error; a second report on standard error would only alarm.
    std::panic::set_hook(Box::new(|_| {}));
    // A module that did not start keeps PHP from starting with half of it.
    error::register().map_or(-1, |()| 0)
}

/// Panics, so that a test can see what PHP makes of it, in release builds too.
#[php_function]
#[php(name = "civishare_panic")]
#[allow(clippy::panic)]
fn civishare_panic() {
    panic!("on purpose");
}

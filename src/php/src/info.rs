//! What phpinfo() shows.

#![allow(unsafe_code, reason = "PHP prints its tables through C functions")]

use civishare_core::message::PROTOCOL;
use ext_php_rs::zend::ModuleEntry;
use ext_php_rs::{info_table_end, info_table_header, info_table_row, info_table_start};

use crate::settings::Settings;

unsafe extern "C" {
    fn display_ini_entries(module: *mut ModuleEntry);
}

/// Prints the table of this module.
pub extern "C" fn print(module: *mut ModuleEntry) {
    info_table_start!();
    info_table_header!("CiviShare", "enabled");
    info_table_row!("Version", env!("CARGO_PKG_VERSION"));
    info_table_row!("Protocol", PROTOCOL);
    info_table_row!("SQLite", civishare_core::store::sqlite::library_version());
    info_table_row!("TLS", env!("CIVISHARE_TLS"));
    info_table_row!(
        "Settings",
        match Settings::read() {
            Ok(_) => "in order".to_owned(),
            Err(error) => error.to_string().replace('\0', ""),
        }
    );
    info_table_end!();
    // SAFETY: PHP hands over the entry of this module.
    unsafe { display_ini_entries(module) };
}

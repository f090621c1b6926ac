//! The ini settings: how this process talks to peers.

#![allow(unsafe_code, reason = "PHP keeps its settings behind raw pointers")]

use std::path::PathBuf;
use std::time::Duration;

use ext_php_rs::ffi::zend_ini_entry;
use ext_php_rs::flags::IniEntryPermission;
use ext_php_rs::zend::{ExecutorGlobals, IniEntryDef, IniEntryDefs};

use crate::error::{Error, Result};

const HTTP_TIMEOUT: &str = "civishare.http_timeout";
const CONNECT_TIMEOUT: &str = "civishare.connect_timeout";
const DELIVERY_THREADS: &str = "civishare.delivery_threads";
const CA_FILE: &str = "civishare.ca_file";

/// Set in php.ini, in a pool or in a folder's configuration; a script cannot change them half way through a run.
const PERMISSION: IniEntryPermission = IniEntryPermission::PerDir.union(IniEntryPermission::System);

static ENTRIES: IniEntryDefs<5> = IniEntryDefs::new([
    IniEntryDef::new(c"civishare.http_timeout", c"30", PERMISSION),
    IniEntryDef::new(c"civishare.connect_timeout", c"5", PERMISSION),
    IniEntryDef::new(c"civishare.delivery_threads", c"16", PERMISSION),
    IniEntryDef::new(c"civishare.ca_file", c"", PERMISSION),
    IniEntryDef::end(),
]);

/// Makes the settings known to PHP.
pub fn register(module: i32) {
    IniEntryDef::register(ENTRIES.as_slice(), module);
}

/// The settings as they stand for this request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long one exchange with a peer may take, connecting included.
    pub http_timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How many peers are served at once.
    pub delivery_threads: usize,
    /// Certificates (PEM) that are trusted instead of the built-in ones.
    pub ca_file: Option<PathBuf>,
}

impl Settings {
    /// Reads the settings: four look-ups, so nothing is cached and each virtual host has its own.
    ///
    /// # Errors
    /// An [`Error::Argument`] names the setting that cannot be used, and what it should be.
    pub fn read() -> Result<Settings> {
        let ca_file = text(CA_FILE);
        Ok(Settings {
            http_timeout: Duration::from_secs(number(HTTP_TIMEOUT, 1, 600)?),
            connect_timeout: Duration::from_secs(number(CONNECT_TIMEOUT, 1, 600)?),
            delivery_threads: usize::try_from(number(DELIVERY_THREADS, 1, 256)?).unwrap_or(1),
            ca_file: (!ca_file.is_empty()).then(|| PathBuf::from(ca_file)),
        })
    }
}

fn number(name: &str, least: u64, most: u64) -> Result<u64> {
    let given = text(name);
    given
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            Error::Argument(format!(
                "the PHP setting {name} is {given:?}, and must be a whole number from {least} to {most}"
            ))
        })
}

/// One setting's text. `ExecutorGlobals::ini_values()` would copy all of PHP's settings for it.
fn text(name: &str) -> String {
    let globals = ExecutorGlobals::get();
    // SAFETY: PHP assigns the table before it starts modules and keeps it, and each entry's string, while one of our
    // functions runs; all that leaves here is a copy.
    unsafe {
        globals
            .ini_directives
            .as_ref()
            .and_then(|table| table.get(name))
            .and_then(|entry| entry.ptr::<zend_ini_entry>())
            .and_then(|entry| entry.as_ref())
            .and_then(|entry| entry.value.as_ref())
            .map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
            .unwrap_or_default()
    }
}

//! The exceptions that PHP code meets.
//!
//! They are plain classes without a Rust side, so that PHP can make, extend and serialise them like any other.

#![allow(unsafe_code, reason = "PHP owns its class entries")]

use std::sync::atomic::{AtomicPtr, Ordering};

use ext_php_rs::builders::ClassBuilder;
use ext_php_rs::exception::PhpException;
use ext_php_rs::zend::{ClassEntry, ce};

/// The parent of all exceptions of this module.
static EXCEPTION: Class = Class::new();

/// What PHP handed over has the wrong shape: a missing member, bytes that are not UTF-8, NAN, a resource, too deep.
static ARGUMENT_EXCEPTION: Class = Class::new();

/// The store cannot be opened, read or written; the message says which file and what to do.
static STORE_EXCEPTION: Class = Class::new();

/// Where PHP keeps a class that was registered.
struct Class(AtomicPtr<ClassEntry>);

impl Class {
    const fn new() -> Class {
        Class(AtomicPtr::new(std::ptr::null_mut()))
    }

    fn set(&self, entry: &'static mut ClassEntry) {
        self.0.store(entry, Ordering::Release);
    }

    fn get(&self) -> &'static ClassEntry {
        // SAFETY: PHP keeps the class entries of a module until the process ends.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }.unwrap_or_else(ce::exception)
    }
}

/// Makes the classes known to PHP; called while the module starts.
pub fn register() -> ext_php_rs::error::Result<()> {
    ClassBuilder::new("CiviShare\\Exception")
        .extends((ce::exception, "\\Exception"))
        .registration(|class, _| EXCEPTION.set(class))
        .register()?;
    ClassBuilder::new("CiviShare\\ArgumentException")
        .extends((|| EXCEPTION.get(), "\\CiviShare\\Exception"))
        .registration(|class, _| ARGUMENT_EXCEPTION.set(class))
        .register()?;
    ClassBuilder::new("CiviShare\\StoreException")
        .extends((|| EXCEPTION.get(), "\\CiviShare\\Exception"))
        .registration(|class, _| STORE_EXCEPTION.set(class))
        .register()
}

/// An error on its way to PHP.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Becomes a `CiviShare\ArgumentException`.
    #[error("{0}")]
    Argument(String),
    /// Becomes a `CiviShare\StoreException`.
    #[error("{0}")]
    Store(String),
    /// Becomes a `CiviShare\Exception`.
    #[error("{0}")]
    Other(String),
}

impl From<Error> for PhpException {
    fn from(error: Error) -> PhpException {
        let class = match error {
            Error::Argument(_) => ARGUMENT_EXCEPTION.get(),
            Error::Store(_) => STORE_EXCEPTION.get(),
            Error::Other(_) => EXCEPTION.get(),
        };
        // PHP takes the message up to the first NUL byte.
        PhpException::new(error.to_string().replace('\0', "\\0"), 0, class)
    }
}

impl From<ext_php_rs::error::Error> for Error {
    fn from(error: ext_php_rs::error::Error) -> Error {
        Error::Other(error.to_string())
    }
}

/// What the functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

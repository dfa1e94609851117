//! Packs the program's relative relocations (DT_RELR), which makes the program one thirtieth smaller.
//!
//! The C library that loads the program must support packed relocations. glibc supports them since version 2.36. Only
//! native builds use them, because only there the version of the target's glibc is known.

use std::env;
use std::process::Command;

/// The first glibc that supports packed relocations.
const GLIBC: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_own = env::var("TARGET").ok() == env::var("HOST").ok();
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    if is_own && is_gnu && glibc().is_some_and(|version| version >= GLIBC) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

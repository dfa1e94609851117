//! Finds the programs that the tests start.

/// Returns the path of a program, which `cargo xtask test` passes in an environment variable.
pub fn program(variable: &str) -> std::path::PathBuf {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`"))
        .into()
}

//! The binary: installs the only TLS provider and runs [`vidimus::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    // With two providers in the process, rustls would panic at the first connection. The call fails
    // only if it is repeated.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    vidimus::cli::main(std::env::args_os())
}

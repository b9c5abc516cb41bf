//! The binary: picks the one TLS provider and hands over to [`vidimus::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    // A second provider in the process would make rustls panic at the first connection. Only a
    // second call of this one fails, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    vidimus::cli::main(std::env::args_os())
}

//! Scimward's program: reads the command line, does the task, exits with its code.

use std::process::ExitCode;

use scimward::{app, cli::Cli};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::read(std::env::args_os()) {
        Ok(cli) => app::main(cli),
        Err(error) => error.exit(),
    }
}

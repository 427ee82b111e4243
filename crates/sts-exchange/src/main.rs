//! The command.

use std::env;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use sts_exchange::run::{Streams, run};

fn main() -> ExitCode {
    let stdin = io::stdin();
    let is_terminal = stdin.is_terminal();
    let mut streams = Streams {
        input: &mut stdin.lock(),
        is_terminal,
        output: &mut io::stdout().lock(),
        errors: &mut io::stderr().lock(),
    };
    ExitCode::from(run(env::args_os().skip(1), &mut streams))
}

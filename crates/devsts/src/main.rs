//! The development STS and the echo backend as processes.

mod cli;
mod log;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use devsts::pki::{Identity, Leaf};
use devsts::server::Server;
use devsts::sts::wstrust::Requestor;
use devsts::{Backend, Metadata, Sts, Tls, WsTrust};
use tokio::signal::unix::{SignalKind, signal};

use cli::{BackendOptions, Command, Common, PkiOptions, StsOptions};

fn main() -> ExitCode {
    let command = match cli::parse(lexopt::Parser::from_env()) {
        Ok(Command::Help) => {
            say(cli::HELP.trim_end());
            return ExitCode::SUCCESS;
        }
        Ok(command) => command,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(2);
        }
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> io::Result<()> {
    match command {
        Command::Backend(options) => run_backend(options),
        Command::Help => Ok(()),
        Command::Pki(options) => write_pki(&options),
        Command::Sts(options) => run_sts(*options),
    }
}

fn run_sts(options: StsOptions) -> io::Result<()> {
    let common = options.common;
    let mut builder = Sts::builder()
        .listen(common.listen.clone())
        .latency(common.latency)
        .expires_in(options.expires_in)
        .tokens(options.tokens)
        .remember(0);
    for client in options.clients {
        builder = builder.client(client);
    }
    for path in &options.paths {
        builder = builder.path(path);
    }
    for path in &options.wstrust {
        let mut wstrust = WsTrust::at(path).lifetime(options.expires_in);
        for (name, password) in &options.wstrust_users {
            let ways = [Requestor::Basic, Requestor::UsernameText, Requestor::UsernameDigest];
            for way in ways {
                wstrust = wstrust.requestor(way(name.clone(), password.clone()));
            }
        }
        builder = builder.wstrust(wstrust);
    }
    if let Some(path) = &options.issuer {
        builder = builder.metadata(Metadata::of(path));
    }
    if let Some(manners) = options.manners {
        builder = builder.manners(manners);
    }
    for audience in &options.audiences {
        builder = builder.audience(audience);
    }
    if options.on_behalf_of {
        builder = builder.on_behalf_of();
    }
    if options.anonymous {
        builder = builder.anonymous();
    }
    if let Some(tls) = tls(&common)? {
        builder = builder.tls(tls);
    }
    if !common.quiet {
        let tokens = common.show_tokens || common.show_requests;
        let whole = common.show_requests;
        builder = builder.on_call(move |call, noted| {
            say(&log::with_request(log::call(&noted, tokens), call, whole));
        });
    }
    let sts = builder.start()?;
    serve(&sts, &sts.endpoint(), &common)
}

fn run_backend(options: BackendOptions) -> io::Result<()> {
    let common = options.common;
    let mut builder =
        Backend::builder().listen(common.listen.clone()).delay(common.latency).remember(0);
    if let Some(tls) = tls(&common)? {
        builder = builder.tls(tls);
    }
    if !common.quiet {
        let (tokens, whole) = (common.show_tokens, common.show_requests);
        builder = builder.on_request(move |call| {
            say(&log::with_request(log::request(call, tokens), call, whole));
        });
    }
    let backend = builder.start()?;
    serve(&backend, &backend.url("/"), &common)
}

/// Says where the server is, and serves until a signal comes.
fn serve(server: &Server, url: &str, common: &Common) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before the server says that it is ready: a signal may be the answer to that.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        say(&format!("listening on {url}"));
        if let Some(file) = &common.ready_file {
            write_whole(file, &format!("{}\n", server.local()))?;
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}

fn tls(common: &Common) -> io::Result<Option<Tls>> {
    let Some((certificate, key)) = &common.tls else { return Ok(None) };
    let tls = Tls::from_files(certificate, key)?;
    match &common.client_ca {
        Some(file) => tls.require_client_of(&std::fs::read(file)?).map(Some),
        None => Ok(Some(tls)),
    }
}

fn write_pki(options: &PkiOptions) -> io::Result<()> {
    std::fs::create_dir_all(&options.directory)?;
    let mut leaf = Leaf::server();
    for name in &options.names {
        leaf = match name.parse::<std::net::IpAddr>() {
            Ok(address) => leaf.ip(address),
            Err(_) => leaf.dns(name),
        };
    }
    let ca = Identity::authority("devsts CA");
    let server = ca.issue(&leaf);
    let file = |name: &str| options.directory.join(name);
    std::fs::write(file("ca.crt"), ca.certificate_pem())?;
    std::fs::write(file("server.crt"), server.certificate_pem())?;
    std::fs::write(file("server.key"), server.key_pem())
}

/// A process that waits for the file to appear finds it complete.
fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let unfinished = file.with_extension("unfinished");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(unfinished, file)
}

fn say(line: &str) {
    // A closed standard output is no reason to stop.
    let _ = writeln!(io::stdout(), "{line}");
}

fn complain(problem: &str) {
    let _ = writeln!(io::stderr(), "devsts: {problem}");
}

//! The command line: one definition, of which help, man page and completions are made.

use clap::{Arg, ArgAction, Command, ValueHint};

use crate::exit::ROWS;
use crate::settings::option_string::kinds;

/// The name of the command.
pub const NAME: &str = "sts-exchange";

const ABOUT: &str =
    "One security token exchange on the command line, and the cause of a failure in words";

const LONG_ABOUT: &str = "Makes one security token exchange as the NGINX module of the same project does, shows \
what was sent and what came back without tokens and secrets, compares what was asked for with what came, and names \
the cause of a failure.\n\n\
The source token is read from standard input. Without a subcommand, the exchange is that of a location of a \
configuration of NGINX (-c). With the name of a type, it is written as the arguments of STSExchange are.";

/// What a subcommand for a type is called in the list of them.
fn about(kind: &str) -> &'static str {
    match kind {
        "otx" => "exchange a token (RFC 8693)",
        "ropc" => "exchange a password (RFC 6749, section 4.3)",
        "cc" => "get a token for the client itself (RFC 6749, section 4.4)",
        "wstrust" => "exchange a token by WS-Trust",
        "jwt_bearer" => "exchange a JWT (RFC 7523, section 2.1)",
        "saml_bearer" => "exchange a SAML assertion (RFC 7522, section 2.1)",
        _ => "make a token without an STS; claims come from standard input",
    }
}

/// The types that a command can make an exchange of.
pub fn types() -> impl Iterator<Item = &'static str> {
    kinds().into_iter().filter(|kind| *kind != "disabled")
}

/// The definition.
pub fn command() -> Command {
    let mut command =
        Command::new(NAME)
            .version(env!("CARGO_PKG_VERSION"))
            .about(ABOUT)
            .long_about(LONG_ABOUT)
            .after_long_help(after_help())
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
            .arg_required_else_help(true)
            .disable_help_subcommand(true)
            .arg(
                Arg::new("conf")
                    .short('c')
                    .long("conf")
                    .value_name("FILE")
                    .required(true)
                    .value_hint(ValueHint::FilePath)
                    .help("The configuration of NGINX to take the exchange from"),
            )
            .arg(Arg::new("location").value_name("LOCATION").required(true).help(
                "The path of a request, as /orders/17, or the name of a location, as @orders",
            ))
            .arg(
                Arg::new("prefix")
                    .short('p')
                    .long("prefix")
                    .value_name("DIRECTORY")
                    .value_hint(ValueHint::DirPath)
                    .help("The prefix of NGINX, within which a relative FILE is"),
            )
            .arg(
                Arg::new("server")
                    .long("server")
                    .value_name("NAME[:PORT]")
                    .help("The name by which a client calls the server, where there are several"),
            )
            .arg(
                Arg::new("nginx")
                    .long("nginx")
                    .value_name("PROGRAM")
                    .value_hint(ValueHint::ExecutablePath)
                    .conflicts_with("no-nginx-test")
                    .help("The NGINX that checks the configuration (nginx -t), in the place of the one in PATH"),
            )
            .arg(
                Arg::new("no-nginx-test")
                    .long("no-nginx-test")
                    .action(ArgAction::SetTrue)
                    .help("Let no NGINX check the configuration"),
            )
            .args(output())
            .args(variables());
    for kind in types() {
        command = command.subcommand(of_type(kind));
    }
    command
        .subcommand(
            Command::new("discover")
                .about("show what an issuer says of itself, and the directives for it")
                .arg(
                    Arg::new("issuer")
                        .value_name("ISSUER")
                        .required(true)
                        .value_hint(ValueHint::Url)
                        .help("The URL of the issuer, without /.well-known/..."),
                )
                .arg(
                    Arg::new("trusted")
                        .long("trusted-certificate")
                        .value_name("FILE")
                        .value_hint(ValueHint::FilePath)
                        .help("Trusted certificates (PEM), in the place of those of the system"),
                )
                .arg(
                    Arg::new("timeout")
                        .long("timeout")
                        .value_name("SECONDS")
                        .default_value("20")
                        .value_parser(clap::value_parser!(u64).range(1..=3600))
                        .help("For everything"),
                )
                .arg(json()),
        )
        .subcommand(
            Command::new("decode")
                .about("show a token from standard input in words, without its signature")
                .arg(json()),
        )
        .subcommand(
            Command::new("generate")
                .hide(true)
                .about("write the man page and the completions into a directory")
                .arg(
                    Arg::new("directory")
                        .value_name("DIRECTORY")
                        .required(true)
                        .value_hint(ValueHint::DirPath),
                ),
        )
}

fn of_type(kind: &'static str) -> Command {
    let endpoint = Arg::new("endpoint")
        .value_name(if kind == "jwt" { "''" } else { "ENDPOINT" })
        .required(true)
        .help(match kind {
            "jwt" => "Nothing: the key is named by the option jwt_key_file",
            _ => "The URL of the token endpoint; '' with the option issuer",
        });
    let command = Command::new(kind)
        .about(about(kind))
        .arg(endpoint)
        .arg(Arg::new("options").value_name("OPTIONS").help(
        "As the third argument of STSExchange; secrets by their files (client_secret_file=FILE)",
    ));
    let command = if kind == "jwt" {
        command.arg(
            Arg::new("expression")
                .value_name("EXPRESSION")
                .help("An expression of jq that rewrites claims"),
        )
    } else {
        command
    };
    command
        .arg(
            Arg::new("options-file")
                .long("options-file")
                .value_name("FILE")
                .value_hint(ValueHint::FilePath)
                .conflicts_with("options")
                .help("A file with OPTIONS, in which secrets may stand"),
        )
        .args(output())
        .args(variables())
}

fn json() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Write one object of JSON")
}

fn output() -> [Arg; 2] {
    let silent = Arg::new("silent")
        .long("silent")
        .action(ArgAction::SetTrue)
        .conflicts_with("json")
        .help("Write the token, and nothing else; a failure is one line on standard error");
    [json(), silent]
}

fn variables() -> [Arg; 2] {
    let variable = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).action(ArgAction::Append).help(help)
    };
    [
        variable(
            "var",
            "NAME=VALUE",
            "The value of a variable of NGINX, which is no secret; repeatable",
        ),
        variable("var-file", "NAME=FILE", "The same, from a file: for tokens and secrets"),
    ]
}

/// The table of what the command exits with, and examples.
pub fn after_help() -> String {
    let mut text = String::from("Exit status:\n");
    for row in &ROWS {
        let status = row.status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
        text.push_str(&format!("  {:>2}  {:<16} {}{status}\n", row.code, row.word, row.meaning));
    }
    text.push_str(
        "\nExamples:\n\
         \x20 sts-exchange -c /etc/nginx/nginx.conf /orders/ < token\n\
         \x20 sts-exchange otx https://sts.example.com/token 'auth=client_secret_basic&client_id=gateway&\
         client_secret_file=secret&audience=orders' < token\n\
         \x20 sts-exchange discover https://sts.example.com/realms/shop\n\
         \x20 sts-exchange decode < token",
    );
    text
}
